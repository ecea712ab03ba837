"""A request that passed the gate, as handlers see it."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from nexapod import errors
from nexapod.coordinator.service import Service
from nexapod.core import events as e
from nexapod.core.credentials import Credential
from nexapod.wire.routes import Route

T = TypeVar("T")


class Request:
    """Thin: the aiohttp request, the service, the path's variables, and who asks."""

    __slots__ = ("content_type", "credential", "http", "names", "route", "service")

    def __init__(
        self,
        http: web.BaseRequest,
        service: Service,
        route: Route,
        names: dict[str, str],
        credential: Credential,
    ) -> None:
        self.http = http
        self.service = service
        self.route = route
        self.names = names
        self.credential = credential
        self.content_type = http.content_type if route.body is not None else "application/json"

    @property
    def peer(self) -> str:
        """The node's address, for people."""
        return self.http.remote or ""

    def header(self, name: str) -> str | None:
        """A header's value."""
        return self.http.headers.get(name)

    def wants(self, content_type: str) -> bool:
        """Whether the caller asked for this type by name."""
        return content_type in self.http.headers.get("Accept", "")

    def check_query(self) -> None:
        """Refuse query parameters that the route does not have: a misspelt one is not ignored.

        Raises
        ------
        Invalid
        """
        if not set(self.http.query) <= set(self.route.query):
            known = ", ".join(self.route.query) or "none"
            raise errors.Invalid(f"unknown query parameter; this path takes: {known}")

    def text(self, name: str) -> str | None:
        """A query parameter.

        Raises
        ------
        Invalid
            When it is given twice.
        """
        values = self.http.query.getall(name, [])
        if len(values) > 1:
            raise errors.Invalid(f"'{name}' is given more than once")
        return values[0] if values else None

    def number(self, name: str, otherwise: float | None, least: float, most: float) -> float | None:
        """A query parameter that is a number within bounds.

        Raises
        ------
        Invalid
            When it is not.
        """
        text = self.text(name)
        if text is None:
            return otherwise
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not least <= value <= most:
            raise errors.Invalid(f"'{name}' is a number from {least:g} to {most:g}")
        return value

    def check_still(self) -> None:
        """Refuse the caller if its token has ended since it was let in.

        Raises
        ------
        Unauthorized
        """
        self.service.keyring.still(self.credential)

    async def audit(
        self, action: str, subject: str = "", detail: dict[str, Any] | None = None
    ) -> None:
        """Write down that the caller did this; on disk when this returns."""
        await self.service.write(self.note(action, subject, detail))

    def note(
        self, action: str, subject: str = "", detail: dict[str, Any] | None = None
    ) -> e.Audited:
        """The caller did this, to be written in one commit with what was done."""
        text = msgspec.json.encode(detail or {}).decode()
        return e.Audited(time.time(), self.credential.id, self.peer, action, subject, text)

    async def in_thread(self, run: Callable[..., T], *args: object) -> T:
        """Run something that reads or writes files, off the loop."""
        return await asyncio.get_running_loop().run_in_executor(None, run, *args)
