"""Where a panel's messages come from, and who answers what its page asks."""

from __future__ import annotations

from typing import Any, Protocol

Answer = tuple[int, Any]

#: How a stream goes, and a word on it: ``live``, ``waiting`` (for what), ``closed`` (why).
State = tuple[str, str]
LIVE: State = ("live", "")


class Stream(Protocol):
    """Messages for whoever looks. Only the refresher's thread takes; anybody may call the rest."""

    view: str

    def start(self) -> None:
        """Begin, with a hello; one that has begun goes on as it is."""

    def stop(self) -> None:
        """Rest, and cost nothing, until the next start."""

    def take(self) -> list[bytes]:
        """What came since the last call: whole JSON messages. It does not wait."""

    @property
    def state(self) -> State:
        """How it goes."""

    def is_over(self) -> bool:
        """Whether nothing will come any more that is not there to be taken."""

    def ask(self, method: str, path: str, body: Any) -> Answer:
        """Answer a request of the page. It may wait, on whatever thread, but not for ever."""
