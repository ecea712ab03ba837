"""What the browser may ask of the Jupyter server, under ``<base_url>/nexapod/``."""

from __future__ import annotations

import contextlib
import http
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import msgspec
import tornado.iostream
from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from tornado import web

from nexapod import __version__, errors
from nexapod.client.invitation import Invitation
from nexapod.coordinator.registry import Running
from nexapod.ids import is_id
from nexapod.jupyter import coordinators
from nexapod.wire.messages import Invitation as NodeToken
from nexapod.wire.panel import allowed

#: The largest body that is passed on, as the coordinator's own limit for a list of job ids.
LIMIT_BYTES = 8 * 2**20
_Method = Callable[..., Awaitable[None]]


class Handler(APIHandler):
    """Answers JSON, and errors in the form of nexapod's own API."""

    #: What a server's own authorizer knows all of this by.
    auth_resource = "nexapod"

    @property
    def known(self) -> coordinators.Coordinators:
        """The coordinators of this user."""
        found: coordinators.Coordinators = self.settings["nexapod_coordinators"]
        return found

    async def entry(self, entry_id: str) -> Running:
        """The coordinator that is meant."""
        if not is_id(entry_id):
            raise errors.NotFound("there is no such coordinator")
        return await self.known.find(entry_id)

    def answer(self, body: Any) -> None:
        """Answer with this, as JSON."""
        self.raw(200, msgspec.json.encode(body))

    def raw(self, status: int, body: bytes) -> None:
        """Answer with what is JSON already."""
        self.set_status(status)
        self.set_header("Content-Type", "application/json")
        self.set_header("Cache-Control", "no-store")
        self.finish(body)

    def write_error(self, status_code: int, **given: Any) -> None:
        """See tornado. Called for what is refused before any method here runs, too."""
        error = given.get("exc_info", (None, None, None))[1]
        code = http.HTTPStatus(status_code).phrase.lower().replace(" ", "_")
        message = getattr(error, "log_message", None) or "this request is refused"
        if isinstance(error, errors.NexapodError):
            code, message = error.code, error.message
        self.raw(status_code, msgspec.json.encode({"error": {"code": code, "message": message}}))


def told(method: _Method) -> Any:
    """Only who is logged in, and is let by the server's authorizer, may ask.

    Nexapod's errors are answered as such.
    """

    async def wrapped(self: Handler, *names: str) -> None:
        try:
            await method(self, *names)
        except errors.NexapodError as error:
            if self._headers_written:  # the stream broke off: the reader comes back
                return
            body = {"error": {"code": error.code, "message": error.message}}
            self.raw(error.http_status, msgspec.json.encode(body))

    return web.authenticated(authorized(wrapped))


class Info(Handler):
    """``GET info``: a front end of another version is told to reload."""

    @told
    async def get(self) -> None:
        """See the class."""
        self.answer({"version": __version__})


class All(Handler):
    """``GET coordinators``"""

    @told
    async def get(self) -> None:
        """See the class."""
        self.answer(await self.known.rows(self.settings.get("server_root_dir", "")))


class Panel(Handler):
    """``GET coordinators/ID/panel``: the coordinator's stream, message by message."""

    _stream: aiohttp.ClientResponse | None = None

    def on_connection_close(self) -> None:
        """End what nobody reads any more, also when nothing comes that could fail to be sent."""
        if self._stream is not None:
            self._stream.close()

    @told
    async def get(self, entry_id: str) -> None:
        """See the class."""
        entry = await self.entry(entry_id)
        async with coordinators.panel(entry) as response:
            if response.status != 200:
                self.raw(response.status, await response.read())
                return
            self.set_header("Content-Type", "text/event-stream")
            self.set_header("Cache-Control", "no-store")
            self.set_header("X-Accel-Buffering", "no")  # nginx, which JupyterHubs are often behind
            self._stream = response
            with contextlib.suppress(tornado.iostream.StreamClosedError):  # the browser went
                await self.flush()
                async for piece in response.content.iter_any():
                    self.write(piece)
                    await self.flush()
                self.finish()


class Api(Handler):
    """``coordinators/ID/api/PATH``: what the panel may ask, passed on with the fleet's token."""

    @told
    async def get(self, entry_id: str) -> None:
        """See the class."""
        await self._pass_on("GET", entry_id, None)

    @told
    async def post(self, entry_id: str) -> None:
        """See the class."""
        if len(self.request.body) > LIMIT_BYTES:
            raise errors.TooLarge(f"a body is at most {LIMIT_BYTES:,} bytes here")
        await self._pass_on("POST", entry_id, self.request.body or None)

    async def _pass_on(self, method: str, entry_id: str, body: bytes | None) -> None:
        # The raw target: what is checked is byte for byte what is sent.
        target = "/" + self.request.uri.partition(f"/coordinators/{entry_id}/api/")[2]
        if not allowed(method, target):
            raise errors.Forbidden("the panel may not ask this of a coordinator")
        self.raw(*await coordinators.ask(await self.entry(entry_id), method, target, body))


class Invite(Handler):
    """``POST coordinators/ID/invite``: the line that makes a machine join.

    It carries a token that can only be a node's, as any invitation does.
    """

    @told
    async def post(self, entry_id: str) -> None:
        """See the class."""
        entry = await self.entry(entry_id)
        status, body = await coordinators.ask(entry, "POST", "/invitation")
        if status != 200:
            self.raw(status, body)
            return
        token = msgspec.json.decode(body, type=NodeToken).token
        invitation = Invitation(entry.url, token, entry.fingerprint)
        self.answer({"command": invitation.command, "hint": invitation.hint})


class Stop(Handler):
    """``POST coordinators/ID/stop``"""

    @told
    async def post(self, entry_id: str) -> None:
        """See the class."""
        self.raw(*await coordinators.ask(await self.entry(entry_id), "POST", "/stop"))


_ID = r"([A-Za-z0-9._-]+)"
HANDLERS: list[tuple[str, type[Handler]]] = [
    ("info", Info),
    ("coordinators", All),
    (rf"coordinators/{_ID}/panel", Panel),
    (rf"coordinators/{_ID}/api/.*", Api),
    (rf"coordinators/{_ID}/invite", Invite),
    (rf"coordinators/{_ID}/stop", Stop),
]
