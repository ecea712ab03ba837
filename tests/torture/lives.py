"""One coordinator through many lives, always on the same database and port."""

from __future__ import annotations

import http.client
import random
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self

from tests.integration.parts import DEADLINE_S, Client, Reply, clean_environment
from tests.torture.fork_server import FIXED_PORTS, ForkServer


def fixed_port() -> int:
    """A free port that no outgoing connection gets."""
    while True:
        port = random.choice(FIXED_PORTS)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port


class Lives:
    """A coordinator to be killed and started: mostly forked warm, sometimes from nothing.

    Each start's seconds, from the spawn to the first answered request, are in `warm_s` or
    `cold_s`; `log_bytes` is the largest write-ahead log that a kill left.
    """

    def __init__(self, database: Path, forks: ForkServer, *options: str) -> None:
        self.database = database
        self.log = database.with_suffix(".out")
        self.port = fixed_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.warm_s: list[float] = []
        self.cold_s: list[float] = []
        self.log_bytes = 0
        self._forks = forks
        self._arguments = ["serve", "--open", "--database", str(database)]
        self._arguments += ["--port", str(self.port), *options]
        self._process: subprocess.Popen[bytes] | None = None
        self.pid = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.end()

    def spawn(self, *, cold: bool = False) -> None:
        """Start it, and do not wait until it answers."""
        if not cold:
            self.pid = self._forks.fork(self.log, *self._arguments)
            return
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "nexapod", *self._arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=clean_environment(),
                start_new_session=True,
            )
        self.pid = self._process.pid

    def start(self, *, cold: bool = False) -> None:
        """Start it, and measure how long it takes until it answers."""
        begun_s = time.monotonic()
        self.spawn(cold=cold)
        while not self._answers():
            assert time.monotonic() < begun_s + DEADLINE_S, self.log.read_text()
            time.sleep(0.003)
        (self.cold_s if cold else self.warm_s).append(time.monotonic() - begun_s)

    def kill(self) -> None:
        """``kill -9``, and wait until it is gone."""
        process, self._process = self._process, None
        if process is None:
            self._forks.kill(self.pid)
        else:
            process.kill()
            process.wait(DEADLINE_S)
        self.pid = 0
        log = self.database.with_name(f"{self.database.name}-wal")
        self.log_bytes = max(self.log_bytes, log.stat().st_size if log.exists() else 0)

    def end(self) -> None:
        """However it is now, it does not run afterwards."""
        if self.pid:
            self.kill()

    def client(self, *, keep: bool = True) -> Client:
        return Client(self.url, keep=keep)

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def ask_until_answered(
    client: Client, method: str, path: str, body: Any = None, **more: str
) -> Reply:
    """The same request until somebody answers it; refusals that say "later" are asked again."""
    headers = {name.replace("_", "-"): value for name, value in more.items()}
    give_up_s = time.monotonic() + DEADLINE_S
    while True:
        try:
            reply = client.ask(method, path, body, headers)
            if reply.status not in (429, 503, 507):
                assert reply.status < 500, reply
                return reply
        except (OSError, http.client.HTTPException):
            pass
        assert time.monotonic() < give_up_s, f"nobody answers {method} {path}"
        time.sleep(random.uniform(0.01, 0.04))
