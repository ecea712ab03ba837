"""Options, files, the lock and the feed."""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path
from typing import Any

import msgspec
import pytest

from nexapod import errors
from nexapod.coordinator import feed as feeds
from nexapod.coordinator.feed import Feed, patch_of
from nexapod.coordinator.files import FleetFiles, RunFile
from nexapod.coordinator.lock import DatabaseLock, is_locked
from nexapod.coordinator.options import HostOptions, host_headers, url_of
from nexapod.coordinator.orders import order_of
from nexapod.core import events as e
from nexapod.core.states import JobState
from nexapod.wire.codec import MSGPACK
from nexapod.wire.messages import JobPatch, NewJob
from nexapod.wire.trust import is_loopback

# ── options ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "given",
    [
        {}, {"port": 0}, {"port": 65_535}, {"open": True}, {"host": "localhost"}, {"host": "::1"},
        {"host": "127.8.9.1"}, {"host": "0.0.0.0", "insecure": True},
        {"host": "0.0.0.0"}, {"tls": True}, {"tls": False}, {"cert": "c", "key": "k"},
    ],
)  # fmt: skip
def test_what_is_safe_passes(given: dict[str, Any]) -> None:
    HostOptions(**given).check()


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"port": -1}, "0 to 65535"),
        ({"port": 65_536}, "0 to 65535"),
        ({"open": True, "token": "t"}, "leave one of the two out"),
        ({"host": "0.0.0.0", "tls": False}, "insecure=True"),
        ({"host": "", "tls": False}, "insecure=True"),
        ({"host": "192.168.1.5", "tls": False}, "insecure=True"),
        ({"host": "localhost.example.org", "tls": False}, "insecure=True"),
        ({"insecure": True, "tls": True}, "leave it out"),
        ({"insecure": True, "cert": "c", "key": "k"}, "leave it out"),
        ({"tls": False, "cert": "c", "key": "k"}, "no use"),
        ({"cert": "c"}, "go together"),
        ({"host": "0.0.0.0", "open": True}, "refused beyond this machine"),
        ({"host": "0.0.0.0", "open": True, "insecure": True}, "refused beyond this machine"),
    ],
)
def test_what_is_unsafe_is_refused_and_says_what_to_do(given: dict[str, Any], reason: str) -> None:
    with pytest.raises(errors.Invalid, match=reason):
        HostOptions(**given).check()


def test_loopback_is_known_in_all_its_forms() -> None:
    assert all(map(is_loopback, ("localhost", "127.0.0.1", "127.1.2.3", "::1")))
    assert not any(
        map(is_loopback, ("", "0.0.0.0", "::", "10.0.0.1", "example.org", "127.0.0.1.x"))
    )


def test_host_headers_are_exact() -> None:
    headers = host_headers("127.0.0.1", 8000)
    assert headers == {"127.0.0.1:8000", "localhost:8000", "[::1]:8000"}
    assert "127.0.0.1" in host_headers("127.0.0.1", 80)
    assert not any("evil" in header for header in host_headers("0.0.0.0", 8000))
    assert url_of("::1", 9) == "http://[::1]:9"


# ── files ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "name", ["", "..", ".x", "-x", "a/b", "../x", "a b", "é", "x" * 129, "a\n"]
)
def test_a_name_that_is_no_file_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(errors.Invalid, match="fleet's name"):
        FleetFiles(name, tmp_path / "x.db")


def test_a_fleets_files_stand_side_by_side(tmp_path: Path) -> None:
    files = FleetFiles("villin", tmp_path / "deep" / "er" / "villin.db")
    assert files.database.parent.is_dir()
    names = {path.name for path in (files.blobs, files.lock, files.nodes, files.beside(".token"))}
    assert names == {"villin.blobs", "villin.lock", "villin.nodes", "villin.token"}


def test_the_default_database_is_named_after_the_fleet() -> None:
    assert FleetFiles("villin").database.name == "villin.db"
    assert FleetFiles("v1.2").database.name == "v1.2.db"


def test_a_folder_is_no_database(tmp_path: Path) -> None:
    with pytest.raises(errors.Invalid, match="is a folder"):
        FleetFiles("x", tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(errors.Invalid, match="cannot be made"):
        FleetFiles("x", tmp_path / "file" / "x.db")


def test_the_token_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    files = FleetFiles("x", tmp_path / "x.db")
    token = files.token()
    assert len(token) >= 43
    assert files.token() == token
    path = files.beside(".token")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    assert files.token() == token
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert files.token("mine") == "mine"
    assert FleetFiles("x", tmp_path / "x.db").token() == "mine"
    assert [p.name for p in tmp_path.iterdir()] == ["x.token"], "nothing temporary is left"


@pytest.mark.parametrize("token", ["", " x", "x ", "x\ny", "é", "a\x00b", "\t"])
def test_a_token_that_no_header_can_carry_is_refused(tmp_path: Path, token: str) -> None:
    with pytest.raises(errors.Invalid, match="printable ASCII"):
        FleetFiles("x", tmp_path / "x.db").token(token)


def test_the_run_file_comes_back_and_garbage_is_nothing(tmp_path: Path) -> None:
    files = FleetFiles("x", tmp_path / "x.db")
    assert files.read_run() is None
    run = RunFile("x", "http://127.0.0.1:1", 5, 1.5)
    files.write_run(run)
    assert files.read_run() == run
    for garbage in (b"", b"{", b"[]", b'{"name": 1}'):
        files.beside(".run").write_bytes(garbage)
        assert files.read_run() is None


# ── the lock ─────────────────────────────────────────────────────────────────────────────────────


def test_a_lock_is_held_by_one_and_names_it(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    assert not is_locked(path)
    lock = DatabaseLock(path, tmp_path / "x.db")
    assert is_locked(path)
    with pytest.raises(errors.AlreadyRunning, match=f"process {os.getpid()}") as caught:
        DatabaseLock(path, tmp_path / "x.db")
    assert caught.value.details == {"pid": os.getpid()}
    assert is_locked(path), "a refusal leaves it to its holder"
    lock.release()
    lock.release()
    assert not is_locked(path)
    DatabaseLock(path, tmp_path / "x.db").release()


def test_a_forked_child_that_ends_leaves_the_lock_to_its_parent(tmp_path: Path) -> None:
    lock = DatabaseLock(tmp_path / "x.lock", tmp_path / "x.db")
    child = os.fork()
    if child == 0:
        lock.release()
        os._exit(0)
    os.waitpid(child, 0)
    assert is_locked(tmp_path / "x.lock")
    lock.release()


def test_a_process_that_is_gone_holds_nothing(tmp_path: Path) -> None:
    child = os.fork()
    if child == 0:
        DatabaseLock(tmp_path / "x.lock", tmp_path / "x.db")
        os._exit(0)
    os.waitpid(child, 0)
    assert not is_locked(tmp_path / "x.lock")


# ── the feed ─────────────────────────────────────────────────────────────────────────────────────


def ends(*job_ids: str) -> list[e.JobClosed]:
    return [e.JobClosed(job_id, 1, JobState.COMPLETED, 1, 0.0) for job_id in job_ids]


def _ids(patches: list[JobPatch] | None) -> list[str]:
    return [patch.job_id for patch in patches]


def test_a_reader_gets_what_came_since_and_says_when_it_cannot() -> None:
    async def story() -> None:
        feed = Feed()
        assert feed.since(0) == []
        feed.publish(ends("a", "b"))
        feed.publish(ends("c"))
        assert feed.position == 3
        assert _ids(feed.since(1)) == ["b", "c"]
        assert feed.since(3) == []
        assert feed.since(4) is None, "that never was"

    asyncio.run(story())


def test_a_reader_that_was_away_too_long_is_told_of_the_gap(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(feeds, "KEPT", 3)

    async def story() -> None:
        feed = Feed()
        feed.publish(ends(*"abcde"))
        assert feed.since(1) is None
        assert _ids(feed.since(2)) == ["c", "d", "e"]

    asyncio.run(story())


def test_a_reader_waits_until_something_is_published() -> None:
    async def story() -> None:
        feed = Feed()
        waiting = [asyncio.create_task(feed.wait()) for _ in range(3)]
        await asyncio.sleep(0)
        assert not any(task.done() for task in waiting)
        feed.publish(ends("a"))
        await asyncio.gather(*waiting)
        again = asyncio.create_task(feed.wait())
        await asyncio.sleep(0)
        assert not again.done()
        feed.wake()
        await again

    asyncio.run(story())


def test_a_listener_hears_each_batch_until_it_stops() -> None:
    async def story() -> None:
        feed = Feed()
        heard: list[int] = []
        stop = feed.listen(lambda events: heard.append(len(events)))
        feed.publish(ends("a", "b"))
        stop()
        feed.publish(ends("c"))
        assert heard == [2]

    asyncio.run(story())


def test_patches_say_what_changed_in_the_row() -> None:
    closed = e.JobClosed("j", 1, JobState.FAILED, 3, 0.0, node_id="a", sweep="s")
    leased = e.JobLeased("j", 1, 2, "a", 0.0, 60.0, 60.0, None)
    assert (patch_of(closed).status, patch_of(closed).epoch) == ("failed", 3)
    assert (patch_of(leased).status, patch_of(leased).assigned_to) == ("assigned", "a")
    assert patch_of(e.JobRequeued("j", 1, 0, ())).status == "pending"
    assert patch_of(e.NodeLeft("a", 0.0)) is None


# ── orders ───────────────────────────────────────────────────────────────────────────────────────


def new(**fields: Any) -> NewJob:
    return NewJob(**{"data": msgspec.Raw(b"1"), **fields})


def test_data_is_kept_byte_for_byte() -> None:
    assert order_of(new(data=msgspec.Raw(b'{"x" : 1.50}'))).payload == b'{"x" : 1.50}'
    assert order_of(new(data=msgspec.Raw(b"null"))).payload == b"null"


def test_a_body_is_the_same_whatever_id_it_comes_with_and_not_with_other_contents() -> None:
    first = order_of(new(job_id="u"))
    assert order_of(new(job_id="v")).submission == first.submission
    assert order_of(new(data=msgspec.Raw(b"2"))).submission != first.submission
    assert order_of(new(priority=1)).submission != first.submission


def test_an_identity_stands_for_the_payload() -> None:
    def call(payload: bytes, identity: str) -> bytes:
        job = NewJob(kind="function", payload=payload, identity=identity)
        return order_of(job, MSGPACK).submission

    assert call(b"1", "same") == call(b"2", "same")
    assert call(b"1", "same") != call(b"1", "other")


@pytest.mark.parametrize(
    ("job", "reason"),
    [
        (NewJob(), "a job needs its data"),
        (NewJob(kind="function"), "'payload' or 'blob'"),
        (NewJob(kind="function", payload=b"x", blob="ab" * 32), "one of them"),
        (new(kind="function", payload=b"x"), "not 'data'"),
        (new(payload=b"1"), "not both"),
        (new(after=("u", "u")), "twice"),
        (new(job_id="u", after=("u",)), "wait for itself"),
    ],
)
def test_a_job_that_contradicts_itself_is_refused(job: NewJob, reason: str) -> None:
    with pytest.raises(errors.Invalid, match=reason):
        order_of(job)


def test_a_payload_too_large_to_travel_inline_says_where_to_put_it() -> None:
    with pytest.raises(errors.TooLarge, match="/blobs/"):
        order_of(NewJob(kind="function", payload=bytes(16 * 2**20 + 1)))


def test_a_key_in_the_body_wins_over_the_headers() -> None:
    assert order_of(new(key="body"), key="header").key == "body"
    assert order_of(new(), key="header").key == "header"


def test_messagepack_data_that_json_cannot_hold_is_refused() -> None:
    raw = msgspec.Raw(msgspec.msgpack.encode(msgspec.msgpack.Ext(5, b"x")))
    with pytest.raises(errors.NexapodError):
        order_of(new(data=raw), MSGPACK)
