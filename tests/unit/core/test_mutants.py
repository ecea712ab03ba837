"""The walk catches every broken core, and finds nothing wrong with the real one."""

from __future__ import annotations

import contextlib
import io

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.unit.core.mutants import MUTANTS, Mutant, broken
from tests.unit.core.walk import Walk

#: The same walks for every mutant and on every machine.
FIXED = settings(
    max_examples=100,
    stateful_step_count=50,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    report_multiple_bugs=False,
    print_blob=False,
    suppress_health_check=list(HealthCheck),
)


def walk() -> None:
    """The walk, less what Hypothesis prints of a failure."""
    with contextlib.redirect_stdout(io.StringIO()):
        run_state_machine_as_test(Walk, settings=FIXED)


def test_the_core_as_it_is_passes_the_same_walks() -> None:
    walk()


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.name.replace(" ", "-"))
def test_the_walk_catches_the_mutant(mutant: Mutant) -> None:
    # What is raised depends on the fault; that something is raised is the point.
    with broken(mutant), pytest.raises(Exception):  # noqa: B017
        walk()
