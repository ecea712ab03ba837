"""A long past costs nothing: the database holds a million finished jobs, and more come."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from benchmarks import load
from tests.integration.parts import Client, Coordinator, assert_sound
from tests.torture.conftest import Size
from tests.torture.past import make_past

NODES = 16
#: Enough for a round of load at the best rate ever seen.
ROUND_JOBS = 20_000
LISTINGS = (
    "limit=100",
    "limit=100&newest=1",
    "limit=100&status=pending",
    "limit=100&status=failed",
)


@contextmanager
def running(database: Path) -> Iterator[Coordinator]:
    coordinator = Coordinator(database, "--open", "--backup-every-s", "0")
    try:
        coordinator.start()
        with coordinator.client() as client:
            for number in range(NODES):
                client.register(f"n{number}")
            yield coordinator
    finally:
        coordinator.end()


def cycles_a_second(coordinator: Coordinator, seconds: int) -> float:
    """How many jobs a second are asked for and reported by plain nodes."""
    with coordinator.client(keep=True) as client:
        for _ in range(ROUND_JOBS // 10_000):
            client.post("/jobs", [{"data": {"n": 1}}] * 10_000)
    given = ("127.0.0.1", str(coordinator.port), "", str(NODES), str(seconds))
    done = subprocess.run(
        [sys.executable, load.__file__, *given], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return float(done.stdout)


def p99_ms(client: Client, query: str, times: int) -> float:
    """How long a listing takes, but for one in a hundred."""
    spans = []
    for _ in range(times):
        begun_s = time.perf_counter()
        client.get(f"/jobs?{query}")
        spans.append(time.perf_counter() - begun_s)
    return sorted(spans)[int(0.99 * times)] * 1e3


def start_s(database: Path) -> float:
    """From nothing to a first answer."""
    begun_s = time.perf_counter()
    with running(database):
        return time.perf_counter() - begun_s


@pytest.mark.proves("million-jobs")
@pytest.mark.timeout(600)
def test_a_long_past_slows_nothing_down(
    tmp_path: Path, size: Size, reached: Callable[[str], None]
) -> None:
    count = size(commit=20_000, full=1_000_000, nightly=1_000_000)
    rounds = size(commit=1, full=3, nightly=10)
    seconds = size(commit=1, full=4, nightly=10)
    make_past(tmp_path / "long.db", count)
    start_s(tmp_path / "long.db")
    restart_s = start_s(tmp_path / "long.db")
    with ExitStack() as stack:
        new, old = (stack.enter_context(running(tmp_path / f"{n}.db")) for n in ("new", "long"))
        rates = [
            (cycles_a_second(new, seconds), cycles_a_second(old, seconds)) for _ in range(rounds)
        ]
        with old.client(keep=True) as client:
            spans = {query: p99_ms(client, query, size(commit=20, full=200)) for query in LISTINGS}
            assert len(client.get("/jobs?limit=100")) == 100
    assert_sound(tmp_path / "long.db")
    empty, full = (statistics.median(column) for column in zip(*rates, strict=True))
    reached(
        f"{count:,} finished jobs: {full:,.0f} jobs/s, {full / empty:.0%} of {empty:,.0f} on an "
        f"empty database; restart {restart_s:.2f} s; p99 of "
        + ", ".join(f"?{query} {span:.0f} ms" for query, span in spans.items())
    )
    if size.tier != "commit":
        assert full / empty >= 0.8
        assert restart_s <= 2.0
        assert max(spans.values()) <= 100.0
