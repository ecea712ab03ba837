"""One test per row of the tables of ``docs/protocol.md``, each named as the row reads.

Details and corner cases are in the other files; here is the protocol, row by row.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from nexapod import errors
from nexapod.core.commands import Command
from nexapod.core.states import TRANSITIONS, JobState
from tests.unit.core.builders import Desk, completed, desk_with_a_lease, failed, order, refused

NEW = None
PENDING, ASSIGNED = JobState.PENDING, JobState.ASSIGNED
COMPLETED, FAILED, CANCELLED = JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED
Move = tuple[JobState | None, JobState]

#: The moves that the rows below claim to show.
CLAIMED: set[Move] = set()


def moves(*shown: Move) -> Callable[[Callable[[], None]], Callable[[pytest.MonkeyPatch], None]]:
    """The test below makes these moves of the table of states; it fails if it does not."""
    CLAIMED.update(shown)

    def watched(test: Callable[[], None]) -> Callable[[pytest.MonkeyPatch], None]:
        def run(monkeypatch: pytest.MonkeyPatch) -> None:
            seen: set[Move] = set()
            do = Desk.do

            def watch(desk: Desk, command: Command) -> Any:
                before = states(desk)
                reply = do(desk, command)
                now = states(desk)
                seen.update((before.get(j), now[j]) for j in now if before.get(j) != now[j])
                return reply

            monkeypatch.setattr(Desk, "do", watch)
            test()
            assert set(shown) <= seen <= TRANSITIONS

        run.__name__ = test.__name__
        return run

    return watched


def states(desk: Desk) -> dict[str, JobState]:
    """Where every job is."""
    here = {job_id: job.state for job_id, job in desk.board.jobs.items()}
    return here | {job_id: end.state for job_id, end in desk.ledger.closed.items()}


# ── states ───────────────────────────────────────────────────────────────────────────────────────


@moves((NEW, PENDING))
def test_a_valid_submission_under_a_new_key_is_a_pending_job_that_is_stored() -> None:
    desk = Desk()
    assert desk.submit(order("j", key="k")) == [("j", PENDING)]
    assert desk.board.jobs["j"].epoch == 0
    assert "j" in desk.ledger.queued


@moves((PENDING, ASSIGNED))
def test_a_pending_job_is_assigned_to_a_registered_node_that_polls_and_its_epoch_rises() -> None:
    desk = Desk()
    desk.submit("j", "k")
    with pytest.raises(errors.NotFound):
        desk.poll("a")
    desk.register("a", slots=1)
    assert desk.poll("a") == [("j", 1)]
    assert desk.poll("a") == [], "as many leases as slots"
    desk.leave("a", ())
    assert desk.poll("a") == [], "and none while it drains"


def test_an_assigned_job_stays_assigned_while_its_holder_heartbeats() -> None:
    desk = desk_with_a_lease()
    desk.wait(59)
    assert desk.beat("a", ("j", 1, 59.0)) == ["ok"]
    desk.wait(59)
    desk.tick()
    assert desk.state("j") == ASSIGNED
    desk.cancel("j")
    assert desk.beat("a", ("j", 1, 118.0)) == ["cancel"], "the answer may carry a cancel"


@moves((ASSIGNED, COMPLETED))
def test_an_assigned_job_is_completed_by_its_holders_result_under_the_current_epoch() -> None:
    desk = desk_with_a_lease()
    desk.tell("a", completed("j", 1))
    assert desk.ends() == ["completed"]
    assert desk.end("j").state is COMPLETED


@moves((PENDING, COMPLETED))
def test_a_pending_job_is_completed_by_its_former_holder_while_nobody_else_has_it() -> None:
    desk = desk_with_a_lease()
    desk.wait(61)
    desk.tick()
    assert desk.state("j") == PENDING
    desk.tell("a", completed("j", 1))
    assert desk.end("j").state is COMPLETED


@moves((ASSIGNED, PENDING))
def test_an_assigned_job_whose_lease_runs_out_is_lost_and_pending_again() -> None:
    desk = desk_with_a_lease()
    desk.wait(61)
    desk.tick()
    assert (desk.state("j"), desk.ends()) == (PENDING, ["lost"])


@moves((ASSIGNED, PENDING))
def test_an_assigned_job_that_its_holder_gives_back_is_pending_and_not_counted() -> None:
    desk = desk_with_a_lease()
    desk.leave("a")
    assert (desk.state("j"), desk.ends()) == (PENDING, ["released"])
    assert desk.board.jobs["j"].failures == 0


@moves((ASSIGNED, PENDING))
def test_an_assigned_job_with_a_retryable_error_and_retries_left_waits_for_its_back_off() -> None:
    desk = desk_with_a_lease(retries=1)
    desk.tell("a", failed("j", 1))
    assert desk.state("j") == PENDING
    assert desk.poll("b") == []
    desk.wait(1)
    desk.tick()
    assert desk.poll("b") == [("j", 2)]


@moves((ASSIGNED, FAILED))
def test_a_job_fails_when_its_error_is_not_retryable() -> None:
    desk = desk_with_a_lease(retries=5)
    desk.tell("a", failed("j", 1, message="no", retryable=False))
    assert desk.end("j").failure.message == "no"


@moves((ASSIGNED, FAILED))
def test_a_job_fails_when_its_attempts_are_used_up_and_keeps_the_last_error() -> None:
    desk = desk_with_a_lease(retries=0)
    desk.tell("a", failed("j", 1, message="the last"))
    assert desk.end("j").failure.message == "the last"


@moves((ASSIGNED, FAILED))
def test_a_job_fails_as_poison_when_it_was_lost_on_three_different_nodes() -> None:
    desk = Desk()
    desk.submit("j")
    for node_id in "abc":
        desk.register(node_id)
        desk.poll(node_id)
        desk.wait(61)
        desk.tick()
    assert desk.end("j").failure.type == "poison"


@moves((PENDING, FAILED), (ASSIGNED, FAILED))
def test_a_job_fails_when_its_own_deadline_passed_pending_or_assigned() -> None:
    desk = desk_with_a_lease(deadline_s=30.0)
    desk.submit(order("k", deadline_s=30.0))
    desk.wait(31)
    desk.tick()
    assert [desk.end(job_id).failure.type for job_id in "jk"] == ["deadline", "deadline"]


@moves((ASSIGNED, PENDING), (ASSIGNED, FAILED))
def test_an_attempt_over_its_timeout_ends_though_heartbeats_go_on_and_its_node_is_told() -> None:
    desk = desk_with_a_lease(timeout_s=30.0, retries=1)
    assert desk.beat("a", ("j", 1, 41.0)) == ["cancel"]
    assert desk.state("j") == PENDING
    desk.wait(1)
    desk.tick()
    assert desk.poll("b") == [("j", 2)]
    assert desk.beat("b", ("j", 2, 41.0)) == ["cancel"]
    assert desk.end("j").failure.type == "timeout"


@moves((PENDING, CANCELLED), (ASSIGNED, CANCELLED))
def test_any_open_job_is_cancelled_and_its_holder_hears_and_its_late_result_is_gone() -> None:
    desk = desk_with_a_lease()
    desk.submit("k")
    assert [verdict.was for verdict in desk.cancel("j", "k")] == [ASSIGNED, PENDING]
    assert desk.beat("a", ("j", 1, 1.0)) == ["cancel"]
    with pytest.raises(errors.Gone):
        desk.tell("a", completed("j", 1))


@pytest.mark.parametrize("final", [COMPLETED, FAILED, CANCELLED])
def test_a_final_job_stays_as_it_is_and_a_retry_is_a_new_job(final: JobState) -> None:
    desk = desk_with_a_lease()
    if final is CANCELLED:
        desk.cancel("j")
    else:
        desk.tell("a", completed("j", 1) if final is COMPLETED else failed("j", 1))
    end = desk.end("j")
    desk.cancel("j")
    for report in (completed("j", 1, "other"), failed("j", 1), completed("j", 2)):
        desk.report("a", report)
        desk.report("b", report)
    desk.wait(1_000)
    desk.tick()
    assert desk.end("j") is end
    desk.submit(order("again", retry_of="j"))
    assert (desk.state("again"), desk.end("j")) == (PENDING, end)


def test_the_rows_make_every_move_of_the_table_and_no_other() -> None:
    assert CLAIMED == TRANSITIONS


# ── leases and clocks ────────────────────────────────────────────────────────────────────────────


def test_a_lease_lasts_a_minute_with_heartbeats_else_the_jobs_timeout_else_an_hour() -> None:
    desk = Desk()
    desk.register("agent")
    desk.register("plain", None, slots=None)
    desk.submit("i", order("j", timeout_s=120.0), "k", "l")
    assert desk.grant("agent").lease_s == 60.0
    assert desk.grant("plain", lease_s=None).lease_s == 120.0
    assert desk.grant("plain", lease_s=None).lease_s == 3600.0
    assert desk.grant("plain", lease_s=10.0).lease_s == 10.0


@pytest.mark.parametrize("years", [-10, 10])
def test_deadlines_are_on_the_monotonic_clock(years: int) -> None:
    desk = desk_with_a_lease()
    desk.at += years * 365.25 * 86_400
    desk.wait(59)
    desk.tick()
    assert desk.state("j") == ASSIGNED
    desk.wait(2)
    desk.tick()
    assert desk.state("j") == PENDING


def test_after_a_restart_every_assigned_job_has_one_full_fresh_lease_and_its_epoch() -> None:
    desk = desk_with_a_lease()
    desk.wait(59)
    desk.restart(away_s=1_000)
    assert desk.board.jobs["j"].epoch == 1
    desk.wait(59)
    desk.tick()
    assert desk.state("j") == ASSIGNED
    desk.wait(2)
    desk.tick()
    assert desk.state("j") == PENDING


def test_a_coordinator_that_was_stalled_extends_every_lease_by_the_gap_and_expires_nothing() -> (
    None
):
    desk = desk_with_a_lease()
    desk.wait(100)
    desk.tick(gap_s=99.0)
    assert desk.state("j") == ASSIGNED
    desk.wait(58)
    desk.tick()
    assert desk.state("j") == ASSIGNED
    desk.wait(2)
    desk.tick()
    assert desk.state("j") == PENDING


def test_jobs_go_by_priority_then_creation_and_one_that_comes_back_keeps_its_place() -> None:
    desk = Desk()
    desk.register("a")
    desk.submit("first", "second", order("urgent", priority=1))
    assert desk.poll("a") == [("urgent", 1)]
    assert desk.poll("a") == [("first", 1)]
    desk.leave("a")
    desk.register("a")
    assert [desk.poll("a")[0][0] for _ in range(2)] == ["urgent", "first"]


def test_a_poll_repeated_under_its_id_gets_the_same_live_lease() -> None:
    desk = Desk()
    desk.register("a")
    desk.submit("j", "k")
    assert desk.poll("a", request_id="p") == desk.poll("a", request_id="p") == [("j", 1)]
    assert desk.poll("a", request_id="q") == [("k", 1)]


# ── what may be said again ───────────────────────────────────────────────────────────────────────


def test_registering_is_repeatable_by_node_id_and_credential_and_a_new_boot_ends_leases() -> None:
    desk = desk_with_a_lease()
    desk.submit("k")
    desk.poll("a")
    for _ in range(2):
        assert desk.register("a", holding=(("j", 1),), credential="mine") == ()
    assert desk.board.leased.keys() == {"j", "k"}
    desk.register("a", "boot-2", holding=(("j", 1),), credential="mine")
    assert desk.board.leased.keys() == {"j"}
    with pytest.raises(errors.Forbidden):
        desk.register("a", credential="not mine")


def test_leasing_many_is_repeatable_by_request_id() -> None:
    desk = Desk()
    desk.register("a", slots=4)
    desk.submit("i", "j", "k")
    got = desk.poll("a", 2, "r")
    assert len(got) == 2
    assert desk.poll("a", 2, "r") == got


def test_a_heartbeat_is_repeatable_and_says_ok_cancel_or_lost_per_lease() -> None:
    desk = desk_with_a_lease()
    desk.submit("k")
    desk.poll("a")
    for _ in range(2):
        assert desk.beat("a", ("j", 1, 1.0), ("k", 1, 1.0), ("x", 1, 1.0)) == ["ok", "ok", "lost"]
    desk.cancel("k")
    assert desk.beat("a", ("j", 1, 1.0), ("k", 1, 1.0)) == ["ok", "cancel"]


def test_a_result_is_repeatable_by_job_epoch_and_bytes() -> None:
    desk = desk_with_a_lease()
    desk.tell("a", completed("j", 1))
    desk.tell("a", completed("j", 1))
    with pytest.raises(errors.Conflict):
        desk.tell("a", completed("j", 1, "other bytes"))


def test_a_result_under_an_old_epoch_is_a_conflict() -> None:
    desk = desk_with_a_lease()
    desk.wait(61)
    desk.tick()
    desk.poll("b")
    with pytest.raises(errors.LeaseLost) as caught:
        desk.tell("a", completed("j", 1))
    assert caught.value.http_status == 409


def test_a_result_without_an_epoch_counts_for_the_one_live_lease_of_that_node() -> None:
    desk = desk_with_a_lease()
    with pytest.raises(errors.LeaseLost):
        desk.tell("b", completed("j", None))
    desk.tell("a", completed("j", None))
    assert desk.end("j").epoch == 1


def test_a_failure_is_repeatable() -> None:
    desk = desk_with_a_lease(retries=1)
    for _ in range(2):
        desk.tell("a", failed("j", 1))
    assert desk.board.jobs["j"].failures == 1


def test_results_are_repeatable_item_by_item() -> None:
    desk = desk_with_a_lease()
    desk.submit("k")
    desk.poll("a")
    desk.tell("a", completed("j", 1))
    verdicts = desk.report("a", completed("j", 1), completed("k", 1), completed("x", 1))
    assert [verdict.error is None for verdict in verdicts] == [True, True, False]
    assert refused(errors.NotFound, verdicts[2])


def test_leaving_is_repeatable() -> None:
    desk = desk_with_a_lease()
    assert (desk.leave("a"), desk.leave("a")) == (1, 0)


@pytest.mark.parametrize("key", [None, "k"])
def test_submitting_is_repeatable_by_key_or_job_id_all_or_nothing(key: str | None) -> None:
    desk = Desk()
    assert desk.submit(order("j", key=key)) == desk.submit(order("j", key=key))
    with pytest.raises(errors.Conflict):
        desk.submit("new", order("j", body="another", key=key))
    assert desk.board.jobs.keys() == {"j"}


def test_cancelling_is_repeatable() -> None:
    desk = desk_with_a_lease()
    assert desk.cancel("j")[0].state is CANCELLED
    assert desk.cancel("j")[0].state is CANCELLED
