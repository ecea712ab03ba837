"""The coordinator is killed, again and again, in the middle of everything."""

from __future__ import annotations

import collections
import concurrent.futures
import contextlib
import itertools
import random
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import nexapod
from tests.integration.parts import DEADLINE_S, Coordinator, Node, assert_sound, reading
from tests.torture.conftest import Size
from tests.torture.crowd import Crowd
from tests.torture.fork_server import ForkServer
from tests.torture.lives import Lives, fixed_port

#: One start in so many is a whole new interpreter; one in so many is killed before it can answer.
COLD, EARLY = 20, 15
COLD_START_S, WARM_START_S = 2.0, 2.0
#: A log that every life makes longer would in the end make every start slow.
LOG_BYTES = 64 * 1024 * 1024


def kill_in_the_middle(crowd: Crowd, lives: Lives, kills: int, rng: random.Random) -> int:
    """Kill at random points of the crowd's work; how many kills hit a coordinator in its start."""
    early = 0
    for n, mark in enumerate(sorted(rng.sample(range(crowd.count // 20, crowd.count), kills))):
        crowd.until(mark)
        time.sleep(rng.uniform(0, 0.02))
        lives.kill()
        if n % EARLY == 1:
            lives.spawn()
            time.sleep(rng.uniform(0, 0.08))
            lives.kill()
            early += 1
        lives.start(cold=n % COLD == 0)
    return early


@pytest.mark.proves("coordinator-kills")
def test_nothing_acknowledged_is_lost_when_the_coordinator_is_killed(
    tmp_path: Path, size: Size, seed: int, reached: Callable[[str], None]
):
    count = size(commit=600, full=100_000)
    kills = size(commit=3, full=1_000)
    with ForkServer() as forks, Lives(tmp_path / "fleet.db", forks) as lives:
        lives.start(cold=True)
        crowd = Crowd(lives, count, seed, nodes=16, submitters=8)
        crowd.start()
        begun_s = time.monotonic()
        try:
            early = kill_in_the_middle(crowd, lives, kills, random.Random(seed))
        finally:
            crowd.join()
        took_s = time.monotonic() - begun_s
    crowd.ledger.check(lives.database)
    warm, cold = lives.warm_s, lives.cold_s
    reached(
        f"{kills + early:,} kills ({early} in the start) over {count:,} jobs in {took_s:.0f} s, "
        f"0 lost, {len(crowd.ledger.cancelled)} cancelled; {len(warm):,} restarts by fork of a "
        f"warm parent: median {statistics.median(warm) * 1e3:.0f} ms, most {max(warm) * 1e3:.0f} "
        f"ms; {len(cold)} of new processes: median {statistics.median(cold) * 1e3:.0f} ms, most "
        f"{max(cold) * 1e3:.0f} ms; log at most {lives.log_bytes / 2**20:.0f} MiB"
    )
    assert lives.log_bytes <= LOG_BYTES
    if size.tier != "commit":
        assert max(cold) <= COLD_START_S
        assert max(warm) <= WARM_START_S


@pytest.mark.proves("coordinator-kills")
def test_real_nodes_and_a_connected_notebook_live_through_kills_of_the_coordinator(
    tmp_path: Path, size: Size, seed: int, reached: Callable[[str], None]
):
    def square(n: int) -> int:
        import time

        time.sleep(0.01)
        return n * n

    count, kills, rng = size(commit=100, full=3_000), size(commit=1, full=20), random.Random(seed)
    coordinator = Coordinator(tmp_path / "fleet.db", port=fixed_port())
    with contextlib.ExitStack() as ends:
        ends.callback(coordinator.end)
        coordinator.start()
        for n in range(2):
            node = Node(coordinator, f"real-{n}", tmp_path, "--slots", "2")
            ends.callback(node.end)
            node.start()
        fleet = ends.enter_context(nexapod.connect(coordinator.url, coordinator.token))
        futures = [fleet.submit(square, n) for n in range(count)]
        for mark in sorted(rng.sample(range(count // 20, count * 19 // 20), kills)):
            first = concurrent.futures.as_completed(futures, DEADLINE_S)
            collections.deque(itertools.islice(first, mark), 0)
            time.sleep(rng.uniform(0, 0.1))
            coordinator.kill()
            coordinator.start()
        assert [future.result(DEADLINE_S) for future in futures] == [n * n for n in range(count)]
        assert len(fleet.jobs) == count
    assert_sound(coordinator.database)
    with reading(coordinator.database) as db:
        ends_told = dict(db.execute("SELECT end, count(*) FROM attempts GROUP BY end"))
    assert ends_told["completed"] == count
    reached(f"{kills} kills under 2 real nodes and a connected notebook, {count:,} calls: 0 lost")
