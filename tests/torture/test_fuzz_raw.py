"""Random bytes and broken HTTP: a clear no or nothing at all, and the coordinator answers on."""

from __future__ import annotations

import asyncio
import json
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

from tests.integration.parts import Coordinator
from tests.torture.conftest import Size
from tests.torture.raw_requests import Server, fuzz

_AT_ONCE = 8
#: How long an answer may begin in; afterwards the connection is half-closed, which ends it.
_SILENCE_S = 0.15
_STUCK_S = 60.0
_HEAD = re.compile(rb"HTTP/1\.1 (\d{3}) [ -~]*\r\n((?:[!-9;-~]+: [ -~]*\r\n)+)\r\n")


class Malformed(Exception):
    """An answer that is not HTTP."""


class Answer(NamedTuple):
    status: int
    body: bytes


def answers(data: bytes, *, is_head: bool) -> list[Answer]:
    """The answers in what was received.

    The end may cut a chunked one off, since the connection was half-closed; nothing else may be
    left over.
    """
    found = []
    while data:
        head = _HEAD.match(data)
        if head is None:
            raise Malformed(f"no head: {data[:200]!r}")
        fields = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(b":") for line in head[2].splitlines())
        }
        data = data[head.end() :]
        if fields.get(b"transfer-encoding") == b"chunked":
            body, data = _chunks(data)
        else:
            length = int(fields[b"content-length"])
            if is_head and not data:
                length = 0
            if length > len(data):
                raise Malformed(f"{len(data)} of {length} bytes")
            body, data = data[:length], data[length:]
            if fields[b"content-type"] == b"application/json" and body:
                json.loads(body)
        found.append(Answer(int(head[1]), body))
    return found


def _chunks(data: bytes) -> tuple[bytes, bytes]:
    body = b""
    while data:
        size, mark, rest = data.partition(b"\r\n")
        if not mark:
            return body, b""
        length = int(size, 16)
        body += rest[:length]
        if len(rest) < length + 2:
            return body, b""
        if rest[length : length + 2] != b"\r\n":
            raise Malformed(f"no end of a chunk: {rest[length : length + 20]!r}")
        data = rest[length + 2 :]
        if not length:
            break
    return body, data


async def _attempt(port: int, sent: bytes, rng: random.Random) -> tuple[bytes, float]:
    """What comes back, and the longest wait for it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    received, slowest_s = b"", 0.0
    try:
        cut = rng.randrange(len(sent)) if len(sent) > 1 and rng.random() < 0.3 else 0
        for piece in filter(None, (sent[:cut], sent[cut:])):
            writer.write(piece)
            await asyncio.sleep(0)
        patience_s = _SILENCE_S
        while True:
            asked_s = time.perf_counter()
            try:
                piece = await asyncio.wait_for(reader.read(1 << 20), patience_s)
            except TimeoutError:
                if patience_s == _STUCK_S:
                    raise AssertionError("half-closed, and still not ended") from None
                writer.write_eof()
                patience_s = _STUCK_S
                continue
            slowest_s = max(slowest_s, time.perf_counter() - asked_s)
            received += piece
            # A stream goes on for as long as somebody reads it, and we do.
            is_stream = patience_s == _STUCK_S and b"text/event-stream" in received
            if not piece or is_stream:
                return received, slowest_s
    except ConnectionError:
        return received, slowest_s
    finally:
        writer.transport.abort()


class Fuzz:
    """Many connections, a few at once; what they met."""

    def __init__(self, server: Server, port: int, seed: int) -> None:
        self._server, self._port, self._seed = server, port, seed
        self.statuses: Counter[int] = Counter()
        self.slowest_s = 0.0

    def run(self, first: int, count: int) -> None:
        async def attempts(lane: int) -> None:
            for at in range(first + lane, first + count, _AT_ONCE):
                await self._one(at)

        async def all_() -> None:
            await asyncio.gather(*(attempts(lane) for lane in range(_AT_ONCE)))

        asyncio.run(all_())

    async def _one(self, at: int) -> None:
        rng = random.Random(f"{self._seed}/{at}")
        sent = fuzz(self._server, rng)
        received, slowest_s = await _attempt(self._port, sent, rng)
        self.slowest_s = max(self.slowest_s, slowest_s)
        try:
            found = answers(received, is_head=b"HEAD" in sent)
        except (Malformed, KeyError, ValueError) as error:
            raise AssertionError(f"connection {at}: {error}; sent {sent[:2_000]!r}") from error
        for answer in found:
            self.statuses[answer.status] += 1
            assert answer.status < 500, f"connection {at}: {answer}; sent {sent[:2_000]!r}"


@pytest.fixture
def coordinator(tmp_path: Path) -> Iterator[Coordinator]:
    found = Coordinator(tmp_path / "fleet.db")
    try:
        yield found.start()
    finally:
        found.end()


@pytest.mark.timeout(600)
@pytest.mark.proves("fuzz-raw")
def test_broken_http_meets_a_clear_no(
    size: Size, seed: int, reached: Callable[[str], None], coordinator: Coordinator
):
    connections = size(commit=500, full=10_000)
    client = coordinator.client()
    client.register("good")
    process = psutil.Process(coordinator.pid)
    attack = Fuzz(
        Server(client.netloc, coordinator.token or ""), coordinator.port, seed
    )  # fmt: skip
    warm = connections // 10
    attack.run(0, warm)
    before_bytes = process.memory_info().rss
    for first in range(warm, connections, warm):
        attack.run(first, min(warm, connections - first))
        job_id = client.submit({"x": 1})
        assert client.get("/health")
        assert client.job(job_id)["job_id"] == job_id
    grown_mib = (process.memory_info().rss - before_bytes) / 2**20
    assert coordinator.is_running()
    assert "Traceback" not in coordinator.output
    assert grown_mib < 32
    assert attack.statuses[400] and attack.statuses[200], attack.statuses
    if size.tier != "commit":
        assert attack.slowest_s < 1.0
    told = ", ".join(f"{count:,} x {status}" for status, count in sorted(attack.statuses.items()))
    reached(
        f"{connections:,} connections, answers {told}; slowest {attack.slowest_s * 1000:.0f} ms, "
        f"memory {grown_mib:+.1f} MiB"
    )
