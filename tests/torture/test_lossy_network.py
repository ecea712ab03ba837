"""Answers get lost after the commit. Every client repeats itself, and nothing happens twice."""

from __future__ import annotations

import asyncio
import hashlib
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.parts import Client, Coordinator, Node, assert_sound, reading
from tests.torture.conftest import Size
from tests.torture.post import Post
from tests.torture.proxy import Fault, Proxy

_NODES = 50

RUNNER = """\
import os
def run(data):
    handle = os.open({log!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(handle, f"{{data}}\\n".encode())
    os.close(handle)
    return data * 2
"""


@pytest.fixture
def coordinator(tmp_path: Path) -> Iterator[Coordinator]:
    coordinator = Coordinator(tmp_path / "lossy.db")
    try:
        yield coordinator.start()
    finally:
        coordinator.end()


class Story:
    """One use of every endpoint that changes something, `count` times each, in an order that
    gives each of them something to change. Each chapter keeps what clients were told."""

    def __init__(self, post: Post, client: Client, count: int) -> None:
        self._post = post
        self._write = post.write
        self._client = client
        self._count = count
        self.nodes = [f"node-{n % _NODES}" for n in range(count)]
        self.told: dict[str, list[Any]] = {}

    async def tell(self) -> None:
        for chapter in (
            self._register, self._submit_by_key, self._job, self._heartbeat, self._result,
            self._retry, self._cancel, self._submit_by_id, self._lease, self._leave,
            self._results, self._cancel_many, self._put_blob,
        ):  # fmt: skip
            await chapter()

    async def _send(self, endpoint: str, request: Callable[[int], bytes]) -> list[Any]:
        requests = [request(n) for n in range(self._count)]
        told = self.told[endpoint] = await self._post.send(endpoint, requests)
        return told

    async def _register(self) -> None:
        for node in set(self.nodes):
            body = {"node_id": node, "profile": {}, "slots": 4096, "prefetch": 4096}
            self._client.post("/register", body)
        await self._send(
            "register",
            lambda n: self._write(
                "POST", "/register", {"node_id": f"r-{n}", "profile": {"n": n}, "boot_id": f"b-{n}"}
            ),
        )

    async def _submit_by_key(self) -> None:
        await self._send("jobs with Idempotency-Key", lambda n: self._write(
            "POST", "/jobs", {"data": n}, Idempotency_Key=f"key-{n}"))  # fmt: skip

    async def _job(self) -> None:
        await self._send("job", lambda n: self._write(
            "GET", "/job", X_Node_ID=self.nodes[n], X_Poll_ID=f"poll-{n}"))  # fmt: skip

    async def _heartbeat(self) -> None:
        held = self.told["job"]
        beats = await self._send(
            "heartbeat",
            lambda n: self._write(
                "POST",
                "/heartbeat",
                {"node_id": self.nodes[n], "leases": [[held[n]["job_id"], held[n]["epoch"]]]},
            ),
        )
        assert {beat["leases"][0][2] for beat in beats} == {"ok"}

    async def _result(self) -> None:
        held = self.told["job"]
        await self._send("result", lambda n: self._write("POST", "/result", {
            "node_id": self.nodes[n], "job_id": held[n]["job_id"], "epoch": held[n]["epoch"],
            "result": {"n": n}}))  # fmt: skip

    async def _retry(self) -> None:
        done = self.told["result"]
        await self._send(
            "retry",
            lambda n: self._write(
                "POST", f"/jobs/{done[n]['job_id']}/retry", b"", Idempotency_Key=f"again-{n}"
            ),
        )

    async def _cancel(self) -> None:
        again = self.told["retry"]
        await self._send("cancel", lambda n: self._write(
            "POST", f"/jobs/{again[n]['job_id']}/cancel", b""))  # fmt: skip

    async def _submit_by_id(self) -> None:
        await self._send("jobs with job_id", lambda n: self._write(
            "POST", "/jobs", {"data": n, "job_id": f"mine-{n}"}))  # fmt: skip

    async def _lease(self) -> None:
        await self._send(
            "lease",
            lambda n: self._write(
                "POST", "/lease", {"node_id": self.nodes[n], "request_id": f"request-{n}"}
            ),
        )

    async def _leave(self) -> None:
        """Every other lease goes back."""
        held = self.told["lease"]
        await self._send("leave", lambda n: self._write("POST", "/leave", {
            "node_id": self.nodes[n] if n % 2 else f"r-{n}",
            "release": [[j["job_id"], j["epoch"]] for j in held[n]["jobs"]]}))  # fmt: skip

    async def _results(self) -> None:
        held = self.told["lease"]
        told = await self._send("results", lambda n: self._write("POST", "/results", {
            "node_id": self.nodes[n],
            "reports": [{"job_id": j["job_id"], "epoch": j["epoch"], "value": {"data": "MQ=="}}
                        for j in held[n]["jobs"]] if n % 2 == 0 else []}))  # fmt: skip
        assert {status for reply in told for _, status, _ in reply["reports"]} == {"recorded"}

    async def _cancel_many(self) -> None:
        held = self.told["lease"]
        await self._send("cancel many", lambda n: self._write(
            "POST", "/jobs/cancel", {"job_ids": [held[n]["jobs"][0]["job_id"]]}))  # fmt: skip

    async def _put_blob(self) -> None:
        def blob(n: int) -> bytes:
            name = hashlib.sha256(b"%d" % n).hexdigest()
            return self._write("PUT", f"/blobs/{name}", b"%d" % n,
                               Content_Type="application/octet-stream")  # fmt: skip

        await self._send("put_blob", blob)


def assert_nothing_twice(database: Path, told: dict[str, list[Any]], count: int) -> None:
    """What is on disk is what the clients were told, and nothing beside it."""
    by_key = {row["job_id"] for row in told["jobs with Idempotency-Key"]}
    by_id = {row["job_id"] for row in told["jobs with job_id"]}
    retried = {row["job_id"] for row in told["retry"]}
    polled = {(row["job_id"], row["epoch"]) for row in told["job"]}
    leased = {(j["job_id"], j["epoch"]) for row in told["lease"] for j in row["jobs"]}
    given_back = {(j["job_id"], j["epoch"]) for row in told["lease"][1::2] for j in row["jobs"]}
    for group in (by_key, by_id, retried, polled, leased):
        assert len(group) == count
    assert_sound(database)
    with reading(database) as db:
        states = dict(db.execute("SELECT id, state FROM jobs").fetchall())
        assert set(states) == by_key | by_id | retried
        assert {states[job_id] for job_id in by_key} == {"completed"}
        assert {states[job_id] for job_id in retried} == {"cancelled"}
        attempts = "SELECT j.id, a.epoch, a.end FROM attempts AS a JOIN jobs AS j ON j.seq = a.seq"
        ended = {(job_id, epoch): end for job_id, epoch, end in db.execute(attempts)}
        assert set(ended) == polled | leased
        assert {epoch for _, epoch in ended} == {1}
        assert {ended[key] for key in polled | leased - given_back} == {"completed"}
        assert {ended[key] for key in given_back} <= {"released"}
        again = db.execute(
            "SELECT count(*), count(DISTINCT retry_of) FROM jobs WHERE retry_of > ''"
        )
        assert again.fetchone() == (count, count)
        named = db.execute("SELECT count(*) FROM nodes WHERE id LIKE 'r-%'").fetchone()
        assert named == (count,)
    blobs = {path.name for path in database.parent.rglob("*") if path.is_file()}
    assert {hashlib.sha256(b"%d" % n).hexdigest() for n in range(count)} <= blobs
    assert not [name for name in blobs if name.startswith("incoming-")]


@pytest.mark.proves("lossy-network")
def test_a_dropped_answer_and_a_repeat_are_one_change(
    coordinator: Coordinator, size: Size, seed: int, reached: Callable[[str], None]
):
    count = size(commit=40, full=10_000)
    post = Post(coordinator, random.Random(seed))
    story = Story(post, coordinator.client(), count)
    asyncio.run(story.tell())
    assert coordinator.terminate() == 0
    assert_nothing_twice(coordinator.database, story.told, count)
    assert "Traceback" not in coordinator.output
    least = min(post.dropped.values())
    reached(f"{least:,} dropped answers at each of {len(post.dropped)} endpoints, nothing twice")


_FAULTS = [Fault.DROP] * 6 + [Fault.RESET] * 6 + [Fault.SLOW, Fault.HALF_OPEN, Fault.HALF_OPEN]


@pytest.mark.proves("lossy-network")
def test_a_node_behind_a_lossy_network_completes_every_job(
    coordinator: Coordinator, tmp_path: Path, size: Size, seed: int, reached: Callable[[str], None]
):
    jobs = size(commit=40, full=200)
    runner, log = tmp_path / "runner.py", tmp_path / "ran"
    runner.write_text(RUNNER.format(log=str(log)))
    rng = random.Random(seed)
    client = coordinator.client()
    node = Node(coordinator, "afar", tmp_path, "--runner", str(runner), "--slots", "2")

    async def run() -> tuple[float, int]:
        silence_s = size(commit=3, full=20, nightly=20) / 10
        async with Proxy(coordinator.port, lambda: rng.choice(_FAULTS), rng, silence_s) as proxy:
            node.arguments[node.arguments.index(coordinator.url)] = f"http://127.0.0.1:{proxy.port}"
            await asyncio.to_thread(node.start)
            faults_s = size(commit=15, full=400) / 10
            for n in range(jobs):
                client.submit(n)
                await asyncio.sleep(faults_s / jobs)
            if size.tier != "commit":  # where there is time to wait until the node's patience ends
                proxy.silence_s = None
            proxy.part()
            await asyncio.sleep(faults_s / 8)
            proxy.heal()
            healed_s = time.monotonic()
            while client.get("/status")["jobs"]["completed"] < jobs:
                assert time.monotonic() - healed_s < 60, (client.get("/status"), node.output)
                await asyncio.sleep(0.05)
            took_s = time.monotonic() - healed_s
            await asyncio.to_thread(node.end)
            return took_s, sum(n for fault, n in proxy.seen.items() if fault is not Fault.NONE)

    try:
        took_s, faults = asyncio.run(run())
    finally:
        node.end()
    assert coordinator.terminate() == 0
    assert_sound(coordinator.database)
    with reading(coordinator.database) as db:
        rows = "SELECT p.data, r.data FROM payloads AS p JOIN results AS r ON r.seq = p.seq"
        found = sorted((int(data), int(result)) for data, result in db.execute(rows))
        (attempts,) = db.execute("SELECT count(*) FROM attempts").fetchone()
    assert found == [(n, 2 * n) for n in range(jobs)]
    assert set(map(int, log.read_text().split())) == set(range(jobs))
    reached(
        f"a node through {faults} broken connections: {jobs} jobs, {attempts} attempts, "
        f"all done {took_s:.1f} s after healing"
    )
