"""A job's own deadline: what happens when it passes, and what moves it (nothing)."""

from __future__ import annotations

import random

import pytest

from nexapod import errors
from nexapod.core.alarms import due
from nexapod.core.records import AttemptReport
from nexapod.core.states import AttemptEnd
from tests.unit.core.builders import Desk, completed, desk_with_a_lease, failed, order

YEAR_S = 365.25 * 86_400


def test_a_pending_job_fails_when_its_deadline_passes_and_not_before() -> None:
    desk = Desk()
    desk.submit(order("j", deadline_s=30.0))
    desk.wait(29.9)
    desk.tick()
    assert desk.state("j") == "pending"
    desk.wait(0.2)
    desk.tick()
    assert desk.end("j").failure.type == "deadline"
    assert not desk.end("j").failure.retryable
    assert desk.end("j").node_id is None


def test_an_assigned_job_fails_at_its_deadline_and_its_node_is_told_to_stop_once() -> None:
    desk = desk_with_a_lease(deadline_s=30.0)
    desk.wait(31)
    desk.tick()
    assert desk.state("j") == "failed"
    assert desk.ends() == ["cancelled"]
    assert desk.board.nodes["a"].failed == 0, "it is not the node's fault"
    assert desk.beat("a", ("j", 1, 31.0)) == ["cancel"]
    assert desk.beat("a", ("j", 1, 32.0)) == ["lost"]


def test_a_result_after_the_deadline_is_refused() -> None:
    desk = desk_with_a_lease(deadline_s=30.0)
    desk.wait(31)
    desk.tick()
    with pytest.raises(errors.LeaseLost):
        desk.tell("a", completed("j", 1))
    assert desk.state("j") == "failed"


def test_a_result_that_comes_before_anybody_looked_counts() -> None:
    desk = desk_with_a_lease(deadline_s=30.0)
    desk.wait(31)
    desk.tell("a", completed("j", 1))
    desk.tick()
    assert desk.state("j") == "completed"


def test_the_holder_may_say_that_it_stopped_a_job_past_its_deadline() -> None:
    desk = desk_with_a_lease(deadline_s=30.0)
    desk.wait(31)
    desk.tick()
    desk.tell("a", AttemptReport("j", 1, AttemptEnd.CANCELLED))
    with pytest.raises(errors.LeaseLost):
        desk.tell("b", AttemptReport("j", 1, AttemptEnd.CANCELLED))


def test_what_needs_a_job_past_its_deadline_fails_with_it() -> None:
    desk = Desk()
    desk.submit(order("j", deadline_s=30.0), order("k", after=("j",)), order("l", after=("k",)))
    desk.wait(31)
    desk.tick()
    assert [desk.end(job_id).failure.type for job_id in "jkl"] == [
        "deadline", "dependency", "dependency",
    ]  # fmt: skip


def test_two_deadlines_that_pass_together_end_each_job_once() -> None:
    desk = Desk()
    desk.submit(order("j", deadline_s=30.0), order("k", after=("j",), deadline_s=30.0))
    desk.wait(31)
    desk.tick()
    assert [desk.state(job_id) for job_id in "jk"] == ["failed", "failed"]


def test_a_lease_and_a_deadline_that_run_out_together_end_the_job_once() -> None:
    desk = desk_with_a_lease(deadline_s=30.0)
    desk.wait(61)
    desk.tick()
    assert desk.ends() == ["cancelled"]
    assert desk.end("j").failure.type == "deadline"


def test_a_job_waiting_for_its_back_off_fails_at_its_deadline_and_does_not_come_back() -> None:
    desk = desk_with_a_lease(deadline_s=30.0, retries=9)
    desk.tell("a", failed("j", 1))
    desk.wait(31)
    desk.tick()
    assert desk.state("j") == "failed"
    desk.wait(60)
    desk.tick()
    assert desk.poll("b") == []


def test_a_stall_neither_moves_a_deadline_nor_ends_a_job_in_that_very_tick() -> None:
    desk = desk_with_a_lease(deadline_s=30.0)
    desk.wait(300)
    desk.tick(gap_s=299.0)
    assert desk.state("j") == "assigned"
    desk.wait(1)
    desk.tick()
    assert desk.state("j") == "failed"


@pytest.mark.parametrize("years", [-10, 10])
def test_a_wall_clock_that_jumps_moves_no_deadline(years: int) -> None:
    desk = Desk()
    desk.submit(order("j", deadline_s=30.0))
    desk.at += years * YEAR_S
    desk.wait(29)
    desk.tick()
    assert desk.state("j") == "pending"
    desk.wait(2)
    desk.tick()
    assert desk.state("j") == "failed"


def test_a_deadline_runs_on_while_the_coordinator_is_down() -> None:
    desk = desk_with_a_lease(deadline_s=30.0)
    desk.restart(away_s=20.0)
    desk.wait(9)
    desk.tick()
    assert desk.state("j") == "assigned"
    desk.wait(2)
    desk.tick()
    assert desk.state("j") == "failed"


def test_a_wall_clock_set_back_during_a_restart_gives_no_more_than_the_whole_time() -> None:
    desk = Desk()
    desk.submit(order("j", deadline_s=30.0))
    desk.at -= 10 * YEAR_S
    desk.restart()
    desk.wait(31)
    desk.tick()
    assert desk.state("j") == "failed"


def test_a_wall_clock_set_back_during_a_restart_keeps_no_back_off_beyond_a_minute() -> None:
    desk = desk_with_a_lease(retries=1)
    desk.tell("a", failed("j", 1))
    desk.at -= 10 * YEAR_S
    desk.restart()
    desk.wait(61)
    desk.tick()
    assert desk.poll("b") == [("j", 2)]


def test_a_plain_node_is_not_kept_a_word_that_it_never_asks_for() -> None:
    desk = Desk()
    desk.register("seed", None, slots=None)
    desk.submit(order("j", deadline_s=30.0))
    desk.poll("seed")
    desk.wait(31)
    desk.tick()
    assert desk.state("j") == "failed"
    assert not desk.board.nodes["seed"].cancels


def test_the_deadlines_of_finished_jobs_are_let_go() -> None:
    desk = Desk()
    desk.submit(
        order("first", deadline_s=10.0), *(order(f"j{n}", deadline_s=1e6) for n in range(500))
    )
    desk.cancel(*(f"j{n}" for n in range(499)))
    assert len(desk.board.deadlines) < 100
    desk.cancel("first", "j499")
    assert not desk.board.deadlines


def test_an_alarm_finds_what_is_due_soonest_first_and_stays_as_it_is() -> None:
    draw = random.Random(1)
    desk = Desk()
    times = [draw.uniform(1, 100) for _ in range(200)]
    desk.submit(*(order(f"j{n}", deadline_s=s) for n, s in enumerate(times)))
    before = list(desk.board.deadlines)
    for now_s in (0.0, 17.0, 50.0, 100.0):
        found = due(desk.board.deadlines, desk.mono_s + now_s)
        expected = sorted((s, n) for n, s in enumerate(times) if s <= now_s)
        assert [job.spec.id for job in found] == [f"j{n}" for _, n in expected]
    assert desk.board.deadlines == before
