"""Connections: what comes too slowly, or is never read, is cut off; what comes in time is not."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any, cast

import msgspec
import pytest
from aiohttp import web

from nexapod import errors
from nexapod.api.answers import Ready, raw, refusal
from nexapod.api.connections import FREE_BYTES, STRANGER, BodyBudget, Connection
from nexapod.api.gate import read_body
from nexapod.api.server import HttpServer
from nexapod.coordinator.options import Limits
from nexapod.core.credentials import Credential, Scope, owner

#: Patience that tests can wait for. What must not end here has patience without end.
NEVER_S = 1e6
PATIENT = Limits(
    head_s=NEVER_S,
    idle_body_s=NEVER_S,
    slow_body_s=NEVER_S,
    unread_s=NEVER_S,
    keep_alive_s=NEVER_S,
    connections=1_000,
)
SHORT_S = 0.2
HEAD = b"GET / HTTP/1.1\r\nHost: x\r\n"
BODY = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"


async def handler(http: web.BaseRequest) -> Any:
    """Reads all, and answers with as much as the path says."""
    connection: Any = http.protocol
    who, _, scope = http.headers.get("Authorization", "Bearer stranger").split()[1].partition("/")
    connection.credential = (
        STRANGER if who == STRANGER.id else Credential(who, frozenset([cast(Scope, scope)]))
    )
    try:
        await read_body(http, 1 << 30)
        if http.path == "/events":
            connection.stream()
            await asyncio.sleep(NEVER_S)
    except errors.NexapodError as error:
        return refusal(error)
    finally:
        connection.give()
    return Ready(b"x" * int(http.path.strip("/") or 0), "text/plain") if http.path else raw(b"")


class Peer:
    """One connection to a server of its own loop."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    def deafen(self) -> None:
        """Read no more."""
        transport: Any = self.writer.transport
        transport.pause_reading()

    async def rest(self) -> bytes:
        """Everything until the server ends the connection."""
        async with asyncio.timeout(30):
            try:
                return await self.reader.read()
            except ConnectionError:
                return b""

    async def answer(self) -> int:
        """The status of the next answer."""
        async with asyncio.timeout(30):
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            await self.reader.readexactly(length)
            return int(head.split()[1])

    async def drip(self, data: bytes, every_s: float = SHORT_S / 10) -> bytes:
        """One byte after the other until the server has enough; what it says then."""
        ended = asyncio.create_task(self.rest())
        for at in range(len(data)):
            if ended.done():
                break
            self.send(data[at : at + 1])
            await asyncio.sleep(every_s)
        return await ended


class Stage:
    """A server, and connections to it."""

    def __init__(self, server: HttpServer, port: int) -> None:
        self.server, self.port = server, port
        self._peers: list[Peer] = []

    async def peer(self) -> Peer:
        self._peers.append(Peer(*await asyncio.open_connection("127.0.0.1", self.port)))
        return self._peers[-1]

    async def empty(self) -> None:
        """Let go of all of them."""
        for peer in self._peers:
            peer.writer.transport.abort()
            with contextlib.suppress(ConnectionError):
                await peer.writer.wait_closed()

    async def streaming(self, token: str) -> None:
        """Wait until the last connection, which shows this token, streams."""
        async with asyncio.timeout(30):
            while True:
                connections = cast(list[Connection], self.server.connections)
                last = connections[-1] if connections else None
                if last and last.is_streaming and last.credential.id == token.partition("/")[0]:
                    return
                await asyncio.sleep(0.01)

    async def settled(self, count: int) -> None:
        """Wait until the server has so many connections."""
        async with asyncio.timeout(30):
            while len(self.server.connections) != count:
                await asyncio.sleep(0.01)


def on_stage(limits: Limits, play: Callable[[Stage], Awaitable[None]]) -> None:
    async def perform() -> None:
        server = HttpServer(handler, limits)
        listening = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
        reaper = asyncio.create_task(server.reap())
        stage = Stage(server, listening.sockets[0].getsockname()[1])
        try:
            await play(stage)
        finally:
            await stage.empty()
            reaper.cancel()
            listening.close()
            await server.shutdown(0.1)

    asyncio.run(perform())


def with_(**limits: Any) -> Limits:
    return msgspec.structs.replace(PATIENT, **limits)


def code(answer: bytes) -> str:
    assert answer.startswith(b"HTTP/1.1 408 "), answer
    assert b"Connection: close" in answer
    return str(json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"])


# ── heads ────────────────────────────────────────────────────────────────────────────────────────


def test_a_connection_that_says_nothing_is_ended():
    async def play(stage: Stage) -> None:
        assert await (await stage.peer()).rest() == b""

    on_stage(with_(head_s=SHORT_S), play)


def test_a_head_that_drips_is_ended_with_a_408():
    async def play(stage: Stage) -> None:
        assert code(await (await stage.peer()).drip(HEAD + b"X: " + b"x" * 5_000)) == "timeout"

    on_stage(with_(head_s=SHORT_S), play)


def test_a_later_head_that_drips_is_ended_too():
    async def play(stage: Stage) -> None:
        peer = await stage.peer()
        peer.send(HEAD + b"\r\n")
        assert await peer.answer() == 200
        assert code(await peer.drip(HEAD + b"X: " + b"x" * 5_000)) == "timeout"

    on_stage(with_(head_s=SHORT_S), play)


def test_an_idle_connection_is_kept_longer_than_a_head_may_take():
    async def play(stage: Stage) -> None:
        peer = await stage.peer()
        for _ in range(3):
            peer.send(HEAD + b"\r\n")
            assert await peer.answer() == 200
            await asyncio.sleep(2 * SHORT_S)

    on_stage(with_(head_s=SHORT_S), play)


def test_an_idle_connection_is_ended_in_the_end():
    async def play(stage: Stage) -> None:
        peer = await stage.peer()
        peer.send(HEAD + b"\r\n")
        assert await peer.answer() == 200
        assert await peer.rest() == b""

    on_stage(with_(keep_alive_s=SHORT_S), play)


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("head", [b"X: " + b"x" * 9_000, b"X: %s\r\n" % (b"x" * 8_000) * 12])
def test_a_head_that_is_too_large_is_refused(head: bytes, at_once: bool):
    async def play(stage: Stage) -> None:
        peer = await stage.peer()
        sent = HEAD + head + b"\r\n\r\n"
        if at_once:
            peer.send(sent)
        else:
            for at in range(0, len(sent), 4_096):
                peer.send(sent[at : at + 4_096])
                await asyncio.sleep(0.001)
        answer = await peer.rest()
        if at_once or answer:  # an answer is lost when the end comes while more is being sent
            assert answer.startswith(b"HTTP/1.1 400 ") and b"too large" in answer

    on_stage(PATIENT, play)


def test_a_head_of_many_small_lines_and_a_large_body_pass():
    async def play(stage: Stage) -> None:
        peer = await stage.peer()
        lines = b"".join(b"X-%d: %s\r\n" % (n, b"x" * 500) for n in range(100))
        peer.send(
            BODY[:-4].replace(b"1000", b"900000") + b"\r\n" + lines + b"\r\n" + b"x" * 900_000
        )
        assert await peer.answer() == 200

    on_stage(PATIENT, play)


# ── bodies ───────────────────────────────────────────────────────────────────────────────────────


def test_a_body_that_stands_still_is_ended_with_a_408():
    async def play(stage: Stage) -> None:
        peer = await stage.peer()
        peer.send(BODY + b"x" * 10)
        assert code(await peer.rest()) == "timeout"

    on_stage(with_(idle_body_s=SHORT_S), play)


def test_a_body_that_drips_is_ended_with_a_408():
    async def play(stage: Stage) -> None:
        peer = await stage.peer()
        peer.send(BODY)
        assert code(await peer.drip(b"x" * 999)) == "timeout"

    on_stage(with_(slow_body_s=SHORT_S), play)


def test_a_body_that_begins_fast_and_then_drips_is_ended_too():
    async def play(stage: Stage) -> None:
        peer = await stage.peer()
        peer.send(BODY.replace(b"1000", b"100000") + b"x" * 99_000)
        assert code(await peer.drip(b"x" * 999)) == "timeout"

    on_stage(with_(slow_body_s=SHORT_S), play)


def test_a_slow_body_that_keeps_the_pace_is_read():
    async def play(stage: Stage) -> None:
        peer = await stage.peer()
        peer.send(BODY)
        for _ in range(10):
            peer.send(b"x" * 100)
            await asyncio.sleep(SHORT_S / 4)
        assert await peer.answer() == 200

    on_stage(with_(slow_body_s=SHORT_S, body_bytes_per_s=10.0, idle_body_s=5.0), play)


# ── answers ──────────────────────────────────────────────────────────────────────────────────────


def test_a_client_that_does_not_read_is_dropped():
    async def play(stage: Stage) -> None:
        peer = await stage.peer()
        peer.deafen()
        peer.send(b"GET /50000000 HTTP/1.1\r\nHost: x\r\n\r\n")
        await stage.settled(1)
        await stage.settled(0)

    on_stage(with_(unread_s=SHORT_S), play)


def test_a_client_that_asks_on_and_does_not_read_fills_no_memory():
    async def play(stage: Stage) -> None:
        peer = await stage.peer()
        peer.deafen()
        for _ in range(20):
            peer.send(b"GET /1000000 HTTP/1.1\r\nHost: x\r\n\r\n" * 20)
            await asyncio.sleep(0.01)
        connection: Any = stage.server.connections[0]
        assert connection.transport.get_write_buffer_size() < 2_000_000

    on_stage(PATIENT, play)


def test_a_client_that_reads_slowly_gets_everything():
    async def play(stage: Stage) -> None:
        peer = await stage.peer()
        peer.send(b"GET /10000000 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        size = 0
        while piece := await peer.reader.read(1_000_000):
            size += len(piece)
            await asyncio.sleep(SHORT_S / 10)
        assert size > 10_000_000

    on_stage(with_(unread_s=5 * SHORT_S), play)


# ── too many ─────────────────────────────────────────────────────────────────────────────────────


def test_the_oldest_connection_without_a_token_ends_when_there_are_too_many():
    async def play(stage: Stage) -> None:
        known = [await stage.peer() for _ in range(3)]
        for peer in known:
            peer.send(HEAD + b"Authorization: Bearer x/view\r\n\r\n")
            assert await peer.answer() == 200
        strangers = []
        for _ in range(8):
            strangers.append(await stage.peer())
            await stage.settled(len(known) + min(5, len(strangers)))
        for peer in strangers[:3]:
            assert await peer.rest() == b""
        for peer in (*strangers[3:], *known):
            peer.send(HEAD + b"\r\n")
            assert await peer.answer() == 200

    on_stage(with_(connections=5), play)


def test_a_newcomer_with_a_token_gets_in_among_any_number_without():
    async def play(stage: Stage) -> None:
        crowd = [await stage.peer() for _ in range(50)]
        newcomer = await stage.peer()
        newcomer.send(HEAD + b"Authorization: Bearer x/view\r\n\r\n")
        assert await newcomer.answer() == 200
        crowd += [await stage.peer() for _ in range(50)]
        newcomer.send(HEAD + b"Authorization: Bearer x/view\r\n\r\n")
        assert await newcomer.answer() == 200
        await stage.settled(6)

    on_stage(with_(connections=5), play)


def asks(token: str, path: str = "/") -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n".encode()


async def arrived(stage: Stage, token: str, path: str = "/") -> Peer:
    """One more connection that shows this token, once the server has seen it."""
    peer = await stage.peer()
    peer.send(asks(token, path))
    if path == "/":
        assert await peer.answer() == 200
    else:
        await stage.streaming(token)
    return peer


def test_the_oldest_idle_connection_of_a_token_ends_when_it_has_too_many():
    async def play(stage: Stage) -> None:
        busy = await arrived(stage, "a/view", "/events")
        idle = [await arrived(stage, "a/view") for _ in range(6)]
        other = await arrived(stage, "b/view")
        for peer in idle[:3]:
            assert await peer.rest() == b""
        await stage.settled(5)
        for peer in (*idle[3:], other):
            peer.send(asks("a/view" if peer is not other else "b/view"))
            assert await peer.answer() == 200
        assert not busy.reader.at_eof()

    on_stage(with_(connections_per_token=4), play)


def test_a_token_whose_connections_are_all_busy_loses_the_oldest():
    async def play(stage: Stage) -> None:
        busy = [await arrived(stage, "a/view", "/events") for _ in range(4)]
        await arrived(stage, "a/view")
        assert await busy[0].rest() == b""
        await stage.settled(4)

    on_stage(with_(connections_per_token=4), play)


@pytest.mark.parametrize(("token", "most"), [("owner/admin", 9), ("a/node", 6), ("a/submit", 4)])
def test_the_fleet_s_own_token_has_no_limit_and_a_node_s_has_its_own(token: str, most: int):
    async def play(stage: Stage) -> None:
        for _ in range(9):
            await arrived(stage, token)
        await stage.settled(most)

    on_stage(with_(connections_per_token=4, connections_per_node_token=6), play)


def test_a_token_follows_so_many_events_and_may_follow_them_again_after_it_stopped():
    async def play(stage: Stage) -> None:
        streams = [await arrived(stage, "a/view", "/events") for _ in range(2)]
        late = await stage.peer()
        late.send(asks("a/view", "/events"))
        assert await late.answer() == 429
        await arrived(stage, "b/view", "/events")
        for _ in range(3):
            await arrived(stage, "owner/admin", "/events")
        streams[0].writer.transport.abort()
        await stage.settled(6)
        await arrived(stage, "a/view", "/events")

    on_stage(with_(streams_per_token=2), play)


# ── the clock, and the budget ────────────────────────────────────────────────────────────────────


def test_a_pause_of_the_whole_process_is_nobody_s_delay():
    async def play(stage: Stage) -> None:
        peer = await stage.peer()
        peer.send(HEAD)
        await asyncio.sleep(SHORT_S / 2)
        before_s = stage.server.now_s
        time.sleep(0.8)  # noqa: ASYNC251  # the interpreter was held
        await asyncio.sleep(0)
        peer.send(b"\r\n")
        assert await peer.answer() == 200
        assert stage.server.now_s < before_s + 0.6

    on_stage(with_(head_s=0.6), play)


def test_what_a_connection_took_is_given_back_at_once():
    async def play(stage: Stage) -> None:
        await stage.peer()
        await stage.settled(1)
        connection: Any = stage.server.connections[0]
        connection.take(FREE_BYTES)
        connection.take(25)
        with pytest.raises(errors.Busy):
            connection.take(1)
        connection.give()
        assert stage.server.bodies.taken_bytes == 0
        connection.take(FREE_BYTES + 25)

    on_stage(with_(bodies_bytes=100), play)


def test_the_large_bodies_of_one_token_keep_nobody_s_small_ones_out():
    async def play(stage: Stage) -> None:
        large = BODY.replace(b"Host: x", b"Host: x\r\nAuthorization: Bearer a/submit")
        large = large.replace(b"1000", b"10000000")
        hogs = [await stage.peer() for _ in range(9)]
        for peer in hogs[:5]:
            peer.send(large + b"x" * 600_000)
        async with asyncio.timeout(30):
            while stage.server.bodies.taken_bytes != 5 * (600_000 - FREE_BYTES):
                await asyncio.sleep(0.01)
        for peer in hogs[5:]:
            peer.send(large + b"x" * 600_000)
            assert await peer.answer() == 429
        for token in (b"a/submit", b"b/submit"):
            peer = await stage.peer()
            peer.send(large.replace(b"a/submit", token).replace(b"10000000", b"50") + b"x" * 50)
            assert await peer.answer() == 200
        peer = await stage.peer()
        peer.send(large.replace(b"a/submit", b"b/submit").replace(b"10000000", b"600000"))
        peer.send(b"x" * 600_000)
        assert await peer.answer() == 200

    on_stage(with_(bodies_bytes=4 * 3_000_000), play)


def test_bodies_share_a_budget_of_which_one_token_has_a_quarter():
    budget = BodyBudget(100)
    own, one, two = owner(), Credential("a", frozenset()), Credential("b", frozenset())
    budget.take(25, one)
    with pytest.raises(errors.Busy):
        budget.take(1, one)
    budget.take(60, own)
    with pytest.raises(errors.Busy):
        budget.take(16, two)
    assert budget.taken_bytes == 85
    budget.take(15, two)
    budget.give(25, one)
    budget.take(25, one)


def test_an_answer_to_head_has_no_body():
    async def play(stage: Stage) -> None:
        peer = await stage.peer()
        peer.send(b"HEAD /100 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert (await peer.rest()).endswith(b"\r\n\r\n")

    on_stage(PATIENT, play)
