"""The server: its connections, and the reaper that looks at them once in a while."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from nexapod.api.connections import GRACE_S, LINE_BYTES, BodyBudget, Connection
from nexapod.coordinator.options import Limits

logger = logging.getLogger(__name__)

_TICK_S = 1.0
_AT_ONCE = 16


class HttpServer(web.Server):
    """An aiohttp low-level server: no router, since `wire.routes` is the router.

    Parameters
    ----------
    api
        Answers a request.
    limits
        How long it waits for clients, and for how many.
    """

    def __init__(
        self, api: Callable[[web.BaseRequest], Awaitable[Any]], limits: Limits | None = None
    ) -> None:
        self.limits = Limits() if limits is None else limits
        super().__init__(
            api,
            handler_cancellation=True,
            access_log=None,
            auto_decompress=False,  # compressed bodies are refused, and never unpacked
            keepalive_timeout=self.limits.keep_alive_s,
            lingering_time=min(GRACE_S, self.limits.idle_body_s),  # for the rest of a refused body
            max_line_size=LINE_BYTES,
            max_field_size=LINE_BYTES,
        )
        self.bodies = BodyBudget(self.limits.bodies_bytes)
        #: The reaper's clock. It never jumps: after a pause of this process (a held interpreter, a
        #: laptop asleep) what clients sent meanwhile is still to be read.
        self.now_s = 0.0
        self._strangers: dict[Connection, None] = {}  # oldest first

    def __call__(self) -> RequestHandler:
        """One connection."""
        return Connection(self, self.limits, loop=self._loop, **self._kwargs)

    def knows(self, connection: Connection, known: bool) -> None:
        """Note whether a token was shown on this connection.

        When there are too many without one the oldest ends: a newcomer who has a token shows it
        before that many others have come.
        """
        if known:
            self._strangers.pop(connection, None)
            return
        self._strangers[connection] = None
        if len(self._strangers) > self.limits.connections:
            oldest = next(iter(self._strangers))
            self.forget(oldest)
            oldest.drop()

    def forget(self, connection: Connection) -> None:
        """It is gone."""
        self._strangers.pop(connection, None)

    async def reap(self) -> None:
        """Look at every connection, again and again."""
        tick_s = min(_TICK_S, self.limits.shortest_s / 4)
        loop = asyncio.get_running_loop()
        last_s = loop.time()
        while True:
            await asyncio.sleep(tick_s)
            passed_s = loop.time() - last_s
            last_s += passed_s
            self.now_s += min(passed_s, 2 * tick_s)
            for at, connection in enumerate(self.connections):
                if at % _AT_ONCE == 0:
                    await asyncio.sleep(0)  # many may end in one tick: let requests in between
                try:
                    connection.look(self.now_s)  # type: ignore[attr-defined]
                except Exception:
                    logger.exception("a connection could not be looked at")
                    connection.force_close()
