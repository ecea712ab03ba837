"""A warm process is reused, and no job can harm the next one in it."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import psutil

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
