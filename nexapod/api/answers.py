"""Answers: messages, and errors as ``{"error": {code, message, details}}``."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from aiohttp import web

from nexapod import errors
from nexapod.wire import codec
from nexapod.wire.messages import ErrorBody, ErrorReply

_REASONS = {status.value: status.phrase for status in HTTPStatus}
_SAFE = "X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n"


class Ready:
    """A whole answer, written to the connection in one piece.

    It stands in for `aiohttp.web.Response`, whose general ways (header maps, chunking,
    compression, cookies) weigh on a short request, and none of which these answers use. aiohttp
    asks for no more than this of a response.
    """

    __slots__ = ("_body", "_closes", "_head", "keep_alive", "status")

    def __init__(self, body: bytes, content_type: str, status: int = 200, extra: str = "") -> None:
        self.status = status
        self.keep_alive: bool | None = None
        self._closes = False
        self._body = body
        self._head = (
            f"HTTP/1.1 {status} {_REASONS[status]}\r\nContent-Type: {content_type}\r\n"
            f"Content-Length: {len(body)}\r\n{_SAFE}{extra}"
        )

    def force_close(self) -> None:
        """Let the connection end after this answer."""
        self._closes = True

    async def prepare(self, request: web.BaseRequest) -> None:
        """Write everything; aiohttp calls this once."""
        self.keep_alive = request.keep_alive and not self._closes
        ending = (
            "Connection: keep-alive\r\n\r\n" if self.keep_alive else "Connection: close\r\n\r\n"
        )
        transport = request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the caller is gone")
        body = b"" if request.method == "HEAD" else self._body
        transport.write((self._head + ending).encode("latin-1") + body)
        if request.protocol.writing_paused:  # the next answer waits until this one is read
            await request.protocol._drain_helper()

    async def write_eof(self) -> None:
        """Nothing is left to write."""


def answer(message: Any, content_type: str = codec.JSON) -> Ready:
    """A 200 with `message`."""
    return Ready(codec.encode(message, content_type), content_type)


def raw(body: bytes, content_type: str = codec.JSON) -> Ready:
    """A 200 with these bytes."""
    return Ready(body, content_type)


def refusal(error: errors.NexapodError, content_type: str = codec.JSON) -> Ready:
    """The answer for an error. It says what to do, echoes nothing, shows no traceback."""
    body = ErrorReply(ErrorBody(error.code, error.message, error.details))
    extra = "Retry-After: 1\r\n" if error.retryable else ""
    if error.http_status == 401:
        extra += "WWW-Authenticate: Bearer\r\n"
    if error.http_status == 405:
        extra += f"Allow: {', '.join(error.details.get('allowed', []))}\r\n"
    ready = Ready(codec.encode(body, content_type), content_type, error.http_status, extra)
    if isinstance(error, errors.TooSlow):
        ready.force_close()  # the rest of that request may still come
    return ready
