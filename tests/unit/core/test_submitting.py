"""Submitting: what is a repeat, what depends on what, and in which order jobs wait."""

from __future__ import annotations

import pytest

from nexapod import errors
from nexapod.core.commands import Submit
from nexapod.core.decide import dependencies
from nexapod.core.states import JobState
from tests.unit.core.builders import Desk, completed, desk_with_a_lease, failed, order

PENDING, COMPLETED, FAILED = JobState.PENDING, JobState.COMPLETED, JobState.FAILED


def desk_with_nodes() -> Desk:
    desk = Desk()
    desk.register("a", slots=64)
    desk.register("b", slots=64)
    return desk


def run(desk: Desk, job_id: str) -> None:
    """Let node a run the job that waits first, which must be this one."""
    [(got, epoch)] = desk.poll("a")
    assert got == job_id
    desk.tell("a", completed(job_id, epoch))


# ── repeats ──────────────────────────────────────────────────────────────────────────────────────


def test_the_same_job_submitted_again_is_the_same_job_and_says_how_far_it_is() -> None:
    desk = desk_with_a_lease()
    assert desk.submit("j") == [("j", JobState.ASSIGNED)]
    desk.tell("a", completed("j", 1))
    assert desk.submit("j") == [("j", COMPLETED)]
    assert desk.last == []


def test_an_id_with_another_body_is_a_conflict() -> None:
    desk = desk_with_a_lease()
    with pytest.raises(errors.Conflict, match="job_id"):
        desk.submit(order("j", body="other"))
    desk.tell("a", completed("j", 1))
    with pytest.raises(errors.Conflict):
        desk.submit(order("j", body="other"))


def test_the_same_key_gives_the_first_job_whatever_id_comes_with_it() -> None:
    desk = desk_with_nodes()
    desk.submit(order("first", key="k", body="x"))
    assert desk.submit(order("second", key="k", body="x")) == [("first", PENDING)]
    run(desk, "first")
    assert desk.submit(order("third", key="k", body="x")) == [("first", COMPLETED)]
    assert len(desk.ledger.queued) == 1


def test_the_same_key_with_another_body_is_a_conflict() -> None:
    desk = desk_with_nodes()
    desk.submit(order("first", key="k", body="x"))
    with pytest.raises(errors.Conflict, match="key") as caught:
        desk.submit(order("second", key="k", body="y"))
    assert caught.value.details == {"job_id": "first"}


def test_a_repeat_inside_one_batch_is_one_job() -> None:
    desk = desk_with_nodes()
    assert desk.submit("j", "j") == [("j", PENDING)] * 2
    keyed = [order(job_id, key="k", body="x") for job_id in "uv"]
    assert desk.submit(*keyed) == [("u", PENDING)] * 2
    with pytest.raises(errors.Conflict):
        desk.submit(order("w", key="new", body="x"), order("x", key="new", body="y"))
    assert "w" not in desk.board.jobs


def test_one_bad_order_refuses_the_whole_batch() -> None:
    desk = desk_with_nodes()
    desk.submit("j")
    with pytest.raises(errors.Conflict):
        desk.submit("new", order("j", body="other"))
    assert "new" not in desk.board.jobs
    assert desk.board.next_seq == 2


# ── dependencies ─────────────────────────────────────────────────────────────────────────────────


def test_an_unknown_dependency_refuses_the_whole_batch() -> None:
    desk = desk_with_nodes()
    with pytest.raises(errors.Invalid, match="'after'"):
        desk.submit("j", order("k", after=("nobody",)))
    assert desk.board.jobs == {}


def test_a_dependency_may_come_earlier_in_the_batch_but_not_later() -> None:
    desk = desk_with_nodes()
    desk.submit("u", order("v", after=("u",)))
    with pytest.raises(errors.Invalid):
        desk.submit(order("x", after=("y",)), "y")


def test_a_chain_runs_in_order() -> None:
    desk = desk_with_nodes()
    desk.submit("u", order("v", after=("u",)), order("w", after=("v",)))
    assert desk.poll("b", 1) == [("u", 1)]
    assert desk.poll("a") == []
    desk.tell("b", completed("u", 1))
    run(desk, "v")
    run(desk, "w")


def test_a_diamond_waits_for_both_sides() -> None:
    desk = desk_with_nodes()
    desk.submit(
        "top",
        order("l", after=("top",)),
        order("r", after=("top",)),
        order("end", after=("l", "r")),
    )
    run(desk, "top")
    run(desk, "l")
    assert desk.board.jobs["end"].waits_on == {"r"}
    run(desk, "r")
    run(desk, "end")


def test_a_dependency_that_completed_before_is_no_wait() -> None:
    desk = desk_with_nodes()
    desk.submit("u")
    run(desk, "u")
    desk.board.recent.clear()
    assert desk.submit(order("v", after=("u",))) == [("v", PENDING)]
    run(desk, "v")


def test_a_dependency_that_failed_before_fails_the_job_at_once() -> None:
    desk = desk_with_nodes()
    desk.submit("u")
    desk.poll("a")
    desk.tell("a", failed("u", 1))
    made = desk.submit(order("v", after=("u",)), order("w", after=("v",)), "x")
    assert made == [("v", FAILED), ("w", FAILED), ("x", PENDING)]
    assert desk.end("v").failure.type == "dependency"
    assert "u" in desk.end("v").failure.message


def test_a_job_that_is_doomed_by_one_dependency_does_not_wait_for_another() -> None:
    desk = desk_with_nodes()
    desk.submit("bad", "open")
    desk.cancel("bad")
    assert desk.submit(order("v", after=("open", "bad"))) == [("v", FAILED)]
    run(desk, "open")


def test_a_failed_parent_fails_every_descendant_once() -> None:
    desk = desk_with_nodes()
    desk.submit(
        "top",
        order("l", after=("top",)),
        order("r", after=("top",)),
        order("end", after=("l", "r")),
        order("last", after=("end", "top")),
    )
    desk.poll("a")
    desk.tell("a", failed("top", 1))
    assert [desk.state(j) for j in ("top", "l", "r", "end", "last")] == ["failed"] * 5
    assert {desk.end(j).failure.type for j in ("l", "r", "end", "last")} == {"dependency"}
    assert desk.board.dependants == {}


def test_a_retry_of_the_parent_fails_nobody_yet() -> None:
    desk = desk_with_nodes()
    desk.submit(order("top", retries=1), order("v", after=("top",)))
    desk.poll("a")
    desk.tell("a", failed("top", 1))
    assert desk.state("v") == "pending"


def test_a_cancelled_parent_fails_its_dependants_and_names_it() -> None:
    desk = desk_with_nodes()
    desk.submit("top", order("v", after=("top",)), order("w", after=("v",)))
    desk.cancel("top")
    assert [desk.state(j) for j in ("top", "v", "w")] == ["cancelled", "failed", "failed"]
    assert "top" in desk.end("v").failure.message


@pytest.mark.parametrize("wanted", [("top", "v"), ("v", "top")])
def test_a_parent_and_its_dependant_cancelled_together_are_both_cancelled(
    wanted: tuple[str, ...],
) -> None:
    desk = desk_with_nodes()
    desk.submit("top", order("v", after=("top",)), order("w", after=("v",)))
    desk.cancel(*wanted)
    assert [desk.state(j) for j in ("top", "v", "w")] == ["cancelled", "cancelled", "failed"]


def test_a_dependant_that_is_cancelled_no_longer_waits() -> None:
    desk = desk_with_nodes()
    desk.submit("top", order("v", after=("top",)))
    desk.cancel("v")
    run(desk, "top")
    assert desk.poll("a") == []


def test_a_saved_result_releases_the_dependants() -> None:
    desk = desk_with_a_lease()
    desk.submit(order("v", after=("j",)))
    desk.wait(61)
    desk.tick()
    desk.tell("a", completed("j", 1))
    assert desk.poll("a") == [("v", 1)]


def test_the_shell_looks_up_every_id_and_dependency() -> None:
    assert dependencies([order("j", after=("u", "v")), order("k")]) == {"j", "k", "u", "v"}


# ── order ────────────────────────────────────────────────────────────────────────────────────────


def drain(desk: Desk, node_id: str = "a") -> list[str]:
    got = []
    while leases := desk.poll(node_id):
        got += [job_id for job_id, _ in leases]
    return got


def test_jobs_are_handed_out_by_priority_and_then_by_creation() -> None:
    desk = desk_with_nodes()
    for job_id, priority in [("u", 0), ("v", 5), ("w", -1), ("x", 5), ("y", 0)]:
        desk.submit(order(job_id, priority=priority))
    assert drain(desk) == ["v", "x", "u", "y", "w"]


def test_the_order_holds_between_jobs_of_different_demands() -> None:
    from nexapod.core.records import Demand

    desk = desk_with_nodes()
    for at, job_id in enumerate("uvwxyz"):
        desk.submit(order(job_id, Demand(kind="function" if at % 2 else "data"), priority=at // 4))
    assert drain(desk) == ["y", "z", "u", "v", "w", "x"]


def test_a_job_that_comes_back_keeps_its_place() -> None:
    desk = desk_with_nodes()
    desk.submit(*"uvwxyz")
    first = desk.poll("a", 3)
    assert [job_id for job_id, _ in first] == ["u", "v", "w"]
    desk.leave("a", release=(("v", 1),))
    desk.leave("a", release=(("u", 1),))
    assert drain(desk, "b") == ["u", "v", "x", "y", "z"]


def test_a_job_keeps_its_place_across_a_restart() -> None:
    desk = desk_with_nodes()
    desk.submit(*"uvw")
    desk.poll("a", 2)
    desk.leave("a")
    desk.restart()
    assert drain(desk, "b") == ["u", "v", "w"]


def test_a_released_dependant_keeps_the_place_of_its_creation() -> None:
    desk = desk_with_nodes()
    desk.submit("top", order("child", after=("top",)), "x", "y")
    desk.poll("a")
    desk.tell("a", completed("top", 1))
    assert drain(desk) == ["child", "x", "y"]


def test_a_key_whose_job_just_ended_is_known_before_the_store_is() -> None:
    desk = desk_with_a_lease(key="k", body="x")
    desk.tell("a", completed("j", 1))
    again = order("other", key="k", body="x")
    assert desk.do(Submit((again,))) == [("j", COMPLETED)]


def test_a_retry_of_a_job_whose_need_failed_is_refused_and_names_what_to_retry_first() -> None:
    desk = desk_with_a_lease("need")
    desk.submit(order("j", after=("need",)))
    desk.tell("a", failed("need", 1))
    assert desk.state("j") == "failed"
    with pytest.raises(errors.Conflict, match=r"job need, .* retry that job first"):
        desk.submit(order("again", after=("need",), retry_of="j"))
    desk.submit(order("need-2", retry_of="need"))
    desk.submit(order("again", after=("need-2",), retry_of="j"))
    assert desk.state("again") == "pending"
