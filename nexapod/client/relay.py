"""What a panel needs of a coordinator over HTTP: its stream, and the few requests it may make."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncGenerator

import aiohttp
import msgspec

from nexapod import errors
from nexapod.wire.messages import ErrorBody, ErrorReply
from nexapod.wire.panel import allowed

#: A coordinator says at least so often that it is there.
SILENT_S = 45.0
_FIRST_S = 0.1
_READY = b'{"t":"ready"}'


async def follow(session: aiohttp.ClientSession, url: str) -> AsyncGenerator[bytes, None]:
    """The messages of ``GET /panel``, for ever: after a gap they begin again with ``hello``.

    Raises
    ------
    Unauthorized
        When the coordinator does not accept the token, or not any more.
    """
    delay_s = _FIRST_S
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=SILENT_S)
    while True:
        with contextlib.suppress(aiohttp.ClientError, TimeoutError, ConnectionError):
            async with session.get(
                f"{url}/panel", timeout=timeout, read_bufsize=2**20, allow_redirects=False
            ) as response:
                if response.status in (401, 403):
                    raise errors.Unauthorized(
                        f"the coordinator at {url} does not accept this token for its panel"
                    )
                if response.status == 200:
                    async for message in messages(response.content):
                        if message == _READY:
                            delay_s = _FIRST_S
                        yield message
        await asyncio.sleep(delay_s * random.uniform(0.5, 1.0))
        delay_s = min(10.0, delay_s * 2)


async def messages(content: aiohttp.StreamReader) -> AsyncGenerator[bytes, None]:
    """The data of every event of a stream, however long."""
    pieces: list[bytes] = []
    async for piece in content.iter_any():
        first, *others = piece.split(b"\n")
        pieces.append(first)
        for other in others:
            line = b"".join(pieces)
            pieces = [other]
            if line.startswith(b"data: "):
                yield line[6:]


async def forward(
    session: aiohttp.ClientSession, url: str, method: str, path: str, body: bytes | None
) -> tuple[int, bytes]:
    """One request of a panel, and the status and body of its answer, which may be a refusal."""
    if not allowed(method, path):
        return refused(errors.Forbidden("a panel may not ask this of the coordinator"))
    headers = {"Accept": "application/json"}
    if body is not None:
        headers["Content-Type"] = "application/json"
    try:
        async with session.request(
            method, url + path, data=body, headers=headers, allow_redirects=False
        ) as response:
            return response.status, await response.read()
    except (aiohttp.ClientError, TimeoutError, ConnectionError):
        return refused(errors.Unavailable(f"no coordinator answers at {url}; is it running?"))


def refused(error: errors.NexapodError) -> tuple[int, bytes]:
    """The answer that the coordinator would give for this error."""
    reply = ErrorReply(ErrorBody(error.code, error.message, error.details))
    return error.http_status, msgspec.json.encode(reply)
