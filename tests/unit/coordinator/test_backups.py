"""Backups: made by the coordinator while it commits, checked, and thinned out."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
import stat
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from nexapod import errors
from nexapod.coordinator.backups import Backups, expired, list_backups, make_offline
from nexapod.coordinator.files import FleetFiles
from nexapod.coordinator.service import Service
from nexapod.store import copies
from nexapod.store.blobs import BlobStore
from nexapod.store.copies import seal
from nexapod.store.sqlite import SqliteStore
from nexapod.store.thread import StoreThread
from tests.unit.coordinator.desk import submission
from tests.unit.core.builders import order


class Fleet(NamedTuple):
    """A service on a database, and its backups."""

    service: Service
    store: SqliteStore
    thread: StoreThread
    files: FleetFiles

    def backups(self, reserve_bytes: int = 0, **plan: Any) -> Backups:
        return Backups(self.store, self.thread, self.files, reserve_bytes, **plan)

    async def fill(self, jobs: int = 200) -> None:
        await self.service.submit([order(f"old-{n}", params=b'"%s"' % (b"x" * 4000))
                                   for n in range(jobs)])  # fmt: skip


def run(folder: Path, story: Callable[[Fleet], Awaitable[None]]) -> None:
    async def whole() -> None:
        files = FleetFiles("fleet", folder / "fleet.db")
        thread = StoreThread()
        store = await thread.call(SqliteStore, files.database)
        try:
            service = Service(store, BlobStore(files.blobs), thread)
            await service.start()
            async with asyncio.timeout(60):
                await story(Fleet(service, store, thread, files))
        finally:
            await thread.call(store.close)
            thread.stop()

    asyncio.run(whole())


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies, "STEP_PAGES", 1)


@contextlib.contextmanager
def reading(path: Path | str) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        yield db


def jobs_in(path: Path | str) -> set[str]:
    with reading(path) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return {row[0] for row in db.execute("SELECT id FROM jobs")}


# ── while the coordinator works ──────────────────────────────────────────────────────────────────


@pytest.mark.usefixtures("small_steps")
def test_commits_go_on_between_the_steps_of_a_backup_and_are_in_it(tmp_path: Path):
    async def story(fleet: Fleet) -> None:
        await fleet.fill()
        _slow_down(fleet.thread)
        making = asyncio.create_task(fleet.backups().make())
        asked = 0
        while not making.done():
            await fleet.service.execute(submission(f"new-{asked}"))
            asked += 1
        found = jobs_in(making.result().path)
        assert {f"old-{n}" for n in range(200)} <= found
        # A beginning of what was committed, the rest came later: nothing in between is missing.
        new = sorted(int(job[4:]) for job in found if job.startswith("new-"))
        assert new == list(range(len(new)))
        assert 10 < len(new) <= asked, "no commit got through while the copy was made"

    run(tmp_path, story)


def _slow_down(thread: StoreThread) -> None:
    run_queued = thread.run_queued

    def slowly() -> None:
        time.sleep(0.001)
        run_queued()

    thread.run_queued = slowly  # type: ignore[method-assign]


@pytest.mark.usefixtures("small_steps")
def test_a_commit_that_fails_during_a_copy_spoils_neither(tmp_path: Path):
    store = SqliteStore(tmp_path / "fleet.db")
    steps = 0

    def between() -> None:
        nonlocal steps
        steps += 1
        if steps == 5:
            store._db.execute("BEGIN IMMEDIATE")
            store._db.execute("INSERT INTO meta VALUES ('never', '')")
            with pytest.raises(sqlite3.IntegrityError):
                store._db.execute("INSERT INTO payloads (seq) VALUES (1)")
            store._db.execute("ROLLBACK")
        elif steps == 10:
            store._db.execute("INSERT INTO meta VALUES ('after', '')")

    store.backup(tmp_path / "copy.db", between)
    store.close()
    assert steps > 10
    assert jobs_in(tmp_path / "copy.db") == set()
    with reading(tmp_path / "copy.db") as db:
        known = {name for (name,) in db.execute("SELECT name FROM meta")}
    assert known == {"fleet_id", "first_epoch", "after"}


def test_a_backup_is_one_private_file_and_sound(tmp_path: Path):
    async def story(fleet: Fleet) -> None:
        await fleet.fill(3)
        made = await fleet.backups().make()
        assert stat.S_IMODE(Path(made.path).stat().st_mode) == 0o600
        assert stat.S_IMODE(fleet.files.backups.stat().st_mode) == 0o700
        assert [p.name for p in fleet.files.backups.iterdir()] == [Path(made.path).name]
        assert jobs_in(made.path) == {"old-0", "old-1", "old-2"}
        assert fleet.backups().all() == [made]

    run(tmp_path, story)


@pytest.mark.usefixtures("small_steps")
def test_a_coordinator_that_stops_gives_its_backup_up_and_leaves_nothing_of_it(tmp_path: Path):
    async def story(fleet: Fleet) -> None:
        await fleet.fill()
        _slow_down(fleet.thread)
        making = asyncio.create_task(fleet.backups().make())
        while not fleet.store._copying:
            await asyncio.sleep(0)
        await fleet.thread.call(fleet.store.close)
        with pytest.raises(errors.Unavailable):
            await making
        assert list(fleet.files.backups.iterdir()) == []

    run(tmp_path, story)
    assert len(jobs_in(tmp_path / "fleet.db")) == 200


def test_the_thread_that_is_to_end_ends_in_the_middle_of_a_long_call():
    thread = StoreThread()
    heard: list[Any] = []

    def long_call() -> None:
        while True:
            thread.run_queued()

    thread.post(long_call, lambda result, error: heard.append(error))
    thread.stop()
    assert not thread._thread.is_alive()
    assert isinstance(heard[0], errors.Unavailable)


# ── by the clock ─────────────────────────────────────────────────────────────────────────────────


def test_backups_are_made_by_the_clock_but_not_when_nothing_has_changed(tmp_path: Path):
    async def story(fleet: Fleet) -> None:
        await fleet.fill(1)
        backups = fleet.backups(every_s=0.02)
        running = asyncio.create_task(backups.run())
        while backups.made < 1:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)
        assert backups.made == 1
        await fleet.service.execute(submission("more"))
        while backups.made < 2:
            await asyncio.sleep(0.01)
        running.cancel()
        assert "more" in jobs_in(backups.all()[-1].path)

    run(tmp_path, story)


def test_a_full_disk_is_said_and_stops_no_later_backup(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    async def story(fleet: Fleet) -> None:
        await fleet.fill(1)
        backups = fleet.backups(reserve_bytes=1 << 60, every_s=0.02)
        with pytest.raises(errors.StorageFull, match="no room for a backup"):
            await backups.make()
        running = asyncio.create_task(backups.run())
        while not caplog.records:
            await asyncio.sleep(0.01)
        backups._reserve_bytes = 0
        while not backups.made:
            await asyncio.sleep(0.01)
        running.cancel()

    with caplog.at_level(logging.WARNING):
        run(tmp_path, story)
    assert "no room for a backup" in caplog.text


def test_a_coordinator_that_is_often_restarted_makes_backups_all_the_same(tmp_path: Path):
    async def story(fleet: Fleet) -> None:
        await fleet.fill(1)
        backups = fleet.backups(every_s=3600.0)
        assert backups._first_wait_s() == 60.0  # none yet: soon
        made = await backups.make()
        assert 3500 < backups._first_wait_s() <= 3600
        old = Path(made.path).with_name("fleet-20200101T000000Z.db")
        Path(made.path).rename(old)
        assert backups._first_wait_s() == 60.0

    run(tmp_path, story)


# ── what is kept ─────────────────────────────────────────────────────────────────────────────────


def names(*stamps: str) -> list[str]:
    return [f"fleet-{stamp}Z.db" for stamp in stamps]


def test_the_newest_stay_and_the_last_of_each_day():
    hours = [f"202501{day:02}T{hour:02}0000" for day in range(1, 12) for hour in (1, 12, 23)]
    gone = expired(names(*hours), kept=4, days=7)
    stay = [hour for hour in hours if f"fleet-{hour}Z.db" not in gone]
    assert stay == [
        *(f"202501{day:02}T230000" for day in range(5, 10)),
        "20250110T230000", "20250111T010000", "20250111T120000", "20250111T230000",
    ]  # fmt: skip


def test_a_day_without_a_backup_costs_no_older_one():
    stamps = ["20200101T000000", "20240101T000000", "20250101T000000"]
    assert expired(names(*stamps), kept=1, days=7) == []
    assert expired(names(*stamps), kept=1, days=2) == names("20200101T000000")


def test_only_backups_of_this_database_are_ever_deleted(tmp_path: Path):
    async def story(fleet: Fleet) -> None:
        await fleet.fill(1)
        folder = fleet.files.backups
        folder.mkdir()
        others = {"notes.txt", "fleet-before-the-paper.db", "other-20200101T000000Z.db"}
        old = set(names(*(f"201001{day:02}T000000" for day in range(1, 20))))
        for name in others | old:
            (folder / name).touch()
        await fleet.backups(kept=1, days=2).make()
        left = {path.name for path in folder.iterdir()}
        assert others < left
        assert len(left & old) == 1  # of the second newest day

    run(tmp_path, story)


# ── by hand ──────────────────────────────────────────────────────────────────────────────────────


def test_a_damaged_copy_never_gets_a_backups_name(tmp_path: Path):
    SqliteStore(tmp_path / "fleet.db").close()
    whole = (tmp_path / "fleet.db").read_bytes()
    copy = tmp_path / "copy"
    copy.write_bytes(whole[:8192] + b"\xff" * 8192 + whole[16384:])
    with pytest.raises(errors.Invalid, match="is damaged"):
        seal(copy, tmp_path / "final.db")
    assert not copy.exists()
    assert not (tmp_path / "final.db").exists()


def test_without_a_coordinator_the_database_is_copied_with_what_its_log_holds(tmp_path: Path):
    files = FleetFiles("fleet", tmp_path / "fleet.db")
    SqliteStore(files.database).close()
    with contextlib.closing(sqlite3.connect(files.database)) as db:
        db.execute("INSERT INTO meta VALUES ('only', 'in the log')")
        db.commit()
        assert files.database.with_name("fleet.db-wal").stat().st_size
        made = make_offline(files)
    with reading(made.path) as db:
        assert db.execute("SELECT value FROM meta WHERE name = 'only'").fetchone()
    assert list_backups(files.backups, "fleet") == [made]


def test_a_file_that_is_no_database_is_not_backed_up(tmp_path: Path):
    files = FleetFiles("fleet", tmp_path / "fleet.db")
    with pytest.raises(errors.Invalid, match="there is no database"):
        make_offline(files)
    files.database.write_text("a novel, chapter one" * 100)
    with pytest.raises(errors.Invalid, match="is it a fleet's database"):
        make_offline(files)
