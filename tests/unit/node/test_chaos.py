"""A few hundred jobs of every kind at once: each ends once, and as it should."""

from __future__ import annotations

import asyncio
import random

import pytest

from nexapod.core.states import AttemptEnd
from tests.unit.node import jobs
from tests.unit.node.doubles import CoordinatorDouble, Node, Site


class Chaos(CoordinatorDouble):
    """Hands a job that was given back out again, as a coordinator does."""

    def __init__(self) -> None:
        super().__init__()
        self.leases: dict = {}
        self.ended: list[str] = []

    def recorded(self, report) -> None:
        if report.end is AttemptEnd.RELEASED:
            del self.reports[report.job_id]
            self.queue.append(self.leases[report.job_id])
        else:
            self.ended.append(report.job_id)


def submit_one(fleet: Chaos, dice: random.Random, number: int):
    """Submit a job; return its id and what to expect of its report."""
    kind = dice.choices(
        ["add", "raise", "exit", "crash", "litter", "thread", "slow", "late", "long"],
        [60, 5, 5, 3, 5, 2, 8, 2, 10],
    )[0]
    if kind == "add":
        return fleet.submit(jobs.add, number, 1), lambda r: fleet.open(r.value) == number + 1
    if kind == "raise":
        return fleet.submit(jobs.raises, "x"), lambda r: r.failure.message == "ValueError: x"
    if kind == "exit":
        return fleet.submit(jobs.exits, 4), lambda r: r.failure.exit_code == 4
    if kind == "crash":
        return fleet.submit(jobs.exits_hard, 5), lambda r: r.failure.exit_code == 5
    if kind == "litter":
        return fleet.submit(jobs.litters), lambda r: r.failure is None
    if kind == "thread":
        return fleet.submit(jobs.leaves_thread), lambda r: r.failure is None
    if kind == "slow":
        job = fleet.submit(jobs.sleep, dice.uniform(0, 0.2), number)
        return job, lambda r: fleet.open(r.value) == number
    if kind == "late":
        job = fleet.submit(jobs.sleep, 30, timeout_s=0.2)
        return job, lambda r: r.failure.type == "timeout"
    job = fleet.submit(jobs.sleep, 30)
    fleet.cancelled.add(job)  # before it has started, or soon after
    return job, lambda r: r.end is AttemptEnd.CANCELLED


@pytest.mark.parametrize("seed", [1, 2])
def test_every_job_ends_once_and_as_it_should(tmp_path, seed):
    async def main():
        dice = random.Random(seed)
        fleet = Chaos()
        async with Site(fleet) as site, Node(site.url, tmp_path, slots=3) as node:
            expected = {}
            for number in range(300):
                job, fits = submit_one(fleet, dice, number)
                fleet.leases[job] = fleet.queue[-1]
                expected[job] = fits
                if dice.random() < 0.1:
                    await fleet.wake()
                    await asyncio.sleep(dice.uniform(0, 0.02))
            await fleet.wake()

            def settled() -> bool:
                if fleet.queue:
                    asyncio.get_running_loop().create_task(fleet.wake())
                return len(fleet.reports) == len(expected)

            await fleet.until(settled, 60)
            wrong = [
                fleet.reports[job] for job, fits in expected.items() if not fits(fleet.reports[job])
            ]
            assert wrong == []
            assert sorted(fleet.ended) == sorted(expected)
            await fleet.until(lambda: not node.agent.pool.busy())
            assert node.agent._holdings() == []

    asyncio.run(main())
