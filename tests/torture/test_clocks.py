"""Clocks that lie: no lease ends early, and none lasts for ever.

The real service, sweeper and store under a clock that only the test turns; and a real coordinator
that is stopped for longer than its lease, as a laptop's lid does it.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from nexapod.coordinator import service as services
from nexapod.coordinator import sweeper
from nexapod.coordinator.service import Service
from nexapod.core import commands as c
from nexapod.store.blobs import BlobStore
from nexapod.store.sqlite import SqliteStore
from nexapod.store.thread import StoreThread
from tests.integration.parts import Coordinator, eventually
from tests.torture.conftest import Size
from tests.unit.core.builders import LEASE_S, NOW, order, record

HOUR_S = 3_600.0
YEAR_S = 365.25 * 86_400
JUMPS_S = tuple(
    sign * seconds for seconds in (HOUR_S, 24 * HOUR_S, YEAR_S, 10 * YEAR_S) for sign in (1, -1)
)
#: As long as the sweeper may need to see that a lease is over, in fake seconds.
SWEEPS_S = 2 * sweeper.PERIOD_S
#: How long a real coordinator is stopped, and the lease that this outlasts.
STOPPED_S, SHORT_LEASE_S = 10.2, 10.0


class Clock:
    """Both clocks of the coordinator, turned by the test; the sweeper's ticks are counted."""

    perf_counter = staticmethod(time.perf_counter)

    def __init__(self) -> None:
        self.mono_s = 1_000.0
        self.at = NOW
        self.ticks = 0

    def monotonic(self) -> float:
        return self.mono_s

    def time(self) -> float:
        return self.at

    def tick(self, gap_s: float) -> c.Tick:
        self.ticks += 1
        return c.Tick(gap_s)

    async def turn(self, seconds: float) -> None:
        """Let time pass, and the sweeper look."""
        self.mono_s += seconds
        self.at += seconds
        seen = self.ticks
        async with asyncio.timeout(30):
            while self.ticks == seen:
                await asyncio.sleep(0)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(services, "time", clock)
    monkeypatch.setattr(sweeper, "time", clock)
    monkeypatch.setattr(sweeper, "Tick", clock.tick)
    # Real seconds between two looks; in fake ones it is the test that turns them.
    monkeypatch.setattr(sweeper, "PERIOD_S", 1e-4)
    return clock


@contextlib.asynccontextmanager
async def serving(database: Path) -> AsyncIterator[Service]:
    """The real service on its real store, swept."""
    thread = StoreThread()
    store = await thread.call(SqliteStore, database)
    service = Service(store, BlobStore(database.with_suffix(".blobs")), thread)
    await service.start()
    sweeping = asyncio.create_task(sweeper.sweep(service))
    try:
        yield service
    finally:
        sweeping.cancel()
        await asyncio.gather(sweeping, return_exceptions=True)
        await service.drain()
        await thread.call(store.close)
        thread.stop()


class History:
    """One job in one node's hands under clocks that jump, by the test's own account."""

    def __init__(self, clock: Clock, draw: random.Random) -> None:
        self.clock = clock
        self.draw = draw
        self.deadline_s: float | None = None
        self.ends = 0
        self.jumps = 0
        self.sleeps = 0

    async def begin(self, service: Service) -> None:
        await service.execute(c.Register(record("a"), None, LEASE_S))
        await service.submit([order("j")])

    async def lives(self, service: Service, steps: int) -> None:
        """Some steps of one life of the coordinator."""
        if self.deadline_s is not None:
            self.deadline_s = self.clock.mono_s + LEASE_S  # a restart: one full fresh lease
        await self.clock.turn(0.0)  # the sweeper looks at the clock from now on
        for _ in range(steps):
            await self._step(service)
            for _ in range(self.draw.randint(1, 12)):
                await self._pass(service, self.draw.uniform(0.1, 4.9))

    async def _pass(self, service: Service, seconds: float) -> None:
        """Time passes; the lease is over if it is past its deadline, and only then."""
        await self.clock.turn(seconds)
        if self.deadline_s is not None and self.deadline_s <= self.clock.mono_s:
            self.deadline_s = None
            self.ends += 1
        assert (service.board.jobs["j"].lease is None) == (self.deadline_s is None)

    async def _step(self, service: Service) -> None:
        draw, clock = self.draw, self.clock
        if self.deadline_s is None:
            grant = await service.execute(c.Acquire("a", 1, ("data",), None, LEASE_S))
            assert [job.id for job in grant.jobs] == ["j"]
            self.deadline_s = clock.mono_s + LEASE_S
        what = draw.choices(("pass", "jump", "sleep", "suspend", "beat"), (12, 3, 1, 1, 2))[0]
        if what == "jump":
            clock.at += draw.choice(JUMPS_S)
            self.jumps += 1
        elif what == "sleep":  # the process was stopped: the monotonic clock ran on
            asleep_s = draw.uniform(6.0, 40 * HOUR_S)
            self.deadline_s += asleep_s - sweeper.PERIOD_S
            self.sleeps += 1
            await self._pass(service, asleep_s)
        elif what == "suspend":  # the machine was: its monotonic clock stood still
            clock.at += draw.uniform(6.0, 40 * HOUR_S)
            self.sleeps += 1
        elif what == "beat":
            epoch = service.board.jobs["j"].epoch
            assert await service.execute(c.Renew("a", (("j", epoch, 1.0),), LEASE_S)) == [
                ("j", epoch, "ok")
            ]
            self.deadline_s = clock.mono_s + LEASE_S


@pytest.mark.proves("clocks")
def test_no_lease_ends_early_and_none_outlives_its_deadline_whatever_the_clocks_say(
    tmp_path: Path, clock: Clock, size: Size, seed: int, reached: Callable[[str], None]
) -> None:
    count = size(commit=4, full=120)
    total = [0, 0, 0]

    async def live(history: History, database: Path) -> None:
        async with serving(database) as service:
            await history.begin(service)
            await history.lives(service, 30)
        for _ in range(2):
            clock.at += history.draw.choice((0.0, *JUMPS_S))  # while nobody looks
            clock.mono_s = history.draw.uniform(0.0, 1e6)  # the machine started anew
            async with serving(database) as service:
                await history.lives(service, 30)

    for one in range(seed, seed + count):
        history = History(clock, random.Random(one))
        asyncio.run(live(history, tmp_path / f"{one}.db"))
        for at, figure in enumerate((history.jumps, history.sleeps, history.ends)):
            total[at] += figure
    jumps, sleeps, ends = total
    assert jumps and sleeps and ends
    reached(
        f"{count} histories, {jumps:,} jumps of up to ten years, {sleeps:,} sleeps, "
        f"{ends:,} leases ended, each on time"
    )


@pytest.mark.proves("clocks")
@pytest.mark.parametrize("jump_s", JUMPS_S)
def test_a_deadline_passes_in_its_own_time_whatever_the_wall_clock_says(
    tmp_path: Path, clock: Clock, jump_s: float
) -> None:
    async def live() -> None:
        async with serving(tmp_path / "fleet.db") as service:
            await service.submit([order("j", deadline_s=20.0), order("k", deadline_s=40.0)])
            clock.at += jump_s
            for _ in range(4):
                await clock.turn(4.9)
            assert {"j", "k"} <= service.board.jobs.keys(), "no deadline passes early"
            await clock.turn(1.0)
            assert "j" not in service.board.jobs
        clock.at -= 10 * YEAR_S
        async with serving(tmp_path / "fleet.db") as service:
            for _ in range(9):
                await clock.turn(4.9)
            assert not service.board.jobs, "a clock set back keeps no job for ever"

    asyncio.run(live())


@pytest.mark.proves("clocks")
def test_a_coordinator_that_was_stopped_past_a_lease_blames_nobody(
    tmp_path: Path, size: Size, reached: Callable[[str], None]
) -> None:
    coordinator = Coordinator(tmp_path / "fleet.db").start()
    try:
        client = coordinator.client()
        client.register("plain")
        job_id = client.submit({"n": 1})
        assert client.poll("plain", f"?lease_s={SHORT_LEASE_S:g}")["job_id"] == job_id
        coordinator.signal(signal.SIGSTOP)
        time.sleep(STOPPED_S)
        coordinator.signal(signal.SIGCONT)
        time.sleep(1.3 * sweeper.PERIOD_S)  # it looks at once, and once more
        assert client.status_of(job_id) == "assigned", "no lease ends early"
        if size.tier != "commit":  # and none lasts for ever
            eventually(
                lambda: client.status_of(job_id) == "pending",
                "the lease to run out",
                SHORT_LEASE_S + SWEEPS_S,
            )
            assert client.poll("plain")["epoch"] == 2
        epoch = client.job(job_id)["epoch"]
        assert client.report("plain", job_id, {"is": 1}, epoch=epoch).status == 200
    finally:
        coordinator.signal(signal.SIGCONT)
        coordinator.end()
    reached(f"a real coordinator stopped for {STOPPED_S:g} s kept a {SHORT_LEASE_S:g} s lease")
