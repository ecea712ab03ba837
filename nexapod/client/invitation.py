"""The one line that makes another machine join."""

from __future__ import annotations

import shlex

from nexapod.client.face import Shown
from nexapod.coordinator.options import is_loopback


class Invitation(Shown):
    """What ``fleet.invite()`` gives: shows itself with a copy button.

    Attributes
    ----------
    command
        The line to paste into a terminal, token included. The token travels in the environment,
        never in the arguments, where every user of that machine could read it.
    url
        Where the coordinator listens.
    """

    def __init__(self, url: str, token: str | None) -> None:
        self.url = url
        self._token = token

    @property
    def command(self) -> str:
        """The line to paste."""
        secret = "" if self._token is None else f"NEXAPOD_TOKEN={shlex.quote(self._token)} "
        return f"{secret}nexapod node {self.url}"

    @property
    def shown(self) -> str:
        """The line with its secret masked."""
        secret = "" if self._token is None else "NEXAPOD_TOKEN=… "
        return f"{secret}nexapod node {self.url}"

    @property
    def hint(self) -> str:
        """Who can use it."""
        host = self.url.partition("://")[2].rpartition(":")[0].strip("[]")
        if is_loopback(host):
            return (
                "This coordinator listens on this machine only. From another one, first open a "
                f"tunnel there: ssh -N -L {self.url.rpartition(':')[2]}:127.0.0.1:"
                f"{self.url.rpartition(':')[2]} USER@THIS-MACHINE"
            )
        return "Any machine that can reach this address can join."

    def __repr__(self) -> str:
        return f"<Invitation {self.shown}>"
