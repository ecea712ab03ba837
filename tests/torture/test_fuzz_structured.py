"""Requests made from the OpenAPI document: no 5xx, no echo, no growth, and it works on."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import time
import unittest
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import hypothesis.errors
import msgspec
import psutil
import pytest
import requests
import schemathesis
from schemathesis import GenerationMode

from tests.integration.parts import Coordinator, assert_sound
from tests.torture.by_schema import BLOBS, IDS, MARK, Forge, Operation, operations
from tests.torture.conftest import Size
from tests.torture.pipeline import Answer, Pipeline, Writer

_CLIENTS = 8
#: Requests made before any of them is sent: enough for all clients, few enough to hold in memory.
_BATCH = 100
_MEMORY_BYTES = 32 * 1024 * 1024
#: A backup copies the whole database, which is large by then, and the disk is busy with it for a
#: while after: a thousandth of the requests is enough of that.
_RARELY = {"backup": 1000}
#: Answers without an end, what is made seldom, and what ends the coordinator.
_LEFT_OUT = ["events", "panel", "backup", "stop"]


def clear(coordinator: Coordinator) -> None:
    """Cancel what was accepted: jobs that wait are kept in memory by right, and are no leak."""
    client = coordinator.client()
    wanted = "/jobs?status=pending,assigned&fields=job_id&limit=10000"
    while rows := client.get(wanted):
        client.post("/jobs/cancel", {"job_ids": [row["job_id"] for row in rows]})


@pytest.fixture
def coordinator(tmp_path: Path) -> Iterator[Coordinator]:
    coordinator = Coordinator(tmp_path / "fuzzed.db")
    try:
        yield coordinator.start()
    finally:
        coordinator.end()


def assert_sane(what: str, status: int, content_type: str, body: bytes) -> None:
    """Not a 5xx; and if a 4xx, one that looks like ours and shows nothing of the input."""
    assert 200 <= status < 500, (what, status, body[:300])
    if status < 300:
        return
    assert MARK.encode() not in body, (what, status, body[:300])
    decode = msgspec.msgpack.decode if "msgpack" in content_type else msgspec.json.decode
    told: Any = decode(body)
    assert set(told) == {"error"}, (what, told)
    assert {"code", "message"} <= set(told["error"]), (what, told)
    assert "\n" not in told["error"]["message"], (what, told)


class Fuzzer:
    """Sends what the forge makes, and notes the slowest answer."""

    def __init__(self, write: Writer) -> None:
        self.sent = 0
        self.slowest_s, self.slowest = 0.0, ""
        self.done: Counter[str] = Counter()
        self._write = write

    async def run(self, operation: Operation, made: Iterator[bytes]) -> None:
        """Make some, then send them: one that is long in the making delays no answer so."""
        async with contextlib.AsyncExitStack() as lines:
            clients = [
                await lines.enter_async_context(Pipeline(self._write.port)) for _ in range(_CLIENTS)
            ]
            while batch := list(itertools.islice(made, _BATCH)):
                waiting = iter(batch)
                async with asyncio.TaskGroup() as group:
                    for line in clients:
                        group.create_task(self._client(operation, line, waiting))

    async def _client(self, operation: Operation, line: Pipeline, made: Iterator[bytes]) -> None:
        for request in made:
            if operation.name in ("events", "panel"):
                answer = await self._first_of_a_stream(request)
            else:
                answer = await self._timed(operation, line, request)
            self._judge(operation, request, answer)

    async def _timed(self, operation: Operation, line: Pipeline, request: bytes) -> Answer:
        since_s = time.perf_counter()
        (answer,) = await line.ask([request])
        took_s = time.perf_counter() - since_s
        if took_s > self.slowest_s:
            self.slowest_s, self.slowest = took_s, operation.name
        return answer

    async def _first_of_a_stream(self, request: bytes) -> Answer:
        """The beginning of an answer that never ends."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._write.port)
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        status = int(head[9:12])
        length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
        body = await reader.readexactly(int(length)) if length else b""
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        return Answer(status, head, body)

    def _judge(self, operation: Operation, request: bytes, answer: Answer) -> None:
        self.sent += 1
        self.done[operation.name] += answer.status < 300
        kind = "msgpack" if b"application/msgpack" in answer.head else "json"
        assert_sane(f"{operation.name}: {request[:2000]!r}", answer.status, kind, answer.body)


def furnish(coordinator: Coordinator) -> None:
    """Nodes, jobs in every state and blobs, under the names that the requests use."""
    with coordinator.client(keep=True) as client:
        for name in IDS:
            client.register(name, slots=4096)
            client.submit(1, job_id=name)
        held = [(name, client.poll(name)["job_id"]) for name in IDS[:16]]
        for node_id, job_id in held[:8]:
            assert client.report(node_id, job_id, 1).status == 200
        client.post("/jobs/cancel", {"job_ids": IDS[20:]})
        for name, data in BLOBS.items():
            assert client.ask("PUT", f"/blobs/{name}", data).status == 200


def full_cycle(coordinator: Coordinator) -> None:
    """A job of its own goes all the way."""
    with coordinator.client() as client:
        node, tag = "after-the-fuzz", "after-the-fuzz"
        client.post("/register", {"node_id": node, "profile": {}, "tags": [tag], "slots": 1})
        job_id = client.submit("sound", tags=[tag], priority=1_000_000)
        assert client.poll(node)["job_id"] == job_id
        assert client.report(node, job_id, {"sound": True}).status == 200
        assert client.job(job_id)["result"] == {"sound": True}


def end_soundly(coordinator: Coordinator) -> None:
    full_cycle(coordinator)
    output = coordinator.output
    assert coordinator.terminate() == 0
    assert "Traceback" not in output, output[-5000:]
    assert_sound(coordinator.database)


@pytest.mark.timeout(600)
@pytest.mark.proves("fuzz-structured")
def test_nothing_made_from_the_document_breaks_the_coordinator(
    coordinator: Coordinator, size: Size, seed: int, reached: Callable[[str], None]
):
    count = size(commit=50, full=9_800)
    furnish(coordinator)
    with coordinator.client() as client:
        document = client.get("/openapi.json")
    write = Writer(coordinator.port, coordinator.token)
    forge = Forge(document, write, random.Random(seed))
    fuzzer = Fuzzer(write)
    process = psutil.Process(coordinator.pid)

    def fuzz(operation: Operation, count: int) -> None:
        made = forge.requests(operation, max(1, count // _RARELY.get(operation.name, 1)))
        asyncio.run(fuzzer.run(operation, made))
        clear(coordinator)

    found = operations(document)
    for operation in found:  # everything is loaded and warm, then the measuring begins
        fuzz(operation, count // 20)
    before_bytes = process.memory_info().rss
    for operation in found:
        fuzz(operation, count)
    # Most of them went deeper than the first check.
    assert sum(1 for count in fuzzer.done.values() if count) >= len(found) * 0.7, fuzzer.done
    grown_bytes = process.memory_info().rss - before_bytes
    if size.tier != "commit":
        assert fuzzer.slowest_s < 1.0, fuzzer.slowest
        assert grown_bytes < _MEMORY_BYTES
    end_soundly(coordinator)
    print("answered with 2xx:", dict(fuzzer.done))
    reached(
        f"{count:,} requests to each of {len(found)} endpoints ({fuzzer.sent:,} in all), no 5xx, "
        f"slowest {fuzzer.slowest_s * 1000:,.0f} ms ({fuzzer.slowest}), "
        f"memory {grown_bytes / 2**20:+.0f} MiB"
    )


class Explorer:
    """Lets schemathesis make the requests of one operation, and judges the answers."""

    def __init__(self, session: requests.Session, examples: int, seed: int) -> None:
        self.sent = 0
        self._session = session
        self._seed = seed
        self._settings = hypothesis.settings(
            max_examples=examples,
            database=None,
            deadline=None,
            phases=[hypothesis.Phase.generate],
            suppress_health_check=list(hypothesis.HealthCheck),
        )

    def explore(self, operation: Any, mode: GenerationMode) -> None:
        @hypothesis.seed(self._seed)
        @self._settings
        @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
        def judge(case: Any) -> None:
            _shorten(case)
            response = case.call(session=self._session, timeout=30)
            self.sent += 1
            kind = response.headers.get("content-type", [""])[0]
            if case.method != "HEAD":
                assert_sane(f"{operation.label}: {case!r}", response.status_code, kind,
                            response.content)  # fmt: skip

        # There is nothing wrong to be said to an operation that takes nothing.
        with contextlib.suppress(hypothesis.errors.Unsatisfiable, unittest.SkipTest):
            judge()


def _shorten(case: Any) -> None:
    """Nobody waits for jobs here."""
    case.query.pop("wait_s", None)
    if isinstance(case.body, dict) and isinstance(case.body.get("wait_s"), int | float):
        case.body["wait_s"] = min(case.body["wait_s"], 0)


@pytest.mark.proves("fuzz-structured")
def test_nothing_schemathesis_makes_breaks_the_coordinator(
    coordinator: Coordinator, size: Size, seed: int, reached: Callable[[str], None]
):
    examples = size(commit=5, full=60)
    headers = {"Authorization": f"Bearer {coordinator.token}"}
    schema = schemathesis.openapi.from_url(f"{coordinator.url}/openapi.json", headers=headers)
    explored = 0
    with requests.Session() as session:
        session.headers.update(headers)
        explorer = Explorer(session, examples, seed)
        for found in schema.exclude(operation_id=_LEFT_OUT).get_all_operations():
            operation = found.ok()  # type: ignore[union-attr]
            for mode in GenerationMode:
                explorer.explore(operation, mode)
            explored += 1
    end_soundly(coordinator)
    reached(f"schemathesis: {explorer.sent:,} requests to {explored} endpoints, no 5xx")
