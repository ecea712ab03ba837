"""Bands, lines and the queue against the obvious model: a sorted list."""

from __future__ import annotations

from contextlib import closing
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nexapod.core.board import Job
from nexapod.core.records import Demand, JobSpec
from nexapod.core.runnable import Runnable
from nexapod.core.schedule import Band, Line, Queue, rank_of
from tests.unit.core.builders import KINDS, Desk, order

DEMANDS = tuple(Demand(cpus=float(n)) for n in range(1, 6))


def job(seq: int, priority: int = 0, demand: Demand = DEMANDS[0]) -> Job:
    return Job(JobSpec(seq, f"j{seq}", demand, 0.0, priority=priority), b"", ())


def first(node: Runnable, queue: Queue, most: int, count: int | None = None) -> list[Job]:
    """What a node that can run the demands up to this one finds, at most so many."""
    with closing(node.first(queue, KINDS, lambda demand: demand in DEMANDS[: most + 1])) as found:
        return list(islice(found, count))


Step = tuple[str, int, int, int]
#: What to do, which of the candidates, and the priority and demand of a new job.
STEPS: st.SearchStrategy[list[Step]] = st.lists(
    st.tuples(
        st.sampled_from(("new", "new", "take", "take", "back", "cancel", "out")),
        st.integers(0, 1000),
        st.integers(-1, 1),
        st.integers(0, len(DEMANDS) - 1),
    ),
    max_size=120,
)


@given(STEPS)
@settings(max_examples=150)
def test_a_queue_gives_what_a_sorted_list_would(steps: list[Step]) -> None:
    """Jobs arrive at the end, leave from the front or from anywhere, come back, are cancelled."""
    queue = Queue()
    nodes = [Runnable() for _ in DEMANDS]
    waiting: list[Job] = []
    away: list[Job] = []
    seq = 0
    for what, pick, priority, demand in steps:
        if what == "new":
            seq += 1
            one = job(seq, priority, DEMANDS[demand])
            waiting.append(one)
            queue.add(one)
        elif what == "take" and waiting:
            most = pick % len(DEMANDS)
            found = first(nodes[most], queue, most, 1 + pick % 3)
            if not found:
                continue
            one = found[-1]
            waiting.remove(one)
            away.append(one)
            queue.discard(one)
        elif what == "back" and away:
            one = away.pop(pick % len(away))
            waiting.append(one)
            queue.add(one)
        elif what in ("cancel", "out") and waiting:
            one = waiting.pop(pick % len(waiting))
            queue.discard(one)
            if what == "out":
                away.append(one)
        waiting.sort(key=rank_of)
        assert len(queue) == len(waiting)
        assert set(queue.lines) == {w.spec.demand for w in waiting}
        if what in ("new", "back"):
            most = pick % len(DEMANDS)
            suits = [w for w in waiting if w.spec.demand in DEMANDS[: most + 1]]
            assert first(nodes[most], queue, most) == suits
            assert first(nodes[most], queue, most, 2) == suits[:2]
        for demand_, line_ in queue.lines.items():
            of_line = [w for w in waiting if w.spec.demand == demand_]
            assert list(line_) == of_line
            assert len(line_) == len(of_line)


@pytest.mark.parametrize("gone", ["front", "back", "every other", "all but the last"])
def test_a_band_of_thousands_is_swept_and_keeps_its_order(gone: str) -> None:
    band = Band()
    jobs = [job(seq) for seq in range(1, 6001)]
    for one in jobs:
        band.add(one)
    leaving = {
        "front": jobs[:5000],
        "back": jobs[1000:],
        "every other": jobs[::2],
        "all but the last": jobs[:-1],
    }[gone]
    left = set(map(id, leaving))
    for one in leaving:
        band.discard(one)
    staying = [one for one in jobs if id(one) not in left]
    assert list(band) == staying
    assert len(band) == len(staying)
    assert len(band._items) - band._head <= 2 * len(staying) + 1026, "holes were swept out"
    assert all(one is None for one in band._items[: band._head]), "what left is let go of"
    late = job(10_000)
    band.add(late)
    assert list(band) == [*staying, late]


def test_a_band_that_empties_starts_anew() -> None:
    band = Band()
    first, second = job(5), job(3)
    band.add(first)
    band.discard(first)
    assert (len(band), list(band), band._items) == (0, [], [])
    band.add(second)
    band.add(first)
    assert list(band) == [second, first]


def test_many_jobs_that_come_back_are_merged_in_order() -> None:
    band = Band()
    jobs = [job(seq) for seq in range(1, 301)]
    for one in jobs:
        band.add(one)
    for one in jobs[:200]:
        band.discard(one)
    for one in reversed(jobs[:200:3]):
        band.add(one)
    expected = [*jobs[:200:3], *jobs[200:]]
    assert list(band) == expected
    for one in expected:
        assert next(iter(band)) is one
        band.discard(one)
    assert len(band) == 0


def test_a_job_taken_from_the_middle_may_come_back() -> None:
    band = Band()
    jobs = [job(seq) for seq in range(1, 4)]
    for one in jobs:
        band.add(one)
    band.discard(jobs[1])
    band.add(jobs[1])
    assert list(band) == jobs


def test_a_line_forgets_a_priority_that_nobody_has() -> None:
    line = Line(DEMANDS[0])
    jobs = [job(1, 5), job(2, -5), job(3, 5)]
    for one in jobs:
        line.add(one)
    assert line.priorities == [-5, 5]
    line.discard(jobs[0])
    line.discard(jobs[2])
    assert line.priorities == [5]
    assert list(line) == [jobs[1]]


def test_each_line_is_matched_with_a_node_once_however_often_the_node_asks() -> None:
    queue, node, asked = Queue(), Runnable(), []
    for seq in range(1, 5001):
        queue.add(job(seq, demand=Demand(tags=(f"t{seq}",))))

    def can_run(demand: Demand) -> bool:
        asked.append(demand)
        return demand.tags == ("t4000",)

    for _ in range(10):
        with closing(node.first(queue, KINDS, can_run)) as found:
            assert [one.spec.seq for one in found] == [4000]
    assert len(asked) == 5000
    queue.add(job(9000, demand=Demand(tags=("t9000",))))
    with closing(node.first(queue, KINDS, can_run)) as found:
        assert [one.spec.seq for one in found] == [4000]
    assert len(asked) == 5001


def test_a_better_job_in_the_last_of_many_lines_comes_first() -> None:
    queue, node = Queue(), Runnable()
    jobs = [job(seq, demand=demand) for seq, demand in enumerate(DEMANDS, 1)]
    for one in jobs:
        queue.add(one)
    last = len(DEMANDS) - 1
    assert first(node, queue, last) == jobs
    urgent = job(9, 1, DEMANDS[-1])
    queue.add(urgent)
    assert first(node, queue, last, 1) == [urgent]
    queue.discard(urgent)
    queue.discard(jobs[0])
    assert first(node, queue, last) == jobs[1:]
    queue.add(jobs[0])
    queue.add(urgent)
    assert first(node, queue, last) == [urgent, *jobs]


def test_what_is_news_of_a_queue_does_not_outgrow_its_lines() -> None:
    queue, node = Queue(), Runnable()
    for seq in range(1, 10_001):
        one = job(seq, demand=DEMANDS[seq % 3])
        queue.add(one)
        assert first(node, queue, 2) == [one]
        queue.discard(one)
    assert len(queue.news) <= 1001
    assert first(node, queue, 2) == []


def test_a_node_that_registers_anew_can_run_other_lines_than_before() -> None:
    desk = Desk()
    desk.register("a", slots=4)
    desk.submit(order("gpu", Demand(gpus=1)), order("tag", Demand(tags=("big",))))
    assert desk.poll("a", 2) == []
    desk.register("a", slots=4, gpus=1)
    assert desk.poll("a", 2) == [("gpu", 1)]
    desk.register("a", slots=4, tags=("big",))
    assert desk.poll("a", 2) == [("tag", 1)]
