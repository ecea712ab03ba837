"""The disk fails under the store: what was committed is kept, and nothing is written after that."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from nexapod import errors
from nexapod.store import sqlite
from nexapod.store.base import JobFilter
from nexapod.store.sqlite import SqliteStore
from tests.contract.histories import Historian
from tests.torture.vfs import EIO_SYNC, FULL, Step, watched
from tests.unit.core.builders import order


class BadDisk:
    """Answers `code` to every step of this `kind` on files that end in `ending`, while it is on."""

    def __init__(self, kind: str, ending: str, code: int, *, is_on: bool = False) -> None:
        self.is_on = is_on
        self.failed = 0
        self._fault = kind, ending
        self._code = code

    def __call__(self, step: Step) -> int:
        kind, ending = self._fault
        if not self.is_on or step.kind != kind or not step.path.endswith(ending):
            return 0
        self.failed += 1
        return self._code


def commits(*job_ids: str) -> list[list]:
    desk = Historian()
    for job_id in job_ids:
        desk.submit(order(job_id))
    return desk.commits


def stored(database: Path) -> list[str]:
    with closing(SqliteStore(database)) as store:
        return [row[1] for row in store.job_rows(JobFilter())]


def test_after_a_failed_checkpoint_the_commit_counts_and_no_other_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "CHECKPOINT_ROWS", 1)
    first, second = commits("a", "b")
    disk = BadDisk("sync", ".db", EIO_SYNC)
    with watched(disk), closing(SqliteStore(tmp_path / "a.db")) as store:
        disk.is_on = True
        store.commit(first)
        assert disk.failed
        disk.is_on = False
        for _ in range(2):
            with pytest.raises(errors.Unavailable, match="takes no more changes"):
                store.commit(second)
    assert stored(tmp_path / "a.db") == ["a"]


def test_a_checkpoint_without_room_is_made_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "CHECKPOINT_ROWS", 1)
    first, second = commits("a", "b")
    disk = BadDisk("write", ".db", FULL)
    with watched(disk), closing(SqliteStore(tmp_path / "a.db")) as store:
        disk.is_on = True
        store.commit(first)
        assert disk.failed
        disk.is_on = False
        store.commit(second)
    assert stored(tmp_path / "a.db") == ["a", "b"]


def test_a_database_whose_log_cannot_be_made_is_not_opened(tmp_path: Path) -> None:
    disk = BadDisk("sync", "-journal", EIO_SYNC, is_on=True)
    with watched(disk), pytest.raises(errors.Invalid, match="cannot be opened: disk I/O error"):
        SqliteStore(tmp_path / "a.db")
    assert disk.failed
    assert stored(tmp_path / "a.db") == []


def test_a_damaged_page_is_a_refusal_and_not_a_crash(tmp_path: Path) -> None:
    with closing(SqliteStore(tmp_path / "a.db")) as store:
        store.commit(commits("a")[0])
    with closing(sqlite3.connect(tmp_path / "a.db")) as db:
        (page,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'jobs'").fetchone()
    with (tmp_path / "a.db").open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xff" * 4096)
    refused = pytest.raises(errors.Unavailable, match="cannot read its database")
    with closing(SqliteStore(tmp_path / "a.db")) as store, refused:
        store.job_rows(JobFilter())
