"""The server: its connections, and the reaper that looks at them once in a while."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from nexapod import errors
from nexapod.api.connections import GRACE_S, LINE_BYTES, STRANGER, BodyBudget, Connection
from nexapod.coordinator.options import Limits
from nexapod.core.credentials import Credential

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
        #: By the id of their credential, oldest first.
        self._crowds: defaultdict[str, dict[Connection, None]] = defaultdict(dict)

    def __call__(self) -> RequestHandler:
        """One connection."""
        return Connection(self, self.limits, loop=self._loop, **self._kwargs)

    def admit(self, connection: Connection) -> None:
        """Count it among those of its credential. When they are too many one of them ends.

        That is the oldest without a token: a newcomer who has one shows it before that many others
        have come. With a token it is the oldest that is idle, if there is one.
        """
        crowd = self._crowds[connection.credential.id]
        crowd[connection] = None
        most = self._most(connection.credential)
        if most is not None and len(crowd) > most:
            oldest = next(iter(crowd))
            if connection.credential is not STRANGER:
                oldest = next((one for one in crowd if one.is_idle), oldest)
            self.forget(oldest, oldest.credential)
            oldest.drop()

    def _most(self, credential: Credential) -> int | None:
        if credential is STRANGER:
            return self.limits.connections
        if credential.is_fleets:
            return None
        if "node" in credential.scopes:
            return self.limits.connections_per_node_token
        return self.limits.connections_per_token

    def forget(self, connection: Connection, credential: Credential) -> None:
        """It is no longer one of those of `credential`."""
        if crowd := self._crowds.get(credential.id):
            crowd.pop(connection, None)
            if not crowd:
                del self._crowds[credential.id]

    def check_streams(self, credential: Credential) -> None:
        """Refuse one more that follows events.

        Raises
        ------
        Busy
        """
        if credential.is_fleets:
            return
        most = self.limits.streams_per_token
        if sum(one.is_streaming for one in self._crowds.get(credential.id, ())) >= most:
            raise errors.Busy(
                f"this token has {most} open streams of events; close one of them first"
            )

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
