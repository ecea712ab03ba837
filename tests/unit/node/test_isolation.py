"""A warm process is reused, and no job can harm the next one in it."""

from __future__ import annotations

import asyncio
import random
import time
from pathlib import Path

import psutil
import pytest

from tests.unit.node import jobs
from tests.unit.node.doubles import CoordinatorDouble, Node, Site


def results_of(scratch: Path, *calls) -> list:
    """Run calls one after the other on one slot."""

    async def main() -> list:
        fleet = CoordinatorDouble()
        async with Site(fleet) as site, Node(site.url, scratch):
            return [await fleet.result(fleet.submit(fn, *args)) for fn, *args in calls]

    return asyncio.run(main())


def is_gone(pid: int) -> bool:
    for _ in range(200):
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.01)
    return False


def test_short_calls_share_one_warm_process(tmp_path):
    assert len(set(results_of(tmp_path, *[(jobs.pid,)] * 5))) == 1


def test_globals_of_a_function_start_afresh_with_each_job(tmp_path):
    assert results_of(tmp_path, *[(jobs.counts_its_calls,)] * 3) == [1, 1, 1]


def test_a_thread_left_running_costs_the_process_its_place(tmp_path):
    first, second = results_of(tmp_path, (jobs.leaves_thread,), (jobs.pid,))
    assert first != second
    assert is_gone(first)


def test_a_child_left_running_is_killed_with_its_parent(tmp_path):
    (first, child), second = results_of(tmp_path, (jobs.leaves_child,), (jobs.pid,))
    assert first != second
    assert is_gone(child)


def test_an_orphan_in_a_session_of_its_own_is_found_and_killed(tmp_path):
    path = tmp_path / "orphan"
    first, second = results_of(tmp_path, (jobs.leaves_orphan, str(path)), (jobs.pid,))
    assert first != second
    assert is_gone(int(path.read_text()))


def test_an_orphan_of_a_job_that_died_is_found_and_killed(tmp_path):
    async def main():
        fleet = CoordinatorDouble()
        async with Site(fleet) as site, Node(site.url, tmp_path / "n"):
            path = tmp_path / "orphan"
            report = await fleet.report(fleet.submit(jobs.leaves_orphan_and_dies, str(path)))
            assert report.failure.signal == "SIGKILL"
            await fleet.until(lambda: is_gone(int(path.read_text())))

    asyncio.run(main())


def test_what_a_job_changes_is_put_back_for_the_next(tmp_path):
    clean, dirty_pid, after, later = results_of(
        tmp_path, (jobs.looks_around,), (jobs.litters,), (jobs.looks_around,), (jobs.sleep, 0.5, 1)
    )
    assert clean["pid"] == dirty_pid == after["pid"]
    assert clean == after
    assert later == 1  # the alarm it had set never rang


def test_a_job_that_breaks_pickle_breaks_it_for_nobody_else(tmp_path):
    first, *rest = results_of(tmp_path, (jobs.breaks_pickle,), (jobs.pid,), (jobs.pid,))
    assert first not in rest
    assert len(set(rest)) == 1


def test_a_job_that_breaks_what_the_runner_uses_still_gives_its_result(tmp_path):
    first, second = results_of(tmp_path, (jobs.breaks_what_the_runner_uses,), (jobs.pid,))
    assert first != second


def test_a_call_that_a_used_process_cannot_open_is_tried_in_a_fresh_one(tmp_path):
    used, (pid, name) = results_of(
        tmp_path, (jobs.hides_a_module,), (jobs.same, jobs.tells_pid_when_opened())
    )
    assert (pid != used, name) == (True, "fractions")


def test_a_call_that_no_process_can_open_is_tried_once_more_and_no_oftener(tmp_path):
    async def main():
        fleet = CoordinatorDouble()
        async with Site(fleet) as site, Node(site.url, tmp_path / "n", slots=2):
            first = await fleet.result(fleet.submit(jobs.pid))
            call = fleet.submit(jobs.same, jobs.Unopenable(str(tmp_path / "tries")))
            failure = (await fleet.report(call)).failure
            assert failure.message == (
                "the call cannot be opened on this node: RuntimeError: cannot be opened"
            )
            last = await fleet.result(fleet.submit(jobs.pid))
            tries = [int(line) for line in (tmp_path / "tries").read_text().split()]
            assert (len(tries), tries[0], len({*tries, last})) == (2, first, 3)

    asyncio.run(main())


def test_a_seed_does_not_reach_the_next_job(tmp_path):
    (one, first), (two, second), (three, third), (four, fourth) = results_of(
        tmp_path, (jobs.seeds,), (jobs.draws,), (jobs.seeds,), (jobs.draws,)
    )
    assert one == two == three == four
    assert first == third  # within one job a seed does what it should
    assert second != fourth
    rolls = random.Random(1)
    rolls.random()
    assert rolls.random() not in (second, fourth)


def test_a_seed_of_numpy_does_not_reach_the_next_job(tmp_path):
    numpy = pytest.importorskip("numpy", reason="cannot run here: numpy is not installed")
    state = numpy.random.RandomState(7).get_state()
    calls: list = [(jobs.seeds_numpy,), (jobs.draws_numpy,), (jobs.seeds_numpy, state)]
    results = results_of(tmp_path, *calls, (jobs.draws_numpy,))
    assert len({pid for pid, _ in results}) == 1
    known, restored = numpy.random.RandomState(1), numpy.random.RandomState(7)
    assert results[0][1] == known.random_sample()
    assert results[2][1] == restored.random_sample()
    assert results[1][1] != known.random_sample()
    assert results[3][1] != restored.random_sample()
