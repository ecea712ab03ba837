"""Answers: messages, and errors as ``{"error": {code, message, details}}``."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from nexapod import errors
from nexapod.wire import codec
from nexapod.wire.messages import ErrorBody, ErrorReply

_SAFE = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}


def answer(message: Any, content_type: str = codec.JSON) -> web.Response:
    """A 200 with `message`."""
    return raw(codec.encode(message, content_type), content_type)


def raw(body: bytes, content_type: str = codec.JSON) -> web.Response:
    """A 200 with these bytes."""
    return web.Response(body=body, content_type=content_type, headers=_SAFE)


def refusal(error: errors.NexapodError, content_type: str = codec.JSON) -> web.Response:
    """The answer for an error. It says what to do, echoes nothing, shows no traceback."""
    body = ErrorReply(ErrorBody(error.code, error.message, error.details))
    headers = dict(_SAFE)
    if error.retryable:
        headers["Retry-After"] = "1"
    if error.http_status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if error.http_status == 405:
        headers["Allow"] = ", ".join(error.details.get("allowed", []))
    return web.Response(
        status=error.http_status,
        body=codec.encode(body, content_type),
        content_type=content_type,
        headers=headers,
    )
