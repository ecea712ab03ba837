"""The checks every request passes before any handler sees it, in a fixed order, deny by default.

Method and path → Host → Origin → token → scope → content type → content encoding → size, while
reading.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from nexapod import errors
from nexapod.api.connections import Connection
from nexapod.coordinator.keyring import Keyring
from nexapod.core.credentials import ANYONE, Credential
from nexapod.wire import routes
from nexapod.wire.codec import JSON, MSGPACK

#: Headers that would be two answers to one question.
_ONCE = (
    "Host", "Authorization", "Origin", "Content-Type", "X-Node-ID", "X-Poll-ID", "Idempotency-Key",
)  # fmt: skip


class Gate:
    """Who may pass.

    Parameters
    ----------
    keyring
        Who is known.
    hosts
        Every Host header that is this server (lower case, with port).
    scheme
        ``http`` or ``https``: pages of our own origin begin with it.
    """

    def __init__(self, keyring: Keyring, hosts: Iterable[str], scheme: str = "http") -> None:
        self._keyring = keyring
        self.hosts = frozenset(hosts)
        self._origins = frozenset(f"{scheme}://{host}" for host in self.hosts)

    def admit(self, request: web.BaseRequest) -> tuple[routes.Route, dict[str, str], Credential]:
        """The route of a request that may pass, its variables, and who asks.

        Raises
        ------
        NexapodError
            For the first check that fails.
        """
        if not request.raw_path.startswith("/"):
            raise errors.BadRequest("the request names a whole URL; send the path alone")
        found = routes.find(request.path)
        if found is None:
            raise errors.NotFound("there is no such path; GET /openapi.json lists all")
        methods, names = found
        route = methods.get(request.method)
        if route is None:
            raise errors.MethodNotAllowed(
                "this path does not take that method", allowed=sorted(methods)
            )
        headers = request.headers
        if len(set(map(str.lower, headers))) != len(headers):
            for name in _ONCE:
                if len(headers.getall(name, ())) > 1:
                    raise errors.BadRequest(f"the header {name} comes twice; send one of them")
        host = headers.get("Host", "")
        if host not in self.hosts and host.lower() not in self.hosts:
            raise errors.Misdirected(
                "the Host header is not an address of this coordinator; use the URL it was "
                "started with"
            )
        origin = headers.get("Origin")
        if origin is not None and origin not in self._origins:
            raise errors.Forbidden("requests from web pages of other sites are refused")
        site = headers.get("Sec-Fetch-Site")
        if site is not None and site not in ("same-origin", "none"):
            raise errors.Forbidden("requests from web pages of other sites are refused")
        credential = ANYONE
        if route.scopes:
            credential = self._keyring.identify(headers.get("Authorization"))
            if credential.scopes.isdisjoint(route.scopes):
                raise errors.Forbidden(
                    "this token does not reach so far; this takes one with the scope "
                    + " or ".join(route.scopes)
                )
        if route.body is not None:
            self._check_type(request)
        if headers.get("Content-Encoding", "identity").lower() != "identity":
            raise errors.UnsupportedMedia("compressed bodies are refused; send it plain")
        return route, names, credential

    @staticmethod
    def _check_type(request: web.BaseRequest) -> None:
        if request.content_type not in (JSON, MSGPACK):
            raise errors.UnsupportedMedia(
                f"the body must be {JSON} or {MSGPACK}; say so in Content-Type"
            )
        charset = request.charset
        if charset is not None and charset.lower().replace("-", "") not in ("utf8", "usascii"):
            raise errors.UnsupportedMedia("the body must be UTF-8")


async def read_body(request: web.BaseRequest, limit_bytes: int) -> bytes:
    """The whole body, refused as soon as it is seen to be over the limit.

    Raises
    ------
    TooLarge
        Over `limit_bytes`.
    Busy
        Too many bytes are being read on other connections.
    BadRequest
        The connection's framing is broken.
    """
    length = request.content_length
    if length is not None and length > limit_bytes:
        raise _too_large(limit_bytes)
    pieces: list[bytes] = []
    total = 0
    take = cast(Connection, request.protocol).take
    content = request.content
    try:
        while not content.at_eof():
            piece = await content.readany()
            total += len(piece)
            if total > limit_bytes:
                raise _too_large(limit_bytes)
            take(len(piece))  # given back when the request is answered
            pieces.append(piece)
    except (HttpProcessingError, web.HTTPException, ValueError):
        raise errors.BadRequest("the body's framing is broken") from None
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _too_large(limit_bytes: int) -> errors.TooLarge:
    return errors.TooLarge(
        f"the body is over the limit of {limit_bytes:,} bytes; send less at once",
        limit_bytes=limit_bytes,
    )
