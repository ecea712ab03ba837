"""The coordinators of this user, as the Jupyter server sees them: found, watched, asked.

Everything here runs on the server's own loop and only ever waits; what reads files does so on a
thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import msgspec
import yarl

from nexapod import errors
from nexapod.client.relay import SILENT_S, messages
from nexapod.coordinator.registry import Running, running
from nexapod.jupyter.picture import Picture
from nexapod.wire.trust import pinned

#: A watch nobody asks about ends: the coordinator then works for no one.
IDLE_S = 60.0
#: How long a list waits for the first picture of a coordinator that was just found.
FIRST_S = 1.0
_ASK = aiohttp.ClientTimeout(total=30, sock_connect=5)
_FOLLOW = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=SILENT_S)


class Answer(NamedTuple):
    """What a coordinator answered."""

    status: int
    body: bytes


@contextlib.asynccontextmanager
async def _request(
    entry: Running, method: str, target: str, body: bytes | None, patience: aiohttp.ClientTimeout
) -> AsyncIterator[aiohttp.ClientResponse]:
    """One request with the fleet's token, to nobody but that coordinator.

    Raises
    ------
    Unavailable
        When it does not answer.
    """
    token = await asyncio.to_thread(lambda: entry.token)
    headers = {"Accept": "application/json"}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    if body is not None:
        headers["Content-Type"] = "application/json"
    connector = aiohttp.TCPConnector(ssl=pinned(entry.url, entry.fingerprint))
    try:
        async with (
            aiohttp.ClientSession(connector=connector, timeout=patience) as session,
            session.request(
                method, yarl.URL(entry.url + target, encoded=True), data=body, headers=headers,
                allow_redirects=False, read_bufsize=2**20,
            ) as response,
        ):  # fmt: skip
            yield response
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise errors.Unavailable(
            f"the coordinator {entry.name} does not answer ({type(error).__name__}); a cell that "
            "holds the interpreter can keep it from doing so"
        ) from None


async def ask(entry: Running, method: str, target: str, body: bytes | None = None) -> Answer:
    """One request, and its whole answer."""
    async with _request(entry, method, target, body, _ASK) as response:
        return Answer(response.status, await response.read())


@contextlib.asynccontextmanager
async def panel(entry: Running) -> AsyncIterator[aiohttp.ClientResponse]:
    """The stream that the panel is drawn from."""
    async with _request(entry, "GET", "/panel", None, _FOLLOW) as response:
        yield response


class Watch:
    """Follows one coordinator for as long as somebody looks at the list."""

    def __init__(self, entry: Running) -> None:
        self.entry = entry
        self.is_live = False
        self.ready = asyncio.Event()
        self._picture = Picture()
        self._asked_s = 0.0
        self._following = asyncio.create_task(self._follow())

    def shown(self) -> dict[str, Any]:
        """The picture, and whether it is current."""
        self._asked_s = asyncio.get_running_loop().time()
        state = "live" if self.is_live and self._picture.is_ready else "waiting"
        return {"state": state, **self._picture.shown()}

    @property
    def is_over(self) -> bool:
        """Whether it no longer follows."""
        return self._following.done()

    def end(self) -> None:
        """Follow no longer."""
        self._following.cancel()

    async def _follow(self) -> None:
        loop = asyncio.get_running_loop()
        self._asked_s = loop.time()
        delay_s = 0.5
        while loop.time() - self._asked_s < IDLE_S:
            with contextlib.suppress(errors.NexapodError, ValueError, OSError):
                # Whoever listens where one that died did is told no token.
                if not await asyncio.to_thread(lambda: self.entry.is_alive):
                    break
                async with panel(self.entry) as response:
                    if response.status == 200:
                        delay_s = 0.5
                        await self._read(response)
            self.is_live = False
            await asyncio.sleep(delay_s)
            delay_s = min(10.0, delay_s * 2)

    async def _read(self, response: aiohttp.ClientResponse) -> None:
        loop = asyncio.get_running_loop()
        self.is_live = True
        async for message in messages(response.content):
            self._picture.take(msgspec.json.decode(message))
            if self._picture.is_ready:
                self.ready.set()
            if loop.time() - self._asked_s > IDLE_S:
                return


class Coordinators:
    """All of them."""

    def __init__(self) -> None:
        self._watches: dict[str, Watch] = {}

    async def find(self, entry_id: str) -> Running:
        """The one with this id.

        Raises
        ------
        NotFound
            When it does not run, or never did.
        """
        for entry in await asyncio.to_thread(running):
            if entry.id == entry_id:
                return entry
        raise errors.NotFound("this coordinator does not run any more; launch it again")

    async def rows(self, root: str) -> list[dict[str, Any]]:
        """Each with its picture.

        Parameters
        ----------
        root
            The folder that the Jupyter server shows: notebooks in it are named from there.
        """
        entries = await asyncio.to_thread(running)
        known = {entry.id: entry for entry in entries}
        for entry_id, watch in list(self._watches.items()):
            if watch.is_over or known.get(entry_id) != watch.entry:
                self._watches.pop(entry_id).end()
        new = [Watch(entry) for entry in entries if entry.id not in self._watches]
        self._watches.update((watch.entry.id, watch) for watch in new)
        watches = [self._watches[entry.id] for entry in entries]  # some may go while this waits
        if new:
            waiting = [asyncio.create_task(watch.ready.wait()) for watch in new]
            _, late = await asyncio.wait(waiting, timeout=FIRST_S)
            for wait in late:
                wait.cancel()
        return [_row(watch, root) for watch in watches]


def _row(watch: Watch, root: str) -> dict[str, Any]:
    entry = watch.entry
    return {
        "id": entry.id,
        "name": entry.name,
        "url": entry.url,
        "notebook": _within(entry.notebook, root),
        "pid": entry.pid,
        "started_at": entry.started_at,
        "in_kernel": entry.in_kernel,
        **watch.shown(),
    }


def _within(notebook: str | None, root: str) -> str | None:
    """The notebook as Jupyter names it, or its bare name when it lies elsewhere."""
    if notebook is None:
        return None
    path = Path(notebook)
    with contextlib.suppress(ValueError):
        return path.relative_to(os.path.expanduser(root)).as_posix()
    return path.name
