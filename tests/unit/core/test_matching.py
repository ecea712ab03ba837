"""Who gets which job: requirements, room, shares, and why a job waits."""

from __future__ import annotations

from typing import Any

import pytest

from nexapod.core import commands as c
from nexapod.core.records import Capacity, Demand
from nexapod.core.schedule import Room, why_not
from tests.unit.core.builders import GB, KINDS, Desk, completed, order

RUNNER = "ab" * 32
OTHER = "cd" * 32


def capacity(**given: Any) -> Capacity:
    given = {"slots": 4, "cpus": 4.0, "memory_bytes": 8 * GB, "kinds": KINDS, **given}
    return Capacity(**given)


@pytest.mark.parametrize(
    ("has", "demand", "reason"),
    [
        ({}, Demand(), None),
        ({"kinds": ("function",)}, Demand(), "this node was started without --runner"),
        ({"kinds": ("data",)}, Demand(kind="function"), "function jobs need the nexapod agent"),
        (
            {},
            Demand(hashes=(("runner", RUNNER),)),
            f"needs runner {RUNNER[:12]}…, this node has none",
        ),
        (
            {"hashes": (("runner", OTHER),)},
            Demand(hashes=(("runner", RUNNER),)),
            f"this node has {OTHER[:12]}…",
        ),
        ({"hashes": (("runner", RUNNER),)}, Demand(hashes=(("runner", RUNNER),)), None),
        ({"python": "3.12"}, Demand(python="3.11"), "needs Python 3.11, this node has 3.12"),
        ({}, Demand(python="3.11"), "this node has an unknown one"),
        ({"python": "3.11"}, Demand(python="3.11"), None),
        ({}, Demand(tags=("gpu",)), "needs the tag 'gpu', this node has none"),
        ({"tags": ("lab", "big")}, Demand(tags=("gpu",)), "this node has lab, big"),
        ({"tags": ("lab", "gpu")}, Demand(tags=("gpu", "lab")), None),
        ({}, Demand(cpus=8), "needs 8 CPUs, this node has 4"),
        ({"cpus": 0.5}, Demand(cpus=1), None),
        ({}, Demand(memory_bytes=9 * GB), "needs 9 GB of memory, this node has 8"),
        ({}, Demand(memory_bytes=8 * GB), None),
        ({}, Demand(gpus=1), "needs 1 GPUs, this node has 0"),
        ({"gpus": 2}, Demand(gpus=2), None),
    ],
)
def test_the_first_condition_that_fails_is_named(
    has: dict[str, Any], demand: Demand, reason: str | None
) -> None:
    found = why_not(capacity(**has), demand)
    assert (found is None) is (reason is None)
    assert reason is None or reason in found


def test_a_job_that_a_node_cannot_run_is_skipped_and_the_node_says_why() -> None:
    desk = Desk()
    desk.register("a")
    desk.submit(order("gpu", Demand(gpus=1)), order("gpu2", Demand(gpus=1)), "plain")
    assert desk.poll("a") == [("plain", 1)]
    assert desk.board.node_views(desk.mono_s)[0].unmatched == (
        "2 waiting jobs: needs 1 GPUs, this node has 0",
    )


def test_a_node_lists_its_three_most_common_reasons() -> None:
    desk = Desk()
    desk.register("a", slots=1)
    for at, count in enumerate([1, 4, 3, 2]):
        desk.submit(*(order(f"{at}-{n}", Demand(tags=(f"t{at}",))) for n in range(count)))
    unmatched = desk.board.node_views(desk.mono_s)[0].unmatched
    assert [text[:14] for text in unmatched] == [
        "4 waiting jobs",
        "3 waiting jobs",
        "2 waiting jobs",
    ]


def test_a_plain_poll_gets_no_function_job_even_on_a_node_that_takes_them() -> None:
    desk = Desk()
    desk.register("a")
    desk.submit(order("f", Demand(kind="function")), "d")
    grant = desk.do(c.Acquire("a", 5, ("data",)))
    assert [job.id for job in grant.jobs] == ["d"]


# ── room ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_node_holds_no_more_leases_than_slots() -> None:
    desk = Desk()
    desk.register("a", slots=2)
    desk.submit(*"uvw")
    assert len(desk.poll("a", 10)) == 2
    assert desk.poll("a", 10) == []
    desk.tell("a", completed("u", 1))
    assert desk.poll("a", 10) == [("w", 1)]


def test_light_jobs_may_queue_on_a_node_that_prefetches_and_heavy_ones_may_not() -> None:
    room = Room(capacity(slots=1, prefetch=2), [])
    heavy = Demand(cpus=2)
    assert room.fits(heavy)
    for _ in range(3):
        assert room.fits(Demand())
        room.take(Demand())
        assert not room.fits(heavy)
    assert not room.fits(Demand())


def test_a_plain_node_is_not_capped() -> None:
    desk = Desk()
    desk.register("seed", None, slots=None)
    desk.submit(*"uvwxyz")
    for _ in range(6):
        assert len(desk.poll("seed")) == 1


def test_heavy_jobs_share_cpus_memory_and_gpus() -> None:
    have = capacity(slots=8, gpus=2)
    for demand, fits in [
        (Demand(cpus=3), 1),
        (Demand(cpus=2), 2),
        (Demand(memory_bytes=3 * GB), 2),
        (Demand(gpus=1), 2),
        (Demand(cpus=0.5, gpus=1), 2),
    ]:
        room, count = Room(have, []), 0
        while room.fits(demand):
            room.take(demand)
            count += 1
        assert count == fits, demand


def test_what_is_held_already_counts() -> None:
    desk = Desk()
    desk.register("a", slots=4, cpus=4.0)
    desk.submit(*(order(j, Demand(cpus=3)) for j in "uv"))
    assert desk.poll("a", 4) == [("u", 1)]
    assert desk.poll("a", 4) == []
    desk.tell("a", completed("u", 1))
    assert desk.poll("a", 4) == [("v", 1)]


def test_small_jobs_pass_a_big_one_that_does_not_fit_yet() -> None:
    desk = Desk()
    desk.register("a", slots=4, cpus=4.0)
    desk.submit(order("u", Demand(cpus=3)), order("big", Demand(cpus=4)), "small")
    assert desk.poll("a") == [("u", 1)]
    assert desk.poll("a") == [("small", 1)]


def test_a_big_job_that_waited_long_is_passed_no_more() -> None:
    desk = Desk()
    desk.register("a", slots=4, cpus=4.0)
    desk.submit(order("u", Demand(cpus=3)), order("big", Demand(cpus=4)), "small")
    assert desk.poll("a") == [("u", 1)]
    desk.wait(31)
    desk.beat("a", ("u", 1, 31.0))
    assert desk.poll("a") == []
    desk.tell("a", completed("u", 1))
    assert desk.poll("a") == [("big", 1)]


def test_what_a_waiting_job_does_not_need_is_still_given_to_others() -> None:
    desk = Desk()
    desk.register("a", slots=4, cpus=4.0, memory_bytes=10 * 10**9)
    seven = Demand(memory_bytes=7 * 10**9)
    desk.submit(order("u", seven), order("big", seven), order("big2", seven), "small", "small2")
    assert desk.poll("a") == [("u", 1)]
    desk.wait(31)
    desk.beat("a", ("u", 1, 31.0))
    assert desk.poll("a", most=4) == [("small", 1), ("small2", 1)]


def test_a_big_job_is_not_reserved_on_a_node_that_can_never_run_it() -> None:
    desk = Desk()
    desk.register("a", slots=4, cpus=4.0)
    desk.submit(order("huge", Demand(cpus=64)), "small")
    desk.wait(100)
    assert desk.poll("a") == [("small", 1)]


# ── shares ───────────────────────────────────────────────────────────────────────────────────────


def test_a_node_asking_for_many_does_not_empty_a_short_queue() -> None:
    desk = Desk()
    desk.register("a", slots=2, prefetch=100)
    desk.register("b", slots=2, prefetch=100)
    desk.submit(*(f"j{n:02d}" for n in range(40)))
    assert len(desk.poll("a", 100)) == 10
    assert len(desk.poll("b", 100)) == 7


def test_a_node_always_gets_its_free_slots_full() -> None:
    desk = Desk()
    desk.register("a", slots=4, prefetch=8)
    for n in range(10):
        desk.register(f"idle{n}", slots=4)
    desk.submit(*"uvwxyz")
    assert len(desk.poll("a", 100)) == 4


def test_a_node_that_left_counts_for_nobodys_share() -> None:
    desk = Desk()
    desk.register("a", slots=2, prefetch=100)
    desk.register("b", slots=2, prefetch=100)
    desk.submit(*(f"j{n:02d}" for n in range(40)))
    desk.leave("b")
    assert len(desk.poll("a", 100)) == 20


def test_nobody_gets_more_than_it_asked_for() -> None:
    desk = Desk()
    desk.register("a", slots=50)
    desk.submit(*(f"j{n:02d}" for n in range(40)))
    assert len(desk.poll("a", 7)) == 7


# ── what people see ──────────────────────────────────────────────────────────────────────────────


def test_jobs_that_only_queue_on_a_node_do_not_count_as_running() -> None:
    desk = Desk()
    desk.register("a", slots=1, prefetch=4)
    desk.submit(*"uvw")
    desk.poll("a", 3)
    desk.poll("a", 3)
    held = [(job_id, 1, -1.0) for job_id in desk.board.nodes["a"].leases]
    desk.beat("a", (held[0][0], 1, 5.0), *held[1:])
    view = desk.board.node_views(desk.mono_s)[0]
    assert (view.leases, view.running) == (len(held), 1)
