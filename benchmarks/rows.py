"""The rows of the table: each measures something beside its peer and gives ratios."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil

import nexapod
from benchmarks.live import browser, relay
from benchmarks.panel import panel
from benchmarks.row import Row
from benchmarks.servers import bare, coordinator


def no_op(x: int) -> int:
    """What a call costs when it does nothing."""
    return x


def median(measure: Callable[[], float], rounds: int) -> float:
    """The median of some rounds."""
    return statistics.median(measure() for _ in range(rounds))


def seed_api(folder: Path, quick: bool) -> Iterator[Row]:
    """Durable GET /job + POST /result against an aiohttp app that does nothing, alternating."""
    seconds, rounds = (2.0, 2) if quick else (5.0, 3)
    with bare() as ceiling, coordinator(folder, "seed", nodes=64) as ours:
        for clients in (16, 64):
            rates: tuple[list[float], list[float]] = ([], [])
            for _ in range(rounds):
                ours.fill(int(14_000 * (seconds + 1)))
                rates[0].append(ours.cycles_per_s(clients, seconds))
                rates[1].append(ceiling.cycles_per_s(clients, seconds))
            a, b = (statistics.median(r) for r in rates)
            yield Row(
                f"seed API, {clients} keep-alive clients, durable, tokens on (cycles/s)",
                f"{a:,.0f}",
                f"bare aiohttp app {b:,.0f}",
                a / b,
                "≥ 0.6",
            )


def deep_queue(folder: Path, quick: bool) -> Iterator[Row]:
    """The same cycle with few and with many jobs pending."""
    seconds = 2.0 if quick else 4.0
    few, many = 1_000, 100_000
    with (
        coordinator(folder, "few", nodes=16) as shallow,
        coordinator(folder, "many", nodes=16) as deep,
    ):
        deep.fill(many)
        rates: tuple[list[float], list[float]] = ([], [])
        for _ in range(2 if quick else 3):
            needed = int(12_000 * (seconds + 1))
            shallow.fill(needed)  # what a round takes, so that it ends near `few`
            rates[0].append(shallow.cycles_per_s(16, seconds))
            deep.fill(needed)
            rates[1].append(deep.cycles_per_s(16, seconds))
    a, b = statistics.median(rates[1]), statistics.median(rates[0])
    yield Row(
        f"a poll with over {many:,} jobs pending (cycles/s)",
        f"{a:,.0f}",
        f"with {few:,} and what a round takes {b:,.0f}",
        a / b,
        "≥ 0.9",
    )


def _calls_per_s(executor: Executor | nexapod.Fleet, count: int) -> float:
    start = time.perf_counter()
    futures = [executor.submit(no_op, n) for n in range(count)]
    assert [future.result() for future in futures] == list(range(count))
    return count / (time.perf_counter() - start)


def _call_ms(executor: Executor | nexapod.Fleet, count: int) -> list[float]:
    times = []
    for n in range(count):
        start = time.perf_counter()
        assert executor.submit(no_op, n).result() == n
        times.append(1e3 * (time.perf_counter() - start))
    return sorted(times)


def functions(folder: Path, quick: bool) -> Iterator[Row]:
    """No-op functions submitted one by one from one cell, beside ProcessPoolExecutor."""
    count, rounds = (5_000, 2) if quick else (20_000, 3)
    rates: tuple[list[float], list[float]] = ([], [])
    with (
        nexapod.launch("bench", local_nodes=2, database=folder / "calls.db", port=0) as fleet,
        ProcessPoolExecutor(2) as pool,
    ):
        for executor in (fleet, pool):
            _calls_per_s(executor, 2_000)
        for _ in range(rounds):
            rates[0].append(_calls_per_s(fleet, count))
            rates[1].append(_calls_per_s(pool, count))
        a, b = (statistics.median(r) for r in rates)
        yield Row(
            f"{count:,} no-op functions from one cell, two local nodes (calls/s)",
            f"{a:,.0f}",
            f"ProcessPoolExecutor(2) {b:,.0f}",
            a / b,
            "≥ 1.0",
        )
        short = [_calls_per_s(fleet, 2_000) for _ in range(rounds)]
        yield Row(
            f"cost per call, {count:,} against 2,000 calls (calls/s)",
            f"{a:,.0f}",
            f"2,000 calls {statistics.median(short):,.0f}",
            a / statistics.median(short),
            "≥ 0.9",
        )
        ours, peer = _call_ms(fleet, 300), _call_ms(pool, 300)
        yield Row(
            "one call, submit to result (ms, p50 / p99)",
            f"{ours[150]:.2f} / {ours[297]:.2f}",
            f"ProcessPoolExecutor(2) {peer[150]:.2f} / {peer[297]:.2f}",
            peer[150] / ours[150],
            "p50 near 1 ms",
        )


def volume(folder: Path, quick: bool) -> Iterator[Row]:
    """100,000 jobs: submitting them from a cell, and reading them as a frame."""
    count = 20_000 if quick else 100_000
    with nexapod.launch("volume", database=folder / "volume.db", port=0) as fleet:
        start = time.perf_counter()
        for n in range(count):
            fleet.submit(no_op, n)
        fleet.flush()
        taken_s = time.perf_counter() - start
        with ThreadPoolExecutor(1) as peer:
            start = time.perf_counter()
            for n in range(count):
                peer.submit(no_op, n)
            peer_s = time.perf_counter() - start
        yield Row(
            f"submit {count:,} jobs, until they are on disk (s)",
            f"{taken_s:.2f}",
            f"ThreadPoolExecutor, in memory {peer_s:.2f}",
            peer_s / taken_s,
            "≤ 5 s for 100,000",
        )
        start = time.perf_counter()
        rows = len(fleet.jobs)
        taken_s = time.perf_counter() - start
        assert rows == count
        yield Row(
            f"fleet.jobs over {count:,} jobs (s)", f"{taken_s:.2f}", "", None, "≤ 0.5 s for 100,000"
        )


def footprint(folder: Path, quick: bool) -> Iterator[Row]:
    """What a node costs: importing nexapod, and idling beside an idle coordinator."""

    def import_ms(what: str) -> float:
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", what], check=True)
        return 1e3 * (time.perf_counter() - start)

    rounds = 5 if quick else 11
    empty = median(lambda: import_ms("pass"), rounds)
    plain = median(lambda: import_ms("import asyncio"), rounds)
    front = median(lambda: import_ms("import nexapod"), rounds)
    agent = median(lambda: import_ms("import nexapod.node.agent"), rounds)
    yield Row(
        "import nexapod / nexapod.node.agent, beyond a bare interpreter (ms)",
        f"{front - empty:.0f} / {agent - empty:.0f}",
        f"import asyncio {plain - empty:.0f}",
        None,
        "≤ 150 ms",
    )
    seconds = 5.0 if quick else 20.0
    with coordinator(folder, "idle") as server:
        command = [sys.executable, "-m", "nexapod", "node", f"http://127.0.0.1:{server.port}",
                   "--name", "idle", "--scratch", str(folder / "idle-node")]  # fmt: skip
        node = subprocess.Popen(
            command, stderr=subprocess.DEVNULL, env={"NEXAPOD_TOKEN": server.token, "PATH": ""}
        )
        try:
            time.sleep(3.0)
            process: Any = psutil.Process(node.pid)
            before, start = process.cpu_times(), time.perf_counter()
            time.sleep(seconds)
            after = process.cpu_times()
            used = after.user + after.system - before.user - before.system
            share = max(0.0, used) / (time.perf_counter() - start)
            memory = process.memory_info().rss / 1e6
        finally:
            node.terminate()
            node.wait(30)
    yield Row("an idle node: share of a core", f"{share:.2%}", "", None, "≤ 0.5 %")
    yield Row("an idle node: memory (MB)", f"{memory:.0f}", "", None, "≤ 60 MB")


ROWS = {
    "seed-api": seed_api,
    "deep-queue": deep_queue,
    "functions": functions,
    "volume": volume,
    "footprint": footprint,
    "panel": panel,
    "relay": relay,
    "browser": browser,
}
