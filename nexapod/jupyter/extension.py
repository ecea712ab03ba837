"""The Jupyter server extension: coordinators of this user, through Jupyter's own door.

A browser talks to the Jupyter server alone, under its login and its base URL. Here its requests
get the fleet's token, which never leaves this process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_server.utils import url_path_join

from nexapod.jupyter.coordinators import Coordinators
from nexapod.jupyter.handlers import HANDLERS

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp


def _load_jupyter_server_extension(app: ServerApp) -> None:
    web = app.web_app
    base_url = web.settings["base_url"]
    web.settings["nexapod_coordinators"] = Coordinators()
    web.add_handlers(  # type: ignore[no-untyped-call]
        ".*$",
        [(url_path_join(base_url, "nexapod", path), handler) for path, handler in HANDLERS],
    )
    app.log.info("nexapod: coordinators are at %s", url_path_join(base_url, "nexapod/coordinators"))
