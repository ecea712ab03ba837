"""One process per database: an advisory lock on a file that names its holder."""

from __future__ import annotations

import contextlib
import importlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from nexapod import errors

# On Windows SQLite's own exclusive lock is the only one.
fcntl: Any = importlib.import_module("fcntl") if os.name == "posix" else None


class DatabaseLock:
    """Held from construction until `release`, or until the process is gone, however it goes.

    Parameters
    ----------
    path
        The lock file.
    database
        What it guards, for the refusal.
    url_of
        Where the coordinator of a process listens, for the refusal.

    Raises
    ------
    AlreadyRunning
        When another process holds it; names that process.
    """

    def __init__(
        self, path: Path, database: Path, url_of: Callable[[int], str | None] | None = None
    ) -> None:
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise errors.Invalid(
                f"the folder of the database {database} cannot be written: {error.strerror}"
            ) from None
        self._handle: int | None = handle
        if fcntl is not None:
            try:
                _lock_patiently(handle)
            except OSError:
                self.release()
                pid = holder_of(path)
                url = url_of(pid) if url_of is not None and pid is not None else None
                address = "url" if url is None else f'"{url}", token'
                raise errors.AlreadyRunning(
                    f"the coordinator of {database} already runs in process {pid or 'unknown'}; "
                    f"use nexapod.connect({address}) to reach it, or stop that process first",
                    pid=pid,
                ) from None
        os.ftruncate(self._handle, 0)
        os.pwrite(self._handle, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let go. In a forked child this closes the child's copy and the parent keeps the lock."""
        if self._handle is not None:
            with contextlib.suppress(OSError):
                os.close(self._handle)
            self._handle = None


def _lock_patiently(handle: int) -> None:
    """Take the lock; whoever only looks whether it is held (`is_locked`) has it for a moment."""
    for left in reversed(range(10)):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except OSError:
            if not left:
                raise
            time.sleep(0.02)


def holder_of(path: Path) -> int | None:
    """The process that took the lock last."""
    text = path.read_text().strip() if path.exists() else ""
    return int(text) if text.isdigit() else None


def is_locked(path: Path) -> bool:
    """Whether some process holds the lock."""
    with vacant(path) as free:
        return not free


@contextlib.contextmanager
def vacant(path: Path) -> Iterator[bool]:
    """Whether nobody holds the lock; inside, nobody can take it either."""
    if fcntl is None or not path.exists():
        yield True
        return
    handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True
    finally:
        os.close(handle)
