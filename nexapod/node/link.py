"""The node's connection to its coordinator: MessagePack over HTTP, repeated until answered."""

from __future__ import annotations

import asyncio
import contextlib
import io
import logging
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import msgspec

from nexapod import errors
from nexapod.node.backoff import Backoff
from nexapod.node.options import NodeOptions
from nexapod.wire import messages as m
from nexapod.wire.trust import distrust, pinned, warn_if_unencrypted

if TYPE_CHECKING:
    import aiohttp

T = TypeVar("T")

_ENCODE = msgspec.msgpack.Encoder().encode
_PATIENCE_S = 15.0
_SLOWEST_BYTES_PER_S = 10_000
#: A larger body is read piece by piece while it is sent: whole it would hold the loop up.
_WHOLE_BYTES = 1 << 20
_HEADERS = {"Accept": "application/msgpack"}


def error_from(status: int, body: bytes, content_type: str) -> errors.NexapodError:
    """The error that a coordinator's answer outside 2xx stands for.

    Raises
    ------
    msgspec.MsgspecError
        When no coordinator says it like that.
    """
    told = _decode(body, content_type, m.ErrorReply).error
    return errors.kind_of(told.code, status)(told.message, **told.details)


def _decode(body: bytes, content_type: str, kind: type[T]) -> T:
    if "msgpack" in content_type:
        return msgspec.msgpack.decode(body, type=kind)
    return msgspec.json.decode(body, type=kind)


class Link:
    """Requests to one coordinator.

    Parameters
    ----------
    options
        Where it is and how to be let in.
    tell
        Called with a sentence when the coordinator goes away and when it is back.
    """

    def __init__(self, options: NodeOptions, tell: Callable[[str], None]) -> None:
        self._options = options
        self._base = options.url.rstrip("/")
        self._tell = tell
        self._cap_s = 2.0 if options.is_local else 60.0
        self._session: aiohttp.ClientSession | None = None
        self._back = asyncio.Event()
        self._told_at = 0.0
        self._met = False
        self._is_displaced = False  # somebody else answers at its address
        self._away_since: float | None = None
        self.answered_at = time.monotonic()
        self.refused = False  # the last try met a closed port: no coordinator runs there

    async def open(self) -> None:
        """Prepare the session. aiohttp is imported here: it takes 0.2 s."""
        import aiohttp

        headers = dict(_HEADERS)
        token = self._options.token_or_environment
        if token:
            headers["Authorization"] = f"Bearer {token}"
            warn_if_unencrypted(self._base, token, logging.getLogger("nexapod.node"))
        connector = aiohttp.TCPConnector(
            limit=0,
            keepalive_timeout=60,  # shorter than the coordinator's, so that it ends none in use
            ssl=pinned(self._base, self._options.fingerprint_or_environment),
        )
        self._session = aiohttp.ClientSession(
            connector=connector, headers=headers, auto_decompress=False
        )

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    # ── the endpoints ────────────────────────────────────────────────────────────────────────────

    async def register(self, body: m.Register) -> m.Registered:
        """``POST /register``, as JSON: the profile is kept byte for byte, for people to read."""
        raw = msgspec.json.encode(body)
        heard_at = self.answered_at
        reply = await self._post("/register", raw, m.Registered, kind_of_body="application/json")
        wanted = self._options.fleet_id
        if wanted is not None and reply.fleet_id != wanted:
            self.answered_at = heard_at
            with contextlib.suppress(errors.NexapodError):
                await self.leave(m.Leave(self._options.name))
            self.answered_at = heard_at
            raise errors.Forbidden(f"another fleet answers at {self._base}, not this node's")
        return reply

    async def lease(self, body: m.LeaseRequest) -> m.LeaseReply:
        """``POST /lease``; repeated with the same request id until there is an answer."""
        return await self._post("/lease", body, m.LeaseReply, wait_s=body.wait_s)

    async def heartbeat(self, body: m.Heartbeat) -> m.HeartbeatReply:
        """``POST /heartbeat``, once: the next beat differs, so a repeat is the caller's."""
        return await self._post(
            "/heartbeat", body, m.HeartbeatReply, wait_s=body.wait_s, forever=False
        )

    async def results(self, body: bytes) -> m.ResultsReply:
        """``POST /results`` with a body that is already encoded."""
        return await self._post("/results", body, m.ResultsReply)

    async def logs(self, body: m.Logs) -> m.LogsReply:
        """``POST /logs``, once."""
        return await self._post("/logs", body, m.LogsReply, forever=False)

    async def leave(self, body: m.Leave) -> m.Left:
        """``POST /leave``, once."""
        return await self._post("/leave", body, m.Left, forever=False)

    async def get_blob(self, sha256: str, keep: Callable[[bytes], object]) -> None:
        """``GET /blobs/{sha256}``: each piece goes to `keep`."""

        async def read(response: aiohttp.ClientResponse) -> None:
            if response.content_type != "application/octet-stream":
                raise msgspec.DecodeError("no blob")
            async for piece in response.content.iter_chunked(1 << 20):
                keep(piece)

        await self._once("GET", f"/blobs/{sha256}", None, None, read)

    async def put_blob(self, sha256: str, path: Path, size: int) -> None:
        """``PUT /blobs/{sha256}`` with a file's `size` bytes, streamed, until it is stored."""

        async def done(response: aiohttp.ClientResponse) -> None:
            _decode(await response.read(), response.content_type, m.BlobStored)

        await self.repeat(
            lambda: self._once(
                "PUT", f"/blobs/{sha256}", _pieces(path), _PATIENCE_S + size / _SLOWEST_BYTES_PER_S,
                done, {"Content-Type": "application/octet-stream", "Content-Length": str(size)},
            )
        )  # fmt: skip

    # ── how ──────────────────────────────────────────────────────────────────────────────────────

    async def _post(
        self, path: str, body: Any, kind: type[T], wait_s: float = 0.0, forever: bool = True,
        kind_of_body: str = "application/msgpack",
    ) -> T:  # fmt: skip
        raw = body if isinstance(body, bytes) else _ENCODE(body)
        headers = {"Content-Type": kind_of_body}
        limit_s = wait_s + _PATIENCE_S + len(raw) / _SLOWEST_BYTES_PER_S

        async def read(response: aiohttp.ClientResponse) -> T:
            return _decode(await response.read(), response.content_type, kind)

        async def once() -> T:
            return cast(T, await self._once("POST", path, raw, limit_s, read, headers))

        return await self.repeat(once) if forever else await once()

    async def repeat(self, once: Callable[[], Awaitable[T]]) -> T:
        """Try until there is an answer that a repeat cannot change."""
        backoff = Backoff(cap_s=self._cap_s)
        while True:
            try:
                return await once()
            except errors.NexapodError as error:
                if not error.retryable:
                    raise
                delay_s = backoff.next_s(float(error.details.get("retry_after_s", 0.0)))
                self._say_away(error, delay_s)
                if isinstance(error, errors.Unreachable):
                    await self.pause(delay_s)
                else:
                    await asyncio.sleep(delay_s)

    async def pause(self, delay_s: float) -> None:
        """Wait, but no longer than until the coordinator answers another request."""
        self._back.clear()
        try:
            await asyncio.wait_for(self._back.wait(), delay_s)
        except TimeoutError:
            return

    async def _once(
        self, method: str, path: str, body: Any, limit_s: float | None,
        read: Callable[[aiohttp.ClientResponse], Any], headers: dict[str, str] | None = None,
    ) -> Any:  # fmt: skip
        import aiohttp

        assert self._session is not None
        timeout = aiohttp.ClientTimeout(total=limit_s, sock_connect=10, sock_read=limit_s or 60)
        if isinstance(body, bytes) and len(body) > _WHOLE_BYTES:
            body = io.BytesIO(body)
        try:
            async with self._session.request(
                method, self._base + path, data=body, timeout=timeout, headers=headers,
                allow_redirects=False,
            ) as response:  # fmt: skip
                self.refused = False
                if response.status >= 300:
                    raise await self._refusal(response)
                answer = await read(response)
        except errors.NexapodError:
            raise  # one of them is a TimeoutError too
        except aiohttp.ClientError as error:
            os_error = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else None
            self.refused = isinstance(os_error, ConnectionRefusedError)
            if (untrusted := await distrust(error, self._base, first=not self._met)) is not None:
                if not self._met:
                    raise untrusted from None
                raise self._displaced(str(untrusted)) from None
            raise errors.Unreachable(_reason(error)) from None
        except (TimeoutError, OSError) as error:
            self.refused = False
            raise errors.Unreachable(_reason(error)) from None
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise self._displaced(
                f"something other than a nexapod coordinator answers at {self._base} "
                f"(HTTP {response.status})"
            ) from None
        self._heard()
        return answer

    async def _refusal(self, response: aiohttp.ClientResponse) -> errors.NexapodError:
        error = error_from(response.status, await response.read(), response.content_type)
        with contextlib.suppress(ValueError):  # a date: our own back-off will do
            error.details["retry_after_s"] = float(response.headers.get("Retry-After", 0.0))
        # One that does not know our token is another fleet's, on a port that ours once had: hearing
        # it is not hearing ours.
        if not error.retryable and not isinstance(error, errors.Unauthorized):
            self._heard()
        return error

    def _displaced(self, message: str) -> errors.Unreachable:
        """Somebody else answers. Ours may come back, and a node that has work does not leave."""
        self._told_at = self._told_at if self._is_displaced else -math.inf  # say it at once
        self._is_displaced = True
        return errors.Unreachable(message)

    def _heard(self) -> None:
        self.answered_at = time.monotonic()
        self._met = True
        self._is_displaced = False
        if self._away_since is not None:
            away_s = self.answered_at - self._away_since
            self._away_since = None
            self._tell(f"coordinator is back after {away_s:.0f} s")
        self._back.set()

    def _say_away(self, error: errors.NexapodError, delay_s: float) -> None:
        """Say it once, then now and then: three loops share this link."""
        now = time.monotonic()
        if self._away_since is None:
            self._away_since = now
        elif now - self._told_at < 30.0:
            return
        self._told_at = now
        self._tell(f"coordinator away ({error}), trying again in {delay_s:.1f} s")


def _reason(error: BaseException) -> str:
    text = str(error).split(" [")[0]
    return text or type(error).__name__


async def _pieces(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            yield piece
