"""Backups: the coordinator copies its database, through its own connection, while it works.

Nobody else can: the database is locked for the coordinator alone. Between two steps of the copy
the commits that have come meanwhile are written, and are in the copy too.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import shutil
import sqlite3
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import msgspec

from nexapod import errors
from nexapod.coordinator.files import FleetFiles
from nexapod.coordinator.lock import DatabaseLock
from nexapod.store.copies import copy_database, seal
from nexapod.store.sqlite import SqliteStore
from nexapod.store.thread import StoreThread

logger = logging.getLogger(__name__)

#: How soon after its start a coordinator makes a backup that is overdue.
SETTLE_S = 60.0

_STAMP = "%Y%m%dT%H%M%SZ"


class Backup(msgspec.Struct, frozen=True):
    """One backup. `made_at` is in Unix seconds."""

    path: str
    size_bytes: int
    made_at: float


class Backups:
    """The backups of one fleet, in the folder ``NAME.backups`` beside its database.

    Parameters
    ----------
    reserve_bytes
        Room that a backup leaves on the disk.
    every_s
        How often one is made, unless nothing has changed. 0: only when asked.
    kept
        How many of the newest are kept.
    days
        For how many days beyond that one of each day is kept.
    """

    def __init__(
        self,
        store: SqliteStore,
        thread: StoreThread,
        files: FleetFiles,
        reserve_bytes: int,
        *,
        every_s: float = 3600.0,
        kept: int = 24,
        days: int = 7,
    ) -> None:
        self._store = store
        self._thread = thread
        self._database = files.database
        self._folder = files.backups
        self._reserve_bytes = reserve_bytes
        self._stem = _stem(files)
        self._every_s = every_s
        self._kept = kept
        self._days = days
        self.made = 0
        self._saved: int | None = None  # the store's changes when the last one was made
        self._one_at_a_time = asyncio.Lock()

    def all(self) -> list[Backup]:
        """Those there are, oldest first."""
        return list_backups(self._folder, self._stem)

    async def make(self) -> Backup:
        """Make one now. It is checked and on disk when this returns.

        Raises
        ------
        StorageFull
            The disk has no room for it.
        Unavailable
            The coordinator is stopping.
        """
        async with self._one_at_a_time:
            self._prepare()
            final = self._folder / stamped(self._stem)
            copy = _unfinished(final)
            changes = await self._thread.call(lambda: self._store.changes)
            await self._thread.call(self._store.backup, copy, self._thread.run_queued)
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(None, seal, copy, final)
            self._saved = changes
            self.made += 1
            made = _described(final)
            logger.info(
                "backup made: %s, %d bytes", final, made.size_bytes, extra={"event": "backup_made"}
            )
            self._thin_out()
            return made

    def _prepare(self) -> None:
        """Make the folder, clear what a crash left in it, and look whether there is room."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        for left in self._folder.glob(f".{self._stem}-*.new*"):
            left.unlink(missing_ok=True)
        wal = self._database.with_name(f"{self._database.name}-wal")
        needed = sum(p.stat().st_size for p in (self._database, wal) if p.exists())
        free = shutil.disk_usage(self._folder).free
        if free < needed + self._reserve_bytes:
            raise errors.StorageFull(
                f"no room for a backup of {needed / 1e6:,.0f} MB beside the "
                f"{self._reserve_bytes / 1e6:,.0f} MB that are kept for results; free some space"
            )

    def _thin_out(self) -> None:
        names = [Path(backup.path).name for backup in self.all()]
        for name in expired(names, self._kept, self._days):
            with contextlib.suppress(OSError):
                (self._folder / name).unlink()

    # ── by the clock ─────────────────────────────────────────────────────────────────────────────

    async def run(self) -> NoReturn:
        """Make one every so often, for ever."""
        wait_s = self._first_wait_s()
        while True:
            await asyncio.sleep(wait_s)
            wait_s = self._every_s or 3600.0
            if not self._every_s:
                continue
            try:
                if await self._thread.call(lambda: self._store.changes) != self._saved:
                    await self.make()
            except (errors.NexapodError, OSError) as error:
                logger.warning("no backup was made: %s", error, extra={"event": "backup_failed"})

    def _first_wait_s(self) -> float:
        """A coordinator that is often restarted makes backups all the same."""
        every_s = self._every_s or 3600.0
        found = self.all()
        age_s = max(0.0, time.time() - found[-1].made_at) if found else every_s
        return max(min(every_s, SETTLE_S), every_s - age_s)


def make_offline(files: FleetFiles) -> Backup:
    """Copy the database of a fleet whose coordinator does not run, and keep one from starting.

    Raises
    ------
    AlreadyRunning
        It runs after all.
    Invalid
        There is no database, or it is none of ours.
    """
    if not files.database.is_file():
        raise errors.Invalid(f"there is no database {files.database}; name another fleet")
    lock = DatabaseLock(files.lock, files.database, files.url_of)
    try:
        files.backups.mkdir(mode=0o700, exist_ok=True)
        final = files.backups / stamped(_stem(files))
        copy = _unfinished(final)
        copy.unlink(missing_ok=True)
        with contextlib.closing(sqlite3.connect(files.database, isolation_level=None)) as db:
            db.execute("SELECT 1 FROM attempts LIMIT 1")
            copy_database(db, copy)
        seal(copy, final)
        return _described(final)
    except sqlite3.Error as error:
        raise errors.Invalid(
            f"{files.database} cannot be copied: {error}; is it a fleet's database?"
        ) from None
    finally:
        lock.release()


def stamped(stem: str) -> str:
    """The name of a backup that is made now."""
    return f"{stem}-{datetime.now(UTC).strftime(_STAMP)}.db"


def _stem(files: FleetFiles) -> str:
    return files.database.name.removesuffix(".db")


def _unfinished(final: Path) -> Path:
    return final.with_name(f".{final.name}.new")


def _described(path: Path) -> Backup:
    stamp = path.name[-len("YYYYmmddTHHMMSSZ.db") : -3]
    made = datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC)
    return Backup(str(path), path.stat().st_size, made.timestamp())


def list_backups(folder: Path, stem: str) -> list[Backup]:
    """The backups of the database `stem`.db in `folder`, oldest first."""
    pattern = re.compile(re.escape(stem) + r"-\d{8}T\d{6}Z\.db")
    found = []
    for path in folder.iterdir() if folder.is_dir() else ():
        with contextlib.suppress(OSError, ValueError):
            if pattern.fullmatch(path.name):
                found.append(_described(path))
    return sorted(found, key=lambda backup: backup.made_at)


def expired(names: Iterable[str], kept: int, days: int) -> list[str]:
    """Which of these backups go: all but the `kept` newest and the last of each of `days` days.

    A day without a backup does not count.
    """
    newest_first = sorted(names, key=lambda name: name[-19:], reverse=True)
    of_day: dict[str, str] = {}
    for name in newest_first:
        of_day.setdefault(name[-19:-11], name)
    stay = {*newest_first[: max(1, kept)], *list(of_day.values())[:days]}
    return [name for name in newest_first if name not in stay]
