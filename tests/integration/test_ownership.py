"""What one token's holder can do to another's jobs: nothing, by no way round."""

from __future__ import annotations

import http.client
import threading
from typing import Any

import pytest

from tests.integration.conftest import Serve
from tests.integration.parts import Client, Coordinator, eventually


@pytest.fixture
def coordinator(serve: Serve) -> Coordinator:
    made: Coordinator = serve()
    return made


def holder(coordinator: Coordinator, *scopes: str, **more: Any) -> tuple[Client, str]:
    """A client with a token of its own, and the token's id."""
    made = coordinator.client().post("/tokens", {"scopes": list(scopes), **more})
    return Client(coordinator.url, made["token"]), made["id"]


def finish(node: Client, node_id: str, result: Any) -> str:
    """Run one job as that node; returns its id."""
    job = node.poll(node_id)
    assert node.report(node_id, job["job_id"], result).status == 200
    return str(job["job_id"])


def test_nobody_waits_for_anothers_job_and_so_gets_its_result(coordinator: Coordinator):
    ada, _ = holder(coordinator, "submit")
    eve, _ = holder(coordinator, "submit")
    node, _ = holder(coordinator, "node")
    node.register("n")
    secret = ada.submit(1, job_id="secret")
    waiting = {"data": 2, "after": [secret], "job_id": "spy"}
    for _ in range(2):  # while it is open, and when it is done
        reply = eve.ask("POST", "/jobs", waiting)
        assert (reply.status, reply.code) == (422, "invalid")
        unknown = eve.ask("POST", "/jobs", {**waiting, "after": ["never-was"]})
        assert unknown.json == reply.json, "it tells nothing about what exists"
        if ada.job(secret)["status"] == "pending":
            finish(node, "n", {"secret": 1})
    assert ada.ask("POST", "/jobs", {**waiting, "job_id": "mine"}).status == 200


def test_who_sees_all_jobs_is_told_which_are_anothers(coordinator: Coordinator):
    ada, _ = holder(coordinator, "submit", "view")
    eve, _ = holder(coordinator, "submit")
    ada.submit(1, job_id="adas")
    eve.submit(1, job_id="eves")
    fleets = coordinator.client()
    fleets.submit(1, job_id="fleets")
    ids = {"job_ids": ["adas", "eves", "fleets"]}
    for client, own in ((ada, "adas"), (fleets, "fleets")):
        states = client.post("/jobs/states", ids)
        assert {row["job_id"] for row in states if not row.get("foreign")} == {own}
    assert eve.post("/jobs/states", {"job_ids": ["eves"]}) == [
        {"job_id": "eves", "status": "pending"}
    ]


def test_nobody_retries_in_anothers_name(coordinator: Coordinator):
    ada, _ = holder(coordinator, "submit")
    eve, _ = holder(coordinator, "submit")
    ada.submit(1, job_id="dep")
    reply = eve.ask("POST", "/jobs", {"data": "evil", "job_id": "fake", "retry_of": "dep"})
    assert reply.status == 403
    assert eve.ask("POST", "/jobs/dep/retry").status == 403


def test_a_revoked_node_that_waits_gets_no_job(coordinator: Coordinator):
    node, token_id = holder(coordinator, "node")
    node.register("n")
    found: list[int] = []

    def wait() -> None:
        headers = {"X-Node-ID": "n"}
        found.append(node.ask("GET", "/job?wait_s=30", headers=headers).status)

    waiting = threading.Thread(target=wait)
    waiting.start()
    owner = coordinator.client()
    eventually(lambda: owner.get("/nodes")[0]["status"] == "online", "the node waits")
    assert owner.ask("DELETE", f"/tokens/{token_id}").status == 200
    job_id = owner.submit(1)
    waiting.join(60)
    assert found == [401]
    assert owner.job(job_id)["status"] == "pending"


def test_a_revoked_nodes_leases_go_back_at_once(coordinator: Coordinator):
    node, token_id = holder(coordinator, "node")
    node.register("n")
    owner = coordinator.client()
    job_id = owner.submit(1)
    assert node.poll("n")["job_id"] == job_id
    owner.ask("DELETE", f"/tokens/{token_id}")
    assert owner.job(job_id)["status"] == "pending"
    other, _ = holder(coordinator, "node")
    other.register("n")
    assert other.report("n", job_id, 1).status == 409, "it was given to another token"


def test_a_revoked_reader_hears_no_more_events(coordinator: Coordinator):
    reader, token_id = holder(coordinator, "view")
    connection = http.client.HTTPConnection("127.0.0.1", coordinator.port, timeout=60)
    connection.request("GET", "/events", headers={"Authorization": f"Bearer {reader.token}"})
    response = connection.getresponse()
    assert response.readline().startswith(b"id: ")
    owner = coordinator.client()
    owner.ask("DELETE", f"/tokens/{token_id}")
    job_id = owner.submit(1)
    rest = response.read()
    connection.close()
    assert job_id.encode() not in rest


def test_the_same_poll_again_takes_the_place_of_the_first(coordinator: Coordinator):
    owner = coordinator.client()
    owner.register("n")
    found: list[Any] = []

    def wait(client: Client) -> None:
        found.append(client.poll("n", "?wait_s=30", poll_id="same"))

    first = threading.Thread(target=wait, args=(coordinator.client(),))
    second = threading.Thread(target=wait, args=(coordinator.client(),))
    first.start()
    second.start()
    eventually(lambda: len(found) == 1, "one of the two is told to go")
    assert found == [{"status": "no_job_available"}]
    job_id = owner.submit(1)
    first.join(60)
    second.join(60)
    assert found[1]["job_id"] == job_id


def test_a_list_under_a_key_is_repeated_whole_or_not_at_all(coordinator: Coordinator):
    client = coordinator.client()
    key = {"Idempotency-Key": "monday"}
    two = [{"data": 1}, {"data": 2}]
    made = client.ask("POST", "/jobs", two, key).json
    assert client.ask("POST", "/jobs", two, key).json == made
    for other in (two[:1], [*two, {"data": 3}], two[0], two[::-1]):
        assert client.ask("POST", "/jobs", other, key).status == 409
    assert len(client.get("/jobs")) == 2


def test_what_a_node_sends_into_lists_is_bounded(coordinator: Coordinator):
    client = coordinator.client()
    client.register("n")
    job_id = client.submit(1)
    client.poll("n")
    error = {"message": "m" * 2_000_000, "traceback": "t" * 2_000_000}
    failed = {"job_id": job_id, "node_id": "n", "status": "failed", "error": error}
    assert client.ask("POST", "/result", failed).status == 200
    assert len(client.ask("GET", "/jobs").body) < 200_000
    large = {"node_id": "m", "profile": {"os": "x" * 100_000}}
    assert client.ask("POST", "/register", large).status == 413
    assert client.ask("POST", "/jobs", {"data": 1, "params": ["x" * 100_000]}).status == 413


def test_a_repeat_needs_no_room(serve: Serve, tmp_path: Any):
    coordinator = Coordinator(tmp_path / "room.db").start()
    try:
        client = coordinator.client()
        key = {"Idempotency-Key": "once"}
        first = client.ask("POST", "/jobs", {"data": 1}, key).json
    finally:
        coordinator.end()
    full = Coordinator(tmp_path / "room.db", "--disk-reserve", str(10**15)).start()
    try:
        client = full.client()
        assert client.ask("POST", "/jobs", {"data": 1}, key).json == first
        assert client.ask("POST", "/jobs", {"data": 2}).status == 507
    finally:
        full.end()
