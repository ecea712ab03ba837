"""``nexapod status URL``."""

from __future__ import annotations

import time

from rich.console import Console
from rich.live import Live

from nexapod.client.launch import connect
from nexapod.views.readings import fleet_summary
from nexapod.views.terminal import status_view

REFRESH_S = 1.0


def show_status(
    url: str, token: str | None, *, watch: bool, fingerprint: str | None = None
) -> None:
    """Print the fleet, once or until interrupted."""
    fleet = connect(url, token, fingerprint=fingerprint)
    console = Console()
    try:
        if not watch:
            console.print(status_view(fleet_summary(fleet)))
            return
        with Live(console=console, screen=True, auto_refresh=False) as screen:
            while True:
                screen.update(status_view(fleet_summary(fleet)), refresh=True)
                time.sleep(REFRESH_S)
    except KeyboardInterrupt:
        pass
    finally:
        fleet.stop()
