"""What a pool tells the agent that owns it."""

from __future__ import annotations

from typing import Protocol

from nexapod.core.records import AttemptReport
from nexapod.node.attempt import Attempt


class Listener(Protocol):
    """Who is told what becomes of attempts."""

    def finished(self, attempt: Attempt, flags: int, run_s: float, report: bytes) -> None:
        """A runner finished it; `report` is the encoded `AttemptReport`."""

    def ended(self, attempt: Attempt, report: AttemptReport | None) -> None:
        """It ended in another way. None: nobody is to be told."""

    def room(self) -> None:
        """The pool may want more."""

    def looked(self) -> None:
        """The pool has looked at what runs, as it does several times a second."""

    def say(self, text: str) -> None:
        """A line for the log."""
