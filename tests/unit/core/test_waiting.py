"""Why a job waits: sentences that name what it needs and what would help."""

from __future__ import annotations

from typing import Any

import pytest

from nexapod.core import commands as c
from nexapod.core.records import AttemptReport, Capacity, Demand
from nexapod.core.schedule import Room
from nexapod.core.states import AttemptEnd
from nexapod.core.waiting import MOST, reasons
from tests.unit.core.builders import GB, Desk, completed, failed, order


def why(desk: Desk, job_id: str = "j") -> list[str]:
    return reasons(desk.board, desk.board.jobs[job_id], desk.now)


def lab(**capacity: Any) -> Desk:
    desk = Desk()
    desk.register("a", **capacity)
    return desk


NEVER = "no node here can ever run it: add one that can, or submit it again asking for less"


def test_without_nodes_it_says_how_to_start_one() -> None:
    desk = Desk()
    desk.submit("j")
    assert why(desk) == [
        "no node has joined this fleet; start one with the command of fleet.invite()"
    ]


def test_a_job_that_does_not_wait_has_no_reasons() -> None:
    desk = lab()
    desk.submit("j")
    desk.poll("a")
    assert why(desk) == []


def test_it_names_the_jobs_whose_results_are_needed() -> None:
    desk = lab()
    desk.submit("first", "second")
    desk.submit(order("j", after=("first", "second")))
    desk.poll("a")
    assert why(desk) == [
        "it waits for job first, whose result it needs and which is assigned",
        "it waits for job second, whose result it needs and which is pending",
    ]
    desk.report("a", completed("first", 1))
    assert len(why(desk)) == 1


def test_very_many_needed_jobs_are_counted() -> None:
    desk = lab()
    names = [f"d{n:02d}" for n in range(30)]
    desk.submit(*names)
    desk.submit(order("j", after=tuple(names)))
    told = why(desk)
    assert len(told) == MOST
    assert told[-1] == "and for 21 other jobs"


def test_a_back_off_says_how_long() -> None:
    desk = lab()
    desk.submit(order("j", retries=3))
    desk.poll("a")
    desk.report("a", failed("j", 1))
    (told,) = why(desk)
    assert told.startswith("it failed once, and is tried again in 1 s")


@pytest.mark.parametrize(
    ("demand", "told"),
    [
        (Demand(gpus=2), "a: needs 2 GPUs, this node has 0"),
        (Demand(tags=("gpu",)), "a: needs the tag 'gpu', this node has none"),
        (Demand(python="3.12"), "a: needs Python 3.12, this node has 3.11"),
        (Demand(memory_bytes=32 * GB), "a: needs 32 GB of memory, this node has 16"),
        (Demand(hashes=(("weights", "ab" * 32),)),
         "a: needs weights abababababab…, this node has none"),
    ],
)  # fmt: skip
def test_what_a_node_can_never_meet_is_named(demand: Demand, told: str) -> None:
    desk = lab(python="3.11")
    desk.submit(order("j", demand))
    assert why(desk) == [told, NEVER]


def test_busy_slots_are_named_and_so_is_the_place_in_the_queue() -> None:
    desk = lab(slots=1)
    desk.submit("running", "ahead", "j")
    desk.poll("a")
    assert why(desk) == [
        "1 job is before it in the queue",
        "a: its slot is busy; it waits until a job there ends",
    ]
    desk.submit(order("urgent", priority=1), order("also", Demand(tags=("x",)), priority=1))
    assert why(desk)[0] == "3 jobs are before it in the queue"


def test_jobs_that_were_cancelled_or_came_back_are_counted_right() -> None:
    desk = lab(slots=2)
    desk.submit("back", "gone", "stays", "also-gone", "last", "j")
    assert desk.poll("a") == [("back", 1)]
    desk.cancel("gone", "also-gone")
    assert why(desk)[0] == "2 jobs are before it in the queue"
    desk.report("a", AttemptReport("back", 1, AttemptEnd.RELEASED))
    assert why(desk)[0] == "3 jobs are before it in the queue"
    ahead = [job.spec.id for line in desk.board.queue.lines.values() for job in line]
    assert ahead == ["back", "stays", "last", "j"]


@pytest.mark.parametrize(
    ("held", "demand", "told"),
    [
        (Demand(cpus=6.0), Demand(cpus=4.0), "needs 4 CPUs, of which 2 are free"),
        (Demand(memory_bytes=12 * GB), Demand(memory_bytes=8 * GB),
         "needs 8 GB of memory, of which 4 are free"),
        (Demand(gpus=1), Demand(gpus=2), "needs 2 GPUs, of which 1 are free"),
    ],
)  # fmt: skip
def test_what_is_taken_now_is_named(held: Demand, demand: Demand, told: str) -> None:
    desk = lab(slots=8, gpus=2)
    desk.submit(order("running", held))
    desk.poll("a")
    desk.submit(order("j", demand))
    assert why(desk) == [f"a: {told}; it waits until jobs there end"]


def test_a_node_that_could_take_it_now_is_named() -> None:
    desk = lab()
    desk.submit("j")
    assert why(desk) == ["a: can take it, and does when it asks next"]


def test_nodes_that_are_away_are_named() -> None:
    desk = lab()
    desk.register("b")
    desk.register("c")
    desk.submit("j")
    desk.do(c.Leave("b", ()))
    desk.wait(60.0)
    assert why(desk) == [
        "a and 1 other node: was not heard of lately; it may come back",
        "b: has left; start it again to use it",
    ]
    desk.wait(100.0)
    assert "a and 1 other node: is lost" in why(desk)[0]


def test_a_thousand_equal_nodes_are_one_line() -> None:
    desk = Desk()
    for n in range(1000):
        desk.register(f"n{n:03d}", gpus=1 if n < 3 else 0)
    desk.submit(order("j", Demand(gpus=2)))
    assert why(desk) == [
        "n003 and 996 other nodes: needs 2 GPUs, this node has 0",
        "n000 and 2 other nodes: needs 2 GPUs, this node has 1",
        NEVER,
    ]


def test_very_many_different_reasons_are_cut_off() -> None:
    desk = Desk()
    for n in range(40):
        desk.register(f"n{n:02d}", memory_bytes=n * GB)
    desk.submit(order("j", Demand(memory_bytes=100 * GB)))
    told = why(desk)
    assert len(told) <= MOST
    assert told[-2:] == ["and 33 other nodes, each for a reason of its own", NEVER]


@pytest.mark.parametrize("slots", [None, 1, 2])
def test_what_lacks_is_told_exactly_where_it_does_not_fit(slots: int | None) -> None:
    capacity = Capacity(slots=slots, prefetch=1, cpus=4.0, memory_bytes=GB, gpus=1)
    demands = [Demand(), Demand(cpus=3.0), Demand(memory_bytes=GB), Demand(gpus=1), Demand(cpus=5)]
    for held in ([], [Demand()], [Demand(cpus=3.0)], [Demand(gpus=1)], [Demand(), Demand()]):
        room = Room(capacity, held)
        for demand in demands:
            assert (room.lack(capacity, demand) is None) is room.fits(demand)
