"""The server: every request through the gate, to its handler, to an answer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from types import ModuleType
from typing import Any

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from nexapod import errors
from nexapod.api import clients, nodes, streams
from nexapod.api.answers import Ready, refusal
from nexapod.api.gate import Gate, read_body
from nexapod.api.request import Request
from nexapod.coordinator.service import Service
from nexapod.wire import codec
from nexapod.wire.routes import ROUTES

logger = logging.getLogger(__name__)

Answer = web.StreamResponse | Ready
Handler = Callable[[Request, Any], Awaitable[Answer]]

#: Bodies beyond this are parsed off the loop, so that nobody waits for a large one.
_PARSE_HERE_BYTES = 256 * 1024


def _handlers(*modules: ModuleType) -> dict[str, Handler]:
    found = {}
    for route in ROUTES:
        homes = [m for m in modules if hasattr(m, route.name)]
        if len(homes) != 1:
            raise AssertionError(f"route {route.name} needs exactly one handler")
        found[route.name] = getattr(homes[0], route.name)
    return found


_HANDLERS = _handlers(nodes, clients, streams)


class Api:
    """What aiohttp calls for each request."""

    def __init__(self, service: Service, gate: Gate) -> None:
        self.service = service
        self.gate = gate

    async def __call__(self, http: web.BaseRequest) -> Answer:
        """Answer `http`. Errors become answers here, and only here."""
        content_type = codec.JSON
        try:
            route, names = self.gate.admit(http)
            body = None
            if route.body is not None:
                content_type = http.content_type
                body = await self._parse(await read_body(http, route.limit_bytes), route.body,
                                         content_type)  # fmt: skip
            elif http.body_exists and route.name != "put_blob":
                await read_body(http, 0 if route.method == "GET" else route.limit_bytes)
            request = Request(http, self.service, route, names)
            if http.query_string:
                request.check_query()
            return await _HANDLERS[route.name](request, body)
        except errors.NexapodError as error:
            return refusal(error, content_type)
        except (asyncio.CancelledError, ConnectionError):
            raise
        except Exception:
            logger.exception("a handler failed on %s %s", http.method, http.path)
            return refusal(
                errors.Unavailable("the coordinator failed on this request; nothing was stored"),
                content_type,
            )

    @staticmethod
    async def _parse(body: bytes, kind: Any, content_type: str) -> Any:
        if len(body) <= _PARSE_HERE_BYTES:
            return codec.decode(body, kind, content_type)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(None, codec.decode, body, kind, content_type)


class _Connection(RequestHandler):
    """aiohttp's connection, whose own refusals (malformed HTTP) look like ours."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> Any:
        """The answer for what never reached a handler."""
        if status >= 500:
            logger.error("a request failed outside its handler", exc_info=exc)
            error: errors.NexapodError = errors.Unavailable(
                "the coordinator failed on this request"
            )
        else:
            error = errors.BadRequest("this is not a well-formed HTTP request")
        response = refusal(error)
        response.force_close()
        return response


class HttpServer(web.Server):
    """An aiohttp low-level server: no router, since `wire.routes` is the router."""

    def __init__(self, api: Api) -> None:
        handler: Any = api  # `Ready` is all of a response that aiohttp asks for
        super().__init__(
            handler,
            handler_cancellation=True,
            access_log=None,
            auto_decompress=False,  # compressed bodies are refused, and never unpacked
        )

    def __call__(self) -> RequestHandler:
        """One connection."""
        return _Connection(self, loop=self._loop, **self._kwargs)
