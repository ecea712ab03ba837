"""Coordinators without the interpreter's start: a parent that has imported nexapod forks them.

What a fork runs is `nexapod serve` as the command line runs it, and it is killed like any other
process. Only so do a thousand restarts fit in minutes.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self

#: Where clients look for a coordinator that is down, the port must be none that the system gives
#: to outgoing connections: one of those would in the end be connected to itself.
FIXED_PORTS = range(20_000, 30_000)


class ForkServer:
    """Forks `nexapod …` on request. Requests may come from one thread at a time."""

    def __init__(self, script: str = __file__) -> None:
        environment = {k: v for k, v in os.environ.items() if k != "NEXAPOD_TOKEN"}
        self._process = subprocess.Popen(
            [sys.executable, script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
            bufsize=1,
            start_new_session=True,
        )
        self._alive: set[int] = set()
        assert self._ask(["ready"]) == "ready"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        for pid in tuple(self._alive):
            self.kill(pid)
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()

    def fork(self, log: Path, *arguments: str, at_s: float = 0.0) -> int:
        """The pid of a new `nexapod ARGUMENTS…` whose output goes to `log`.

        It begins at `at_s` of the monotonic clock, so that several can begin at once.
        """
        pid = int(self._ask(["fork", at_s, str(log), *arguments]))
        self._alive.add(pid)
        return pid

    def wait(self, pid: int) -> int:
        """Its exit code, once it has ended."""
        self._alive.discard(pid)
        return int(self._ask(["wait", pid]))

    def kill(self, pid: int) -> None:
        """``kill -9``, and wait until it is gone."""
        os.kill(pid, signal.SIGKILL)
        self.wait(pid)

    def _ask(self, request: list[Any]) -> str:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        return self._process.stdout.readline().strip()


def main() -> None:
    """The server: one request a line, one answer a line."""
    import uvloop  # noqa: F401

    import nexapod.cli
    import nexapod.coordinator.host

    gc.freeze()
    alive: set[int] = set()
    while line := sys.stdin.readline():
        verb, *given = json.loads(line)
        answer: Any = verb
        if verb == "fork":
            answer = os.fork()
            if not answer:
                _become(nexapod.cli.main, *given)
            alive.add(answer)
        elif verb == "wait":
            alive.discard(given[0])
            answer = os.waitstatus_to_exitcode(os.waitpid(given[0], 0)[1])
        print(answer, flush=True)
    for pid in alive:  # who asked for them is gone, however it went
        os.kill(pid, signal.SIGKILL)


def _become(run: Any, at_s: float, log: str, *arguments: str) -> None:
    code = 1
    try:
        time.sleep(max(0.0, at_s - time.monotonic()))
        os.setsid()
        with open(os.devnull) as nothing, open(log, "a") as output:
            os.dup2(nothing.fileno(), 0)
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
        sys.argv = ["nexapod", *arguments]
        run()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    finally:
        sys.stdout.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
