"""One test per row of the table of states, and what may be said twice."""

from __future__ import annotations

import pytest

from nexapod import errors
from nexapod.core import commands as c
from nexapod.core import events as e
from nexapod.core.records import AttemptReport
from nexapod.core.states import FINAL, TRANSITIONS, AttemptEnd, JobState
from tests.unit.core.builders import (
    Desk,
    completed,
    desk_with_a_lease,
    digest,
    failed,
    order,
    refused,
)

# ── the rows of the table ────────────────────────────────────────────────────────────────────────


def test_a_submitted_job_is_pending_under_epoch_zero() -> None:
    desk = Desk()
    assert desk.submit("j") == [("j", JobState.PENDING)]
    assert desk.state("j") == "pending"
    assert desk.board.jobs["j"].epoch == 0


def test_a_poll_assigns_a_pending_job_and_raises_its_epoch() -> None:
    desk = desk_with_a_lease()
    assert desk.state("j") == "assigned"
    assert desk.board.jobs["j"].epoch == 1


def test_a_poll_of_an_unknown_node_is_refused_and_says_to_register() -> None:
    desk = Desk()
    desk.submit("j")
    with pytest.raises(errors.NotFound) as caught:
        desk.poll("stranger")
    assert caught.value.details == {"action": "register"}
    assert desk.state("j") == "pending"


def test_a_heartbeat_of_the_holder_moves_the_deadline() -> None:
    desk = desk_with_a_lease()
    desk.wait(40)
    assert desk.beat("a", ("j", 1, 40.0)) == ["ok"]
    desk.wait(40)
    desk.tick()
    assert desk.state("j") == "assigned"


def test_a_heartbeat_of_somebody_else_moves_nothing() -> None:
    desk = desk_with_a_lease()
    desk.wait(40)
    assert desk.beat("b", ("j", 1, 40.0)) == ["lost"]
    desk.wait(21)
    desk.tick()
    assert desk.state("j") == "pending"


def test_the_holders_result_completes_the_job_and_ends_the_attempt() -> None:
    desk = desk_with_a_lease()
    desk.tell("a", completed("j", 1))
    assert desk.state("j") == "completed"
    assert desk.ends() == ["completed"]
    assert desk.board.nodes["a"].completed == 1
    assert not desk.board.leased


def test_a_result_from_a_former_holder_saves_the_work_when_nobody_else_has_the_job() -> None:
    desk = desk_with_a_lease()
    desk.wait(61)
    desk.tick()
    assert desk.state("j") == "pending"
    desk.tell("a", completed("j", 1))
    assert desk.end("j").state is JobState.COMPLETED
    assert desk.end("j").node_id == "a"


def test_a_result_from_a_former_holder_is_refused_once_somebody_else_has_the_job() -> None:
    desk = desk_with_a_lease()
    desk.wait(61)
    desk.tick()
    assert desk.poll("b") == [("j", 2)]
    with pytest.raises(errors.LeaseLost):
        desk.tell("a", completed("j", 1))
    assert desk.state("j") == "assigned"


def test_a_result_from_a_former_holder_needs_its_own_epoch() -> None:
    desk = desk_with_a_lease()
    desk.wait(61)
    desk.tick()
    with pytest.raises(errors.LeaseLost):
        desk.tell("a", completed("j", 2))


def test_only_the_last_former_holder_can_save_the_work() -> None:
    desk = desk_with_a_lease()
    desk.wait(61)
    desk.tick()
    desk.poll("b")
    desk.wait(61)
    desk.tick()
    with pytest.raises(errors.LeaseLost):
        desk.tell("a", completed("j", 1))
    desk.tell("b", completed("j", 2))
    assert desk.end("j").epoch == 2


def test_a_former_holders_completion_without_a_value_is_refused() -> None:
    desk = desk_with_a_lease()
    desk.wait(61)
    desk.tick()
    with pytest.raises(errors.Invalid):
        desk.tell("a", AttemptReport("j", 1, AttemptEnd.COMPLETED))


def test_a_completion_without_a_value_is_refused() -> None:
    desk = desk_with_a_lease()
    with pytest.raises(errors.Invalid):
        desk.tell("a", AttemptReport("j", 1, AttemptEnd.COMPLETED))
    assert desk.state("j") == "assigned"


def test_a_lease_past_its_deadline_is_lost_and_the_job_waits_again() -> None:
    desk = desk_with_a_lease()
    desk.wait(60)
    desk.tick()
    assert desk.state("j") == "pending"
    assert desk.ends() == ["lost"]
    assert desk.board.jobs["j"].lost_on == ("a",)


def test_a_lease_that_is_given_back_is_not_counted() -> None:
    desk = desk_with_a_lease()
    desk.tell("a", AttemptReport("j", 1, AttemptEnd.RELEASED))
    job = desk.board.jobs["j"]
    assert desk.ends() == ["released"]
    assert (job.failures, job.lost_on) == (0, ())
    assert desk.poll("b") == [("j", 2)]


def test_a_retryable_error_with_retries_left_waits_for_its_back_off() -> None:
    desk = desk_with_a_lease(retries=1)
    desk.tell("a", failed("j", 1))
    assert desk.state("j") == "pending"
    assert desk.poll("b") == []
    desk.wait(1.0)
    desk.tick()
    assert desk.poll("b") == [("j", 2)]


def test_an_error_that_is_not_retryable_ends_the_job_whatever_is_left() -> None:
    desk = desk_with_a_lease(retries=5)
    desk.tell("a", failed("j", 1, retryable=False))
    assert desk.state("j") == "failed"
    assert desk.end("j").failure.message == "ValueError: no"


def test_an_error_without_retries_left_ends_the_job_and_keeps_the_last_error() -> None:
    desk = desk_with_a_lease(retries=1)
    desk.tell("a", failed("j", 1, message="first"))
    desk.wait(2)
    desk.tick()
    desk.poll("b")
    desk.tell("b", failed("j", 2, message="second"))
    assert desk.state("j") == "failed"
    assert desk.end("j").failure.message == "second"
    assert desk.end("j").node_id == "b"


def test_a_failure_without_a_reason_says_that_there_was_none() -> None:
    desk = desk_with_a_lease()
    desk.tell("a", AttemptReport("j", 1, AttemptEnd.FAILED))
    assert desk.end("j").failure.message == "the node gave no reason"


def test_a_job_lost_on_three_different_nodes_is_poison() -> None:
    desk = Desk()
    desk.submit("j")
    for node_id in "abc":
        desk.register(node_id)
        assert desk.poll(node_id)
        desk.wait(61)
        desk.tick()
    assert desk.state("j") == "failed"
    assert desk.end("j").failure.type == "poison"
    assert "a, b, c" in desk.end("j").failure.message


def test_a_job_lost_again_and_again_on_one_node_is_no_poison() -> None:
    desk = Desk()
    desk.register("a")
    desk.register("b")
    desk.submit("j")
    for node_id in "aabbab":
        assert desk.poll(node_id)
        desk.wait(61)
        desk.tick()
        assert desk.state("j") == "pending"


def test_an_attempt_over_its_timeout_is_ended_though_heartbeats_go_on() -> None:
    desk = desk_with_a_lease(timeout_s=30.0)
    assert desk.beat("a", ("j", 1, 39.0)) == ["ok"]
    assert desk.beat("a", ("j", 1, 41.0)) == ["cancel"]
    assert desk.state("j") == "failed"
    assert desk.end("j").failure.type == "timeout"


def test_an_attempt_over_its_timeout_is_tried_again_when_retries_are_left() -> None:
    desk = desk_with_a_lease(timeout_s=30.0, retries=1)
    assert desk.beat("a", ("j", 1, 41.0)) == ["cancel"]
    assert desk.state("j") == "pending"
    assert desk.board.jobs["j"].failures == 1


def test_a_pending_job_is_cancelled_at_once() -> None:
    desk = Desk()
    desk.register("a")
    desk.submit("j")
    verdict = desk.cancel("j")[0]
    assert (verdict.state, verdict.was) == (JobState.CANCELLED, JobState.PENDING)
    assert desk.poll("a") == []


def test_the_holder_of_a_cancelled_job_hears_it_at_its_next_heartbeat_once() -> None:
    desk = desk_with_a_lease()
    verdict = desk.cancel("j")[0]
    assert (verdict.was, verdict.node_id) == (JobState.ASSIGNED, "a")
    assert desk.beat("a", ("j", 1, 1.0)) == ["cancel"]
    assert desk.beat("a", ("j", 1, 2.0)) == ["lost"]


def test_the_late_result_of_a_cancelled_job_is_gone() -> None:
    desk = desk_with_a_lease()
    desk.cancel("j")
    with pytest.raises(errors.Gone):
        desk.tell("a", completed("j", 1))
    with pytest.raises(errors.Gone):
        desk.tell("a", failed("j", 1))
    assert desk.state("j") == "cancelled"


def test_the_holder_may_say_that_it_killed_a_cancelled_job() -> None:
    desk = desk_with_a_lease()
    desk.cancel("j")
    desk.tell("a", AttemptReport("j", 1, AttemptEnd.CANCELLED))


def test_a_finished_job_keeps_its_end_when_it_is_cancelled() -> None:
    desk = desk_with_a_lease()
    desk.tell("a", completed("j", 1))
    verdict = desk.cancel("j")[0]
    assert (verdict.state, verdict.was, verdict.error) == ("completed", "completed", None)
    assert desk.last == []


def test_cancelling_a_list_cancels_each_once_and_names_the_unknown() -> None:
    desk = desk_with_a_lease()
    desk.submit("k", "done")
    assert desk.poll("a") == [("k", 1)]
    desk.tell("a", completed("k", 1))
    verdicts = desk.cancel("j", "k", "nobody", "done", "j")
    assert [v.job_id for v in verdicts] == ["j", "k", "nobody", "done"]
    assert refused(errors.NotFound, verdicts[2])
    assert [desk.state(j) for j in ("j", "k", "done")] == ["cancelled", "completed", "cancelled"]


def test_nothing_leaves_a_final_state() -> None:
    assert not [pair for pair in TRANSITIONS if pair[0] in FINAL]


@pytest.mark.parametrize("before", [None, *JobState])
@pytest.mark.parametrize("after", [*JobState])
def test_the_board_makes_no_move_that_is_not_in_the_table(
    before: JobState | None, after: JobState
) -> None:
    board = Desk().board
    if (before, after) in TRANSITIONS:
        board._allow(before, after)
        return
    with pytest.raises(AssertionError, match="not in the table"):
        board._allow(before, after)


# ── results may be repeated, and only from the holder of the current lease ───────────────────────


def test_the_same_result_again_is_accepted_and_changes_nothing() -> None:
    desk = desk_with_a_lease()
    desk.tell("a", completed("j", 1))
    desk.tell("a", completed("j", 1))
    assert [type(event) for event in desk.last] == [e.NodeSeen]


def test_another_result_of_the_same_attempt_is_a_conflict_and_is_not_recorded() -> None:
    desk = desk_with_a_lease()
    desk.tell("a", completed("j", 1, "1"))
    with pytest.raises(errors.Conflict) as caught:
        desk.tell("a", completed("j", 1, "2"))
    assert caught.value.code == "conflict"
    assert desk.end("j").digest == completed_digest("1")


def completed_digest(text: str) -> bytes:
    return digest(text)


def test_the_same_bytes_from_another_node_are_not_a_repeat() -> None:
    desk = desk_with_a_lease()
    desk.tell("a", completed("j", 1))
    with pytest.raises(errors.LeaseLost):
        desk.tell("b", completed("j", 1))


def test_a_result_under_an_old_epoch_is_refused_even_from_the_holder() -> None:
    desk = desk_with_a_lease()
    desk.tell("a", AttemptReport("j", 1, AttemptEnd.RELEASED))
    assert desk.poll("a") == [("j", 2)]
    with pytest.raises(errors.LeaseLost):
        desk.tell("a", completed("j", 1))
    desk.tell("a", completed("j", 2))


def test_a_result_under_a_future_epoch_is_refused() -> None:
    desk = desk_with_a_lease()
    with pytest.raises(errors.LeaseLost):
        desk.tell("a", completed("j", 2))


def test_a_seed_body_without_an_epoch_counts_for_the_one_live_lease() -> None:
    desk = desk_with_a_lease()
    desk.tell("a", completed("j", None))
    assert desk.end("j").epoch == 1
    desk.tell("a", completed("j", None))  # and may be repeated


def test_a_seed_body_from_a_node_without_the_lease_is_refused() -> None:
    desk = desk_with_a_lease()
    with pytest.raises(errors.LeaseLost):
        desk.tell("b", completed("j", None))


def test_a_failure_told_again_after_the_job_failed_is_accepted() -> None:
    desk = desk_with_a_lease()
    desk.tell("a", failed("j", 1))
    desk.tell("a", failed("j", 1))
    with pytest.raises(errors.LeaseLost):
        desk.tell("b", failed("j", 1))
    with pytest.raises(errors.LeaseLost):
        desk.tell("a", completed("j", 1))


def test_a_report_on_an_unknown_job_is_not_found() -> None:
    desk = desk_with_a_lease()
    with pytest.raises(errors.NotFound):
        desk.tell("a", completed("nobody", 1))


def test_a_refused_report_does_not_spoil_its_neighbours() -> None:
    desk = desk_with_a_lease()
    desk.submit("k")
    desk.poll("a")
    verdicts = desk.report("a", completed("x", 1), completed("j", 1), completed("k", 7))
    assert [v.error is None for v in verdicts] == [False, True, False]
    assert desk.state("j") == "completed"
    assert desk.state("k") == "assigned"


def test_a_job_reported_twice_in_one_request_is_refused_the_second_time() -> None:
    desk = desk_with_a_lease()
    verdicts = desk.report("a", completed("j", 1, "1"), completed("j", 1, "2"))
    assert verdicts[0].error is None
    assert refused(errors.Conflict, verdicts[1])
    assert desk.end("j").digest == completed_digest("1")


def test_a_repeat_is_judged_by_the_store_when_memory_has_forgotten_the_job() -> None:
    desk = desk_with_a_lease()
    desk.tell("a", completed("j", 1))
    desk.board.recent.clear()
    desk.tell("a", completed("j", 1))
    with pytest.raises(errors.Conflict):
        desk.tell("a", completed("j", 1, "2"))
    assert desk.submit("j") == [("j", JobState.COMPLETED)]
    assert desk.cancel("j")[0].state is JobState.COMPLETED


def test_an_attempt_that_was_reported_failed_cannot_be_completed_afterwards() -> None:
    desk = desk_with_a_lease(retries=3)
    desk.wait(61)
    desk.tick()
    assert desk.poll("a") == [("j", 2)]
    desk.tell("a", failed("j", 2))
    with pytest.raises(errors.LeaseLost):
        desk.tell("a", completed("j", 2))


# ── two ends at once ─────────────────────────────────────────────────────────────────────────────


def test_two_failures_in_one_request_bring_down_their_shared_dependant_once() -> None:
    desk = desk_with_a_lease()
    desk.submit("k", order("both", after=("j", "k")))
    desk.poll("a")
    desk.report("a", failed("j", 1), failed("k", 1))
    assert desk.state("both") == "failed"


def test_two_timeouts_in_one_heartbeat_bring_down_their_shared_dependant_once() -> None:
    desk = desk_with_a_lease(timeout_s=1.0)
    desk.submit(order("k", timeout_s=1.0), order("both", after=("j", "k")))
    desk.poll("a")
    assert desk.beat("a", ("j", 1, 30.0), ("k", 1, 30.0)) == ["cancel", "cancel"]
    assert desk.state("both") == "failed"


def test_two_jobs_poisoned_by_one_reboot_bring_down_their_shared_dependant_once() -> None:
    desk = Desk()
    desk.submit("j", "k", order("both", after=("j", "k")))
    for node_id in "abc":
        desk.register(node_id)
        assert len(desk.poll(node_id, 2)) == 2
        if node_id != "c":
            desk.wait(61)
            desk.tick()
    desk.register("c", boot_id="boot-2")
    assert desk.state("both") == "failed"


def test_two_leases_that_run_out_together_bring_down_their_shared_dependant_once() -> None:
    desk = Desk()
    desk.submit("j", "k", order("both", after=("j", "k")))
    for node_id in "abc":
        desk.register(node_id)
        assert len(desk.poll(node_id, 2)) == 2
        desk.wait(61)
        desk.tick()
    assert [desk.state(j) for j in ("j", "k", "both")] == ["failed"] * 3


def test_every_command_has_a_decider() -> None:
    from nexapod.core.decide import _DECIDERS

    assert set(_DECIDERS) == set(c.Command.__subclasses__())
