"""The coordinator is killed before each single step it takes to its disk and to its clients."""

from __future__ import annotations

import concurrent.futures
import random
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from tests.torture.conftest import Size
from tests.torture.cycle import Cycle
from tests.torture.faults import KINDS, Fault, FaultyForks
from tests.torture.resilience import Resilience

#: Chains of coordinators at once.
LANES = 2


def live_through(folder: Path, forks: FaultyForks, at: int) -> Resilience:
    """One cycle with a kill before the step `at`; all that was acknowledged holds afterwards."""
    folder.mkdir()
    with Resilience(folder, forks, Fault(at)) as coordinator:
        cycle = Cycle(coordinator.ask)
        cycle.run()
        coordinator.stop()
    cycle.check(coordinator.lives.database)
    return coordinator


def killed(folder: Path, points: Iterable[int]) -> int:
    """How many of these points a coordinator came to, and died at."""
    with FaultyForks() as forks:
        lives = (live_through(folder / str(at), forks, at) for at in points)
        return sum(coordinator.deaths[0] == -9 for coordinator in lives)


@pytest.mark.proves("crash-points")
@pytest.mark.timeout(600)
def test_a_crash_at_any_step_breaks_no_promise(
    tmp_path: Path, size: Size, seed: int, reached: Callable[[str], None]
) -> None:
    with FaultyForks() as forks:
        whole = live_through(tmp_path / "whole", forks, 0)
    assert whole.deaths == [0]
    steps = whole.steps(*KINDS)
    tried = random.Random(seed).sample(
        range(1, steps + 1), size(commit=10, full=steps, nightly=steps)
    )
    with concurrent.futures.ThreadPoolExecutor(LANES) as pool:
        lanes = [tmp_path / f"lane-{lane}" for lane in range(LANES)]
        for lane in lanes:
            lane.mkdir()
        dead = sum(pool.map(killed, lanes, (tried[lane::LANES] for lane in range(LANES))))
    # Where a batch ends depends on time, so the last few steps are not there every time.
    assert dead > 0.9 * len(tried)
    reached(f"{dead} kills at {len(tried)} of {steps} steps, 0 violations")
