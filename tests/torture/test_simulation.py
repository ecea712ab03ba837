"""Ten thousand histories of a simulated fleet around the real core, and the cores that are broken.

The simulation sees every mutant of the core; none is left to the walk of Hypothesis, which looks
at what commands answer when nothing is lost (tests/unit/core/walk.py).
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.torture.conftest import Size
from tests.torture.simulation import simulate
from tests.unit.core.mutants import MUTANTS, Mutant, broken

#: Within so many histories each mutant is caught; they are the same on every machine.
WITHIN = 20
ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.proves("simulation")
def test_no_history_breaks_a_promise(size: Size, seed: int, reached: Callable[[str], None]) -> None:
    count = size(commit=150, full=10_000)
    events = jobs = 0
    for one in range(seed, seed + count):
        world = simulate(one)
        events += world.happened
        jobs += len(world.coordinator.ledger.queued)
    assert jobs > 5 * count, "histories in which something happens"
    reached(f"{count:,} seeds, {events:,} events, {jobs:,} jobs, 0 violations")


@pytest.mark.proves("simulation", "mutants")
def test_every_broken_core_is_caught(size: Size, seed: int, reached: Callable[[str], None]) -> None:
    count = size(commit=4, full=len(MUTANTS), nightly=len(MUTANTS))
    chosen = random.Random(seed).sample(MUTANTS, count)
    needed = {mutant.name: caught_by(mutant) for mutant in chosen}
    missed = [name for name, first in needed.items() if first is None]
    assert not missed, f"nobody noticed in {WITHIN} seeds: {missed}"
    most = 1 + max(first for first in needed.values() if first is not None)
    reached(f"{count} of {count} broken cores caught, the slowest by seed {most} of {WITHIN}")


def caught_by(mutant: Mutant) -> int | None:
    """The first seed whose history shows the fault."""
    with broken(mutant):
        for one in range(WITHIN):
            try:
                simulate(one)
            except Exception:  # what is raised depends on the fault
                return one
    return None


def test_the_histories_that_catch_mutants_are_clean_without_them() -> None:
    for one in range(WITHIN):
        simulate(one)


def test_a_failure_tells_its_seed_and_its_last_steps() -> None:
    with broken(MUTANTS[0]), pytest.raises(Exception) as caught:
        for one in range(WITHIN):
            simulate(one)
    note = caught.value.__notes__[0]
    assert "replay with simulate(" in note
    assert "JobLeased" in note


def test_a_seed_is_the_same_history_in_another_process(seed: int) -> None:
    script = f"from tests.torture.simulation import simulate; print([*simulate({seed}).trace])"
    told = [
        subprocess.run(
            [sys.executable, "-c", script],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": hashes},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout
        for hashes in ("1", "2")
    ]
    assert told[0] == told[1]
    assert "JobClosed" in told[0]
