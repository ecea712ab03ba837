"""The two widgets of a live display. Import this only where `place.has_widgets()` is true.

There are two because ipykernel 7.4 answers a message at once, beside a busy cell, only on a comm
over which Python sends nothing but replies. So `LiveHtml` only pushes, and `LiveAsk` only answers.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import anywidget
import traitlets

from nexapod.errors import NexapodError
from nexapod.views.comms import unroute
from nexapod.views.reprs.markup import CSS

log = logging.getLogger(__name__)

_JS = files("nexapod.views").joinpath("assets/live.js").read_text(encoding="utf-8")


class LiveHtml(anywidget.AnyWidget):
    """Shows `html` and patches the page when it changes. Python pushes, the page never writes.

    Attributes
    ----------
    html
        Markup without its style, which comes once, with the widget.
    ask
        The model id of the `LiveAsk` that answers this display's buttons; empty without buttons.
    """

    _esm = _JS
    _css = CSS
    html = traitlets.Unicode("").tag(sync=True)
    ask = traitlets.Unicode("").tag(sync=True)

    def __repr__(self) -> str:  # a stable text, so that notebooks can be compared
        return "LiveHtml()"


class LiveAsk(anywidget.AnyWidget):
    """Answers the page's requests, one reply each, and never speaks first.

    Parameters
    ----------
    handle
        Called with a request (``kind``, and ``action`` for a button) on whatever thread the
        message arrived; gives the sentence to show, empty for none.
    """

    _esm = "export default {};"

    def __init__(self, handle: Callable[[dict[str, Any]], str]) -> None:
        super().__init__()
        self._handle = handle
        unroute(self)
        self.on_msg(self._answer)

    def _answer(self, _widget: Any, content: Any, _buffers: Any) -> None:
        if not isinstance(content, dict):
            return
        try:
            text = self._handle(content)
        except NexapodError as error:
            text = str(error)
        except Exception as error:  # whatever went wrong is told where it was asked for
            log.debug("an action failed", exc_info=True)
            text = f"{type(error).__name__}: {error}"
        if content.get("kind") != "bye":
            self.send({"id": content.get("id"), "text": text})

    def __repr__(self) -> str:
        return "LiveAsk()"
