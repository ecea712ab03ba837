"""How far running jobs say they are. Nothing is stored: a lost word is made up by the next."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import msgspec

from nexapod.core import events as e
from nexapod.core.board import Board
from nexapod.wire import messages as m


class Said(msgspec.Struct, frozen=True, gc=False):
    """The last word of a running attempt. `fraction` None: it is over, and this no longer holds."""

    job_id: str
    seq: int
    epoch: int
    fraction: float | None
    message: str


Listener = Callable[[Sequence[Said]], None]


class JobProgress:
    """The last word of each running attempt that has said one. Used on the coordinator's loop."""

    def __init__(self) -> None:
        self._said: dict[str, Said] = {}
        self._listeners: list[Listener] = []

    def of(self, job_id: str) -> tuple[float, str] | None:
        """(fraction, message) of a running job; None when it has said nothing."""
        said = self._said.get(job_id)
        return None if said is None or said.fraction is None else (said.fraction, said.message)

    def all(self) -> list[Said]:
        """Every last word."""
        return list(self._said.values())

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with every new word from now on; returns how to stop."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def take(self, board: Board, node_id: str, words: Iterable[m.Progress]) -> set[tuple[str, int]]:
        """Believe what a node says of its own leases. Returns what was not about one of them."""
        believed, strangers = list[Said](), set[tuple[str, int]]()
        for word in words:
            job = board.jobs.get(word.job_id)
            lease = None if job is None else job.lease
            if job is None or lease is None or (lease.node_id, lease.epoch) != (
                node_id, word.epoch,
            ):  # fmt: skip
                strangers.add((word.job_id, word.epoch))
                continue
            believed.append(
                Said(word.job_id, job.spec.seq, word.epoch, word.fraction, word.message)
            )
        self.say(believed)
        return strangers

    def say(self, words: Sequence[Said]) -> None:
        """Take these as the last words of their attempts."""
        self._said.update((word.job_id, word) for word in words)
        self._tell(words)

    def follow(self, events: Sequence[e.Event]) -> None:
        """Forget attempts that are over. A listener of the feed."""
        if not self._said:
            return
        over = [
            Said(event.job_id, event.seq, event.epoch, None, "")
            for event in events
            if type(event) is e.AttemptEnded and self._said.pop(event.job_id, None) is not None
        ]
        self._tell(over)

    def _tell(self, said: Sequence[Said]) -> None:
        for listener in tuple(self._listeners) if said else ():
            listener(said)
