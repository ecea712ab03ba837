"""The server: every request through the gate, to its handler, to an answer."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from types import ModuleType
from typing import Any, cast

from aiohttp import web

from nexapod import errors
from nexapod.api import clients, logs, nodes, operations, streams, tokens
from nexapod.api.answers import Ready, refusal
from nexapod.api.connections import Connection
from nexapod.api.gate import Gate, read_body
from nexapod.api.request import Request
from nexapod.coordinator.service import Service
from nexapod.wire import codec
from nexapod.wire.routes import ROUTES, Route, find

logger = logging.getLogger(__name__)

Answer = web.StreamResponse | Ready
_NOWHERE: tuple[dict[str, Route], dict[str, str]] = ({}, {})
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


def _name_of(http: web.BaseRequest) -> str:
    """Which endpoint a refused request was for."""
    methods, _ = find(http.path) or _NOWHERE
    route = methods.get(http.method)
    return "none" if route is None else route.name


_HANDLERS = _handlers(nodes, clients, logs, streams, tokens, operations)


class Api:
    """What aiohttp calls for each request."""

    def __init__(self, service: Service, gate: Gate) -> None:
        self.service = service
        self.gate = gate

    async def __call__(self, http: web.BaseRequest) -> Answer:
        """Answer `http`, and count it. Errors become answers here, and only here."""
        began_s = time.perf_counter()
        connection = cast(Connection, http.protocol)
        content_type = codec.JSON
        route: Route | None = None
        try:
            route, names, credential = self.gate.admit(http)
            if route.scopes:
                connection.credential = credential
            body = None
            if route.body is not None:
                content_type = http.content_type
                body = await self._parse(await read_body(http, route.limit_bytes), route.body,
                                         content_type)  # fmt: skip
                if route.scopes:  # a body may take its time
                    self.service.keyring.still(credential)
            elif http.body_exists and route.name != "put_blob":
                await read_body(http, 0 if route.method == "GET" else route.limit_bytes)
            request = Request(http, self.service, route, names, credential)
            if http.query_string:
                request.check_query()
            if route.streams:
                connection.stream()
            reply = await _HANDLERS[route.name](request, body)
        except errors.NexapodError as error:
            reply = refusal(error, content_type)
        except ConnectionError:
            # Who asked hung up in the middle of a stream: nobody is left to be answered.
            raise asyncio.CancelledError from None
        except asyncio.CancelledError:
            raise
        except Exception:
            logger.exception("a handler failed on %s %s", http.method, http.path)
            reply = refusal(
                errors.Unavailable("the coordinator failed on this request; nothing was stored"),
                content_type,
            )
        finally:
            connection.give()
        endpoint = _name_of(http) if route is None else route.name
        self.service.meter.request(endpoint, reply.status, time.perf_counter() - began_s)
        if reply.status == 401:
            self.service.chronicle.refused(endpoint, http.remote or "")
        return reply

    @staticmethod
    async def _parse(body: bytes, kind: Any, content_type: str) -> Any:
        if len(body) <= _PARSE_HERE_BYTES:
            return codec.decode(body, kind, content_type)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(None, codec.decode, body, kind, content_type)
