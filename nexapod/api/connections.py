"""Connections with deadlines: what comes too slowly, or is never read, is cut off.

Stock aiohttp waits for ever for a head that drips, a body that drips and a client that does not
read. Here one reaper looks at every connection once in a while; a connection itself only notes
what it has seen, so that requests that come whole cost nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from typing import TYPE_CHECKING, Any

from aiohttp import web
from aiohttp.http_exceptions import LineTooLong
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader
from aiohttp.web_protocol import RequestHandler, _ErrInfo

from nexapod import errors
from nexapod.api.answers import refusal
from nexapod.coordinator.options import Limits
from nexapod.core.credentials import Credential

if TYPE_CHECKING:
    from nexapod.api.server import HttpServer

logger = logging.getLogger(__name__)

#: A line of a request's head, and the whole head.
LINE_BYTES = 8190
_HEAD_BYTES = 64 * 1024
#: So much of a body costs nobody anything: small requests are read however many large ones are.
FREE_BYTES = 64 * 1024
#: Who has shown no token.
STRANGER = Credential("stranger", frozenset())
#: How long a connection may take to end by itself after it was told that it is too slow.
GRACE_S = 5.0


class BodyBudget:
    """How many bytes of bodies may be in memory at once, while they are read and answered.

    Parameters
    ----------
    limit_bytes
        All bodies together. One credential may have a quarter, unless it is the fleet's own.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._of: Counter[str] = Counter()
        self.taken_bytes = 0

    def take(self, size_bytes: int, credential: Credential) -> None:
        """Take this much more; give it back with `give`.

        Raises
        ------
        Busy
            When there is no room for it; nothing is taken then.
        """
        if self.taken_bytes + size_bytes > self._limit_bytes:
            raise errors.Busy("the coordinator is reading too many large requests; send it later")
        of = self._of[credential.id] + size_bytes
        if of > self._limit_bytes // 4 and not credential.is_fleets:
            raise errors.Busy(
                "this token is sending too many large requests at once; send it later"
            )
        self._of[credential.id] = of
        self.taken_bytes += size_bytes

    def give(self, size_bytes: int, credential: Credential) -> None:
        """Give back what was taken."""
        self.taken_bytes -= size_bytes
        self._of[credential.id] -= size_bytes
        if not self._of[credential.id]:
            del self._of[credential.id]


class Connection(RequestHandler):
    """aiohttp's connection, which knows what it waits for, and since when.

    Its own refusals (malformed HTTP) look like ours.
    """

    __slots__ = (
        "_body",
        "_body_at_bytes",
        "_body_at_s",
        "_body_bytes",
        "_credential",
        "_ends_s",
        "_head_bytes",
        "_head_since_s",
        "_heads",
        "_limits",
        "_moved_bytes",
        "_moved_s",
        "_server",
        "_taken_bytes",
        "_unsent_bytes",
        "_unsent_since_s",
        "is_streaming",
        "wire",
    )

    def __init__(self, server: HttpServer, limits: Limits, **options: Any) -> None:
        super().__init__(server, **options)
        self._server = server
        self._limits = limits
        self._credential = STRANGER
        self.is_streaming = False
        #: Unlike `transport`, it stays until the connection is really gone.
        self.wire: asyncio.Transport | None = None
        self._body_bytes = self._taken_bytes = 0
        self._heads = 0
        self._head_bytes = 0
        self._head_since_s: float | None = server.now_s  # the first one is due from the start
        self._body: StreamReader | None = None
        self._body_at_bytes = self._moved_bytes = 0
        self._body_at_s = self._moved_s = 0.0
        self._unsent_bytes = 0
        self._unsent_since_s = 0.0
        self._ends_s: float | None = None

    @property
    def credential(self) -> Credential:
        """Whose token was shown here last: how many such connections there may be is limited."""
        return self._credential

    @credential.setter
    def credential(self, credential: Credential) -> None:
        before, self._credential = self._credential, credential
        if credential.id != before.id:
            self._server.forget(self, before)
            self._server.admit(self)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is being asked here."""
        return self._current_request is None and not self._messages

    def take(self, size_bytes: int) -> None:
        """Have this much more of a body in memory, until `give`.

        Raises
        ------
        Busy
            When all bodies together are too large, or all of this credential.
        """
        self._body_bytes += size_bytes
        more_bytes = self._body_bytes - FREE_BYTES - self._taken_bytes
        if more_bytes > 0:
            self._server.bodies.take(more_bytes, self._credential)
            self._taken_bytes += more_bytes

    def stream(self) -> None:
        """Have an answer that goes on for as long as it is read, until `give`.

        Raises
        ------
        Busy
            When this credential has too many.
        """
        self._server.check_streams(self._credential)
        self.is_streaming = True

    def give(self) -> None:
        """The request is over: nothing of its body is in memory, and nothing more is streamed."""
        self.is_streaming = False
        self._body_bytes = 0
        if self._taken_bytes:
            self._server.bodies.give(self._taken_bytes, self._credential)
            self._taken_bytes = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        super().connection_made(transport)
        self.wire = self.transport
        self._server.admit(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        """See `asyncio.Protocol`."""
        self.wire = None
        self._server.forget(self, self._credential)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`. Notes whether these bytes left a head unfinished."""
        super().data_received(data)
        if self._request_count != self._heads:
            self._heads = self._request_count
            size_bytes = self._head_bytes + len(data)
            self._head_bytes = 0
            self._head_since_s = None
            if size_bytes > _HEAD_BYTES and self._has_large_head():
                self._refuse(LineTooLong(b"head", _HEAD_BYTES))
        elif (self._waiter or not self._heads) and data and not self._messages:
            # Nothing is being answered, so this is the beginning of the next request.
            if self._head_since_s is None:
                self._head_since_s = self._server.now_s
            self._head_bytes += len(data)
            if self._head_bytes > _HEAD_BYTES:
                self._refuse(LineTooLong(b"head", _HEAD_BYTES))

    def _has_large_head(self) -> bool:
        heads = [getattr(message, "raw_headers", ()) for message, _ in self._messages]
        return any(sum(len(n) + len(v) + 4 for n, v in head) > _HEAD_BYTES for head in heads)

    def _refuse(self, error: Exception) -> None:
        """Answer what was never a request, and end."""
        self._heads = self._request_count = self._request_count + 1
        self._messages.clear()
        self._messages.append((_ErrInfo(400, error, ""), EMPTY_PAYLOAD))
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> Any:
        """The answer for what never reached a handler."""
        error: errors.NexapodError
        if isinstance(exc, errors.NexapodError):
            error = exc
        elif isinstance(exc, LineTooLong):
            error = errors.BadRequest(
                f"the request's head is too large: at most {LINE_BYTES:,} bytes a line and "
                f"{_HEAD_BYTES:,} in all"
            )
        elif status >= 500:
            logger.error("a request failed outside its handler", exc_info=exc)
            error = errors.Unavailable("the coordinator failed on this request")
        else:
            error = errors.BadRequest("this is not a well-formed HTTP request")
        response = refusal(error)
        response.force_close()
        return response

    # ── deadlines ────────────────────────────────────────────────────────────────────────────────

    def look(self, now_s: float) -> None:
        """End the connection if it kept somebody waiting for too long. Called once a tick."""
        if self.wire is None:
            return
        if self._is_unread(self.wire, now_s) or (self._ends_s is not None and now_s > self._ends_s):
            self.drop()
        elif self._current_request is not None:
            self._look_at_body(self._current_request.content, now_s)
        elif (
            self._head_since_s is not None
            and not self._messages
            and now_s - self._head_since_s >= self._limits.head_s
        ):
            if self._head_bytes:
                self._refuse(errors.TooSlow("the request's head came too slowly; send it again"))
                self._ends_s = now_s + GRACE_S
            else:
                self.drop()

    def _is_unread(self, wire: asyncio.Transport, now_s: float) -> bool:
        """Whether what was sent has not become less for too long."""
        unsent = wire.get_write_buffer_size()
        if not unsent or unsent < self._unsent_bytes or not self._unsent_bytes:
            self._unsent_since_s = now_s
        self._unsent_bytes = unsent
        return unsent > 0 and now_s - self._unsent_since_s >= self._limits.unread_s

    def _look_at_body(self, body: StreamReader, now_s: float) -> None:
        if body.is_eof():
            self._body = None
            return
        arrived = body.total_bytes
        if body is not self._body or self._reading_paused:
            # A new one, or the handler is slower than the client: nobody is to blame yet.
            self._body = body
            self._body_at_bytes = self._moved_bytes = arrived
            self._body_at_s = self._moved_s = now_s
            return
        if arrived != self._moved_bytes:
            self._moved_bytes, self._moved_s = arrived, now_s
        limits = self._limits
        lasted_s = now_s - self._body_at_s
        is_slow = now_s - self._moved_s >= limits.idle_body_s
        if lasted_s >= limits.slow_body_s:
            is_slow |= arrived - self._body_at_bytes < limits.body_bytes_per_s * lasted_s
            self._body_at_bytes, self._body_at_s = arrived, now_s
        if is_slow and self._ends_s is None:
            body.set_exception(errors.TooSlow("the body came too slowly; send it again"))
            self._ends_s = now_s + GRACE_S

    def drop(self) -> None:
        """End it at once, whatever is still unsent."""
        if self.wire is not None:
            self.wire.abort()
