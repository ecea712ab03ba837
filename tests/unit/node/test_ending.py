"""Cancelling, losing, giving back and draining."""

from __future__ import annotations

import asyncio
from pathlib import Path

from nexapod.core.states import AttemptEnd
from nexapod.node import heartbeat
from nexapod.node.engines.card import Card
from tests.unit.node import jobs
from tests.unit.node.doubles import CoordinatorDouble, Node, Site
from tests.unit.node.test_isolation import is_gone


async def written(path: Path) -> list[int]:
    def read() -> str:
        return path.read_text() if path.exists() else ""

    await CoordinatorDouble().until(read)
    return [int(part) for part in read().split()]


def test_a_cancel_kills_the_whole_family(tmp_path):
    async def main():
        fleet = CoordinatorDouble()
        async with Site(fleet) as site, Node(site.url, tmp_path / "n"):
            job = fleet.submit(jobs.starts_family_and_waits, str(tmp_path / "pids"))
            await fleet.wake()
            family = await written(tmp_path / "pids")
            await fleet.cancel(job)
            report = await fleet.report(job)  # long before the job would have ended by itself
            assert (report.end, report.value, report.failure) == (AttemptEnd.CANCELLED, None, None)
            assert len(family) == 3
            assert all(is_gone(pid) for pid in family)
            assert await fleet.result(fleet.submit(jobs.add, 1, 1)) == 2

    asyncio.run(main())


def test_a_job_that_ignores_sigterm_is_killed_two_seconds_later(tmp_path):
    async def main():
        fleet = CoordinatorDouble()
        async with Site(fleet) as site, Node(site.url, tmp_path / "n"):
            job = fleet.submit(jobs.ignores_sigterm_and_waits, str(tmp_path / "pid"))
            await fleet.wake()
            (pid,) = await written(tmp_path / "pid")
            await fleet.cancel(job)
            report = await fleet.report(job)
            assert report.end is AttemptEnd.CANCELLED
            assert is_gone(pid)

    asyncio.run(main())


def test_a_lost_lease_is_ended_and_nobody_is_told(tmp_path):
    async def main():
        fleet = CoordinatorDouble()
        async with Site(fleet) as site, Node(site.url, tmp_path / "n"):
            job = fleet.submit(jobs.starts_family_and_waits, str(tmp_path / "pids"))
            await fleet.wake()
            family = await written(tmp_path / "pids")
            fleet.lost.add(job)
            await fleet.wake()
            assert await fleet.result(fleet.submit(jobs.add, 1, 1)) == 2
            assert all(is_gone(pid) for pid in family)
            assert job not in fleet.reports

    asyncio.run(main())


async def teach_that_calls_are_short(fleet: CoordinatorDouble) -> None:
    """Until the node asks for many."""
    for _ in range(5):
        await fleet.result(fleet.submit(jobs.sleep, 0))
        await fleet.result(fleet.submit(jobs.add, 1, 1))
    await fleet.until(lambda: fleet.asked[-1] > 20)


def test_what_waits_behind_a_long_job_is_given_back(tmp_path):
    async def main():
        fleet = CoordinatorDouble()
        async with Site(fleet) as site, Node(site.url, tmp_path):
            await teach_that_calls_are_short(fleet)
            long = fleet.submit(jobs.sleep, 2.5, "done")
            others = [fleet.submit(jobs.add, i) for i in range(10)]
            await fleet.wake()
            await fleet.until(lambda: all(other in fleet.reports for other in others), 2.2)
            ends = {fleet.reports[other].end for other in others}
            assert ends == {AttemptEnd.RELEASED}
            assert long not in fleet.reports
            assert await fleet.result(long) == "done"

    asyncio.run(main())


def test_a_job_taken_back_in_the_moment_in_which_it_starts_is_run(tmp_path, monkeypatch):
    """Both sides then hold the other to have it: the runner must say that it has not."""
    revoke = Card.revoke

    def in_that_moment(card: Card, seq: int) -> int:
        return min(revoke(card, seq) + 1, seq)

    monkeypatch.setattr(Card, "revoke", in_that_moment)

    async def main():
        fleet = CoordinatorDouble()
        async with Site(fleet) as site, Node(site.url, tmp_path):
            await teach_that_calls_are_short(fleet)
            long = fleet.submit(jobs.sleep, 0.5, "done")
            others = [fleet.submit(jobs.add, i) for i in range(10)]
            await fleet.wake()
            assert await fleet.result(long) == "done"
            assert await fleet.result(others[0]) == 0

    asyncio.run(main())


def test_short_jobs_pushed_into_a_process_that_dies_run_in_the_next(tmp_path):
    async def main():
        fleet = CoordinatorDouble()
        async with Site(fleet) as site, Node(site.url, tmp_path):
            for _ in range(5):
                await fleet.result(fleet.submit(jobs.exits_hard_unless_zero, 0))
            await fleet.until(lambda: fleet.asked[-1] > 20)
            codes = [0] * 10 + [9] + [0] * 10
            calls = [(fleet.submit(jobs.exits_hard_unless_zero, code), code) for code in codes]
            for job, code in calls:
                report = await fleet.report(job)
                assert (report.failure.exit_code if report.failure else 0) == code

    asyncio.run(main())


def test_a_drain_finishes_what_runs_and_gives_back_the_rest(tmp_path):
    async def main():
        fleet = CoordinatorDouble()
        async with Site(fleet) as site, Node(site.url, tmp_path) as node:
            for _ in range(5):
                await fleet.result(fleet.submit(jobs.sleep, 0))
            await fleet.until(lambda: fleet.asked[-1] > 20)
            running = fleet.submit(jobs.sleep, 0.6, "finished")
            queued = [fleet.submit(jobs.sleep, 0.6) for _ in range(5)]
            await fleet.wake()
            await fleet.until(lambda: node.agent.pool.waiting)
            node.agent.stop()
            assert await node.ended() == 0
            assert fleet.left[0].release == ()
            assert fleet.open(fleet.reports[running].value) == "finished"
            assert {fleet.reports[job].end for job in queued} == {AttemptEnd.RELEASED}

    asyncio.run(main())


def test_a_second_signal_ends_what_runs_and_gives_it_back(tmp_path):
    async def main():
        fleet = CoordinatorDouble()
        async with Site(fleet) as site, Node(site.url, tmp_path) as node:
            job = fleet.submit(jobs.sleep, 60)
            await fleet.wake()
            await fleet.until(node.agent.pool.busy)
            node.agent.stop()
            node.agent.stop()
            assert await node.ended() == 0  # the job would have slept for a minute
            assert fleet.reports[job].end is AttemptEnd.RELEASED

    asyncio.run(main())


def test_a_node_that_slept_past_its_leases_ends_what_it_ran(tmp_path, monkeypatch):
    """The machine slept: the loop's clock stood still, the coordinator's did not."""
    monkeypatch.setattr(heartbeat, "_LOOK_S", 0.05)

    async def main():
        fleet = CoordinatorDouble()
        async with Site(fleet) as site, Node(site.url, tmp_path / "n") as node:
            fleet.submit(jobs.starts_family_and_waits, str(tmp_path / "pids"))
            await fleet.wake()
            family = await written(tmp_path / "pids")
            awake_s = heartbeat.clock_s
            monkeypatch.setattr(heartbeat, "clock_s", lambda: awake_s() + 3600)
            await fleet.until(lambda: all(is_gone(pid) for pid in family))
            await fleet.until(lambda: not node.agent.pool.busy())
            assert fleet.reports == {}  # whoever has the job now reports it
            assert await fleet.result(fleet.submit(jobs.add, 1, 1)) == 2

    asyncio.run(main())
