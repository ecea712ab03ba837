"""Copies of a database, taken while it is used: in steps, then checked and put in their place."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

from nexapod import errors

#: Half a MiB at a time: a commit that waits for a step waits about a millisecond.
STEP_PAGES = 128


def copy_database(
    source: sqlite3.Connection, target: Path, between: Callable[[], None] = lambda: None
) -> None:
    """Copy what `source` is connected to into the new file `target`.

    Parameters
    ----------
    between
        Called after each step. What it writes through `source` is in the copy.

    Raises
    ------
    StorageFull
        The copy could not be written; nothing is left of it.
    """
    try:
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        with contextlib.closing(sqlite3.connect(target, isolation_level=None)) as copy:
            # A torn copy is thrown away, so nothing guards it before `seal` does.
            copy.execute("PRAGMA synchronous = OFF")
            copy.execute("PRAGMA journal_mode = OFF")
            source.backup(copy, pages=STEP_PAGES, progress=lambda *_: between())
    except BaseException as error:
        target.unlink(missing_ok=True)
        if isinstance(error, sqlite3.Error | OSError):
            raise errors.StorageFull(f"the copy {target} cannot be written: {error}") from error
        raise


def seal(copy: Path, final: Path) -> None:
    """Check the copy, make it durable, and give it its name.

    Raises
    ------
    Invalid
        When it is damaged; nothing is left of it.
    """
    try:
        with contextlib.closing(sqlite3.connect(copy, isolation_level=None)) as db:
            db.execute("PRAGMA journal_mode = DELETE")  # one file, without a -wal of its own
            fault = damage(db)
        if fault is not None:
            raise errors.Invalid(f"the copy {copy} is damaged ({fault}); is the disk well?")
        sync(copy)
        copy.replace(final)
        sync(final.parent)
    except BaseException:
        copy.unlink(missing_ok=True)
        raise


def read_only(path: Path) -> sqlite3.Connection:
    """A connection that changes nothing, neither in the file nor beside it."""
    wal = path.with_name(f"{path.name}-wal")
    alone = not wal.exists() or wal.stat().st_size == 0
    options = "mode=ro&immutable=1" if alone else "mode=ro"
    return sqlite3.connect(f"{path.as_uri()}?{options}", uri=True)


def damage(db: sqlite3.Connection) -> str | None:
    """What is wrong with the database's pages, in one line; None when nothing is."""
    try:
        found = str(db.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.DatabaseError as error:
        return str(error)
    return None if found == "ok" else found.splitlines()[-1]  # the first says in which database


def sync(path: Path) -> None:
    """Put a file, or the names in a folder, on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
