"""Backup and restore with real processes: nothing from the time that is forgotten comes back."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from nexapod.coordinator.backups import make_offline
from nexapod.coordinator.files import FleetFiles
from nexapod.coordinator.restore import restore
from nexapod.store.sqlite import SCHEMA_VERSION, SqliteStore
from tests.integration.parts import Client, Coordinator, eventually, nexapod, reading
from tests.unit.store.test_migrations import version_1

Serve = Callable[..., Coordinator]
RAISED = 1_000_000


def command(coordinator: Coordinator, verb: str, *arguments: Any) -> Any:
    return nexapod(verb, "--database", str(coordinator.database), *map(str, arguments))


def backed_up(coordinator: Coordinator, *dest: Path) -> Path:
    """``nexapod backup``; the file it made."""
    done = command(coordinator, "backup", *dest)
    assert done.returncode == 0, done.stderr
    return Path(re.search(r"backup: (\S+) ", done.stdout)[1])


def report(client: Client, node: str, lease: Any, result: Any) -> int:
    more = {"epoch": lease["epoch"]}
    return client.report(node, lease["job_id"], result, **more).status


def test_after_a_restore_no_lease_of_the_forgotten_time_counts(serve: Serve):
    coordinator = serve()
    client = coordinator.client()
    issued: list[tuple[str, int]] = []

    def lease(node: str) -> Any:
        found = client.poll(node)
        issued.append((found["job_id"], found["epoch"]))
        return found

    client.register("n1")
    for name in ("done", "held", "waits", "dies"):
        client.submit({"job": name}, job_id=name)
    done, held = lease("n1"), lease("n1")
    assert (done["job_id"], held["job_id"]) == ("done", "held")
    assert report(client, "n1", done, "before the backup") == 200

    backup = backed_up(coordinator)

    # What the restored database knows nothing of: a lease, a result, a cancel, a new job.
    waits, dies = lease("n1"), lease("n1")
    assert report(client, "n1", waits, "after the backup") == 200
    client.post("/jobs/dies/cancel")
    client.submit({"job": "unknown"}, job_id="unknown")
    unknown = lease("n1")

    refused = command(coordinator, "restore", backup)
    assert refused.returncode == 2
    assert f"already runs in process {coordinator.pid}" in refused.stderr
    assert coordinator.url in refused.stderr
    coordinator.kill()

    restored = command(coordinator, "restore", backup)
    assert restored.returncode == 0, restored.stderr
    assert restored.stderr == ""
    coordinator.start()
    client = coordinator.client()

    # Every late result is refused, whether its job is known or not, with and without its epoch.
    for late in (held, waits, dies):
        assert report(client, "n1", late, "too late") == 409
        assert client.report("n1", late["job_id"], "too late").status == 409
    assert report(client, "n1", unknown, "too late") == 404
    assert {name: client.status_of(name) for name in ("done", "held", "waits", "dies")} == {
        "done": "completed", "held": "pending", "waits": "pending", "dies": "pending",
    }  # fmt: skip
    assert client.job("done")["result"] == "before the backup"

    client.submit({"job": "unknown"}, job_id="unknown")
    client.submit({"job": "new"}, job_id="new")
    client.register("n2")
    for _ in range(5):
        assert report(client, "n2", lease("n2"), "at last") == 200
    assert client.poll("n2")["status"] == "no_job_available"
    jobs = client.get("/jobs")
    assert {job["status"] for job in jobs} == {"completed"}

    # Late ones stay late once the job is done.
    assert report(client, "n1", held, "far too late") == 409
    assert len(issued) == len(set(issued)) == 10
    assert all(epoch > RAISED for _, epoch in issued[5:])
    assert dict(issued[5:])["new"] == RAISED + 1

    coordinator.terminate()
    with reading(coordinator.database) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert db.execute("SELECT end FROM attempts WHERE epoch = 1 ORDER BY seq").fetchall() == [
            ("completed",), ("lost",),
        ]  # fmt: skip
        actions = db.execute("SELECT subject FROM audit WHERE action = 'restore'").fetchall()
        assert actions == [(backup.name,)]


@pytest.mark.parametrize("damaged", [False, True])
def test_the_same_backup_restored_again_gives_out_no_epoch_again(tmp_path: Path, damaged: bool):
    files = FleetFiles("fleet", tmp_path / "fleet.db")
    SqliteStore(files.database).close()
    backup = Path(make_offline(files).path)
    firsts = []
    for time in range(3):
        if damaged and time == 1:
            files.database.write_bytes(b"\xff" * 9000)
        restore(files, backup)
        store = SqliteStore(files.database)
        firsts.append(store.load().first_epoch)
        store.close()
    assert firsts == [RAISED, 2 * RAISED, 3 * RAISED]


def test_the_present_database_is_kept_whole_and_so_are_its_tokens(serve: Serve):
    coordinator = serve()
    client = coordinator.client()
    early = client.post("/tokens", {"scopes": ["view"], "label": "early"})
    backup = backed_up(coordinator)
    assert client.ask("DELETE", f"/tokens/{early['id']}").status == 200
    late = client.post("/tokens", {"scopes": ["view"], "label": "late"})
    client.submit(job_id="forgotten")
    coordinator.kill()  # so that the last of it is in the log of the database

    done = command(coordinator, "restore", backup)
    kept = Path(re.search(r"was there: (\S+)", done.stdout)[1])
    assert kept.name.startswith("fleet.db.before-restore-")
    with reading(kept) as db:
        assert db.execute("SELECT id FROM jobs").fetchall() == [("forgotten",)]
    assert kept.stat().st_mode & 0o777 == 0o600
    coordinator.start()
    assert Client(coordinator.url, early["token"]).ask("GET", "/status").status == 401
    assert Client(coordinator.url, late["token"]).ask("GET", "/status").status == 200
    assert coordinator.client().get("/jobs") == []


def test_a_damaged_database_is_replaced_and_kept(serve: Serve):
    coordinator = serve()
    coordinator.client().submit(job_id="j")
    backup = backed_up(coordinator)
    coordinator.kill()
    for ending in ("", "-wal"):
        coordinator.database.with_name(f"fleet.db{ending}").write_bytes(b"\xff" * 9000)
    assert command(coordinator, "restore", backup).returncode == 0
    coordinator.start()
    assert coordinator.client().status_of("j") == "pending"
    (kept,) = (p for p in backup.parents[1].glob("fleet.db.before-restore-*Z"))
    assert kept.read_bytes() == b"\xff" * 9000


@pytest.mark.parametrize("present", ["gone", "damaged", "new"])
def test_a_restore_without_the_present_tokens_revives_none(serve: Serve, present: str):
    coordinator = serve()
    client = coordinator.client()
    token = client.post("/tokens", {"scopes": ["view"], "label": "early"})
    backup = backed_up(coordinator)
    assert client.ask("DELETE", f"/tokens/{token['id']}").status == 200
    coordinator.kill()
    for ending in ("", "-wal"):
        path = coordinator.database.with_name(f"fleet.db{ending}")
        if present == "damaged":
            path.write_bytes(b"\xff" * 9000)
        else:
            path.unlink(missing_ok=True)
    if present == "new":  # somebody started a coordinator where the database was lost
        SqliteStore(coordinator.database).close()

    done = command(coordinator, "restore", backup)
    assert done.returncode == 0
    told = "the tokens could not be carried over; all but the fleet's own were revoked"
    assert (told in done.stderr) == (present != "new")
    coordinator.start()
    assert Client(coordinator.url, token["token"]).ask("GET", "/status").status == 401
    assert coordinator.client().get("/jobs") == []


def test_missing_blobs_are_counted_when_a_backup_is_restored(serve: Serve):
    coordinator = serve()
    data = b'"large"'
    name = sha256(data).hexdigest()
    client = coordinator.client()
    assert client.ask("PUT", f"/blobs/{name}", data).status == 200
    client.post("/jobs", {"kind": "function", "blob": name, "job_id": "j"})
    backup = backed_up(coordinator)
    coordinator.terminate()
    (coordinator.database.with_name("fleet.blobs") / name[:2] / name).unlink()
    done = command(coordinator, "restore", backup)
    assert done.returncode == 0
    assert "1 large inputs or results (blobs) are missing" in done.stderr


def _truncated(backup: Path) -> None:
    backup.write_bytes(backup.read_bytes()[:10_000])


def _scribbled(backup: Path) -> None:
    with reading(backup) as db:  # a page in the middle of a table or an index, not the schema
        (page,) = db.execute("SELECT max(rootpage) FROM sqlite_schema").fetchone()
        (size_bytes,) = db.execute("PRAGMA page_size").fetchone()
    with backup.open("r+b") as file:
        file.seek((page - 1) * size_bytes)
        file.write(b"\xa5" * size_bytes)


def _foreign(backup: Path) -> None:
    backup.unlink()
    with reading(backup) as db:
        db.execute("CREATE TABLE songs (name)")
        db.commit()


def _newer(backup: Path) -> None:
    with reading(backup) as db:
        db.execute("PRAGMA user_version = 99")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_truncated, "cannot be used"),
        (_scribbled, "cannot be used"),
        (_foreign, "a database of another program"),
        (_newer, "written by a newer nexapod"),
        (Path.unlink, "there is no backup"),
        (lambda path: path.write_text("a novel" * 1000), "file is not a database"),
    ],
)
def test_what_is_no_sound_backup_is_refused_and_changes_nothing(
    spoil: Callable[[Path], Any], said: str, tmp_path: Path
):
    database, backup = tmp_path / "fleet.db", tmp_path / "backup.db"
    for path in (database, backup):
        SqliteStore(path).close()
    before = database.read_bytes()
    spoil(backup)
    done = nexapod("restore", "--database", str(database), str(backup))
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert str(tmp_path / "fleet.db.restoring") not in done.stderr
    assert database.read_bytes() == before
    assert not list(tmp_path.glob("*restoring*"))
    assert not list(tmp_path.glob("*before-restore*"))


def test_a_backup_of_an_older_schema_comes_forward(tmp_path: Path):
    backup = version_1(tmp_path / "old.db")
    database = tmp_path / "fleet.db"
    assert nexapod("restore", "--database", str(database), str(backup)).returncode == 0
    with reading(database) as db:
        assert db.execute("SELECT value FROM meta WHERE name = 'first_epoch'").fetchone() == (
            str(RAISED),
        )
        assert db.execute(
            "SELECT id, state, epoch FROM jobs WHERE epoch > 9 ORDER BY id"
        ).fetchall() == [
            ("j-assigned", "pending", RAISED + 2),
            ("j-pending", "pending", RAISED + 1),
        ]
    with reading(backup) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (1,)  # itself untouched


def test_a_coordinator_that_brings_its_database_forward_says_where_the_old_one_is(
    serve: Serve, tmp_path: Path
):
    version_1(tmp_path / "fleet.db")
    coordinator = serve("--open")
    brought = f"was brought from schema 1 to {SCHEMA_VERSION}"
    assert f"note: the database {tmp_path / 'fleet.db'} {brought}" in coordinator.output
    assert coordinator.client().status_of("j-completed") == "completed"
    assert (tmp_path / "fleet.db.schema-1").exists()


def test_a_coordinator_makes_backups_by_itself_and_lists_them(serve: Serve):
    coordinator = serve("--backup-every-s", "0.2")
    client = coordinator.client()
    client.submit(job_id="j")
    (first, *_) = eventually(lambda: client.get("/backups"), "a backup")
    assert first["size_bytes"] == Path(first["path"]).stat().st_size
    with reading(Path(first["path"])) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)


def test_a_backup_goes_where_it_is_told_and_overwrites_nothing(serve: Serve, tmp_path: Path):
    coordinator = serve("--open")
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    made = backed_up(coordinator, folder)
    assert made.parent == folder
    assert made.stat().st_mode & 0o777 == 0o600
    coordinator.terminate()
    (tmp_path / "taken.db").write_text("mine")
    refused = command(coordinator, "backup", tmp_path / "taken.db")
    assert "exists already" in refused.stderr
    assert (tmp_path / "taken.db").read_text() == "mine"
    assert backed_up(coordinator, tmp_path / "free.db").exists()
    with pytest.raises(AssertionError, match="there is no folder"):
        backed_up(coordinator, tmp_path / "nowhere" / "x.db")
    with sqlite3.connect(tmp_path / "free.db") as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    db.close()
