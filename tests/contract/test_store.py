"""One suite for every store: what is committed is there, whole, or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from nexapod import errors
from nexapod.core import events as e
from nexapod.core.records import AttemptReport, Failure, Value
from nexapod.core.states import AttemptEnd, JobState
from nexapod.store.base import (
    ATTEMPT_BRIEF,
    ATTEMPT_COLUMNS,
    JOB_BRIEF,
    JOB_COLUMNS,
    WHY_CHARACTERS,
    JobFilter,
)
from nexapod.store.sqlite import SCHEMA_VERSION, SqliteStore
from tests.contract.histories import Historian, history
from tests.contract.stores import KINDS, Made, maker, remembered, restored, tables
from tests.unit.core.builders import NOW, completed, failed, order


@pytest.fixture(params=KINDS)
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Made]:
    made: list[SqliteStore] = []
    build = maker(request.param, tmp_path)

    def build_and_remember() -> SqliteStore:
        made.append(build())
        return made[-1]

    yield build_and_remember
    for store in made:
        store.close()


@pytest.fixture
def store(make: Made) -> SqliteStore:
    return make()


def commit_all(store: SqliteStore, desk: Historian) -> None:
    for events in desk.commits:
        store.commit(events)
    desk.commits.clear()


def lab() -> Historian:
    desk = Historian()
    desk.register("a", slots=8)
    desk.register("b", slots=8)
    return desk


def is_whole(store: SqliteStore) -> bool:
    return bool(store._db.execute("PRAGMA integrity_check").fetchall() == [("ok",)])


# ── round trips ──────────────────────────────────────────────────────────────────────────────────


def test_an_empty_store_has_nothing_and_starts_at_one(store: SqliteStore) -> None:
    found = store.load()
    assert (found.jobs, found.nodes, found.counts, found.tallies) == ([], [], {}, {})
    assert (found.next_seq, found.draining) == (1, frozenset())
    assert found.fleet_id


def test_every_event_kind_survives(store: SqliteStore) -> None:
    """One of each, looked at after each, on the board that the store gives back."""
    desk = lab()

    def same() -> None:
        commit_all(store, desk)
        assert remembered(restored(store, desk), desk.mono_s) == remembered(desk.board, desk.mono_s)

    same()  # NodeRegistered
    desk.submit(
        order("j", key="k", retries=2, sweep="s", name="f", priority=3, timeout_s=9.5),
        order("child", after=("j",)),
    )
    same()  # JobQueued, and one that waits
    desk.poll("a", request_id="p1")
    same()  # JobLeased
    desk.tell("a", failed("j", 1))
    same()  # AttemptEnded, JobRequeued with a delay
    desk.wait(5)
    desk.tick()
    same()  # JobsDue changes nothing on disk
    desk.poll("b")
    desk.wait(61)
    desk.tick()
    same()  # lost, with where
    desk.poll("a")
    desk.tell("a", completed("j", 3))
    same()  # JobClosed, and the child is free
    desk.cancel("child")
    same()


@pytest.mark.parametrize("seed", range(12))
def test_a_restored_board_is_the_live_board(store: SqliteStore, seed: int) -> None:
    desk = history(seed)
    commit_all(store, desk)
    assert remembered(restored(store, desk), desk.mono_s) == remembered(desk.board, desk.mono_s)
    assert is_whole(store)


@pytest.mark.parametrize("seed", range(12, 20))
def test_a_batch_of_many_decisions_is_what_one_commit_each_would_be(make: Made, seed: int) -> None:
    desk = history(seed)
    one_by_one, at_once, in_groups = make(), make(), make()
    for events in desk.commits:
        one_by_one.commit(events)
    at_once.commit([event for events in desk.commits for event in events])
    for start in range(0, len(desk.commits), 7):
        in_groups.commit([e for events in desk.commits[start : start + 7] for e in events])
    assert tables(at_once) == tables(one_by_one)
    assert tables(in_groups) == tables(one_by_one)


def test_lease_requeue_and_lease_again_fit_in_one_commit(store: SqliteStore) -> None:
    desk = lab()
    desk.submit("j")
    desk.poll("a")
    desk.tell("a", AttemptReport("j", 1, AttemptEnd.RELEASED))
    desk.poll("b", request_id="p2")
    store.commit([event for events in desk.commits for event in events])
    [job] = store.load().jobs
    assert (job.epoch, job.node_id, job.request_id, job.lease_s) == (2, "b", "p2", 60.0)
    ends = [(row[1], row[2], row[9]) for row in store.attempt_rows()]
    assert sorted(ends) == [(1, "a", "released"), (2, "b", "running")]


def test_a_whole_life_fits_in_one_commit(store: SqliteStore) -> None:
    desk = lab()
    desk.submit("j")
    desk.poll("a")
    desk.tell("a", completed("j", 1))
    store.commit([event for events in desk.commits for event in events])
    assert store.load().jobs == []
    assert store.load().counts == {JobState.COMPLETED: 1}
    assert store.values(["j"])["j"].data == b"1"


def test_a_node_that_drains_still_drains_after_a_restart(store: SqliteStore) -> None:
    desk = lab()
    desk.submit("j")
    desk.poll("a")
    desk.leave("a", release=())
    desk.leave("b")
    commit_all(store, desk)
    assert restored(store, desk).nodes["a"].left
    desk.register("a")
    commit_all(store, desk)
    board = restored(store, desk)
    assert (board.nodes["a"].left, board.nodes["b"].left) == (False, True)


# ── all or nothing ───────────────────────────────────────────────────────────────────────────────


def leased(desk: Historian) -> e.JobLeased:
    return next(
        event for events in desk.commits for event in events if isinstance(event, e.JobLeased)
    )


def ended(desk: Historian) -> e.JobClosed:
    return next(
        event for events in desk.commits for event in events if isinstance(event, e.JobClosed)
    )


def test_the_same_epoch_of_a_job_cannot_be_stored_twice(store: SqliteStore) -> None:
    desk = lab()
    desk.submit("j")
    desk.poll("a")
    again = leased(desk)
    commit_all(store, desk)
    before = tables(store)
    desk.submit("k")
    with pytest.raises(errors.Unavailable, match="contradiction"):
        store.commit([*desk.commits[0], again])
    assert_unchanged(store, before)


def test_a_second_result_of_a_job_cannot_be_stored(store: SqliteStore) -> None:
    desk = lab()
    desk.submit("j")
    desk.poll("a")
    desk.tell("a", completed("j", 1, "1"))
    again = msgspec.structs.replace(ended(desk), value=Value("json", 1, b"2"))
    commit_all(store, desk)
    before = tables(store)
    with pytest.raises(errors.Unavailable, match="contradiction"):
        store.commit([again])
    assert_unchanged(store, before)


@pytest.mark.parametrize("form", ["json", "pickle"])
def test_a_result_in_a_blob_is_shown_without_its_bytes(store: SqliteStore, form: str) -> None:
    desk = lab()
    desk.submit("j")
    desk.poll("a")
    large = msgspec.structs.replace(
        completed("j", 1),
        value=Value(form, 20_000_000, blob="ab" * 32),  # type: ignore[arg-type]
    )
    desk.tell("a", large)
    commit_all(store, desk)
    shown = store.shown_values(["j"], 0)["j"]
    assert (shown.format, shown.size, shown.data, shown.blob) == (form, 20_000_000, None, "ab" * 32)


def test_the_table_of_results_takes_one_row_a_job(store: SqliteStore) -> None:
    desk = lab()
    desk.submit("j")
    desk.poll("a")
    desk.tell("a", completed("j", 1, "1"))
    commit_all(store, desk)
    before = tables(store)
    row = "('result', 1, 'json', 1, x'32', NULL, x'00', 1, NULL)"
    with pytest.raises(sqlite3.IntegrityError):
        store._db.execute(f"INSERT INTO changes VALUES {row}")
    assert_unchanged(store, before)


def test_a_final_state_stays_and_an_ended_attempt_does_not_end_again(store: SqliteStore) -> None:
    desk = lab()
    desk.submit("j")
    desk.poll("a")
    desk.tell("a", completed("j", 1, "1"))
    events = [event for batch in desk.commits for event in batch]
    commit_all(store, desk)
    before = tables(store)
    [attempt] = [event for event in events if isinstance(event, e.AttemptEnded)]
    for again in (
        attempt,
        e.JobClosed("j", 1, JobState.CANCELLED, 1, NOW),
        e.JobRequeued("j", 1, 0, ()),
        e.JobClosed("never-was", 77, JobState.CANCELLED, 1, NOW),
    ):
        with pytest.raises(errors.Unavailable, match="contradiction"):
            store.commit([again])
        assert_unchanged(store, before)


def test_two_jobs_cannot_have_one_id_or_one_key(store: SqliteStore) -> None:
    desk = lab()
    desk.submit(order("j", key="k"))
    [queued] = desk.commits[-1]
    assert isinstance(queued, e.JobQueued)
    commit_all(store, desk)
    before = tables(store)
    spec = msgspec.structs.replace(queued.spec, seq=2, id="other")
    with pytest.raises(errors.Unavailable, match="contradiction"):
        store.commit([msgspec.structs.replace(queued, spec=spec)])
    assert_unchanged(store, before)


def assert_unchanged(store: SqliteStore, before: object) -> None:
    """The second barrier held: nothing is stored, and the store goes on."""
    assert tables(store) == before
    assert not store._db.in_transaction
    store.commit([])
    assert is_whole(store)


@pytest.mark.parametrize("where", ["peak_memory_bytes", "size"])
def test_a_number_that_sqlite_cannot_hold_spoils_nothing(store: SqliteStore, where: str) -> None:
    desk = lab()
    desk.submit("j", "k")
    desk.poll("a")
    commit_all(store, desk)
    before = tables(store)
    report = completed("j", 1)
    if where == "size":
        report = msgspec.structs.replace(report, value=Value("json", 2**63, b"1"))
    else:
        report = msgspec.structs.replace(report, peak_memory_bytes=2**63)
    desk.tell("a", report)
    with pytest.raises(Exception):  # noqa: B017
        commit_all(store, desk)
    assert tables(store) == before
    assert not store._db.in_transaction
    store.commit([e.NodeRegistered(desk.board.nodes["a"].record, 0.0, NOW)])


def test_events_that_cannot_be_written_down_change_nothing(store: SqliteStore) -> None:
    desk = lab()
    commit_all(store, desk)
    before = tables(store)
    desk.submit(order("good"), order("bad", params=b"\xff"))
    with pytest.raises(UnicodeDecodeError):
        commit_all(store, desk)
    assert tables(store) == before
    assert not store._db.in_transaction


def test_a_full_disk_stores_nothing_and_space_makes_everything_work_again(
    store: SqliteStore,
) -> None:
    desk = lab()
    desk.submit("first")
    commit_all(store, desk)
    before = tables(store)
    (pages,) = store._db.execute("PRAGMA page_count").fetchone()
    store._db.execute(f"PRAGMA max_page_count = {pages + 4}")
    desk.submit(
        "small", msgspec.structs.replace(order("big"), payload=os.urandom(200_000)), "after"
    )
    with pytest.raises(errors.StorageFull):
        store.commit(desk.commits[0])
    assert tables(store) == before
    assert is_whole(store)
    store._db.execute("PRAGMA max_page_count = 1000000")
    commit_all(store, desk)
    assert len(store.load().jobs) == 4
    assert is_whole(store)


def test_a_full_disk_still_has_room_for_small_results(store: SqliteStore) -> None:
    desk = lab()
    desk.submit("j")
    desk.poll("a")
    commit_all(store, desk)
    (pages,) = store._db.execute("PRAGMA page_count").fetchone()
    store._db.execute(f"PRAGMA max_page_count = {pages + 1}")
    desk.tell("a", completed("j", 1))
    commit_all(store, desk)
    assert store.values(["j"])["j"].data == b"1"


# ── reading ──────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def full(store: SqliteStore) -> SqliteStore:
    """Seven jobs, one or two in each state."""
    desk = lab()
    desk.submit(
        msgspec.structs.replace(
            order("done", key="k1", sweep="s", name="fold"), payload=b"\x00\xff", params=b'{"t":1}'
        ),
        order("bad", sweep="s"),
        order("gone", key="k2"),
        order("busy", sweep="t"),
        msgspec.structs.replace(order("next", sweep="t"), payload=None, blob="ab" * 32),
        order("later", after=("busy",), retries=3, timeout_s=60.0),
    )
    for _ in range(4):
        desk.poll("a")
    report = msgspec.structs.replace(completed("done", 1, '"é"'), output="line\n", run_s=2.5,
                                     peak_memory_bytes=123)  # fmt: skip
    desk.tell("a", report)
    desk.tell("a", failed("bad", 1, traceback="Traceback …", exception=b"\x80pickle"))
    desk.cancel("gone")
    commit_all(store, desk)
    return store


def test_payloads_are_bytes_or_name_a_blob(full: SqliteStore) -> None:
    found = full.payloads([1, 2, 5, 99])
    assert found[1].data == b"\x00\xff"
    assert found[2].data == b'{"n": 1}'
    assert (found[5].data, found[5].blob) == (None, "ab" * 32)
    assert 99 not in found


def test_values_are_the_results_of_completed_jobs(full: SqliteStore) -> None:
    assert set(full.values(["done", "bad", "gone", "busy", "nobody"])) == {"done"}
    assert full.values(["done"])["done"] == Value("json", 3, '"é"'.encode())


def test_closed_knows_finished_jobs_and_no_others(full: SqliteStore) -> None:
    found = full.closed(["done", "bad", "gone", "busy", "nobody"])
    assert {job_id: str(job.state) for job_id, job in found.items()} == {
        "done": "completed", "bad": "failed", "gone": "cancelled",
    }  # fmt: skip
    assert found["done"].digest == hashlib.sha256('"é"'.encode()).digest()
    assert found["done"].submission == order("done").submission
    assert (found["bad"].digest, found["bad"].node_id, found["bad"].epoch) == (b"", "a", 1)


def test_closed_keys_are_found_by_key(full: SqliteStore) -> None:
    found = full.closed_keys(["k1", "k2", "k3"])
    assert {key: job.id for key, job in found.items()} == {"k1": "done", "k2": "gone"}


def test_states_of_many_jobs_at_once(full: SqliteStore) -> None:
    found = full.states(["nobody", "done", "busy", "next"])
    assert sorted(found) == [("busy", "assigned", "a"), ("done", "completed", "a"),
                             ("next", "pending", None)]  # fmt: skip
    assert full.states([]) == []
    many = [f"x{n}" for n in range(50_000)]
    assert full.states([*many, "done"]) == [("done", "completed", "a")]


def test_an_order_can_be_submitted_again_less_its_key(full: SqliteStore) -> None:
    found = full.order("done")
    assert found == msgspec.structs.replace(
        order("done", sweep="s", name="fold"), payload=b"\x00\xff", params=b'{"t":1}'
    )
    later = full.order("later")
    assert (later.after, later.retries, later.timeout_s) == (("busy",), 3, 60.0)
    assert full.order("next").blob == "ab" * 32
    assert full.order("nobody") is None


def test_failures_are_kept_whole(full: SqliteStore) -> None:
    found = full.failures(["bad", "done", "gone", "nobody"])
    assert set(found) == {"bad"}
    failure = msgspec.json.decode(found["bad"], type=Failure)
    assert (failure.type, failure.traceback, failure.exception) == (
        "exception", "Traceback …", b"\x80pickle",
    )  # fmt: skip


def test_the_last_lines_of_the_latest_attempt_are_kept(full: SqliteStore) -> None:
    assert full.output("done") == "line\n"
    assert full.output("bad") == ""
    assert full.output("nobody") == ""


def column(rows: list[tuple[object, ...]], name: str) -> list[object]:
    return [row[JOB_COLUMNS.index(name)] for row in rows]


def test_job_rows_have_the_documented_columns(full: SqliteStore) -> None:
    [row] = full.job_rows(JobFilter(job_ids=("done",)))
    cells = dict(zip(JOB_COLUMNS, row, strict=True))
    assert cells == {
        "seq": 1, "job_id": "done", "status": "completed", "assigned_to": "a", "kind": "data",
        "name": "fold", "sweep": "s", "params": '{"t":1}', "epoch": 1, "priority": 0,
        "created_at": NOW, "started_at": NOW - 2.5, "finished_at": NOW, "run_s": 2.5,
        "error": None,
        "retry_of": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("which", "ids"),
    [
        (JobFilter(), ["done", "bad", "gone", "busy", "next", "later"]),
        (JobFilter(status=("pending",)), ["next", "later"]),
        (JobFilter(status=("failed", "cancelled")), ["bad", "gone"]),
        (JobFilter(sweep="s"), ["done", "bad"]),
        (JobFilter(sweep="none"), []),
        (JobFilter(job_ids=("later", "done", "nobody")), ["done", "later"]),
        (JobFilter(job_ids=()), []),
        (JobFilter(after_seq=4), ["next", "later"]),
        (JobFilter(limit=2), ["done", "bad"]),
        (JobFilter(limit=2, newest=True), ["later", "next"]),
        (JobFilter(status=("completed", "assigned"), sweep="t"), ["busy"]),
        (JobFilter(job_ids=("done", "bad"), after_seq=1), ["bad"]),
    ],
)
def test_job_rows_are_filtered(full: SqliteStore, which: JobFilter, ids: list[str]) -> None:
    assert column(full.job_rows(which), "job_id") == ids


def test_pages_meet_without_a_gap(full: SqliteStore) -> None:
    seen: list[object] = []
    after_seq = 0
    while page := full.job_rows(JobFilter(limit=4, after_seq=after_seq)):
        seen += column(page, "job_id")
        after_seq = int(page[-1][0])
    assert seen == ["done", "bad", "gone", "busy", "next", "later"]


def test_attempt_rows_tell_who_ran_what_where_and_how_it_ended(full: SqliteStore) -> None:
    rows = {row[0]: dict(zip(ATTEMPT_COLUMNS, row, strict=True)) for row in full.attempt_rows()}
    assert {job_id: row["end"] for job_id, row in rows.items()} == {
        "done": "completed", "bad": "failed", "gone": "cancelled", "busy": "running",
    }  # fmt: skip
    assert rows["done"]["peak_memory_bytes"] == 123
    assert rows["done"]["started_at"] == NOW - 2.5
    assert "ValueError" in rows["bad"]["error"]
    assert [row[0] for row in full.attempt_rows(["bad", "later"])] == ["bad"]
    assert full.attempt_rows([]) == []


def test_pages_of_attempts_meet_without_a_gap(store: SqliteStore) -> None:
    desk = lab()
    desk.submit(order("first"), order("second"))
    for _ in range(3):
        desk.poll("a")
        desk.leave("a")
        desk.register("a", slots=8)
    desk.submit(*(order(f"j{n}") for n in range(3)))
    for _ in range(5):
        desk.poll("b")
    commit_all(store, desk)
    every = store.attempt_rows()
    places = [(row[-1], row[1]) for row in every]
    assert places == sorted(set(places))
    assert len({seq for seq, _ in places}) < len(places)  # a job with several of them
    seen: list[object] = []
    after = (0, 0)
    while page := store.attempt_rows(after=after, limit=2):
        assert len(page) <= 2
        seen += page
        after = (page[-1][-1], page[-1][1])
    assert seen == every


def test_what_one_owner_sees_is_its_own_and_found_without_reading_the_rest(
    store: SqliteStore,
) -> None:
    desk = lab()
    own = msgspec.structs.replace(order("own", sweep="s"), owner="t1")
    desk.submit(order("other", sweep="s"), own)
    desk.poll("a")
    desk.poll("a")
    commit_all(store, desk)
    asked: list[str] = []
    store._db.set_trace_callback(asked.append)
    assert [row[0] for row in store.attempt_rows(None, "t1")] == ["own"]
    assert column(store.job_rows(JobFilter(owner="t1")), "job_id") == ["own"]
    assert store.sweeps("t1") == [("s", 1)]
    assert store.attempt_rows(None, "t2") == store.sweeps("t2") == []
    store._db.set_trace_callback(None)
    assert len(asked) == 5
    for sql in asked:
        plan = [row[3] for row in store._db.execute(f"EXPLAIN QUERY PLAN {sql}")]
        assert "owned_jobs" in plan[0], sql
        assert not any(line.startswith("SCAN") for line in plan), sql


def test_sweeps_are_counted_oldest_first(full: SqliteStore) -> None:
    assert full.sweeps() == [("s", 2), ("t", 2)]


# ── one file ─────────────────────────────────────────────────────────────────────────────────────


def test_a_store_that_is_closed_refuses_and_may_be_closed_again(make: Made) -> None:
    store = make()
    store.close()
    store.close()
    for refused in (
        store.load, store.sweeps, store.attempt_rows, lambda: store.job_rows(JobFilter()),
        lambda: store.commit([]), lambda: store.states(["x"]),
    ):  # fmt: skip
        with pytest.raises(errors.Unavailable, match="closed"):
            refused()


def test_everything_is_there_after_reopening(tmp_path: Path) -> None:
    path = tmp_path / "fleet.db"
    desk = history(99)
    first = SqliteStore(path)
    commit_all(first, desk)
    before = tables(first)
    first.close()
    second = SqliteStore(path)
    assert tables(second) == before
    assert remembered(restored(second, desk), desk.mono_s) == remembered(desk.board, desk.mono_s)
    second.close()


def test_what_is_committed_survives_a_process_that_never_closes(tmp_path: Path) -> None:
    path = tmp_path / "fleet.db"
    desk = history(98)
    child = os.fork()
    if child == 0:
        commit_all(SqliteStore(path), desk)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    store = SqliteStore(path)
    assert remembered(restored(store, desk), desk.mono_s) == remembered(desk.board, desk.mono_s)
    assert is_whole(store)
    store.close()


def test_the_database_is_as_durable_as_promised(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "fleet.db")
    pragmas = {
        name: store._db.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous", "locking_mode", "user_version")
    }
    assert pragmas == {
        "journal_mode": "wal", "synchronous": 2, "locking_mode": "exclusive",
        "user_version": SCHEMA_VERSION,
    }  # fmt: skip
    strict = store._db.execute("SELECT name FROM pragma_table_list WHERE strict = 0 AND schema = "
                               "'main' AND name NOT LIKE 'sqlite_%'").fetchall()  # fmt: skip
    assert strict == []
    store.close()


def test_a_newer_database_is_refused_untouched(tmp_path: Path) -> None:
    path = tmp_path / "fleet.db"
    SqliteStore(path).close()
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    db.close()
    with pytest.raises(errors.Invalid, match="newer nexapod"):
        SqliteStore(path)
    db = sqlite3.connect(path)
    assert db.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION + 1,)
    db.close()


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE theirs (x)")
    db.commit()
    db.close()
    with pytest.raises(errors.Invalid, match="another program"):
        SqliteStore(path)
    db = sqlite3.connect(path)
    assert db.execute("SELECT name FROM sqlite_master").fetchall() == [("theirs",)]
    db.close()


def test_another_programs_database_is_left_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE theirs (x)")
    db.commit()
    db.close()
    before = path.read_bytes()
    with pytest.raises(errors.Invalid):
        SqliteStore(path)
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_refused_untouched(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(b"my precious notes\n" * 100)
    with pytest.raises(errors.Invalid, match="not a nexapod database"):
        SqliteStore(path)
    assert path.read_bytes() == b"my precious notes\n" * 100


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(errors.Invalid, match="cannot be opened"):
        SqliteStore(tmp_path / "nowhere" / "fleet.db")


def test_a_forked_child_can_neither_read_nor_write_nor_close(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "fleet.db")
    child = os.fork()
    if child == 0:
        refused = 0
        for verb in (store.load, lambda: store.commit([])):
            try:
                verb()
            except errors.Unavailable:
                refused += 1
        store.close()
        os._exit(refused)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 2
    desk = lab()
    commit_all(store, desk)
    assert len(store.load().nodes) == 2
    store.close()


# ── what a live view reads ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("seed", range(5))
def test_briefs_tell_of_each_job_and_attempt_what_the_long_rows_do(make: Made, seed: int) -> None:
    store, desk = make(), history(seed)
    commit_all(store, desk)
    long = [dict(zip(JOB_COLUMNS, row, strict=True)) for row in store.job_rows(JobFilter())]
    brief = [dict(zip(JOB_BRIEF, row, strict=True)) for row in store.job_briefs(0, 10_000)]
    assert len(brief) == len(long) > 10
    for short, whole in zip(brief, long, strict=True):
        failure = json.loads(whole["error"]) if whole["error"] else {"message": ""}
        told = failure["message"] or failure.get("type", "")
        assert short == {**{name: whole[name] for name in JOB_BRIEF}, "error": told}
    some = [row["seq"] for row in long[::3]]
    assert sorted(row[0] for row in store.job_briefs_of(some)) == some
    assert [row[0] for row in store.job_briefs(some[1], 2)] == [some[1] + 1, some[1] + 2]

    attempts = store.attempt_briefs(10_000)
    assert [row[:2] for row in attempts] == sorted((row[:2] for row in attempts), reverse=True)
    assert store.attempt_briefs(3) == attempts[:3]
    ran = dict(zip(ATTEMPT_BRIEF, range(len(ATTEMPT_BRIEF)), strict=True))
    whole_rows = [dict(zip(ATTEMPT_COLUMNS, row, strict=True)) for row in store.attempt_rows()]
    for row, whole in zip(reversed(attempts), whole_rows, strict=True):
        assert row[ran["end"]] == (None if whole["end"] == "running" else whole["end"])
        assert row[ran["node"]] == whole["node"]
        known = whole["run_s"] is not None
        assert row[ran["started_at"]] == (whole["started_at"] if known else None)
    keys = [row[:2] for row in attempts[::2]]
    assert sorted(row[:2] for row in store.attempt_briefs_of(keys)) == sorted(keys)


def test_a_brief_error_is_one_line_of_bounded_length(store: SqliteStore) -> None:
    desk = lab()
    desk.submit(order("long"), order("silent"))
    desk.poll("a", 2)
    desk.report("a", failed("long", 1, message="é" * 1000, retryable=False))
    desk.report("a", failed("silent", 1, message="", type="memory", retryable=False))
    commit_all(store, desk)
    errors_told = [row[-1] for row in store.job_briefs(0, 10)]
    assert errors_told == ["é" * WHY_CHARACTERS, "memory"]
