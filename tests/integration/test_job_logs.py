"""What jobs print, over the wire and across processes: whose it is, and that it stays."""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import nexapod as package
from tests.integration.bubblewrap import need_sandbox
from tests.integration.conftest import Serve
from tests.integration.parts import Client, Coordinator, Node, eventually, nexapod, reading


def chunk(job_id: str, data: bytes, start: int = 0, epoch: int = 1) -> dict[str, Any]:
    text = base64.b64encode(data).decode()
    return {"job_id": job_id, "epoch": epoch, "start": start, "data": text}


def word(job_id: str, fraction: float, message: str = "", epoch: int = 1) -> dict[str, Any]:
    return {"job_id": job_id, "epoch": epoch, "fraction": fraction, "message": message}


def log(client: Client, job_id: str, query: str = "") -> Any:
    return client.get(f"/jobs/{job_id}/log{query}")


@pytest.fixture
def leased(fresh: Client) -> str:
    """A job that the node `n` holds."""
    fresh.register("n")
    fresh.register("other")
    job_id = fresh.submit(1)
    assert fresh.poll("n")["job_id"] == job_id
    return job_id


def test_a_node_of_plain_http_sends_logs_and_progress(fresh: Client, leased: str):
    body = {"node_id": "n", "chunks": [chunk(leased, b"step 1\n")], "progress": [word(leased, 0.1)]}
    assert fresh.post("/logs", body) == {"dropped": []}
    told = {"epoch": 1, "start": 0, "end": 7, "text": "step 1\n", "is_open": True}
    assert log(fresh, leased) == told
    assert fresh.job(leased)["progress"] == [0.1, ""]
    fresh.post("/logs", {"node_id": "n", "progress": [word(leased, 1, "ending")]})
    assert fresh.job(leased)["progress"] == [1.0, "ending"]
    assert log(fresh, leased, "?after=5") == {**told, "start": 5, "text": "1\n"}
    assert fresh.report("n", leased, 1).status == 200
    assert log(fresh, leased, "?after=7&epoch=1") == {
        **told, "start": 7, "text": "", "is_open": False,
    }  # fmt: skip
    assert fresh.job(leased)["progress"] is None


def test_what_is_not_a_nodes_own_is_dropped_and_it_is_told(fresh: Client, leased: str):
    mine = fresh.submit(2)
    assert fresh.poll("other")["job_id"] == mine
    body = {
        "node_id": "other",
        "chunks": [chunk(leased, b"a lie\n"), chunk(mine, b"true\n"), chunk(mine, b"x", epoch=2)],
        "progress": [word(leased, 0.9), word(mine, 0.5)],
    }
    assert fresh.post("/logs", body) == {"dropped": sorted([[leased, 1], [mine, 2]])}
    assert log(fresh, leased)["text"] == ""
    assert fresh.job(leased)["progress"] is None
    assert log(fresh, mine)["text"] == "true\n"
    assert fresh.job(mine)["progress"] == [0.5, ""]


def test_an_unknown_node_is_sent_to_register(fresh: Client):
    reply = fresh.ask("POST", "/logs", {"node_id": "stranger"})
    assert (reply.status, reply.json["error"]["details"]) == (404, {"action": "register"})


@pytest.mark.parametrize(
    "wrong",
    [
        {"chunks": [chunk("j", b"x", start=-1)]},
        {"chunks": [{"job_id": "j", "epoch": 1, "start": 0, "data": "no base64!"}]},
        {"progress": [word("j", 1.5)]},
        {"progress": [word("j", -0.5)]},
        {"progress": [word("j", 0.5, "x" * 201)]},
    ],
)
def test_what_no_agent_would_send_is_refused(fresh: Client, wrong: dict[str, Any]):
    fresh.register("n")
    assert fresh.ask("POST", "/logs", {"node_id": "n", **wrong}).status == 422


def test_there_is_no_log_of_what_there_is_not(fresh: Client, leased: str):
    for path in ("/jobs/nobody/log", f"/jobs/{leased}/log?epoch=7", "/jobs/no%20id/log"):
        assert fresh.ask("GET", path).status == 404
    for query in ("?after=-1", "?after=x", "?epoch=-1", "?before=1"):
        assert fresh.ask("GET", f"/jobs/{leased}/log{query}").status == 422


def test_a_log_belongs_to_whoever_submitted_the_job(serve: Serve):
    coordinator = serve()
    owner = coordinator.client()

    def holder(scope: str) -> Client:
        made = owner.post("/tokens", {"scopes": [scope]})
        return Client(coordinator.url, made["token"])

    ada, eve, node, thief = holder("submit"), holder("submit"), holder("node"), holder("node")
    node.register("n")
    thief.register("t")
    job_id = ada.submit(1)
    assert node.poll("n")["job_id"] == job_id
    body = {"node_id": "n", "chunks": [chunk(job_id, b"ada's\n")]}
    assert thief.ask("POST", "/logs", body).status == 403
    assert thief.post("/logs", {**body, "node_id": "t"}) == {"dropped": [[job_id, 1]]}
    assert node.post("/logs", body) == {"dropped": []}
    assert log(ada, job_id)["text"] == log(owner, job_id)["text"] == "ada's\n"
    assert eve.ask("GET", f"/jobs/{job_id}/log").status == 403
    assert node.ask("GET", f"/jobs/{job_id}/log").status == 403


def test_a_log_survives_a_kill_of_the_coordinator_and_is_in_its_backups(
    serve: Serve, tmp_path: Path
):
    coordinator = serve("--open")
    client = coordinator.client()
    client.register("n")
    job_id = client.submit(1)
    client.poll("n")
    client.post("/logs", {"node_id": "n", "chunks": [chunk(job_id, b"before\n")]})
    coordinator.kill()
    coordinator.start()
    client.post("/logs", {"node_id": "n", "chunks": [chunk(job_id, b"after\n", 7)]})
    assert log(client, job_id)["text"] == "before\nafter\n"
    backup = tmp_path / "copy.db"
    assert nexapod("backup", "--database", str(coordinator.database), str(backup)).returncode == 0
    with reading(backup) as db:
        assert db.execute("SELECT data FROM printed").fetchall() == [(b"before\nafter\n",)]


def test_below_the_disks_reserve_no_log_is_kept(serve: Serve):
    """Results are: the reserve is theirs."""
    coordinator = serve("--open")
    client = coordinator.client()
    client.register("n")
    job_id = client.submit(1)
    client.poll("n")
    coordinator.terminate()
    full = Coordinator(coordinator.database, "--open", "--disk-reserve", str(10**15)).start()
    try:
        client = full.client()
        reply = client.ask("POST", "/logs", {"node_id": "n", "chunks": [chunk(job_id, b"x")]})
        assert (reply.status, reply.code) == (507, "storage_full")
        assert client.report("n", job_id, 1).status == 200
    finally:
        full.end()


# ── nodes ────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def fleet(serve: Serve, tmp_path: Path) -> Iterator[Callable[..., tuple[Any, Coordinator]]]:
    """A fleet with a node that was started with these options."""
    started: list[Any] = []

    def start(*options: str) -> tuple[Any, Coordinator]:
        coordinator = serve()
        node = Node(coordinator, "n", tmp_path, *options).start()
        found = package.connect(coordinator.url, coordinator.token)
        started.extend((found.stop, node.end))
        return found, coordinator

    yield start
    for end in started:
        end()


def test_a_restart_of_the_coordinator_takes_no_line_from_a_job_that_runs(
    fleet: Callable[..., tuple[Any, Coordinator]], tmp_path: Path
):
    found, coordinator = fleet()
    go = tmp_path / "go"

    def counts(path: str) -> None:
        number = 0
        while not Path(path).exists():
            print(number)
            number += 1
            package.progress(0.25, "counting")
            time.sleep(0.01)

    future = found.submit(counts, str(go))
    found.flush()
    client = coordinator.client()
    eventually(lambda: log(client, future.job_id)["end"], "its first lines")
    coordinator.kill()
    coordinator.start()
    before = log(client, future.job_id)["end"]
    eventually(lambda: log(client, future.job_id)["end"] > before, "lines after the restart")
    eventually(lambda: client.job(future.job_id)["progress"] == [0.25, "counting"], "its progress")
    go.touch()
    eventually(lambda: client.status_of(future.job_id) == "completed", "its end")
    lines = log(client, future.job_id)["text"].splitlines()
    assert lines == [str(n) for n in range(len(lines))]


def test_a_job_that_was_cancelled_keeps_what_it_printed(
    fleet: Callable[..., tuple[Any, Coordinator]], tmp_path: Path
):
    found, coordinator = fleet()

    def last_words(path: str) -> None:
        import signal

        def goodbye(*_: Any) -> None:
            print("goodbye")
            os._exit(1)

        signal.signal(signal.SIGTERM, goodbye)
        print("hello")
        Path(path).touch()
        time.sleep(60)

    future = found.submit(last_words, str(tmp_path / "started"))
    eventually((tmp_path / "started").exists, "it runs")
    assert future.cancel()
    client = coordinator.client()
    eventually(lambda: log(client, future.job_id)["text"] == "hello\ngoodbye\n", "its last words")
    assert log(client, future.job_id)["is_open"] is False


def test_in_the_sandbox_a_job_is_read_and_says_how_far_it_is(
    fleet: Callable[..., tuple[Any, Coordinator]], tmp_path: Path
):
    need_sandbox()
    found, _ = fleet("--sandbox", "--readable", str(tmp_path))
    go = tmp_path / "go"

    def speaks(path: str) -> None:
        print("hello from inside")
        package.progress(0.5, "half")
        while not Path(path).exists():
            time.sleep(0.01)

    future = found.submit(speaks, str(go))
    eventually(lambda: future.log == "hello from inside\n", "its line")
    eventually(lambda: future.progress == (0.5, "half"), "its progress")
    go.touch()
    future.result(60)

    def floods() -> None:
        for number in range(20_000):
            print(number)

    flood = found.submit(floods)
    flood.result(60)
    assert flood.log == "".join(f"{n}\n" for n in range(20_000))
