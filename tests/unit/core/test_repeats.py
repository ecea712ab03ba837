"""What a node says again, because it never heard the answer, and what it says too late."""

from __future__ import annotations

from typing import Any

import pytest

from nexapod import errors
from nexapod.core.records import AttemptReport
from nexapod.core.states import AttemptEnd
from tests.unit.core.builders import Desk, completed, desk_with_a_lease, failed

RELEASED = AttemptReport("j", 1, AttemptEnd.RELEASED)


@pytest.mark.parametrize("report", [failed("j", 1), RELEASED], ids=["failed", "released"])
@pytest.mark.parametrize("away", [False, True], ids=["", "after a restart"])
def test_an_end_told_again_while_the_job_waits_is_acknowledged_and_counts_once(
    report: Any, away: bool
) -> None:
    desk = desk_with_a_lease(retries=3)
    desk.tell("a", report)
    failures = desk.board.jobs["j"].failures
    if away:
        desk.restart()
    desk.tell("a", report)
    assert desk.board.jobs["j"].failures == failures
    assert desk.state("j") == "pending"


@pytest.mark.parametrize("report", [failed("j", 1), RELEASED], ids=["failed", "released"])
def test_an_end_told_again_once_somebody_else_has_the_job_is_acknowledged(report: Any) -> None:
    desk = desk_with_a_lease(retries=3)
    desk.tell("a", report)
    desk.wait(2)
    desk.tick()
    assert desk.poll("b") == [("j", 2)]
    desk.tell("a", report)
    assert desk.state("j") == "assigned"
    assert desk.board.jobs["j"].epoch == 2


def test_an_end_told_again_by_somebody_else_or_otherwise_is_refused() -> None:
    desk = desk_with_a_lease(retries=3)
    desk.tell("a", failed("j", 1))
    for node_id, report in (("b", failed("j", 1)), ("a", RELEASED), ("a", completed("j", 1))):
        with pytest.raises(errors.LeaseLost):
            desk.tell(node_id, report)
    with pytest.raises(errors.LeaseLost):
        desk.tell("a", failed("j", 2))


def test_a_plain_nodes_failure_told_again_is_acknowledged() -> None:
    desk = Desk()
    desk.register("seed", None, slots=None)
    desk.submit("j")
    desk.poll("seed")
    desk.tell("seed", AttemptReport("j", None, AttemptEnd.RELEASED))
    desk.tell("seed", AttemptReport("j", None, AttemptEnd.RELEASED))
    assert desk.state("j") == "pending"


def test_a_node_may_say_that_it_stopped_an_attempt_that_had_timed_out() -> None:
    desk = desk_with_a_lease(timeout_s=1.0, retries=3)
    assert desk.beat("a", ("j", 1, 30.0)) == ["cancel"]
    desk.tell("a", AttemptReport("j", 1, AttemptEnd.CANCELLED))
    assert desk.board.jobs["j"].failures == 1


def test_a_lease_named_twice_in_one_heartbeat_ends_once() -> None:
    desk = desk_with_a_lease(timeout_s=1.0, retries=3)
    assert desk.beat("a", ("j", 1, 30.0), ("j", 1, 30.0)) == ["cancel", "cancel"]
    assert desk.board.jobs["j"].failures == 1
    assert desk.board.nodes["a"].failed == 1
