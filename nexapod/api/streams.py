"""Handlers that stream: blobs in and out, and events."""

from __future__ import annotations

import asyncio
import contextlib
import re

import msgspec
from aiohttp import web

from nexapod import errors
from nexapod.api.answers import Ready, answer
from nexapod.api.ownership import check_read_blob, check_write_blob, holds_a_lease
from nexapod.api.request import Request
from nexapod.wire import messages as m

_KEEPALIVE_S = 15.0


async def put_blob(request: Request, body: None) -> Ready:
    """``PUT /blobs/{sha256}``"""
    sha256 = request.names["sha256"]
    blobs = request.service.blobs
    blobs.path(sha256)
    check_write_blob(request)
    takes_room = not holds_a_lease(request)  # a result always has room
    if takes_room:
        request.service.room.take(request.http.content_length or 0)
    limit = request.route.limit_bytes
    incoming = blobs.incoming()  # not off the loop: a cancellation there would leave its file
    try:
        async for piece in request.http.content.iter_chunked(1 << 20):
            request.check_still()
            if incoming.size + len(piece) > limit:
                raise errors.TooLarge(f"a blob is at most {limit:,} bytes")
            if takes_room and request.http.content_length is None:
                request.service.room.take(len(piece))
            await request.in_thread(incoming.write, piece)
        await request.in_thread(incoming.keep, sha256)
    finally:
        incoming.drop()
    return answer(m.BlobStored(sha256, incoming.size))


async def get_blob(request: Request, body: None) -> web.StreamResponse:
    """``GET /blobs/{sha256}``"""
    blobs = request.service.blobs
    path = blobs.path(request.names["sha256"])
    await check_read_blob(request, request.names["sha256"])
    if not blobs.has(request.names["sha256"]):
        raise errors.NotFound("there is no blob with this hash")
    try:
        wanted = request.http.http_range
    except ValueError:
        raise errors.OutOfRange("the Range header is not one; send bytes=FROM-TO") from None
    if (wanted.start or 0) >= path.stat().st_size > 0:
        raise errors.OutOfRange("the range begins beyond the end of the blob")
    return web.FileResponse(
        path,
        headers={"Content-Type": "application/octet-stream", "X-Content-Type-Options": "nosniff"},
    )


async def events(request: Request, body: None) -> web.StreamResponse:
    """``GET /events``"""
    feed = request.service.feed
    position, resumed = _position(request)
    response = web.StreamResponse(
        headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
    )
    await response.prepare(request.http)
    if not resumed:
        await response.write(_frame("reset", feed.run, position, b"{}"))
    while not request.service.is_stopping:
        try:
            request.check_still()
        except errors.Unauthorized:
            break  # the reader comes back, and is told
        found = feed.since(position, request.credential.sees)
        if found is None:  # the reader fell too far behind
            position = feed.position
            await response.write(_frame("reset", feed.run, position, b"{}"))
            continue
        position = feed.position
        if found:
            data = msgspec.json.encode(found)
            await response.write(_frame("jobs", feed.run, position, data))
        if position == feed.position:  # else more came while this was sent
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_KEEPALIVE_S):
                    await feed.wait()
                    continue
            await response.write(b": still here\n\n")
    return response


async def panel(request: Request, body: None) -> web.StreamResponse:
    """``GET /panel``"""
    response = web.StreamResponse(
        headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
    )
    await response.prepare(request.http)
    # When its token ends or the store fails the stream does; the reader comes back, and is told.
    with contextlib.suppress(errors.NexapodError):
        async with contextlib.aclosing(request.service.panel.follow(_KEEPALIVE_S)) as messages:
            async for news in messages:
                request.check_still()
                for message in news:
                    await response.write(b"data: " + message + b"\n\n")
                if not news:
                    await response.write(b": still here\n\n")
    return response


def _position(request: Request) -> tuple[int, bool]:
    """Where to go on from, and whether that is without a gap."""
    feed = request.service.feed
    run, _, count = (request.header("Last-Event-ID") or "").partition("-")
    if (
        run == feed.run
        and re.fullmatch("[0-9]{1,18}", count)
        and feed.since(int(count)) is not None
    ):
        return int(count), True
    return feed.position, False


def _frame(event: str, run: str, position: int, data: bytes) -> bytes:
    return f"id: {run}-{position}\nevent: {event}\ndata: ".encode() + data + b"\n\n"
