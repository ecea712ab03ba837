"""What a reader of the panel's stream costs a coordinator that has a lot to do."""

from __future__ import annotations

import contextlib
import http.client
import json
import statistics
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from benchmarks.row import Row
from benchmarks.servers import Server, coordinator

NODES = 1_000
JOBS = 100_000
#: Jobs that begin and end in a second, each two durable changes; and how many at once.
CHANGES_PER_S = 500
_SHARE = 10
_PROFILE = {
    "os": "Linux", "hostname": "compute", "cpu": "AMD EPYC 7763 64-Core Processor", "cores": 64,
    "memory_bytes": 256_000_000_000, "python": "3.11", "gpu": None,
    "packages": {f"package-{at}": "1.2.3" for at in range(20)},
}  # fmt: skip


class Line:
    """A kept connection."""

    def __init__(self, server: Server) -> None:
        self._headers = {
            "Authorization": f"Bearer {server.token}",
            "Content-Type": "application/json",
        }
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)

    def post(self, path: str, body: Any) -> Any:
        """One request."""
        self._connection.request("POST", path, json.dumps(body).encode(), self._headers)
        return json.loads(self._connection.getresponse().read())

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


class Work(threading.Thread):
    """Nodes that take jobs and complete them, at a steady pace; all of them are heard of."""

    def __init__(self, server: Server) -> None:
        super().__init__(daemon=True)
        self._line = Line(server)
        self._end = threading.Event()

    def run(self) -> None:
        """Go round the nodes until told to stop."""
        pause_s, at = _SHARE / CHANGES_PER_S, 0
        next_s = time.perf_counter()
        while not self._end.wait(max(0.0, next_s - time.perf_counter())):
            next_s += pause_s
            node_id, at = f"n{at}", (at + 1) % NODES
            leased = self._line.post("/lease", {"node_id": node_id, "max": _SHARE})["jobs"]
            reports = [
                {"job_id": job["job_id"], "epoch": job["epoch"], "run_s": 0.5, "value": _VALUE}
                for job in leased
            ]
            self._line.post("/results", {"node_id": node_id, "reports": reports})
        self._line.close()

    def stop(self) -> None:
        """Stop, and wait for it."""
        self._end.set()
        self.join()


_VALUE = {"format": "json", "size": 1, "data": "MQ=="}


class Reading(threading.Thread):
    """One who watches: how large the snapshot is, when it was there, and what comes after."""

    def __init__(self, server: Server) -> None:
        super().__init__(daemon=True)
        self._server = server
        self.snapshot_bytes = 0
        self.snapshot_s = 0.0
        self.update_bytes = 0
        self.updates = 0
        self.is_ready = threading.Event()
        self._response: Any = None

    def run(self) -> None:
        """Read to the end."""
        began_s = time.perf_counter()
        connection = http.client.HTTPConnection("127.0.0.1", self._server.port)
        headers = {"Authorization": f"Bearer {self._server.token}"}
        connection.request("GET", "/panel", headers=headers)
        self._connection = connection
        with contextlib.suppress(OSError, ValueError, AttributeError, http.client.HTTPException):
            for line in connection.getresponse():
                if self.is_ready.is_set():
                    self.update_bytes += len(line)
                    self.updates += b'"t":"tick"' in line
                else:
                    self.snapshot_bytes += len(line)
                    if b'"t":"ready"' in line:
                        self.snapshot_s = time.perf_counter() - began_s
                        self.is_ready.set()

    def stop(self) -> None:
        """Hang up."""
        if self._connection.sock is not None:
            self._connection.sock.shutdown(2)
        self.join()


def _share(process: psutil.Process, seconds: float) -> float:
    """The part of a core that a process uses."""
    before, start = process.cpu_times(), time.perf_counter()
    time.sleep(seconds)
    after = process.cpu_times()
    used = after.user + after.system - before.user - before.system
    return float(used / (time.perf_counter() - start))


def panel(folder: Path, quick: bool) -> Iterator[Row]:
    """What one reader adds to a coordinator at work, in turns with none."""
    seconds, rounds = (4.0, 2) if quick else (10.0, 4)
    with coordinator(folder, "panel") as server:
        line = Line(server)
        for at in range(NODES):
            body = {"node_id": f"n{at}", "profile": {**_PROFILE, "hostname": f"compute-{at}"}}
            line.post("/register", {**body, "slots": 64, "prefetch": _SHARE})
        server.fill(JOBS)
        line.close()
        process = psutil.Process(server.pid)
        work = Work(server)
        work.start()
        shares: tuple[list[float], list[float]] = ([], [])
        readings = []
        for _ in range(rounds):
            shares[0].append(_share(process, seconds))
            reading = Reading(server)
            reading.start()
            reading.is_ready.wait(60)
            shares[1].append(_share(process, seconds))
            reading.stop()
            readings.append(reading)
        work.stop()
    without, with_one = (statistics.median(share) for share in shares)
    yield Row(
        f"one reader of the panel's stream, {NODES:,} nodes, {JOBS:,} jobs, "
        f"{CHANGES_PER_S:,} jobs/s begun and ended: share of a core it adds",
        f"{max(0.0, with_one - without):.1%}",
        f"without a reader {without:.1%}",
        None,
        "≤ 10 %",
    )
    updates = sum(reading.updates for reading in readings)
    per_update = sum(reading.update_bytes for reading in readings) / max(1, updates)
    yield Row("its updates, twice a second (kB each)", f"{per_update / 1e3:.0f}", "", None, "")
    size = statistics.median(reading.snapshot_bytes for reading in readings)
    took_s = statistics.median(reading.snapshot_s for reading in readings)
    yield Row("its snapshot (MB / s)", f"{size / 1e6:.1f} / {took_s:.2f}", "", None, "≤ 2 s")
