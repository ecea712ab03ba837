"""A network that loses things: a TCP proxy in front of a coordinator, with a fault per connection.

It looks at bytes, not at meaning: of HTTP it only knows where a request and an answer begin.
"""

from __future__ import annotations

import asyncio
import enum
import random
import socket
import struct
from collections import Counter
from collections.abc import Callable
from typing import Self

_RATE_BYTES_PER_S = 10_000
_STEP_S = 0.05


class Fault(enum.Enum):
    """What happens to a connection."""

    NONE = "clean"
    DROP = "answer dropped after the commit"
    DROP_ALL = "every answer dropped after the commit"
    CUT = "cut as soon as everything is delivered"
    RESET = "reset in the middle"
    HALF_OPEN = "half-open"
    SLOW = "10 kB/s"


class Proxy:
    """Listens on `port` and passes on to the coordinator, more or less.

    Parameters
    ----------
    upstream
        The coordinator's port.
    choose
        The fault of the next connection.
    rng
        Where in a connection the fault happens.
    silence_s
        How long a connection is half-open before both ends are told; None: for ever.
    """

    def __init__(
        self,
        upstream: int,
        choose: Callable[[], Fault],
        rng: random.Random,
        silence_s: float | None = None,
    ) -> None:
        self.upstream = upstream
        self.choose = choose
        self.rng = rng
        self.silence_s = silence_s
        self.dropped = 0
        self.seen: Counter[Fault] = Counter()
        self.lines: set[Line] = set()
        self.is_parted = False
        self.is_healed = False

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Line(self).near, "127.0.0.1", 0)
        self.port = int(self._server.sockets[0].getsockname()[1])
        self._name = f"127.0.0.1:{self.port}".encode()
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._server.close()
        for line in tuple(self.lines):
            line.reset()

    def addressed(self, data: bytes) -> bytes:
        """A coordinator answers to its own address only, so the Host in a request becomes that."""
        return data.replace(self._name, f"127.0.0.1:{self.upstream}".encode())

    def part(self) -> None:
        """Nothing passes any more, in either direction; what is sent waits, as TCP would."""
        self.is_parted = True
        for line in self.lines:
            line.hold()

    def heal(self) -> None:
        """Everything passes, late; no new faults. What is half-open stays so for ever."""
        self.is_parted, self.is_healed = False, True
        for line in tuple(self.lines):
            line.resume()


class Line:
    """One connection through the proxy: the near side faces the client, the far one the server."""

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy
        self.near = _Side(self, self._to_far)
        self.far = _Side(self, self._to_near)
        self.near.other, self.far.other = self.far, self.near
        self.fault = Fault.NONE
        self._asked = self._answered = 0
        self._has_all = False
        self._left = proxy.rng.randrange(1, 3_000)  # bytes until a reset or the great silence
        self._passes = proxy.rng.randrange(4)  # answers until the one that is dropped
        self._opening: asyncio.Task[None] | None = None

    def opened(self, side: _Side) -> None:
        """A side has its transport: the near one first, which then dials the far one."""
        if side is self.far:
            if self.near.is_over:
                self.reset()
            elif self.proxy.is_parted:
                side.pause()
            return
        self.proxy.lines.add(self)
        if not self.proxy.is_healed:
            self.fault = self.proxy.choose()
        self.proxy.seen[self.fault] += 1
        if self.proxy.is_parted:
            side.pause()
        self._opening = asyncio.ensure_future(self._open())

    async def _open(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(lambda: self.far, "127.0.0.1", self.proxy.upstream)
        except OSError:
            self.reset()

    def hold(self) -> None:
        self.near.pause()
        self.far.pause()

    def resume(self) -> None:
        if self.fault is not Fault.HALF_OPEN:
            self.fault = Fault.NONE
        self.near.resume()
        self.far.resume()

    def reset(self) -> None:
        """Both ends get a RST."""
        self.near.abort()
        self.far.abort()
        self.proxy.lines.discard(self)

    def ended(self, side: _Side) -> None:
        """One end closed. A half-open line tells the other end nothing."""
        if self.fault is Fault.HALF_OPEN and not self.near.is_over:
            return
        side.other.close()
        if self.near.is_over and self.far.is_over:
            self.proxy.lines.discard(self)

    def finished_sending(self, side: _Side) -> bool:
        """Whether to keep a connection whose `side` sends no more: it still waits for answers."""
        if side is self.near and self.fault in (Fault.DROP_ALL, Fault.CUT):
            self._has_all = True
            if self.fault is Fault.CUT:
                asyncio.get_running_loop().call_soon(self.reset)
            return True
        return False

    def _to_far(self, data: bytes) -> None:
        self._asked += data.count(b" HTTP/1.1\r\n")
        self._pass(self.far, self.proxy.addressed(data))

    def _to_near(self, data: bytes) -> None:
        self._answered += data.count(b"HTTP/1.1 ")
        if self.fault is Fault.DROP_ALL:
            if self._has_all and self._answered >= self._asked:
                self.proxy.dropped += self._answered
                self.reset()
        elif self.fault is Fault.DROP and self._answered > self._passes:
            self.proxy.dropped += 1
            self.reset()
        else:
            self._pass(self.near, data)

    def _pass(self, to: _Side, data: bytes) -> None:
        if self.fault in (Fault.RESET, Fault.HALF_OPEN):
            kept, self._left = data[: self._left], self._left - len(data)
            if kept:
                to.write(kept)
            if self._left <= 0:
                self._left = 0
                # A moment later, so that what was passed on is really under way.
                delay_s = 0.005 if self.fault is Fault.RESET else self.proxy.silence_s
                if delay_s is not None:
                    asyncio.get_running_loop().call_later(delay_s, self.reset)
        elif self.fault is Fault.SLOW:
            to.other.pause()
            self._trickle(to, data)
        else:
            to.write(data)

    def _trickle(self, to: _Side, data: bytes) -> None:
        step = len(data) if self.fault is Fault.NONE else int(_RATE_BYTES_PER_S * _STEP_S)
        to.write(data[:step])
        if len(data) > step:
            asyncio.get_running_loop().call_later(_STEP_S, self._trickle, to, data[step:])
        elif not self.proxy.is_parted:
            to.other.resume()


class _Side(asyncio.Protocol):
    """One end of a line. What arrives before the other end is there waits for it."""

    other: _Side

    def __init__(self, line: Line, arrived: Callable[[bytes], None]) -> None:
        self._line = line
        self._arrived = arrived
        self._transport: asyncio.Transport | None = None
        self._waiting = bytearray()
        self.is_over = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._line.opened(self)
        if self._waiting and not self.is_over:
            transport.write(bytes(self._waiting))
            self._waiting.clear()

    def data_received(self, data: bytes) -> None:
        self._arrived(data)

    def eof_received(self) -> bool:
        return self._line.finished_sending(self)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.is_over:
            self.is_over = True
            self._line.ended(self)

    def write(self, data: bytes) -> None:
        if self._transport is None:
            self._waiting += data
        elif not self.is_over:
            self._transport.write(data)

    def pause(self) -> None:
        if self._transport is not None and not self.is_over:
            self._transport.pause_reading()

    def resume(self) -> None:
        if self._transport is not None and not self.is_over:
            self._transport.resume_reading()

    def close(self) -> None:
        self.is_over = True
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        self.is_over = True
        if self._transport is not None:
            found = self._transport.get_extra_info("socket")
            if found is not None and found.fileno() >= 0:
                found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()
