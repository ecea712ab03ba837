"""Clients that cost nothing to be and much to serve: ``drips PORT TOKEN COUNT SECONDS SEED``.

Speaks TLS. Says ``ready`` once all are connected, and in the end, as JSON, how many of each kind
there were and how many the other side had ended.
"""

from __future__ import annotations

import asyncio
import json
import random
import socket
import ssl
import sys
from collections.abc import Iterator

#: Between two bytes of one connection.
_STEP_S = 0.5
_HANDSHAKE = bytes.fromhex("16030100c8010000c40303")  # the beginning of a ClientHello

KINDS = (
    "silent",
    "head byte by byte",
    "body byte by byte",
    "body without a token",
    "never reads",
    "half a handshake",
)


class Drip(asyncio.Protocol):
    """One connection of one kind."""

    def __init__(self, kind: str, netloc: str, token: str, at_once: int) -> None:
        self.kind = kind
        self._at_once = at_once
        self.is_ended = False
        self._bytes = self._words(f"Host: {netloc}\r\n", f"Authorization: Bearer {token}\r\n")
        self._transport: asyncio.Transport | None = None

    def _words(self, host: str, secret: str) -> Iterator[bytes]:
        post = f"POST /jobs HTTP/1.1\r\n{host}Content-Type: application/json\r\n"
        length = "Content-Length: 1000000\r\n\r\n"
        if self.kind == "head byte by byte":
            yield from _letters(f"GET /job HTTP/1.1\r\n{host}X-Long: " + "x" * 5_000)
        elif self.kind == "body byte by byte":
            yield f"{post}{secret}{length}".encode()
            yield from _letters('{"data": "' + "x" * 5_000)
        elif self.kind == "body without a token":
            yield f"{post}{length}".encode()
            yield from _letters('{"data": "' + "x" * 5_000)
        elif self.kind == "never reads":
            get = f"GET /openapi.json HTTP/1.1\r\n{host}{secret}\r\n".encode()
            while True:  # asking on is also how it hears of the end
                yield get * self._at_once
        elif self.kind == "half a handshake":
            yield from (_HANDSHAKE[at : at + 1] for at in range(len(_HANDSHAKE)))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if self.kind == "never reads":
            transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_ended = True

    def drip(self) -> None:
        if self._transport is not None and not self.is_ended:
            self._transport.write(next(self._bytes, b""))


def _letters(text: str) -> Iterator[bytes]:
    return (letter.encode() for letter in text)


async def _connect(drip: Drip, port: int, context: ssl.SSLContext) -> None:
    plain = socket.socket()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    plain.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(plain, ("127.0.0.1", port))
    secure = None if drip.kind == "half a handshake" else context
    name = None if secure is None else "localhost"
    try:
        await loop.create_connection(lambda: drip, sock=plain, ssl=secure, server_hostname=name)
    except OSError:
        drip.is_ended = True  # already one too many


async def _run(port: int, token: str, count: int, seconds: float, seed: int) -> None:
    rng = random.Random(seed)
    # Answers fill the system's buffers (some MB each) within seconds, and not in one burst.
    at_once = max(1, 5_000 // count)
    drips = [
        Drip(KINDS[at % len(KINDS)], f"127.0.0.1:{port}", token, at_once) for at in range(count)
    ]
    rng.shuffle(drips)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    for at in range(0, count, 10):
        await asyncio.gather(*(_connect(drip, port, context) for drip in drips[at : at + 10]))
    print("ready", flush=True)
    loop = asyncio.get_running_loop()
    end_s = loop.time() + seconds
    while loop.time() < end_s:
        for at in range(0, count, 50):  # not all in one moment
            for drip in drips[at : at + 50]:
                drip.drip()
            await asyncio.sleep(_STEP_S * 50 / count)
    told = {
        kind: [
            sum(d.kind == kind for d in drips),
            sum(d.kind == kind and d.is_ended for d in drips),
        ]
        for kind in KINDS
    }
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    asyncio.run(
        _run(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), int(sys.argv[5]))
    )
