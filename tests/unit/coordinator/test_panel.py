"""The panel's stream: who follows it by its rules knows what the store and the board know."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nexapod import errors
from nexapod.coordinator.panel import Panel, panel
from nexapod.coordinator.panel.rows import node_row
from nexapod.coordinator.progress import Said
from nexapod.coordinator.service import Service
from nexapod.core import commands as c
from nexapod.core import events as e
from nexapod.core.records import NodeRecord
from nexapod.core.states import JobState
from tests.unit.coordinator.desk import TestedStore, acquisition, registration, serve, submission
from tests.unit.coordinator.fleets import Clock, Fleet
from tests.unit.coordinator.replica import Replica
from tests.unit.core.builders import completed, failed

#: A number of jobs beyond all that are made here.
ALL = 100_000


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody ticks but the test itself."""
    monkeypatch.setattr(panel, "TICK_S", 3600.0)


class Watcher:
    """A reader, one step at a time."""

    def __init__(self, told: Panel) -> None:
        self.replica = Replica()
        self._messages = told.follow(0.0)

    async def read(self) -> list[str]:
        """The kinds of what comes next; nothing when there is nothing new."""
        return [self.replica.hear(message) for message in await anext(self._messages, [])]

    async def read_all(self) -> list[str]:
        heard: list[str] = []
        while news := await self.read():
            heard += news
        return heard

    async def close(self) -> None:
        await self._messages.aclose()


def plain(rows: Any) -> Any:
    """Rows as JSON tells them."""
    return json.loads(json.dumps(rows))


def say(service: Service, job_id: str, seq: int, epoch: int, fraction: float) -> None:
    """As its node would tell it."""
    service.progress.say([Said(job_id, seq, epoch, fraction, "on")])


def nodes_of(service: Service) -> dict[str, Any]:
    """Every node's row but for when it was last seen, which is told late."""
    rows = [node_row(view) for view in service.board.node_views(service.now().mono_s)]
    for row in rows:
        row[7], row[13] = None, json.loads(bytes(row[13]))
    return {row[0]: plain(row) for row in rows}


async def assert_true(watcher: Watcher, service: Service, window: int) -> None:
    """What it knows is what the coordinator knows."""
    replica, store = watcher.replica, service.store
    jobs = await service.read(store.job_briefs, 0, ALL)
    assert replica.jobs == {row[0]: row for row in plain(jobs)[-window:]}
    attempts = {
        (row[0], row[1]): row for row in plain(await service.read(store.attempt_briefs, ALL))
    }
    assert replica.attempts.items() <= attempts.items(), "no attempt is told wrongly"
    live = {(job.spec.seq, job.epoch) for job in service.board.leased.values()}
    assert live <= replica.attempts.keys(), "every attempt that runs is told"
    seen = {node_id: [*row[:7], None, *row[8:]] for node_id, row in replica.nodes.items()}
    assert seen == nodes_of(service)
    assert replica.tick["counts"] == {s.value: service.board.counts[s] for s in JobState}
    ids = {job.spec.seq: job.spec.id for job in service.board.jobs.values()}
    for seq, fraction, message in replica.progress.values():
        assert service.progress.of(ids[seq]) == (fraction, message)


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32), small=st.booleans())
def test_whoever_follows_the_stream_knows_what_the_coordinator_knows(
    seed: int, small: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    window = 12 if small else ALL
    dice = random.Random(seed)

    async def story(service: Service, store: TestedStore) -> None:
        clock = Clock(service)
        fleet = Fleet(service, clock, dice)
        watchers: list[Watcher] = []
        pending: list[asyncio.Future[Any]] = []
        for _ in range(dice.randrange(20, 120)):
            what = dice.randrange(10)
            if what < 5:
                pending.append(asyncio.ensure_future(service.execute(fleet.next_command())))
                await asyncio.sleep(0)
            elif what == 5:
                await asyncio.gather(*pending)
                pending.clear()
            elif what == 6 and len(watchers) < 3:
                watchers.append(Watcher(service.panel))
            elif what == 7 and watchers and dice.random() < 0.2:
                await watchers.pop().close()
            elif what == 8:
                await service.panel.tick()
            elif watchers:
                await dice.choice(watchers).read()
            if what == 9 and (leased := list(service.board.leased.values())):
                job = dice.choice(leased)
                say(service, job.spec.id, job.spec.seq, job.epoch, dice.random())
        await asyncio.gather(*pending)
        watchers.append(Watcher(service.panel))
        await watchers[-1].read_all()
        await service.panel.tick()
        for watcher in watchers:
            await watcher.read_all()
            assert watcher.replica.is_ready
            await assert_true(watcher, service, window)
            await watcher.close()

    with pytest.MonkeyPatch.context() as patch:
        if small:
            for name, size in (("WINDOW", window), ("ATTEMPTS", 5), ("PAGE", 3), ("CHUNK", 4)):
                patch.setattr(panel, name, size)
        serve(tmp_path_factory.mktemp("panel"), story)


def told(tmp_path: Path, story: Callable[[Service, Clock], Awaitable[None]]) -> None:
    """Run `story` with a service under a clock of its own, and one node."""

    async def run(service: Service, store: TestedStore) -> None:
        clock = Clock(service)
        await service.execute(registration("a", slots=4))
        await story(service, clock)

    serve(tmp_path, run)


async def finish(service: Service, *job_ids: str) -> None:
    """The node takes these jobs, which must be all that wait, and completes them."""
    grant = await service.execute(acquisition("a", len(job_ids)))
    assert {job.id for job in grant.jobs} == set(job_ids)
    reports = tuple(completed(job.id, job.epoch) for job in grant.jobs)
    await service.execute(c.Report("a", reports, (b"d",) * len(reports)))


def test_a_snapshot_begins_with_hello_and_ends_with_ready(tmp_path: Path) -> None:
    async def story(service: Service, clock: Clock) -> None:
        service.name, service.url = "villin", "http://127.0.0.1:8000"
        await service.execute(submission("j"))
        watcher = Watcher(service.panel)
        kinds = await watcher.read_all()
        assert kinds == ["hello", "tick", "nodes", "jobs", "pace", "ready"]
        hello = watcher.replica.hello
        assert (hello["name"], hello["url"]) == ("villin", "http://127.0.0.1:8000")
        assert (hello["run"], hello["v"]) == (service.feed.run, 1)
        await watcher.close()

    told(tmp_path, story)


def test_a_tick_tells_only_what_changed(tmp_path: Path) -> None:
    async def story(service: Service, clock: Clock) -> None:
        await service.execute(submission("j"))
        watcher = Watcher(service.panel)
        await watcher.read_all()
        await service.panel.tick()
        assert await watcher.read_all() == ["tick"]
        await service.panel.tick()
        assert await watcher.read_all() == []
        await service.execute(acquisition("a"))
        await service.panel.tick()
        assert await watcher.read_all() == ["patch", "attempts", "nodes", "tick"]
        clock.passed_s += 5.0
        await service.panel.tick()
        assert await watcher.read_all() == ["pace", "tick"], "that all is well"
        await watcher.close()

    told(tmp_path, story)


def test_that_a_node_was_seen_is_news_only_now_and_then(tmp_path: Path) -> None:
    async def story(service: Service, clock: Clock) -> None:
        watcher = Watcher(service.panel)
        await watcher.read_all()
        for passed_s, is_told in ((1.0, False), (1.0, False), (3.5, True), (1.0, False)):
            clock.passed_s += passed_s
            await service.execute(c.Renew("a", (), 60.0))
            await service.panel.tick()
            assert ("nodes" in await watcher.read_all()) is is_told
        assert watcher.replica.nodes["a"][13] == {"os": "Linux"}, "a null profile is no change"
        await watcher.close()

    told(tmp_path, story)


def test_nothing_is_gathered_while_nobody_reads(tmp_path: Path) -> None:
    async def story(service: Service, clock: Clock) -> None:
        listeners = len(service.feed._listeners)
        running = len(asyncio.all_tasks())
        watcher, other = Watcher(service.panel), Watcher(service.panel)
        await watcher.read()
        await other.read()
        assert service.panel.readers == 2
        assert len(asyncio.all_tasks()) == running + 1, "one timer for all readers"
        await watcher.close()
        await other.close()
        await asyncio.sleep(0)
        assert service.panel.readers == 0
        assert len(service.feed._listeners) == listeners
        assert len(asyncio.all_tasks()) == running
        await service.execute(submission("j"))
        assert not service.panel._news.jobs

    told(tmp_path, story)


def test_a_reader_that_does_not_keep_up_is_given_a_snapshot_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(panel, "UNREAD_BYTES", 2_000)

    async def story(service: Service, clock: Clock) -> None:
        slow, quick = Watcher(service.panel), Watcher(service.panel)
        await slow.read_all()
        await quick.read_all()
        for at in range(20):
            await service.execute(submission(*(f"j{at}-{n}" for n in range(5))))
            await service.panel.tick()
            await quick.read_all()
        await slow.read_all()
        assert (slow.replica.hellos, quick.replica.hellos) == (2, 1)
        for watcher in (slow, quick):
            await assert_true(watcher, service, ALL)
            await watcher.close()

    told(tmp_path, story)


def test_a_tick_that_cannot_read_the_store_is_made_up_for_by_a_snapshot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(service: Service, clock: Clock) -> None:
        await service.execute(submission("j"))
        await service.execute(acquisition("a"))
        watcher = Watcher(service.panel)
        await watcher.read_all()
        # That attempt began before anybody listened: only the store knows when.
        await service.execute(c.Cancel(("j",)))

        def fail(seqs: Any) -> Any:
            raise errors.Unavailable("the disk is away")

        with monkeypatch.context() as patch:
            patch.setattr(service.store, "job_briefs_of", fail)
            await service.panel.tick()
        assert "hello" in await watcher.read_all()
        await assert_true(watcher, service, ALL)
        await watcher.close()

    told(tmp_path, story)


def test_progress_is_told_to_all_and_forgotten_with_its_attempt(tmp_path: Path) -> None:
    async def story(service: Service, clock: Clock) -> None:
        await service.execute(submission("j"))
        (job,) = (await service.execute(acquisition("a"))).jobs
        say(service, job.id, job.seq, job.epoch, 0.25)
        early = Watcher(service.panel)
        await early.read_all()
        say(service, job.id, job.seq, job.epoch, 0.5)
        await service.panel.tick()
        await early.read_all()
        assert early.replica.progress == {job.seq: [job.seq, 0.5, "on"]}
        late = Watcher(service.panel)
        await late.read_all()
        assert late.replica.progress == early.replica.progress
        await service.execute(c.Report("a", (failed("j", 1),), (b"",)))
        assert service.progress.of(job.id) is None
        await service.panel.tick()
        for watcher in (early, late):
            await watcher.read_all()
            assert watcher.replica.progress == {}
            await watcher.close()

    told(tmp_path, story)


def test_a_profile_with_line_breaks_stays_one_message_on_one_line(tmp_path: Path) -> None:
    async def story(service: Service, clock: Clock) -> None:
        record = service.board.nodes["a"].record
        lines = b'{\n "os": "Linux",\r\n "cores": 4\n}'
        event = e.NodeRegistered(NodeRecord(record.id, lines, record.capacity, None, 1.0), 1.0, 1)
        await service.write(event)
        messages = [message async for news in ready(service.panel) for message in news]
        assert not any(b"\n" in message or b"\r" in message for message in messages)
        assert any(b'"cores": 4' in message for message in messages)

    told(tmp_path, story)


async def ready(told: Panel) -> Any:
    """What a reader is sent until it is ready."""
    async for news in told.follow(0.0):
        if not news:
            return
        yield news


def test_readers_end_with_the_coordinator(tmp_path: Path) -> None:
    async def story(service: Service, clock: Clock) -> None:
        watcher = Watcher(service.panel)
        await watcher.read_all()
        await service.drain()
        assert await watcher.read_all() == []
        assert service.panel.readers == 0
        late = Watcher(service.panel)
        assert await late.read_all() == []

    told(tmp_path, story)


def test_a_failed_commit_is_never_told(tmp_path: Path) -> None:
    async def story(service: Service, clock: Clock) -> None:
        watcher = Watcher(service.panel)
        await watcher.read_all()
        service.store.fail_with = errors.StorageFull("no room")  # type: ignore[attr-defined]
        with pytest.raises(errors.StorageFull):
            await service.execute(submission("j"))
        await service._recovery
        await service.execute(submission("k"))
        await service.panel.tick()
        await watcher.read_all()
        assert [row[1] for row in watcher.replica.jobs.values()] == ["k"]
        await assert_true(watcher, service, ALL)
        await watcher.close()

    told(tmp_path, story)


# ── the pace ─────────────────────────────────────────────────────────────────────────────────────


def test_the_pace_counts_whether_or_not_anybody_reads(tmp_path: Path) -> None:
    async def story(service: Service, clock: Clock) -> None:
        await service.execute(submission("j", "k", "l"))
        clock.passed_s += 5.0
        await finish(service, "j", "k", "l")
        clock.passed_s += 60.0
        await service.execute(submission("m"))
        clock.passed_s += 5.0
        watcher = Watcher(service.panel)
        await service.panel.tick()
        await watcher.read_all()
        start = 1_760_000_000.0
        assert watcher.replica.pace == {
            start: [start, 3, 0, 0, None, None],
            start + 5: [start + 5, 0, 3, 0, None, None],
            start + 65: [start + 65, 1, 0, 0, None, None],
        }
        clock.passed_s += 5.0
        await service.panel.tick()
        await watcher.read_all()
        assert watcher.replica.pace[start + 70] == [start + 70, 0, 0, 0, 1, 0]
        await watcher.close()

    told(tmp_path, story)


def test_the_rate_is_of_the_last_seconds_and_says_what_is_left(tmp_path: Path) -> None:
    async def story(service: Service, clock: Clock) -> None:
        pace = service.panel.pace

        def now() -> float:
            return clock.now().at

        clock.passed_s = 1000.0
        assert pace.rate_per_s(now()) is None
        await service.execute(submission(*(f"j{n:03d}" for n in range(100))))
        for start in range(0, 40, 4):
            clock.passed_s += 2.0
            await finish(service, *(f"j{n:03d}" for n in range(start, start + 4)))
        assert pace.rate_per_s(now()) == pytest.approx(2.0, rel=0.2)
        assert pace.eta_s(now(), 60) == pytest.approx(30.0, rel=0.2)
        clock.passed_s += 100.0
        assert pace.rate_per_s(now()) is None, "nothing ended lately"
        assert pace.eta_s(now(), 60) == pytest.approx(60 * 105 / 12), "the last ones"
        await finish(service, *(f"j{n:03d}" for n in range(40, 44)))
        await service.execute(c.Cancel(tuple(f"j{n:03d}" for n in range(44, 100))))
        assert pace.rate_per_s(now()) is None, "nothing is left"

    told(tmp_path, story)


def test_a_fleet_that_was_idle_is_not_slow(tmp_path: Path) -> None:
    async def story(service: Service, clock: Clock) -> None:
        clock.passed_s = 3.0
        await service.execute(submission("a1", "a2", "a3", "a4"))
        await finish(service, "a1", "a2", "a3", "a4")
        clock.passed_s += 1.0
        await service.execute(submission("b1", "b2", "b3"))
        clock.passed_s += 1.0
        await service.execute(acquisition("a"))
        await service.execute(c.Report("a", (completed("b1", 1),), (b"d",)))
        assert service.panel.pace.rate_per_s(clock.now().at) == pytest.approx(1.0)

    told(tmp_path, story)


def test_a_clock_that_goes_back_leaves_no_bucket_of_the_future(tmp_path: Path) -> None:
    async def story(service: Service, clock: Clock) -> None:
        for passed_s in (0.0, 10.0, 20.0, 7.0, 13.0):
            clock.passed_s = passed_s
            await service.execute(submission(f"j{passed_s:g}"))
        clock.passed_s = 30.0
        await service.execute(submission("last"))
        at = [bucket.at - 1_760_000_000.0 for bucket in service.panel.pace.buckets]
        assert at == sorted(set(at))
        assert at[-1] < 30.0

    told(tmp_path, story)
