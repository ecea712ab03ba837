"""A backup made ready to take the database's place."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from pathlib import Path

from nexapod import errors
from nexapod.core.records import RESTORE_EPOCHS
from nexapod.store.blobs import BlobStore
from nexapod.store.copies import copy_database, damage, read_only, seal
from nexapod.store.sqlite import SqliteStore


def prepare(backup: Path, target: Path, present: Path) -> bool:
    """Make `target` a copy of `backup` that a coordinator may go on from.

    Every open job waits again, at an epoch that none of its old leases has. The credentials are
    those of the `present` database; all that it does not vouch for are revoked.

    Returns
    -------
    bool
        Whether the credentials of the `present` database could be carried over.

    Raises
    ------
    Invalid
        When the backup is missing, damaged, of another program, or of a newer nexapod.
    """
    if not backup.is_file():
        raise errors.Invalid(f"there is no backup {backup}")
    target.unlink(missing_ok=True)
    try:
        # A backup may lie on a medium that cannot be written, and is not changed in any case.
        with contextlib.closing(read_only(backup)) as source:
            fault = damage(source)
            if fault is not None:
                raise errors.Invalid(f"the backup {backup} cannot be used: {fault}")
            copy_database(source, target)
        seal(target, target)
        store = SqliteStore(target)  # refuses what is not ours, brings an older schema forward
        store.close()
        _raise_epochs(target, backup.name, _raised_to(target, present))
        kept = _keep_tokens(target, present)
        seal(target, target)
        return kept
    except BaseException as error:
        target.unlink(missing_ok=True)
        if isinstance(error, sqlite3.Error | errors.StorageFull):
            raise errors.Invalid(f"the backup {backup} cannot be used: {error}") from error
        if isinstance(error, errors.Invalid):
            told = error.message.replace(str(target), str(backup))
            raise errors.Invalid(told) from None
        raise
    finally:
        for left in target.parent.glob(f"{target.name}.schema-*"):
            left.unlink()  # the backup itself is the copy as it was


def _raised_to(database: Path, present: Path) -> int:
    """The first epoch that no job had before, here or in what this database replaces.

    The same backup may be restored twice: the present database, and those that earlier restores
    put aside, say what was given out since.
    """
    first = _first_epoch(database) or 0
    aside = present.parent.glob(f"{present.name}.before-restore-*Z")
    known = [first, *(_first_epoch(path) or 0 for path in aside)]
    now = _first_epoch(present) if present.is_file() else 0
    # One that cannot be read may be one restore further than those before it.
    known.append(max(known) + RESTORE_EPOCHS if now is None else now)
    return max(known) + RESTORE_EPOCHS


def _first_epoch(database: Path) -> int | None:
    """The epoch that new jobs of this database begin at; None when it cannot be read."""
    try:
        with contextlib.closing(sqlite3.connect(database)) as db:
            row = db.execute("SELECT value FROM meta WHERE name = 'first_epoch'").fetchone()
    except sqlite3.DatabaseError:
        return None
    return 0 if row is None else int(row[0])


def _raise_epochs(database: Path, name: str, to: int) -> None:
    script = (Path(__file__).parent / "restore.sql").read_text()
    raised = to - (_first_epoch(database) or 0)
    values = {"raise": raised, "at": time.time(), "backup": name}
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        for statement in script.split(";\n"):
            db.execute(statement, values)
        db.execute("COMMIT")


def _keep_tokens(database: Path, present: Path) -> bool:
    """Take over who may come in from the database that is replaced; False where it is unreadable.

    Nobody knows which of the backup's own tokens were revoked since: so all of them are.
    """
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as db:
        db.execute("UPDATE tokens SET revoked_at = ? WHERE revoked_at IS NULL", (time.time(),))
        if not present.is_file():
            return False
        try:
            db.execute("ATTACH ? AS present", (str(present),))
            db.execute("INSERT OR REPLACE INTO tokens SELECT * FROM present.tokens")
        except sqlite3.DatabaseError:  # damaged, or of an older schema
            return False
    return True


def missing_blobs(database: Path, blobs: BlobStore) -> int:
    """How many of the blobs that the database names are not in their folder."""
    with contextlib.closing(read_only(database)) as db:
        named = db.execute(
            "SELECT blob FROM payloads WHERE blob IS NOT NULL "
            "UNION SELECT blob FROM results WHERE blob IS NOT NULL"
        )
        return sum(not blobs.has(name) for (name,) in named)
