"""The node's own directory: one agent at a time, and nothing of a dead one left running."""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path
from types import TracebackType

from nexapod.errors import AlreadyRunning
from nexapod.node.engines.groups import end_leftovers


class Scratch:
    """Holds the directory for as long as the context lasts.

    Parameters
    ----------
    path
        Created when missing, readable by this user alone: it holds results.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._lock: int | None = None

    def __enter__(self) -> Scratch:
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            raise AlreadyRunning(
                f"a node named {self.path.name!r} already runs on this machine; "
                "give this one another name with --name"
            ) from None
        self._lock = lock
        for card in self.path.glob("runner-*.card"):
            end_leftovers(card)
        for left in (*self.path.glob("runner-*.out"), *self.path.glob("runner-*.card")):
            left.unlink(missing_ok=True)
        for left in (*self.path.glob("runner-*.own"), self.path / "results"):
            shutil.rmtree(left, ignore_errors=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        frames: TracebackType | None,
    ) -> None:  # fmt: skip
        if self._lock is not None:
            os.close(self._lock)
