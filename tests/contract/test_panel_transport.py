"""What a panel's relay needs of a transport, both ways: in this process, and over HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import nexapod
from nexapod import errors
from nexapod.client.fleet import Fleet
from nexapod.client.transport import Transport
from tests.contract import calls
from tests.integration.parts import Coordinator, eventually
from tests.unit.coordinator.replica import Replica

SOON_S = 60.0


@pytest.fixture(scope="module")
def launched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    folder = tmp_path_factory.mktemp("fleet")
    with nexapod.launch("panel", port=0, database=folder / "panel.db") as fleet:
        yield fleet


def transport(fleet: Fleet) -> Transport:
    return fleet._link.transport


def ask(fleet: Fleet, verb: str, *args: Any) -> Any:
    return fleet._link.ask(getattr(transport(fleet), verb)(*args))


def follow(fleet: Fleet, is_done: Callable[[Replica], bool]) -> Replica:
    """Read the stream until what is known of the fleet is so."""

    async def read() -> Replica:
        replica = Replica()
        async with asyncio.timeout(SOON_S), contextlib.aclosing(transport(fleet).panel()) as told:
            async for message in told:
                replica.hear(message)
                if is_done(replica):
                    break
        return replica

    return fleet._link.ask(read())


def job_states(replica: Replica) -> dict[str, str]:
    return {row[1]: row[2] for row in replica.jobs.values()}


def test_the_stream_begins_with_all_there_is_and_goes_on_with_what_changes(fleet: Fleet) -> None:
    first = fleet.submit_data(1)
    fleet.flush()
    later: list[str] = []
    soon: list[asyncio.Future[Any]] = []

    def is_done(replica: Replica) -> bool:
        if replica.is_ready and not later:
            assert job_states(replica)[first.job_id] == "pending"
            later.append("ready")
            soon.append(asyncio.ensure_future(transport(fleet).cancel([first.job_id])))
        return job_states(replica).get(first.job_id) == "cancelled"

    replica = follow(fleet, is_done)
    assert replica.hellos == 1
    assert replica.hello["name"] == "panel"
    assert replica.hello["url"] == fleet.url


def test_a_reader_that_stops_leaves_nothing_behind(fleet: Fleet, launched: Fleet) -> None:
    follow(fleet, lambda replica: replica.is_ready)
    service = transport(launched).host.service  # type: ignore[attr-defined]
    eventually(lambda: not service.panel.readers, "nobody reads")


def test_a_panels_requests_are_forwarded_and_answered(fleet: Fleet) -> None:
    future = fleet.options(gpus=8).submit(calls.add, 1)
    fleet.flush()
    status, body = ask(fleet, "forward", "GET", f"/jobs/{future.job_id}", None)
    assert (status, json.loads(body)["status"]) == (200, "pending")
    asked = json.dumps({"job_ids": [future.job_id]}).encode()
    status, body = ask(fleet, "forward", "POST", "/jobs/cancel", asked)
    assert (status, json.loads(body)[0]["status"]) == (200, "cancelled")
    status, body = ask(fleet, "forward", "POST", f"/jobs/{future.job_id}/retry", None)
    assert status == 200
    assert ask(fleet, "forward", "GET", f"/jobs/{json.loads(body)['job_id']}", None)[0] == 200


@pytest.mark.parametrize(
    ("method", "path", "refused"),
    [
        ("GET", "/jobs/never-was", 404),
        ("POST", "/nodes/never-was/drain", 404),
        ("GET", "/tokens", 403),
        ("POST", "/stop", 403),
        ("GET", "/jobs/../tokens", 403),
    ],
)
def test_a_refusal_is_an_answer_too(fleet: Fleet, method: str, path: str, refused: int) -> None:
    status, body = ask(fleet, "forward", method, path, None)
    assert status == refused
    assert set(json.loads(body)["error"]) >= {"code", "message"}


def test_bad_input_is_refused_in_a_sentence(fleet: Fleet) -> None:
    status, body = ask(fleet, "forward", "POST", "/jobs/cancel", b'{"job_ids": 3}')
    assert status == 422
    assert "job_ids" in json.loads(body)["error"]["message"]


def test_a_future_says_why_it_waits(fleet: Fleet) -> None:
    future = fleet.options(gpus=8).submit(calls.add, 1)
    assert any("no node has joined" in reason for reason in future.why())
    future.cancel()
    assert future.why() == []


def test_a_node_can_be_drained(fleet: Fleet, launched: Fleet) -> None:
    launched.start_nodes(1, slots=1)
    eventually(lambda: ask(launched, "nodes"), "the node registers")
    told = ask(fleet, "drain", "local-1")
    assert (told.node_id, told.status, told.running) == ("local-1", "left", 0)
    future = fleet.submit(calls.add, 1)
    assert future.why()[-1] == "local-1: has left; start it again to use it"
    future.cancel()
    with pytest.raises(errors.NotFound):
        ask(fleet, "drain", "never-was")


# ── other coordinators ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("how", [{"open": True}, {"tls": True}], ids=["open", "tls"])
def test_it_works_without_a_token_and_over_tls(how: dict[str, bool], tmp_path: Path) -> None:
    database = tmp_path / "other.db"
    with nexapod.launch("other", port=0, database=database, **how) as here:  # type: ignore[arg-type]
        job_id = here.submit_data(1).job_id
        here.flush()
        fingerprint = transport(here).fingerprint
        with nexapod.connect(here.url, here.token, fingerprint=fingerprint) as there:
            for fleet in (here, there):
                status, body = ask(fleet, "forward", "GET", f"/jobs/{job_id}", None)
                assert (status, json.loads(body)["job_id"]) == (200, job_id)
                assert job_states(follow(fleet, lambda told: told.is_ready)) == {job_id: "pending"}


def test_over_http_the_stream_begins_again_after_the_coordinator_was_away(tmp_path: Path) -> None:
    coordinator = Coordinator(tmp_path / "fleet.db").start()
    try:
        with nexapod.connect(coordinator.url, coordinator.token) as fleet:
            runs: list[str] = []

            def is_done(replica: Replica) -> bool:
                if replica.is_ready and replica.hello["run"] not in runs:
                    runs.append(replica.hello["run"])
                    coordinator.kill()
                    coordinator.start()
                return len(runs) == 2

            assert follow(fleet, is_done).hellos == 2
    finally:
        coordinator.end()


def test_over_http_a_token_that_may_not_watch_is_told_so(launched: Fleet) -> None:
    made = launched.tokens.create("submit")
    with (
        nexapod.connect(launched.url, str(made.secret)) as fleet,
        pytest.raises(errors.Unauthorized),
    ):
        follow(fleet, lambda replica: replica.is_ready)


def test_a_coordinator_that_is_away_is_an_answer(tmp_path: Path) -> None:
    coordinator = Coordinator(tmp_path / "fleet.db").start()
    try:
        with nexapod.connect(coordinator.url, coordinator.token) as fleet:
            ask(fleet, "stop")
            assert coordinator.wait() == 0
            status, body = ask(fleet, "forward", "GET", "/jobs/j", None)
            assert status == 503
            assert "is it running?" in json.loads(body)["error"]["message"]
    finally:
        coordinator.end()


def test_in_process_the_stream_ends_with_the_coordinator(tmp_path: Path) -> None:
    fleet = nexapod.launch("ending", port=0, database=tmp_path / "ending.db")
    heard: list[bytes] = []

    async def read() -> None:
        async for message in transport(fleet).panel():
            heard.append(message)

    reading = transport(fleet).post(read())
    eventually(lambda: b'{"t":"ready"}' in heard, "the snapshot")
    ask(fleet, "stop")
    reading.result(SOON_S)
    fleet.stop()
