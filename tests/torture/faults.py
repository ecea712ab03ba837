"""`nexapod serve` on a disk that fails, or in a process that is killed, at a step that is told.

Run as a program this is a fork server (see `fork_server`) whose coordinators are spoilt so.
"""

from __future__ import annotations

import errno
import itertools
import os
import signal
import socket
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.torture import fork_server
from tests.torture.vfs import WatchedVfs, library

#: Everything that a kill may come before.
KINDS = ("write", "sync", "truncate", "delete", "rename", "send")


class Fault(msgspec.Struct, frozen=True):
    """What happens at the step number `at` (from 1; 0: nothing) among those of these `kinds`.

    `code` is SQLite's error, 0 to kill the process. `lasts`: whether it then never gets better.
    """

    at: int = 0
    kinds: tuple[str, ...] = KINDS
    code: int = 0
    lasts: bool = False


class FaultyForks(fork_server.ForkServer):
    """Coordinators with the `fault` that is set when they are forked."""

    def __init__(self) -> None:
        self.fault = Fault()
        library()  # where it is missing, the test is skipped here and not in the fork
        super().__init__(__file__)

    def fork(self, log: Path, *arguments: str, at_s: float = 0.0) -> int:
        """See `ForkServer.fork`."""
        return super().fork(log, msgspec.json.encode(self.fault).decode(), *arguments, at_s=at_s)


class Spoiler:
    """Counts the steps of a process, and brings about its fault."""

    def __init__(self, fault: Fault) -> None:
        self._fault = fault
        self._numbers = itertools.count(1)
        self.steps: Counter[str] = Counter()

    def step(self, kind: str, of: str = "socket") -> int:
        """What to answer instead of doing it, 0 to do it."""
        if kind not in self._fault.kinds:
            return 0
        self.steps[kind] += 1
        number = next(self._numbers)
        if number != self._fault.at and not (self._fault.lasts and 0 < self._fault.at < number):
            return 0
        if not self._fault.code:
            os.kill(os.getpid(), signal.SIGKILL)
        print(f"spoilt: {kind} of the {of}", flush=True)
        return self._fault.code

    def install(self) -> None:
        """Stand between this process and its disk and network."""
        WatchedVfs(lambda step: self.step(step.kind, "database")).install()
        sync, replace, send = os.fsync, os.replace, socket.socket.send

        def fsync(handle: Any) -> None:
            self._raise("sync")
            sync(handle)

        def rename(*names: Any, **more: Any) -> None:
            self._raise("rename")
            replace(*names, **more)

        def sending(self_: socket.socket, *given: Any) -> int:
            if self_.family == socket.AF_INET:  # not those by which a loop wakes itself
                self.step("send")
            return send(self_, *given)

        os.fsync, os.replace = fsync, rename  # type: ignore[assignment]
        socket.socket.send = sending  # type: ignore[method-assign,assignment]
        sys.modules["uvloop"] = None  # its sends are not Python's

    def _raise(self, kind: str) -> None:
        if self.step(kind, "file"):
            raise OSError(errno.EIO, os.strerror(errno.EIO))


def serve(run: Any) -> None:
    """Run the command line in this process under the fault that its first argument describes."""
    from nexapod.store import sqlite

    spoiler = Spoiler(msgspec.json.decode(sys.argv.pop(1), type=Fault))
    spoiler.install()
    sqlite.CHECKPOINT_ROWS = 12  # so that a few requests meet some
    try:
        run()
    finally:
        print(f"steps: {msgspec.json.encode(spoiler.steps).decode()}", flush=True)


def main() -> None:
    """The fork server."""
    import nexapod.cli

    run = nexapod.cli.main
    nexapod.cli.main = lambda: serve(run)
    fork_server.main()


if __name__ == "__main__":
    main()
