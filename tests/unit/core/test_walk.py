"""The random walk over the core: what commands answer when nothing is lost on the way."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.unit.core.walk import Walk

SETTINGS = settings(
    max_examples=120,
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def test_no_walk_breaks_a_promise() -> None:
    run_state_machine_as_test(Walk, settings=SETTINGS)
