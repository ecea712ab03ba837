"""Every piece of the nasty corpus is refused with a 4xx, and nothing of it is stored."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.parts import Coordinator, reading
from tests.torture.corpus import bodies, fields, http, packed, values
from tests.torture.corpus.requests import (
    BODIES,
    EITHER,
    MEDIA,
    PATHS,
    SYNTAX,
    TYPES,
    Bad,
    with_field,
    with_member,
)
from tests.torture.pipeline import Answer, Pipeline, Writer, read_answer

_MSGPACK = {"Content_Type": "application/msgpack"}
_CLIENTS = 8
_TABLES = ("jobs", "payloads", "results", "attempts", "nodes", "tokens", "tallies")


@pytest.fixture
def coordinator(tmp_path: Path) -> Iterator[Coordinator]:
    coordinator = Coordinator(tmp_path / "nasty.db")
    try:
        yield coordinator.start()
    finally:
        coordinator.end()


def contents(database: Path) -> dict[str, list[Any]]:
    """Everything in the database that a request can change."""
    with reading(database) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return {name: db.execute(f"SELECT * FROM {name}").fetchall() for name in _TABLES}


def assert_refused(name: str, answer: Answer, codes: Iterable[int]) -> None:
    """It has one of these codes and the shape of our refusals, and shows nothing of the input."""
    assert answer.status in codes, (name, answer)
    assert b"zebra" not in answer.body, (name, answer)
    assert b"X-Injected" not in answer.head, (name, answer)
    if b"application/json" in answer.head:
        told = answer.json
        assert set(told) == {"error"}, (name, answer)
        assert {"code", "message"} <= set(told["error"]), (name, answer)


def json_bodies() -> Iterator[Bad]:
    """Everything that can stand in a JSON body, against every endpoint that takes one."""
    for route, (path, body) in BODIES.items():
        fits = json.dumps(body).encode()
        for name, value in values.VALUES.items():
            yield Bad(f"{route}: {name}", path, with_member(body, value), {}, SYNTAX)
        for name, whole in bodies.WHOLE.items():
            yield Bad(f"{route}: {name}", path, whole, {}, SYNTAX)
        for name, wrap in bodies.WRAPPINGS.items():
            yield Bad(f"{route}: {name}", path, wrap(fits), {}, SYNTAX)
        for name, headers in http.HEADERS.items():
            yield Bad(f"{route}: {name}", path, fits, headers, MEDIA)
        for place, (held, codes) in fields.FIELDS[route].items():
            for name, value in held.items():
                sent = json.dumps(with_field(body, place, value)).encode()
                yield Bad(f"{route}: {place} is {name}", path, sent, {}, codes)


def packed_bodies() -> Iterator[Bad]:
    """The same in MessagePack."""
    for route, (path, body) in BODIES.items():
        for name, whole in packed.WHOLE.items():
            yield Bad(f"{route}: {name}", path, whole, _MSGPACK, EITHER)
        for name, value in packed.VALUES.items():
            sent = packed.with_member(body, "zebra", value)
            yield Bad(f"{route}: {name}", path, sent, _MSGPACK, EITHER)
    for route, member in packed.KEPT_AS_JSON:
        path, body = BODIES[route]
        for name, value in packed.UNSAYABLE.items():
            sent = packed.with_member(body, member, value)
            yield Bad(f"{route}: {member} is {name}", path, sent, _MSGPACK, EITHER)


def heads(write: Writer) -> Iterator[tuple[str, bytes, frozenset[int]]]:
    """Nasty paths, queries and headers."""
    for method, path in http.PATHS_WITH_IDS:
        for name, value in http.PATH_IDS.items():
            body = None if method == "GET" else b""
            yield f"{method} {path}: {name}", write(method, path.format(value), body), PATHS
    for name, query in http.QUERIES.items():
        yield name, write("GET", query, X_Node_ID="corpus"), TYPES
    for name, (lines, codes) in http.NODE_HEADERS.items():
        yield f"GET /job: {name}", with_lines(write("GET", "/job"), lines), codes
    for name, lines in http.KEYS.items():
        request = with_lines(write("POST", "/jobs", {"data": "zebra"}), lines)
        yield f"Idempotency-Key: {name}", request, EITHER


def with_lines(request: bytes, lines: list[str]) -> bytes:
    """The request with more header lines."""
    first, _, rest = request.partition(b"\r\n")
    more = "".join(f"{line}\r\n" for line in lines).encode("utf-8", "surrogateescape")
    head, _, body = rest.partition(b"\r\n\r\n")
    return first + b"\r\n" + head + b"\r\n" + more + b"\r\n" + body


async def refuse_all(write: Writer, sent: list[tuple[str, bytes, frozenset[int]]]) -> None:
    """Each is refused, and the connection that it came on serves on or was closed in order."""
    health = write("GET", "/health")
    left = list(reversed(sent))

    async def client() -> None:
        async with Pipeline(write.port) as line:
            while left:
                name, request, codes = left.pop()
                answer, alive = await line.ask([request, health])
                assert_refused(name, answer, codes)
                assert alive.status == 200, (name, alive)

    async with asyncio.TaskGroup() as group:
        for _ in range(_CLIENTS):
            group.create_task(client())


async def refuse_raw(write: Writer) -> None:
    """The same for what is not quite HTTP, each on a connection of its own."""
    lines = write("GET", "/").split(b"\r\n")[1:-2]
    head = b"".join(line + b"\r\n" for line in lines)
    for name, (text, codes) in http.RAW.items():
        reader, writer = await asyncio.open_connection("127.0.0.1", write.port)
        writer.write(text.encode().replace(b"HEAD", head))
        assert_refused(name, await asyncio.wait_for(read_answer(reader), 30), codes)
        writer.close()


@pytest.mark.proves("nasty-corpus")
def test_the_nasty_corpus_is_refused_and_nothing_is_stored(
    coordinator: Coordinator, reached: Callable[[str], None]
):
    with coordinator.client(keep=True) as client:
        for path, body in BODIES.values():  # without the nastiness they are well-formed
            assert client.ask("POST", path, body).status in (200, 404), path
        with_63_levels = with_member(BODIES["lease"][1], b"[" * 63 + b"]" * 63)
        assert client.ask("POST", "/lease", with_63_levels).status == 200
    assert coordinator.terminate() == 0
    before = contents(coordinator.database)
    coordinator.start()
    write = Writer(coordinator.port, coordinator.token)
    sent = [
        (bad.name, write("POST", bad.path, bad.body, **bad.headers), bad.codes)
        for bad in (*json_bodies(), *packed_bodies())
    ]
    sent += heads(write)
    asyncio.run(refuse_all(write, sent))
    asyncio.run(refuse_raw(write))
    output = coordinator.output
    assert coordinator.terminate() == 0
    assert "Traceback" not in output, output
    assert contents(coordinator.database) == before
    reached(f"{len(sent) + len(http.RAW):,} requests, every one 4xx, nothing stored")
