"""A database of an older schema comes forward with everything in it, or stays as it was."""

from __future__ import annotations

import contextlib
import re
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nexapod import errors
from nexapod.core.states import JobState
from nexapod.store import sqlite
from nexapod.store.base import JobFilter
from nexapod.store.sqlite import SCHEMA_VERSION, SqliteStore

SCHEMA_1 = Path(__file__).with_name("schema-1.sql").read_text()

STATES = tuple(JobState)
NODE = ("n1", '{"os": "Linux"}', '{"slots":2}', "boot", 5.0, "10.0.0.1", 0)


@contextlib.contextmanager
def plain(path: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        yield db


def version_1(path: Path) -> Path:
    """A database as the first release left it, with a job in every state."""
    with plain(path) as db:
        db.executescript(f"{SCHEMA_1} PRAGMA user_version = 1; PRAGMA journal_mode = WAL;")
        db.execute("INSERT INTO meta VALUES ('fleet_id', 'f1')")
        db.execute("INSERT INTO nodes VALUES (?,?,?,?,?,?,?)", NODE)
        for seq, state in enumerate(STATES, 1):
            db.execute(
                "INSERT INTO jobs (seq, id, state, node, epoch, kind, name, sweep, params, demand,"
                " priority, retries, key, after, submission, created_at, error) VALUES"
                " (?,?,?,?,?,'data','fold','s','{}','{}',?,3,?,'[]',x'01',7.0,?)",
                (
                    seq, f"j-{state}", state, "n1" if state != "pending" else None, seq, seq,
                    f"key-{seq}",
                    '{"type":"exit","message":"broke"}' if state == "failed" else None,
                ),
            )  # fmt: skip
            blob = "ab" * 32 if state == "completed" else None
            db.execute("INSERT INTO payloads VALUES (?,?,?)", (seq, b'{"x": 1}', blob))
            if state != "pending":
                end = None if state == "assigned" else state
                db.execute(
                    "INSERT INTO attempts (seq, epoch, node, request_id, leased_at, lease_s, end)"
                    " VALUES (?,?,?,?,8.0,60.0,?)",
                    (seq, seq, "n1", "poll", end),
                )
            if state == "completed":
                db.execute("INSERT INTO results VALUES (?,'json',4,x'74727565',NULL,x'02')", (seq,))
                db.execute("INSERT INTO tallies VALUES ('state:completed', 1)")
    return path


def rows(path: Path) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table, by the names of its columns."""
    with plain(path) as db:
        db.row_factory = sqlite3.Row
        names = [r[0] for r in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {
            name: [dict(r) for r in db.execute(f"SELECT * FROM {name} ORDER BY 1")]
            for name in names
        }


def schema(path: Path) -> dict[str, Any]:
    """Columns, constraints and indices, by what SQLite says of them and by their text."""
    with plain(path) as db:
        found: dict[str, Any] = {}
        for kind, name, sql in db.execute("SELECT type, name, sql FROM sqlite_master"):
            text = re.sub(r"--[^\n]*|\s+", "", sql or "").replace('"', "")
            found[f"{kind} {name}"] = text
            if kind == "table":
                found[f"columns of {name}"] = db.execute(f"PRAGMA table_xinfo({name})").fetchall()
                found[f"indices of {name}"] = sorted(
                    db.execute(f"PRAGMA index_list({name})").fetchall()
                )
                found[f"kind of {name}"] = db.execute(f"PRAGMA table_list({name})").fetchall()
        return found


def test_a_database_of_the_first_schema_comes_forward_with_everything_in_it(tmp_path: Path):
    path = version_1(tmp_path / "fleet.db")
    before = rows(path)
    store = SqliteStore(path)
    snapshot = store.load()
    found = {row[1]: row for row in store.job_rows(JobFilter())}
    value = store.values(["j-completed"])["j-completed"]
    failure = store.failures(["j-failed"])["j-failed"]
    store.close()

    after = rows(path)
    assert after["meta"].pop(0) == {"name": "first_epoch", "value": "0"}
    for name, table in before.items():
        new = [{k: row[k] for k in old} for old, row in zip(table, after[name], strict=False)]
        assert new == table, name
        assert len(after[name]) == len(table)
    assert [job.spec.id for job in snapshot.jobs] == ["j-pending", "j-assigned"]
    assert [job.node_id for job in snapshot.jobs] == [None, "n1"]
    assert snapshot.first_epoch == 0
    assert snapshot.fleet_id == "f1"
    assert {job_id: row[2] for job_id, row in found.items()} == {f"j-{s}": s for s in STATES}
    assert (value.data, value.trusted) == (b"true", True)
    assert b"broke" in failure
    assert [job.spec.owner for job in snapshot.jobs] == ["", ""]


def test_the_migrated_schema_is_the_fresh_one(tmp_path: Path):
    SqliteStore(version_1(tmp_path / "old.db")).close()
    SqliteStore(tmp_path / "new.db").close()
    assert schema(tmp_path / "old.db") == schema(tmp_path / "new.db")


def test_a_database_of_the_second_schema_keeps_its_attempts_and_gets_logs(tmp_path: Path):
    path = tmp_path / "fleet.db"
    SqliteStore(path).close()
    with plain(path) as db:
        db.executescript(
            "DROP TABLE printed; ALTER TABLE attempts DROP COLUMN printed_bytes; "
            "INSERT INTO attempts (seq, epoch, node, leased_at, lease_s, end, output) "
            "VALUES (1, 1, 'n', 1.0, 60.0, 'completed', 'line'); PRAGMA user_version = 2;"
        )
    store = SqliteStore(path)
    store.close()
    found = rows(path)
    assert [(row["output"], row["printed_bytes"]) for row in found["attempts"]] == [("line", None)]
    assert found["printed"] == []


def test_the_comparison_sees_a_missing_index_and_a_missing_check(tmp_path: Path):
    for name in ("a", "b", "c"):
        SqliteStore(tmp_path / f"{name}.db").close()
    with plain(tmp_path / "b.db") as db:
        db.execute("DROP INDEX result_blobs")
    with plain(tmp_path / "c.db") as db:
        db.execute("PRAGMA writable_schema = ON")
        db.execute(
            "UPDATE sqlite_master SET sql = replace(sql, 'CHECK (epoch > 0)', '')"
            " WHERE name = 'attempts'"
        )
    assert schema(tmp_path / "a.db") != schema(tmp_path / "b.db")
    assert schema(tmp_path / "a.db") != schema(tmp_path / "c.db")


def test_before_a_migration_the_database_is_copied_beside_itself_and_the_owner_is_told(
    tmp_path: Path,
):
    path = version_1(tmp_path / "fleet.db")
    before = rows(path)
    store = SqliteStore(path)
    store.close()
    kept = tmp_path / "fleet.db.schema-1"
    assert [note for note in store.notes if str(kept) in note]
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert rows(kept) == before
    with plain(kept) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (1,)
    assert not list(tmp_path.glob("*.new*"))


def test_a_new_database_is_not_copied(tmp_path: Path):
    for _ in range(2):
        store = SqliteStore(tmp_path / "fleet.db")
        store.close()
        assert store.notes == []
    assert not list(tmp_path.glob("*.schema-*"))


def test_a_migration_that_fails_leaves_the_database_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = version_1(tmp_path / "fleet.db")
    before = rows(path), schema(path)
    broken = "CREATE TABLE half (x); INSERT INTO meta VALUES ('half', 'way'); DROP TABLE nowhere;"
    read = Path.read_text
    monkeypatch.setattr(
        Path, "read_text",
        lambda self, *a: broken if self.name == "0002.sql" else read(self, *a),
    )  # fmt: skip
    with pytest.raises(errors.Invalid, match="cannot be opened: no such table: nowhere"):
        SqliteStore(path)
    monkeypatch.undo()
    assert (rows(path), schema(path)) == before
    SqliteStore(path).close()  # and the right one works afterwards


def test_a_migration_without_room_for_the_copy_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = version_1(tmp_path / "fleet.db")
    before = rows(path)

    def full(*_: Any) -> None:
        raise errors.StorageFull("the copy cannot be written: disk full")

    monkeypatch.setattr(sqlite, "copy_database", full)
    with pytest.raises(errors.StorageFull):
        SqliteStore(path)
    assert rows(path) == before


def test_a_newer_database_is_refused_and_not_touched(tmp_path: Path):
    path = tmp_path / "fleet.db"
    SqliteStore(path).close()
    with plain(path) as db:
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    before = path.read_bytes()
    with pytest.raises(errors.Invalid, match=r"newer nexapod .* upgrade nexapod"):
        SqliteStore(path)
    assert path.read_bytes() == before


def test_there_is_a_migration_for_every_step():
    folder = Path(sqlite.__file__).parent / "migrations"
    assert sorted(p.name for p in folder.iterdir()) == [
        f"{step:04}.sql" for step in range(2, SCHEMA_VERSION + 1)
    ]
