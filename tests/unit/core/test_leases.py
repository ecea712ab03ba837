"""Leases and clocks: who loses a job, when, and who never does."""

from __future__ import annotations

import pytest

from nexapod.core import commands as c
from nexapod.core.records import AttemptReport
from nexapod.core.states import AttemptEnd, JobState, NodeState
from tests.unit.core.builders import KINDS, Desk, completed, desk_with_a_lease, failed, order

# ── how long a lease is ──────────────────────────────────────────────────────────────────────────


def test_a_lease_lasts_what_the_node_asked_for() -> None:
    desk = Desk()
    desk.register("a")
    desk.submit("j")
    assert desk.grant("a", lease_s=120.0).lease_s == 120.0
    assert desk.board.jobs["j"].lease.deadline_s == desk.mono_s + 120.0


def test_a_plain_nodes_lease_lasts_the_jobs_timeout() -> None:
    desk = Desk()
    desk.register("a")
    desk.submit(order("j", timeout_s=200.0))
    assert desk.do(c.Acquire("a", 1, KINDS)).lease_s == 200.0


def test_a_plain_nodes_lease_lasts_an_hour_when_nobody_says() -> None:
    desk = Desk()
    desk.register("a")
    desk.submit("j")
    assert desk.do(c.Acquire("a", 1, KINDS)).lease_s == 3600.0


def test_a_poll_in_vain_still_says_how_long_a_lease_would_be() -> None:
    desk = Desk()
    desk.register("a")
    assert desk.do(c.Acquire("a", 1, KINDS, None, 30.0)).lease_s == 30.0
    assert desk.do(c.Acquire("a", 1, KINDS)).lease_s == 3600.0


def test_a_lease_ends_at_its_deadline_and_not_before() -> None:
    desk = desk_with_a_lease()
    desk.wait(59.5)
    desk.tick()
    assert desk.state("j") == "assigned"
    desk.wait(0.5)
    desk.tick()
    assert desk.state("j") == "pending"


def test_wall_time_decides_nothing_about_leases() -> None:
    desk = desk_with_a_lease()
    desk.at += 10 * 365 * 86_400
    desk.tick()
    assert desk.state("j") == "assigned"
    desk.at -= 20 * 365 * 86_400
    desk.mono_s += 61
    desk.tick()
    assert desk.state("j") == "pending"


# ── a coordinator that was away ──────────────────────────────────────────────────────────────────


def test_a_stalled_coordinator_expires_nothing_and_extends_every_lease_by_the_gap() -> None:
    desk = desk_with_a_lease()
    deadline_s = desk.board.jobs["j"].lease.deadline_s
    desk.wait(300)
    desk.tick(gap_s=299.0)
    assert desk.state("j") == "assigned"
    assert desk.board.jobs["j"].lease.deadline_s == deadline_s + 299.0
    assert desk.board.nodes["a"].state(desk.mono_s) is NodeState.ONLINE
    desk.wait(60)
    desk.tick()
    assert desk.state("j") == "pending"


def test_a_short_delay_is_no_stall() -> None:
    desk = desk_with_a_lease()
    desk.wait(65)
    desk.tick(gap_s=5.0)
    assert desk.state("j") == "pending"


def test_a_stall_does_not_hold_back_jobs_whose_back_off_is_over() -> None:
    desk = desk_with_a_lease(retries=1)
    desk.tell("a", failed("j", 1))
    desk.wait(100)
    desk.tick(gap_s=99.0)
    assert desk.poll("b") == [("j", 2)]


# ── a coordinator that restarted ─────────────────────────────────────────────────────────────────


def test_a_restart_gives_every_assigned_job_one_full_fresh_lease() -> None:
    desk = desk_with_a_lease()
    desk.wait(50)
    desk.restart(away_s=1000)
    assert desk.state("j") == "assigned"
    desk.wait(59)
    desk.tick()
    assert desk.state("j") == "assigned"
    desk.wait(1)
    desk.tick()
    assert desk.state("j") == "pending"


def test_a_restart_changes_no_epoch_and_the_holder_goes_on() -> None:
    desk = desk_with_a_lease()
    desk.restart()
    assert desk.board.jobs["j"].epoch == 1
    assert desk.beat("a", ("j", 1, 5.0)) == ["ok"]
    desk.tell("a", completed("j", 1))
    assert desk.state("j") == "completed"


def test_an_epoch_is_never_given_twice_across_a_restart() -> None:
    desk = desk_with_a_lease()
    desk.tell("a", AttemptReport("j", 1, AttemptEnd.RELEASED))
    desk.restart()
    assert desk.poll("b") == [("j", 2)]


def test_a_restart_keeps_the_back_off() -> None:
    desk = desk_with_a_lease(retries=9)
    for epoch in range(1, 6):
        desk.tell("a", failed("j", epoch))
        if epoch < 5:
            desk.wait(60)
            desk.tick()
            desk.poll("a")
    due_s = desk.board.delayed[0][0]
    desk.restart(away_s=2.0)
    assert desk.board.delayed[0][0] == pytest.approx(due_s)
    assert desk.board.jobs["j"].failures == 5
    assert desk.poll("a") == []
    desk.wait(60)
    desk.tick()
    assert desk.poll("a") == [("j", 6)]


def test_a_back_off_that_ended_while_nobody_was_there_is_over() -> None:
    desk = desk_with_a_lease(retries=1)
    desk.tell("a", failed("j", 1))
    desk.restart(away_s=100)
    assert desk.poll("b") == [("j", 2)]


def test_a_restart_keeps_dependencies_keys_and_counts() -> None:
    desk = desk_with_a_lease(key="k")
    desk.submit("done", order("child", after=("j", "done")))
    desk.poll("b")
    desk.tell("b", completed("done", 1))
    desk.restart()
    assert desk.board.jobs["child"].waits_on == {"j"}
    assert desk.board.keys["k"].spec.id == "j"
    assert desk.board.counts[JobState.COMPLETED] == 1
    assert desk.board.nodes["b"].completed == 1
    desk.tell("a", completed("j", 1))
    assert desk.poll("b") == [("child", 1)]


def test_a_restart_remembers_which_nodes_lost_a_job() -> None:
    desk = Desk()
    desk.submit("j")
    for node_id in "abc":
        desk.register(node_id)
        assert desk.poll(node_id)
        desk.wait(61)
        desk.tick()
        desk.restart()
    assert desk.end("j").failure.type == "poison"


def test_a_former_holder_saves_its_work_across_a_restart() -> None:
    desk = desk_with_a_lease()
    desk.wait(61)
    desk.tick()
    desk.restart()
    desk.tell("a", completed("j", 1))
    assert desk.state("j") == "completed"


def test_a_restart_gives_a_plain_node_its_hour_again() -> None:
    desk = Desk()
    desk.register("seed", boot_id=None, slots=None)
    desk.submit("j")
    desk.do(c.Acquire("seed", 1, KINDS))
    desk.restart()
    desk.wait(3599)
    desk.tick()
    assert desk.state("j") == "assigned"


def test_a_restart_gives_a_node_that_heartbeats_no_more_than_its_minute() -> None:
    desk = desk_with_a_lease(timeout_s=86_400.0)
    desk.restart()
    desk.wait(61)
    desk.tick()
    assert desk.state("j") == "pending"


# ── a poll that is repeated ──────────────────────────────────────────────────────────────────────


def test_a_poll_repeated_with_the_same_id_gets_the_same_live_lease() -> None:
    desk = Desk()
    desk.register("a")
    desk.submit("j", "k")
    assert desk.poll("a", request_id="p1") == [("j", 1)]
    assert desk.poll("a", request_id="p1") == [("j", 1)]
    assert desk.state("k") == "pending"
    assert desk.poll("a", request_id="p2") == [("k", 1)]


def test_a_repeated_poll_for_many_gets_the_same_many() -> None:
    desk = Desk()
    desk.register("a", slots=4)
    desk.submit(*"uvwxyz")
    first = desk.poll("a", 3, request_id="p1")
    assert len(first) == 3
    assert desk.poll("a", 3, request_id="p1") == first


def test_a_poll_id_is_good_across_a_restart() -> None:
    desk = Desk()
    desk.register("a")
    desk.submit("j", "k")
    assert desk.poll("a", request_id="p1") == [("j", 1)]
    desk.restart()
    assert desk.poll("a", request_id="p1") == [("j", 1)]


def test_a_poll_id_means_nothing_once_its_lease_is_over() -> None:
    desk = Desk()
    desk.register("a")
    desk.submit("j", "k")
    desk.poll("a", request_id="p1")
    desk.tell("a", completed("j", 1))
    assert desk.poll("a", request_id="p1") == [("k", 1)]


def test_another_nodes_poll_id_is_not_mine() -> None:
    desk = Desk()
    desk.register("a")
    desk.register("b")
    desk.submit("j", "k")
    assert desk.poll("a", request_id="p1") == [("j", 1)]
    assert desk.poll("b", request_id="p1") == [("k", 1)]


def test_a_poll_without_an_id_gets_another_job() -> None:
    desk = Desk()
    desk.register("a")
    desk.submit("j", "k")
    assert desk.poll("a") == [("j", 1)]
    assert desk.poll("a") == [("k", 1)]


# ── a node that comes, starts anew and goes ──────────────────────────────────────────────────────


def test_a_new_boot_ends_at_once_the_leases_it_no_longer_lists() -> None:
    desk = desk_with_a_lease()
    desk.submit("k")
    desk.poll("a")
    assert desk.register("a", "boot-2", holding=(("k", 1),)) == ()
    assert desk.state("j") == "pending"
    assert desk.state("k") == "assigned"
    assert desk.ends() == ["lost"]


def test_a_new_boot_that_says_nothing_of_leases_holds_none() -> None:
    desk = desk_with_a_lease()
    desk.register("a", "boot-2")
    assert desk.state("j") == "pending"
    assert not desk.board.nodes["a"].leases


def test_the_same_boot_registering_again_loses_nothing() -> None:
    desk = desk_with_a_lease()
    desk.register("a", "boot-1")
    assert desk.state("j") == "assigned"


def test_a_plain_node_registering_again_loses_nothing() -> None:
    desk = Desk()
    desk.register("a", None)
    desk.submit("j")
    desk.poll("a")
    desk.register("a", None)
    assert desk.state("j") == "assigned"


def test_registering_renews_what_is_held_and_names_what_is_not() -> None:
    desk = desk_with_a_lease()
    desk.wait(59)
    assert desk.register("a", "boot-1", holding=(("j", 1), ("x", 3))) == (("x", 3),)
    desk.wait(59)
    desk.tick()
    assert desk.state("j") == "assigned"


def test_registering_again_keeps_the_first_time_and_replaces_the_profile() -> None:
    desk = Desk()
    desk.register("a", slots=1)
    first = desk.board.nodes["a"].record.registered_at
    desk.register("a", slots=4)
    assert desk.board.nodes["a"].record.registered_at == first
    assert desk.board.nodes["a"].capacity.slots == 4


def test_a_node_that_can_do_more_after_registering_again_gets_what_it_could_not_before() -> None:
    desk = Desk()
    desk.register("a", tags=())
    from nexapod.core.records import Demand

    desk.submit(order("j", Demand(tags=("gpu",))))
    assert desk.poll("a") == []
    desk.register("a", tags=("gpu",))
    assert desk.poll("a") == [("j", 1)]


def test_a_node_that_leaves_gives_everything_back_and_gets_nothing_more() -> None:
    desk = desk_with_a_lease()
    assert desk.leave("a") == 1
    assert desk.state("j") == "pending"
    assert desk.poll("a") == []
    assert desk.board.nodes["a"].state(desk.mono_s) is NodeState.LEFT


def test_a_node_that_drains_keeps_what_it_does_not_release() -> None:
    desk = desk_with_a_lease()
    desk.submit("k")
    desk.poll("a")
    assert desk.leave("a", release=(("k", 1), ("j", 9), ("x", 1))) == 1
    assert desk.state("j") == "assigned"
    assert desk.board.nodes["a"].state(desk.mono_s) is NodeState.DRAINING
    assert desk.beat("a", ("j", 1, 1.0)) == ["ok"]
    desk.tell("a", completed("j", 1))
    assert desk.board.nodes["a"].state(desk.mono_s) is NodeState.LEFT


def test_a_node_that_left_is_back_when_it_registers() -> None:
    desk = desk_with_a_lease()
    desk.leave("a")
    desk.register("a", "boot-2")
    assert desk.poll("a") == [("j", 2)]


def test_a_silent_node_is_suspect_and_then_lost_but_not_while_it_holds_a_lease() -> None:
    desk = Desk()
    desk.register("a", None)
    node = desk.board.nodes["a"]
    assert node.state(desk.mono_s + 45) is NodeState.ONLINE
    assert node.state(desk.mono_s + 46) is NodeState.SUSPECT
    assert node.state(desk.mono_s + 121) is NodeState.LOST
    desk.submit("j")
    desk.do(c.Acquire("a", 1, KINDS))
    assert node.state(desk.mono_s + 1000) is NodeState.SUSPECT


def test_a_heartbeat_without_leases_says_that_the_node_is_there() -> None:
    desk = Desk()
    desk.register("a")
    desk.wait(100)
    assert desk.beat("a") == []
    assert desk.board.nodes["a"].state(desk.mono_s) is NodeState.ONLINE


# ── retries ──────────────────────────────────────────────────────────────────────────────────────


def delays(job_id: str, retries: int) -> list[float]:
    desk = desk_with_a_lease(job_id, retries=retries)
    found = []
    for epoch in range(1, retries + 1):
        desk.tell("a", failed(job_id, epoch))
        found.append(desk.board.delayed[0][0] - desk.mono_s)
        desk.wait(60)
        desk.tick()
        assert desk.poll("a") == [(job_id, epoch + 1)]
    return found


def test_the_back_off_doubles_and_is_capped_at_a_minute() -> None:
    for at, delay_s in enumerate(delays("j", 12)):
        most_s = min(60.0, 2.0**at)
        assert most_s / 2 <= delay_s <= most_s


def test_the_back_off_is_the_same_for_the_same_attempt_and_differs_between_jobs() -> None:
    assert delays("j", 4) == delays("j", 4)
    assert delays("j", 4) != delays("k", 4)


def test_a_thousand_retries_do_not_overflow_the_back_off() -> None:
    desk = desk_with_a_lease(retries=1000)
    desk.board.jobs["j"].failures = 999
    desk.tell("a", failed("j", 1))
    assert desk.board.delayed[0][0] - desk.mono_s <= 60.0


def test_a_job_waiting_for_its_back_off_can_be_cancelled_and_does_not_come_back() -> None:
    desk = desk_with_a_lease(retries=1)
    desk.tell("a", failed("j", 1))
    desk.cancel("j")
    desk.wait(10)
    desk.tick()
    assert desk.poll("b") == []
    assert desk.state("j") == "cancelled"


def test_a_lost_attempt_does_not_use_up_a_retry() -> None:
    desk = desk_with_a_lease(retries=1)
    desk.wait(61)
    desk.tick()
    assert desk.poll("a") == [("j", 2)]
    desk.tell("a", failed("j", 2))
    assert desk.state("j") == "pending"


def test_cancels_that_a_node_never_hears_of_are_not_kept_for_a_plain_node() -> None:
    desk = Desk()
    desk.register("seed", None, slots=None)
    desk.submit("j")
    desk.poll("seed")
    desk.cancel("j")
    assert not desk.board.nodes["seed"].cancels


def test_a_timeout_told_in_the_answer_is_not_kept_to_be_told_again() -> None:
    desk = desk_with_a_lease(timeout_s=1.0)
    assert desk.beat("a", ("j", 1, 30.0)) == ["cancel"]
    desk.beat("a")
    assert not desk.board.nodes["a"].cancels


def test_a_new_boot_forgets_what_its_predecessor_was_to_be_told() -> None:
    desk = desk_with_a_lease()
    desk.cancel("j")
    desk.register("a", "boot-2")
    assert not desk.board.nodes["a"].cancels


def test_a_restart_keeps_the_order_in_which_a_node_got_its_leases() -> None:
    desk = Desk()
    desk.register("a", slots=1, prefetch=2)
    desk.submit("old", order("urgent", priority=1))
    assert desk.poll("a") == [("urgent", 1)]
    desk.wait(1)
    assert desk.poll("a") == [("old", 1)]
    desk.restart()
    assert list(desk.board.nodes["a"].leases) == ["urgent", "old"]
    desk.register("a", "boot-2")
    assert desk.board.jobs["urgent"].lost_on == ("a",)
    assert desk.board.jobs["old"].lost_on == (), "it only waited there"


def test_a_wall_clock_before_1970_delays_no_job_at_a_restart() -> None:
    desk = desk_with_a_lease()
    desk.wait(61)
    desk.tick()
    desk.at = -1_000.0
    desk.restart()
    assert desk.poll("b") == [("j", 2)]
