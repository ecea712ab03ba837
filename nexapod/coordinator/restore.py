"""A fleet's database is replaced by a backup of it, while no coordinator runs."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from nexapod.coordinator.files import FleetFiles
from nexapod.coordinator.lock import DatabaseLock
from nexapod.store.blobs import BlobStore
from nexapod.store.copies import sync
from nexapod.store.restoration import missing_blobs, prepare


class Restored(msgspec.Struct, frozen=True):
    """What a restore did. `kept` is where the database is that was there before, if one was.

    `has_tokens`: its tokens were carried over. Else all but the fleet's own were revoked.
    """

    database: Path
    kept: Path | None
    missing_blobs: int
    has_tokens: bool


def restore(files: FleetFiles, backup: Path) -> Restored:
    """Put `backup` in the place of the fleet's database. The present one is kept beside it.

    Raises
    ------
    AlreadyRunning
        While a coordinator runs on it.
    Invalid
        When the backup is unsound, of another program, or of a newer nexapod.
    """
    lock = DatabaseLock(files.lock, files.database, files.url_of)
    try:
        ready = files.database.with_name(f"{files.database.name}.restoring")
        has_tokens = prepare(backup.absolute(), ready, files.database)
        kept = _keep(files.database) if files.database.exists() else None
        ready.replace(files.database)
        sync(files.database.parent)
        missing = missing_blobs(files.database, BlobStore(files.blobs))
        return Restored(files.database, kept, missing, has_tokens)
    finally:
        lock.release()


def _keep(database: Path) -> Path:
    """Give the present database a second name; its own is taken over in one step then."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    kept = database.with_name(f"{database.name}.before-restore-{stamp}")
    # One that is damaged is kept as it is.
    with (
        contextlib.suppress(sqlite3.DatabaseError),
        contextlib.closing(sqlite3.connect(database)) as db,
    ):
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    # What the checkpoint left belongs to the old database, and would be read into the new one.
    for ending in ("-wal", "-shm"):
        left = database.with_name(database.name + ending)
        if left.exists():
            left.replace(kept.with_name(kept.name + ending))
    try:
        os.link(database, kept)
    except OSError:  # a file system without links
        database.replace(kept)
    return kept
