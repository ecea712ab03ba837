"""Servers to be measured, each as a process of its own."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


class Server:
    """Where a server listens."""

    def __init__(self, port: int, token: str = "", pid: int = 0) -> None:
        self.port = port
        self.pid = pid
        self.token = token

    def post(self, path: str, body: Any) -> Any:
        """One JSON request."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            json.dumps(body).encode(),
            {"Content-Type": "application/json", "Authorization": f"Bearer {self.token}"},
        )
        with urllib.request.urlopen(request) as response:
            return json.load(response)

    def fill(self, jobs: int) -> None:
        """Have this many more jobs pending."""
        for start in range(0, jobs, 5_000):
            count = min(5_000, jobs - start)
            self.post("/jobs", [{"data": {"x": n}} for n in range(count)])

    def cycles_per_s(self, clients: int, seconds: float) -> float:
        """What the load generator, on the other core, gets through."""
        command = [sys.executable, str(HERE / "load.py"), "127.0.0.1", str(self.port), self.token,
                   str(clients), str(seconds)]  # fmt: skip
        return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def free_port() -> int:
    """A port nobody uses right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def _process(command: list[str], port: int) -> Iterator[int]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
                break
            time.sleep(0.05)
        yield process.pid
    finally:
        process.terminate()
        process.wait(30)


@contextlib.contextmanager
def bare() -> Iterator[Server]:
    """The ceiling."""
    port = free_port()
    with _process([sys.executable, str(HERE / "bare.py"), str(port)], port):
        yield Server(port)


@contextlib.contextmanager
def coordinator(folder: Path, name: str, nodes: int = 0) -> Iterator[Server]:
    """``nexapod serve`` on a fresh database, tokens on, with registered plain nodes."""
    port = free_port()
    command = [sys.executable, "-m", "nexapod", "serve", "--port", str(port), "--database",
               str(folder / f"{name}.db"), "--token", "benchmark-token"]  # fmt: skip
    with _process(command, port) as pid:
        server = Server(port, "benchmark-token", pid)
        for at in range(nodes):
            server.post("/register", {"node_id": f"n{at}", "profile": {}})
        yield server
