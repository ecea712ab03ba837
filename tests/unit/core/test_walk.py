"""The random walk over the core, short here and long under ``-m torture``."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.unit.core.walk import Walk

COMMIT = settings(
    max_examples=120,
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def test_no_walk_breaks_a_promise() -> None:
    run_state_machine_as_test(Walk, settings=COMMIT)


@pytest.mark.torture
@pytest.mark.timeout(1800)
def test_no_long_walk_breaks_a_promise() -> None:
    long = settings(COMMIT, max_examples=5_000, stateful_step_count=100)
    run_state_machine_as_test(Walk, settings=long)
