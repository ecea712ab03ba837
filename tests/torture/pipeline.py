"""HTTP/1.1 in bytes: many requests down one connection, and their answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any, NamedTuple, Self

#: No answer in the proof takes longer, however busy the machine is.
PATIENCE_S = 60.0


class Answer(NamedTuple):
    """One answer."""

    status: int
    head: bytes
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def ends_connection(self) -> bool:
        return b"connection: close" in self.head.lower()


class Writer(NamedTuple):
    """Writes requests to one coordinator."""

    port: int
    token: str | None

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> bytes:
        """A request; `bytes` go as they are, the rest as JSON."""
        raw = b""
        lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{self.port}"]
        if self.token is not None:
            lines.append(f"Authorization: Bearer {self.token}")
        if body is not None:
            raw = body if isinstance(body, bytes) else json.dumps(body).encode()
            headers = {"Content_Type": "application/json", **headers}
            lines.append(f"Content-Length: {len(raw)}")
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape") + raw


async def read_answer(reader: asyncio.StreamReader) -> Answer:
    """The next answer on a connection; EOFError when there is none."""
    head = await reader.readuntil(b"\r\n\r\n")
    lower = head.lower()
    if b"transfer-encoding: chunked" in lower:
        body = await _chunks(reader)
    else:
        length = lower.partition(b"content-length:")[2].partition(b"\r\n")[0]
        body = await reader.readexactly(int(length or 0))
    return Answer(int(head[9:12]), head, body)


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    pieces = []
    while True:
        size = int((await reader.readuntil(b"\r\n"))[:-2], 16)
        pieces.append((await reader.readexactly(size + 2))[:-2])
        if not size:
            return b"".join(pieces)


class Pipeline:
    """One kept connection: requests go down it together, answers come back in order."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def ask(self, requests: Sequence[bytes]) -> list[Answer]:
        """The answers. What a closed connection left unanswered is asked on the next one."""
        answers: list[Answer] = []
        while len(answers) < len(requests):
            if self._streams is None:
                self._streams = await asyncio.open_connection("127.0.0.1", self._port, limit=2**20)
            reader, writer = self._streams
            writer.write(b"".join(requests[len(answers) :]))
            while len(answers) < len(requests):
                async with asyncio.timeout(PATIENCE_S):
                    answer = await read_answer(reader)
                answers.append(answer)
                if answer.ends_connection:
                    await self.close()
                    break
        return answers

    async def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None
