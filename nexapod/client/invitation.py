"""The one line that makes another machine join."""

from __future__ import annotations

import shlex

from nexapod.client.face import Shown
from nexapod.wire.trust import is_loopback


class Invitation(Shown):
    """What ``fleet.invite()`` gives: shows itself with a copy button.

    Attributes
    ----------
    command
        The line to paste into a terminal, token included. The token travels in the environment,
        never in the arguments, where every user of that machine could read it.
    url
        Where the coordinator listens.
    fingerprint
        The SHA-256 of its certificate, by which the node knows it. None over plain HTTP, or when
        an authority vouches for the certificate.
    """

    def __init__(self, url: str, token: str | None, fingerprint: str | None = None) -> None:
        self.url = url
        self.fingerprint = fingerprint
        self._token = token

    @property
    def command(self) -> str:
        """The line to paste."""
        secret = "" if self._token is None else f"NEXAPOD_TOKEN={shlex.quote(self._token)} "
        return f"{secret}{self._call}"

    @property
    def shown(self) -> str:
        """The line with its secret masked."""
        secret = "" if self._token is None else "NEXAPOD_TOKEN=… "
        return f"{secret}{self._call}"

    @property
    def _call(self) -> str:
        pin = "" if self.fingerprint is None else f" --fingerprint {self.fingerprint}"
        return f"nexapod node {self.url}{pin}"

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
        if self.url.startswith("http://"):
            return (
                "Any machine that can reach this address can join. Warning: plain HTTP; anyone on "
                "this network can read tokens and data."
            )
        return "Any machine that can reach this address can join."

    def __repr__(self) -> str:
        return f"<Invitation {self.shown}>"
