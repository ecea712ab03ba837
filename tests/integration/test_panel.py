"""The panel's stream and its requests over real HTTP."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
from collections.abc import Iterator
from typing import Any

import nexapod
from tests.integration.conftest import Serve
from tests.integration.parts import DEADLINE_S, Client, Node, eventually
from tests.unit.coordinator.replica import Replica


class Stream:
    """A reader of ``GET /panel``."""

    def __init__(self, client: Client) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", client.port, timeout=DEADLINE_S)
        self._connection.connect()
        self.socket: socket.socket = self._connection.sock
        headers = {"Authorization": f"Bearer {client.token}"}
        self._connection.request("GET", "/panel", headers=headers)
        self.response = self._connection.getresponse()
        self.replica = Replica()

    def messages(self) -> Iterator[str]:
        """The kinds of the messages as they come, until the stream ends."""
        for line in self.response:
            if line.startswith(b"data: "):
                yield self.replica.hear(line[6:])

    def until(self, kind: str) -> Replica:
        for heard in self.messages():
            if heard == kind:
                return self.replica
        raise AssertionError(f"it ended without {kind}")

    def until_job(self, job_id: str, status: str) -> list[Any]:
        """The row of a job, once it is so."""
        for _ in self.messages():
            for row in self.replica.jobs.values():
                if row[1:3] == [job_id, status]:
                    return row
        raise AssertionError(f"it ended before {job_id} was {status}")

    def close(self) -> None:
        self.response.close()
        self._connection.close()


def watching(client: Client) -> contextlib.closing[Stream]:
    return contextlib.closing(Stream(client))


def test_a_reader_gets_a_snapshot_and_then_what_changes(serve: Serve) -> None:
    client = serve().client()
    client.register("n", slots=2)
    first = client.submit(1, name="first")
    with watching(client) as stream:
        assert stream.response.headers["Content-Type"] == "text/event-stream"
        known = stream.until("ready")
        assert [row[1:3] for row in known.jobs.values()] == [[first, "pending"]]
        assert known.nodes["n"][13] == {"os": "Linux"}
        assert known.hello["fleet_id"] == client.get("/status")["fleet_id"]
        assert (known.hello["name"], known.hello["url"]) == ("default", client.url)
        client.poll("n")
        assert stream.until_job(first, "assigned")[3] == "n"
        client.report("n", first, 1)
        stream.until_job(first, "completed")
        later = client.submit(2, sweep="s", priority=3)
        row = stream.until_job(later, "pending")
        assert (row[4], row[11]) == ("s", 3)
        client.post(f"/jobs/{later}/cancel")
        stream.until_job(later, "cancelled")
        told = client.get("/jobs")
        assert [row[1:4] for row in known.jobs.values()] == [
            [job["job_id"], job["status"], job["assigned_to"]] for job in told
        ]


def test_a_reader_whose_token_is_revoked_hears_no_more(serve: Serve) -> None:
    owner = serve().client()
    made = owner.post("/tokens", {"scopes": ["view"]})
    with watching(Client(owner.url, made["token"])) as stream:
        stream.until("ready")
        assert owner.ask("DELETE", f"/tokens/{made['id']}").status == 200
        for _ in stream.messages():
            pass
        hidden = owner.submit(1)
        assert hidden not in {row[1] for row in stream.replica.jobs.values()}


def test_who_may_not_see_everything_gets_no_stream(serve: Serve) -> None:
    owner = serve().client()
    for scope in ("submit", "node"):
        made = owner.post("/tokens", {"scopes": [scope]})
        with watching(Client(owner.url, made["token"])) as stream:
            assert stream.response.status == 403


def test_the_stream_ends_with_the_coordinator_and_begins_again_with_the_next(serve: Serve) -> None:
    coordinator = serve()
    client = coordinator.client()
    job_id = client.submit(1)
    with watching(client) as stream:
        first = stream.until("ready").hello
        assert coordinator.terminate() == 0
        for _ in stream.messages():
            pass
    coordinator.start()
    with watching(client) as stream:
        known = stream.until("ready")
        assert known.hello["run"] != first["run"]
        assert known.hello["fleet_id"] == first["fleet_id"]
        assert [row[1] for row in known.jobs.values()] == [job_id]


def test_many_readers_hear_the_same(serve: Serve) -> None:
    client = serve().client()
    with contextlib.ExitStack() as stack:
        streams = [stack.enter_context(watching(client)) for _ in range(5)]
        for stream in streams:
            stream.until("ready")
        job_id = client.submit(1)
        rows = [stream.until_job(job_id, "pending") for stream in streams]
        assert all(row == rows[0] for row in rows)


def test_a_reader_that_reads_nothing_holds_nobody_up(serve: Serve) -> None:
    client = serve().client()
    client.post("/jobs", [{"data": n, "name": "x" * 200} for n in range(10_000)])
    with watching(client) as deaf, watching(client) as stream:
        deaf.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        assert len(stream.until("ready").jobs) == 10_000
        job_id = client.submit(1)
        stream.until_job(job_id, "pending")


# ── draining a node, and stopping the coordinator ────────────────────────────────────────────────


def test_a_node_that_is_drained_finishes_what_it_has_and_gets_no_more(serve: Serve) -> None:
    client = serve().client()
    client.register("n", slots=2)
    running, waiting = client.submit(1), client.submit(2)
    client.poll("n")
    told = client.post("/nodes/n/drain")
    assert told == {"node_id": "n", "status": "draining", "running": 1}
    assert client.poll("n")["status"] == "no_job_available"
    assert client.status_of(running) == "assigned", "nothing was taken from it"
    assert client.report("n", running, 1).status == 200
    assert client.post("/nodes/n/drain") == {"node_id": "n", "status": "left", "running": 0}
    assert client.status_of(waiting) == "pending"
    why = client.job(waiting)["waiting"]
    assert why == ["n: has left; start it again to use it"]
    audited = [row["action"] for row in client.get("/audit")]
    assert audited.count("node.drain") == 1, "a repeat is not worth a note"
    client.register("n", slots=2)
    assert client.poll("n")["job_id"] == waiting


def test_draining_a_node_nobody_knows_is_not_found(serve: Serve) -> None:
    reply = serve().client().ask("POST", "/nodes/nobody/drain")
    assert (reply.status, reply.code) == (404, "not_found")
    assert "register" not in reply.json["error"]["message"], "that is not for who asked"


def test_an_agent_that_is_drained_finishes_its_job(serve: Serve, tmp_path: Any) -> None:
    coordinator = serve()
    client = coordinator.client()
    gate = tmp_path / "gate"
    script = tmp_path / "runner.py"
    script.write_text(
        "import pathlib, time\n"
        "def run(data):\n"
        "    while not pathlib.Path(data).exists():\n"
        "        time.sleep(0.02)\n"
        "    return 'done'\n"
    )
    node = Node(coordinator, "agent", tmp_path, "--slots", "1", "--runner", str(script))
    node.start()
    try:
        job_id = client.submit(str(gate))
        eventually(lambda: client.status_of(job_id) == "assigned", "it runs")
        assert client.post("/nodes/agent/drain")["status"] == "draining"
        other = client.submit(str(gate))
        gate.touch()
        eventually(lambda: client.status_of(job_id) == "completed", "it finishes")
        assert client.status_of(other) == "pending"
        assert client.get("/nodes")[0]["status"] == "left"
        assert node.is_running(), "only its own user ends it"
    finally:
        node.end()


def test_a_coordinator_that_is_asked_to_stop_answers_and_ends_well(serve: Serve) -> None:
    coordinator = serve()
    client = coordinator.client()
    job_id = client.submit(1)
    with watching(client) as stream:
        stream.until("ready")
        assert client.post("/stop") == {"status": "stopping"}
        for _ in stream.messages():
            pass
    assert coordinator.wait() == 0
    assert "stopping" in coordinator.output
    coordinator.start()
    assert client.status_of(job_id) == "pending"
    assert "stop" in [row["action"] for row in client.get("/audit")]


def test_a_coordinator_in_a_kernel_stops_and_the_kernel_goes_on(tmp_path: Any) -> None:
    fleet = nexapod.launch("stopped", port=0, database=tmp_path / "stopped.db")
    client = Client(fleet.url, fleet.token)
    assert client.post("/stop") == {"status": "stopping"}
    host = fleet._link.transport.host  # type: ignore[attr-defined]
    eventually(lambda: not host.is_running, "it stops")
    fleet.stop()
    with nexapod.launch("stopped", port=0, database=tmp_path / "stopped.db") as again:
        assert Client(again.url, again.token).get("/health") == {"status": "ok"}


def test_a_jobs_detail_tells_why_it_waits_and_how_far_it_is(serve: Serve) -> None:
    client = serve().client()
    job_id = client.submit(1, gpus=2)
    (told,) = client.job(job_id)["waiting"]
    assert told.startswith("no node has joined this fleet")
    client.register("n", slots=1)
    assert client.job(job_id)["waiting"][0] == "n: needs 2 GPUs, this node has 0"
    assert client.job(job_id)["progress"] is None
    client.post(f"/jobs/{job_id}/cancel")
    assert client.job(job_id)["waiting"] == []
    assert json.dumps(client.job(job_id))
