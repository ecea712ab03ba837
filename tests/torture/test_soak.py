"""Hours of coming and going in minutes: the coordinator grows in nothing."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

from tests.integration.parts import Coordinator, assert_sound, eventually
from tests.torture.churn import Churn, Guest
from tests.torture.conftest import Size

MIB = 1024 * 1024
GROWTH_BYTES = 16 * MIB
#: What fills the coordinator's rings: the finished jobs and row patches that it remembers, and
#: SQLite's cache of pages. Growth is measured when they are full.
RING_JOBS, CACHE_BYTES = 40_000, 80 * MIB
#: Where a busy coordinator may be above an idle one: connections of the moment, aiohttp's pool.
MORE_THREADS = 8


class Sample(NamedTuple):
    at_s: float
    memory_bytes: int
    descriptors: int
    threads: int


@pytest.fixture
def coordinator(tmp_path: Path) -> Iterator[Coordinator]:
    coordinator = Coordinator(tmp_path / "fleet.db", "--open")
    try:
        yield coordinator.start()
    finally:
        coordinator.end()


def look(process: psutil.Process) -> Sample:
    with process.oneshot():
        memory = process.memory_info().rss
        return Sample(time.monotonic(), memory, process.num_fds(), process.num_threads())


def fill_the_rings(coordinator: Coordinator, jobs: int, cache_bytes: int) -> None:
    guest = Guest(coordinator.url, random.Random(0), "filler")
    for _ in range(cache_bytes // (400 * 1024)):
        guest.batch(10, "x" * 40 * 1024)
    for _ in range(jobs // 200):
        guest.batch(200)
    guest.finish()


def growth_of(values: list[int], times_s: list[float]) -> float:
    """How much they rise over the whole time, by the straight line through them."""
    return statistics.linear_regression(times_s, values).slope * (times_s[-1] - times_s[0])


@pytest.mark.proves("soak")
def test_memory_descriptors_and_threads_stay_as_they_are(
    coordinator: Coordinator, size: Size, seed: int, reached: Callable[[str], None]
):
    seconds = size(commit=4, full=110, nightly=3_000)
    is_small = size.tier == "commit"
    process = psutil.Process(coordinator.pid)
    fill_the_rings(coordinator, *((2_000, 4 * MIB) if is_small else (RING_JOBS, CACHE_BYTES)))
    idle = eventually_idle(process)
    churn = Churn(coordinator.url, seed, threads=6)
    samples = []
    try:
        until_s = time.monotonic() + seconds
        while time.monotonic() < until_s and not churn.problems:
            time.sleep(seconds / 100)
            samples.append(look(process))
    finally:
        churn.stop()
    after = eventually_idle(process)
    # The first tenth still meets what the filling did not: other code, other sizes.
    steady = samples[len(samples) // 10 :]
    growth = growth_of([s.memory_bytes for s in steady], [s.at_s for s in steady])
    told = coordinator.client().get("/status")["jobs"]
    assert coordinator.is_running()
    assert "Traceback" not in coordinator.output
    assert told["pending"] == told["assigned"] == 0
    assert after.descriptors <= idle.descriptors + 2
    assert max(s.threads for s in samples) <= idle.threads + MORE_THREADS
    assert [path.name for path in leftovers(coordinator)] == []
    coordinator.end()
    assert_sound(coordinator.database)
    reached(
        f"{churn.done:,} visits in {seconds} s, {sum(told.values()):,} jobs: memory "
        f"{after.memory_bytes / MIB:.0f} MiB, {growth / MIB:+.1f} MiB by its slope; descriptors "
        f"{idle.descriptors} before, {after.descriptors} after; threads {idle.threads} before, at "
        f"most {max(s.threads for s in samples)}"
    )
    if not is_small:
        assert growth < GROWTH_BYTES
        assert after.memory_bytes - idle.memory_bytes < 2 * GROWTH_BYTES


@pytest.mark.proves("soak")
def test_half_an_upload_does_not_outlive_its_coordinator(coordinator: Coordinator):
    guest = Guest(coordinator.url, random.Random(0), "uploader")
    with guest.half_a_blob():
        eventually(lambda: [*leftovers(coordinator)], "half a blob")
        coordinator.kill()
    coordinator.start()
    assert [*leftovers(coordinator)] == []


def eventually_idle(process: psutil.Process) -> Sample:
    """A sample when connections that were hung up are gone."""
    samples = [look(process)]

    def is_steady() -> bool:
        time.sleep(0.3)
        samples.append(look(process))
        recent = [s.descriptors for s in samples[-3:]]
        return len(recent) == 3 and len(set(recent)) == 1

    eventually(is_steady, "the coordinator to be idle")
    return samples[-1]


def leftovers(coordinator: Coordinator) -> Iterator[Path]:
    """Files of blobs that never became whole."""
    folder = coordinator.database.with_suffix(".blobs")
    for path in folder.rglob("*"):
        if path.is_file() and len(path.name) != 64:
            yield path
