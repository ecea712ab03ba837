"""The SQLite store: WAL, ``synchronous=FULL``, one connection, one transaction for many commands.

A batch of events is first folded into rows (see `rows`), then written with one statement, rarely a
few (see ``batch.sql``).
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import itertools
import os
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from nexapod import errors
from nexapod.core import events as e
from nexapod.core.commands import Order
from nexapod.core.credentials import Credential
from nexapod.core.records import (
    Capacity,
    ClosedJob,
    Demand,
    JobSpec,
    NodeRecord,
    OpenJob,
    Snapshot,
    Value,
)
from nexapod.core.states import AttemptEnd, JobState
from nexapod.ids import new_boot_id
from nexapod.store.base import ATTEMPT_PAGE, WHY_CHARACTERS, JobFilter, Payload, TokenRecord
from nexapod.store.copies import copy_database, seal
from nexapod.store.logs import Pieces, together
from nexapod.store.rows import Rows
from nexapod.wire.messages import JobLog, LogChunk

SCHEMA_VERSION = 3
#: Rows per statement: few enough to stay far below SQLite's limit on variables.
CHUNK = 1024
#: Retries of retries that are followed.
CHAIN = 100
#: Rows, a row counted again for each page's worth of large values, between two checkpoints.
CHECKPOINT_ROWS = 4000
PAGE_BYTES = 4096
#: More than this is not kept in memory by a prepared statement.
KEPT_BYTES = 1024 * 1024
#: States whose jobs have an index of their own (``open_jobs``, ``ill_ended_jobs``).
_INDEXED = (("pending", "assigned"), ("failed", "cancelled"))
#: The words of the index ``owned_jobs``: a credential whose jobs alone are asked for has a name.
_OWNED = "owner <> ''"
#: What SQLite refuses because of what was to be written, on a disk that is well.
_CONTRADICTIONS = (
    sqlite3.IntegrityError, sqlite3.DataError, sqlite3.InterfaceError, sqlite3.ProgrammingError,
)  # fmt: skip

_encode = msgspec.json.encode


@functools.cache
def _queries() -> dict[str, str]:
    text = (Path(__file__).parent / "queries.sql").read_text()
    parts = re.split(r"^-- name: (\w+).*\n", text, flags=re.MULTILINE)[1:]
    return {
        name: sql.strip().rstrip(";") for name, sql in zip(parts[::2], parts[1::2], strict=True)
    }


@functools.cache
def _insert(view: str, width: int, rows: int) -> str:
    row = f"({','.join('?' * width)})"
    return f"INSERT INTO {view} VALUES {','.join([row] * rows)}"


def _parts(view: str, rows: list[tuple[Any, ...]]) -> Iterator[tuple[str, list[Any]]]:
    """The statements that insert `rows` into a view: one, unless there are very many.

    Their sizes are powers of two, so that few have to be prepared; what is left is padding.
    """
    for start in range(0, len(rows), CHUNK):
        chunk = rows[start : start + CHUNK]
        width, size = len(chunk[0]), 1 << (len(chunk) - 1).bit_length()
        cells = list(itertools.chain.from_iterable(chunk))
        cells += [None] * (width * (size - len(chunk)))
        yield _insert(view, width, size), cells


@functools.lru_cache(maxsize=4096)
def _demand(text: str) -> Demand:
    return msgspec.json.decode(text, type=Demand)


class SqliteStore:
    """A fleet's database.

    Parameters
    ----------
    path
        The database file; its folder must exist.

    Raises
    ------
    Invalid
        When the file is no nexapod database, or one of a newer version.
    AlreadyRunning
        When another process holds it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        #: What its owner should hear about how it was opened.
        self.notes: list[str] = []
        self._pid = os.getpid()
        self._closed = False
        self._why_closed = "the coordinator's database is closed"
        self._copying = False
        self._logged_rows = 0
        db: sqlite3.Connection | None = None
        try:
            if not path.exists() and path.parent.is_dir() and path.name != ":memory:":
                path.touch(mode=0o600)  # results are nobody else's business
            db = sqlite3.connect(
                path,
                timeout=0.5,
                isolation_level=None,
                check_same_thread=False,
                cached_statements=1024,
            )
            self._db = db
            self._open()
            _never_free(db)
            # What a killed coordinator left in the log counts too: many short lives would let it
            # grow for ever.
            log = path.with_name(f"{path.name}-wal")
            self._logged_rows = log.stat().st_size // PAGE_BYTES if log.exists() else 0
        except BaseException as error:
            if db is not None:
                db.close()
            if isinstance(error, sqlite3.Error | OSError):
                raise self._refusal(error) from None
            raise

    def _refusal(self, error: Exception) -> errors.NexapodError:
        """Why the database cannot be opened, in one sentence."""
        if "locked" in str(error):
            return errors.AlreadyRunning(
                f"another process holds the database {self.path}; stop it, or choose another name"
            )
        if isinstance(error, sqlite3.OperationalError | OSError):
            return errors.Invalid(f"the database {self.path} cannot be opened: {error}")
        return errors.Invalid(
            f"{self.path} is not a nexapod database; name another file, or move this one away"
        )

    def _open(self) -> None:
        """Look whose database it is before anything in it is touched, then make it ours."""
        self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        (tables,) = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if (
            tables
            and not self._db.execute(
                "SELECT 1 FROM sqlite_master WHERE name = 'attempts'"
            ).fetchone()
        ):
            raise errors.Invalid(f"{self.path} is a database of another program; name another file")
        if version > SCHEMA_VERSION:
            raise errors.Invalid(
                f"the database {self.path} was written by a newer nexapod (schema {version}, this "
                f"one knows {SCHEMA_VERSION}); upgrade nexapod"
            )
        (mode,) = self._db.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode not in ("wal", "memory"):  # it does not say why it stayed as it was
            raise errors.Invalid(
                f"the database {self.path} cannot be opened: its disk takes no write-ahead log"
            )
        for pragma in (
            "synchronous = FULL",
            "wal_autocheckpoint = 0",  # see _checkpoint
            "journal_size_limit = 67108864",
            "cache_size = -65536",
            "temp_store = MEMORY",
        ):
            self._db.execute(f"PRAGMA {pragma}")
        self._bring_up_to_date(version if tables else None)
        self._db.executescript((Path(__file__).parent / "batch.sql").read_text())

    def _bring_up_to_date(self, version: int | None) -> None:
        """Make the tables, or bring those of an older version forward."""
        if version is None:
            schema = (Path(__file__).parent / "schema.sql").read_text()
            self._db.executescript(
                f"BEGIN IMMEDIATE; {schema} PRAGMA user_version = {SCHEMA_VERSION}; "
                f"INSERT INTO meta VALUES ('fleet_id', '{new_boot_id()}'), ('first_epoch', '0'); "
                "COMMIT;"
            )
            return
        if version < SCHEMA_VERSION:
            self._keep(version)
        for step in range(version + 1, SCHEMA_VERSION + 1):
            self._migrate(step)

    def _keep(self, version: int) -> None:
        """Copy the database beside itself before its schema changes."""
        kept = self.path.with_name(f"{self.path.name}.schema-{version}")
        copy = kept.with_name(f"{kept.name}.new")
        copy.unlink(missing_ok=True)
        copy_database(self._db, copy)
        seal(copy, kept)
        self.notes.append(
            f"the database {self.path} was brought from schema {version} to {SCHEMA_VERSION}; a "
            f"copy of it as it was is {kept}"
        )

    def _migrate(self, version: int) -> None:
        """Bring the schema from the version before to `version`, or leave it as it was."""
        script = (Path(__file__).parent / "migrations" / f"{version:04}.sql").read_text()
        try:
            self._db.executescript(
                f"BEGIN IMMEDIATE; {script} PRAGMA user_version = {version}; COMMIT;"
            )
        except sqlite3.Error:
            with contextlib.suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            raise

    # ── writing ──────────────────────────────────────────────────────────────────────────────────

    def commit(self, events: Sequence[e.Event]) -> None:
        """See `Store.commit`."""
        rows = Rows(events)
        self._check_open()
        before = self._db.total_changes
        parts = [*_parts("new_jobs", rows.queued), *_parts("changes", rows.changes())]
        try:
            if len(parts) > 1:
                self._db.execute("BEGIN IMMEDIATE")
            for sql, cells in parts:
                self._db.execute(sql, cells)
            if len(parts) > 1:
                self._db.execute("COMMIT")
        except Exception as error:
            with contextlib.suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            raise self._not_stored(error) from error
        if rows.large_bytes > KEPT_BYTES:
            for sql, cells in parts:  # a statement keeps what was bound to it until it runs again
                self._db.execute(sql, [None] * len(cells))  # padding alone: it changes nothing
        self._note_written(before, rows.large_bytes)

    def append_logs(
        self, node_id: str, chunks: Sequence[LogChunk], most_bytes: int, ended_after: float = 0.0
    ) -> set[tuple[str, int]]:
        """See `Store.append_logs`."""
        self._check_open()
        logs: dict[tuple[str, int], Pieces | None] = {}
        before, written = self._db.total_changes, 0
        try:
            # Nothing waits for these to be on the disk: the sync of the next commit brings them.
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.execute("BEGIN IMMEDIATE")
            for chunk in chunks:
                key = chunk.job_id, chunk.epoch
                if key not in logs:
                    logs[key] = self._log_of(*key, node_id, ended_after)
                if (log := logs[key]) is not None:
                    written += log.append((chunk.start, chunk.data), most_bytes)
            self._db.execute("COMMIT")
        except Exception as error:
            with contextlib.suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            raise self._not_stored(error) from error
        finally:
            with contextlib.suppress(sqlite3.Error):  # closed: by a failure, which is being told
                self._db.execute("PRAGMA synchronous = FULL")
        self._note_written(before, written)
        return {key for key, log in logs.items() if log is None}

    def _log_of(self, job_id: str, epoch: int, *whose: Any) -> Pieces | None:
        for (seq,) in self._run("attempt_of", job_id, epoch, *whose):
            return Pieces(self._db, (seq, epoch), self._run("pieces", seq, epoch))
        return None

    def _note_written(self, changes_before: int, large_bytes: int) -> None:
        self._logged_rows += self._db.total_changes - changes_before + large_bytes // PAGE_BYTES
        if self._logged_rows >= CHECKPOINT_ROWS:
            self._checkpoint()

    def _checkpoint(self) -> None:
        """Move what the log holds into the database.

        Left to itself SQLite does this at the end of a commit, and keeps silent when it fails. It
        would sync the same pages again later, hear that all is well because the system has dropped
        them, and write over the log that alone still had them.
        """
        self._logged_rows = 0
        try:
            self._db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        except sqlite3.Error as error:
            if not _is_full(error):  # then the log keeps it until there is room
                self._give_up(error)

    def _give_up(self, error: sqlite3.Error) -> errors.Unavailable:
        """Nobody knows what reached the disk: never go on."""
        self._why_closed = (
            f"the coordinator cannot write its database ({error}) and takes no more changes"
        )
        self.close()
        return errors.Unavailable(self._why_closed)

    def _not_stored(self, error: Exception) -> errors.NexapodError:
        """What a failed commit means; after a failed write or fsync the store is closed."""
        if _is_full(error):
            return errors.StorageFull(
                "the coordinator's disk is full; free some space, then repeat"
            )
        if isinstance(error, sqlite3.Error) and not isinstance(error, _CONTRADICTIONS):
            return self._give_up(error)
        # The second barrier held (a key, a CHECK, a type); the disk is well.
        return errors.Unavailable(
            "the coordinator found a contradiction and stored nothing; try again"
        )

    # ── reading ──────────────────────────────────────────────────────────────────────────────────

    def load(self) -> Snapshot:
        """See `Store.load`."""
        jobs: list[OpenJob] = []
        for row in self._run("open_jobs"):
            (seq, job_id, state, node, epoch, failures, lost_on, not_before, name, sweep, demand,
             priority, retries, timeout_s, key, after, retry_of, submission, created_at,
             request_id, lease_s, former, end, leased_at, owner, deadline_at) = row  # fmt: skip
            spec = JobSpec(
                seq, job_id, _demand(demand), created_at, name, sweep, priority, retries,
                timeout_s, key, retry_of, owner, deadline_at,
            )  # fmt: skip
            jobs.append(
                OpenJob(
                    spec,
                    epoch,
                    node if state == "assigned" else None,
                    failures,
                    _strings(lost_on),
                    _strings(after),
                    submission,
                    not_before,
                    request_id if state == "assigned" else None,
                    lease_s if state == "assigned" else None,
                    former,
                    AttemptEnd(end) if end else None,
                    leased_at if state == "assigned" else None,
                )
            )
        nodes: list[NodeRecord] = []
        draining: set[str] = set()
        for node_id, profile, capacity, boot_id, at, address, drains, credential in self._run(
            "nodes"
        ):
            known = msgspec.json.decode(capacity, type=Capacity)
            record = NodeRecord(
                node_id, profile.encode(), known, boot_id, at, address, credential
            )  # fmt: skip
            nodes.append(record)
            if drains:
                draining.add(node_id)
        counts, tallies = _split(self._run("tallies"))
        (next_seq,), (fleet_id,) = self._run("next_seq")[0], self._run("fleet_id")[0]
        (first_epoch,) = self._run("first_epoch")[0]
        return Snapshot(
            jobs, nodes, frozenset(draining), counts, tallies, next_seq, fleet_id, first_epoch
        )

    def payloads(self, seqs: Iterable[int]) -> dict[int, Payload]:
        """See `Store.payloads`."""
        found = ((seq, self._run("payload", seq)) for seq in seqs)
        return {seq: Payload(*rows[0]) for seq, rows in found if rows}

    def closed(self, job_ids: Iterable[str]) -> dict[str, ClosedJob]:
        """See `Store.closed`."""
        return self._closed_by("closed", job_ids)

    def closed_keys(self, keys: Iterable[str]) -> dict[str, ClosedJob]:
        """See `Store.closed_keys`."""
        return self._closed_by("closed_key", keys)

    def _closed_by(self, query: str, names: Iterable[str]) -> dict[str, ClosedJob]:
        found = {}
        for name in names:
            for job_id, state, *rest in self._run(query, name):
                found[name] = ClosedJob(job_id, JobState(state), *rest)
        return found

    def states(self, job_ids: Sequence[str]) -> list[tuple[str, str, str | None]]:
        """See `Store.states`."""
        return self._run("states", _encode(job_ids).decode())

    def order(self, job_id: str) -> Order | None:
        """See `Store.order`."""
        for row in self._run("order", job_id):
            (demand, submission, data, blob, params, name, sweep, priority, retries, timeout_s,
             after, owner, deadline_s) = row  # fmt: skip
            return Order(
                job_id, _demand(demand), submission, data, blob, params.encode(), name, sweep,
                priority, retries, timeout_s, None, _strings(after), None, owner, deadline_s,
            )  # fmt: skip
        return None

    def latest(self, job_id: str) -> str:
        """See `Store.latest`."""
        return [job_id, *self._chain("latest_retry", job_id)][-1]

    def retried(self, job_id: str) -> list[str]:
        """See `Store.retried`."""
        return self._chain("retry_of", job_id)

    def _chain(self, query: str, job_id: str) -> list[str]:
        """What the query gives for the job, then for what it gave, and so on."""
        chain = [job_id]
        # `retry_of` is what a client said: it may go round in circles, and on and on.
        while len(chain) <= CHAIN and (rows := self._run(query, chain[-1])):
            if rows[0][0] in chain:
                break
            chain.append(str(rows[0][0]))
        return chain[1:]

    def values(self, job_ids: Iterable[str]) -> dict[str, Value]:
        """See `Store.values`."""
        found = ((job_id, self._run("value", job_id)) for job_id in job_ids)
        return {job_id: _value(*rows[0]) for job_id, rows in found if rows}

    def shown_values(self, job_ids: Iterable[str], most_bytes: int) -> dict[str, Value]:
        """See `Store.shown_values`."""
        shown: dict[str, Value] = {}
        total = 0
        for job_id in job_ids:
            for form, size, blob, length, trusted in self._run("value_size", job_id):
                total += length or 0  # one in a blob has none here
                if total > most_bytes and shown:
                    return shown
                data = self._run("value", job_id)[0][2] if form == "json" else None
                shown[job_id] = Value(form, size, data, blob, bool(trusted))
        return shown

    def failures(self, job_ids: Iterable[str]) -> dict[str, bytes]:
        """See `Store.failures`."""
        found = ((job_id, self._run("failure", job_id)) for job_id in job_ids)
        return {job_id: rows[0][0].encode() for job_id, rows in found if rows and rows[0][0]}

    def output(self, job_id: str) -> str:
        """See `Store.output`."""
        rows = self._run("output", job_id)
        return str(rows[0][0]) if rows else ""

    def log(self, job_id: str, epoch: int | None = None, after: int = 0) -> JobLog | None:
        """See `Store.log`."""
        for seq, number, output, printed_bytes, is_open in self._run("log_of", job_id, epoch):
            pieces = self._run("pieces_from", seq, number, after)
            start, end, text = together(pieces, output, printed_bytes, after, bool(is_open))
            return JobLog(number, start, end, text, bool(is_open))
        return None

    def job_rows(self, which: JobFilter) -> list[tuple[Any, ...]]:
        """See `Store.job_rows`."""
        # Where ids are given they lead: `+seq` keeps the planner from walking every later row.
        conditions = ["seq > ?" if which.job_ids is None else "+seq > ?"]
        cells: list[Any] = [which.after_seq]
        if which.status:
            conditions.append(f"state IN ({','.join('?' * len(which.status))})")
            cells += which.status
            # Said in the words of an index, so that rare jobs are found among a million others.
            conditions += [
                f"state IN {words}" for words in _INDEXED if set(which.status) <= {*words}
            ]
        if which.sweep is not None:
            conditions.append("sweep = ?")
            cells.append(which.sweep)
        if which.job_ids is not None:
            conditions.append("id IN (SELECT value FROM json_each(?))")
            cells.append(_encode(which.job_ids).decode())
        if which.owner is not None:
            conditions.append(f"owner = ? AND {_OWNED}")
            cells.append(which.owner)
        return self._read(
            "SELECT seq, id, state, node, kind, name, sweep, params, epoch, priority, created_at, "
            "started_at, finished_at, run_s, error, retry_of FROM jobs "
            f"WHERE {' AND '.join(conditions)} "
            f"ORDER BY seq {'DESC' if which.newest else 'ASC'} LIMIT ?",
            [*cells, which.limit],
        )

    def attempt_rows(
        self,
        job_ids: Sequence[str] | None = None,
        owner: str | None = None,
        after: tuple[int, int] = (0, 0),
        limit: int = ATTEMPT_PAGE,
    ) -> list[tuple[Any, ...]]:
        """See `Store.attempt_rows`."""
        # Where jobs are chosen they lead, in order of `seq`; else the attempts do.
        first, order = "attempts AS a CROSS JOIN jobs AS j", "a.seq, a.epoch"
        conditions, cells = list[str](), list[Any](after)
        if job_ids is not None:
            conditions.append("j.id IN (SELECT value FROM json_each(?))")
            cells.append(_encode(job_ids).decode())
        if owner is not None:
            conditions.append(f"j.owner = ? AND j.{_OWNED}")
            cells.append(owner)
        if conditions:
            first, order = "jobs AS j CROSS JOIN attempts AS a", "j.seq, a.epoch"
            conditions.append("j.seq >= ?")
            cells.append(after[0])
        only = "".join(f"AND {condition} " for condition in conditions)
        return self._read(
            "SELECT j.id, a.epoch, a.node, j.name, j.sweep, j.params, a.leased_at, "
            "coalesce(a.ended_at - a.run_s, a.leased_at), a.ended_at, "
            "coalesce(a.end, 'running'), a.run_s, a.peak_memory_bytes, a.error, a.seq "
            f"FROM {first} ON j.seq = a.seq WHERE (a.seq, a.epoch) > (?, ?) {only}"
            f"ORDER BY {order} LIMIT ?",
            [*cells, limit],
        )

    def job_briefs(self, after_seq: int, limit: int) -> list[tuple[Any, ...]]:
        """See `Store.job_briefs`."""
        return self._run("job_briefs", WHY_CHARACTERS, after_seq, limit)

    def job_briefs_of(self, seqs: Sequence[int]) -> list[tuple[Any, ...]]:
        """See `Store.job_briefs_of`."""
        return self._run("job_briefs_of", WHY_CHARACTERS, _encode(seqs).decode())

    def attempt_briefs(self, limit: int) -> list[tuple[Any, ...]]:
        """See `Store.attempt_briefs`."""
        return self._run("attempt_briefs", limit)

    def attempt_briefs_of(self, keys: Sequence[tuple[int, int]]) -> list[tuple[Any, ...]]:
        """See `Store.attempt_briefs_of`."""
        return self._run("attempt_briefs_of", _encode(keys).decode())

    def sweeps(self, owner: str | None = None) -> list[tuple[str, int]]:
        """See `Store.sweeps`."""
        return self._run("sweeps") if owner is None else self._run("own_sweeps", owner)

    def job_owners(self, job_ids: Sequence[str]) -> dict[str, str]:
        """See `Store.job_owners`."""
        return dict(self._run("job_owners", _encode(job_ids).decode()))

    def owns_blob(self, sha256: str, owner: str) -> bool:
        """See `Store.owns_blob`."""
        return bool(self._run("owns_blob", sha256, owner))

    # ── credentials and the audit ────────────────────────────────────────────────────────────────

    def tokens(self) -> list[TokenRecord]:
        """See `Store.tokens`."""
        return [
            TokenRecord(
                Credential(
                    token_id, frozenset(scopes.split()), label, bool(trusted), created_at,
                    expires_at, revoked_at,
                ),
                digest,
            )
            for token_id, digest, scopes, label, trusted, created_at, expires_at, revoked_at
            in self._run("tokens")
        ]  # fmt: skip

    def audit_rows(self, after_seq: int = 0, limit: int = 1000) -> list[tuple[Any, ...]]:
        """See `Store.audit_rows`."""
        return self._run("audit", after_seq, limit)

    def _run(self, query: str, *cells: Any) -> list[tuple[Any, ...]]:
        return self._read(_queries()[query], cells)

    def _read(self, sql: str, cells: Sequence[Any]) -> list[tuple[Any, ...]]:
        self._check_open()
        try:
            return self._db.execute(sql, cells).fetchall()
        except sqlite3.DatabaseError as error:
            if isinstance(error, _CONTRADICTIONS):
                raise
            raise errors.Unavailable(
                f"the coordinator cannot read its database ({error}); try again"
            ) from error

    # ── copying ──────────────────────────────────────────────────────────────────────────────────

    @property
    def changes(self) -> int:
        """How many rows this connection has changed so far."""
        return self._db.total_changes

    def backup(self, target: Path, between: Callable[[], None] = lambda: None) -> None:
        """Copy the database into the new file `target`; see `copies.copy_database`."""
        self._check_open()

        def step() -> None:
            between()
            self._check_open()

        self._copying = True
        try:
            copy_database(self._db, target, step)
        finally:
            self._copying = False
            if self._closed:
                self._db.close()

    # ── closing ──────────────────────────────────────────────────────────────────────────────────

    def _check_open(self) -> None:
        if os.getpid() != self._pid:
            raise errors.Unavailable(
                "this process was forked from the coordinator's; it may not write"
            )
        if self._closed:
            raise errors.Unavailable(self._why_closed)

    def close(self) -> None:
        """See `Store.close`."""
        if not self._closed and os.getpid() == self._pid:
            self._closed = True
            if not self._copying:  # the copy ends after its step, and closes it then
                self._db.close()


def _is_full(error: Exception) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL


def _never_free(db: sqlite3.Connection) -> None:
    """Let only `close` close it.

    A forked child has a copy, and SQLite there believes that it holds the parent's lock: freed at
    the child's end, it would remove the log that the parent goes on writing.
    """
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(db))


def _value(form: Any, size: int, data: bytes | None, blob: str | None, trusted: int) -> Value:
    return Value(form, size, data, blob, bool(trusted))


def _strings(text: str) -> tuple[str, ...]:
    return () if text == "[]" else tuple(msgspec.json.decode(text, type=list[str]))


def _split(
    tallies: list[tuple[Any, ...]],
) -> tuple[dict[JobState, int], dict[str, tuple[int, int, int]]]:
    """Tallies as jobs per final state, and (completed, failed, lost) attempts per node."""
    counts: dict[JobState, int] = {}
    nodes: dict[str, tuple[int, int, int]] = {}
    ends = ("completed", "failed", "lost")
    for name, count in tallies:
        what, end, *rest = name.split(":", 2)
        if what == "state":
            counts[JobState(end)] = count
        elif end in ends:
            tally = list(nodes.get(rest[0], (0, 0, 0)))
            tally[ends.index(end)] += count
            nodes[rest[0]] = (tally[0], tally[1], tally[2])
    return counts, nodes
