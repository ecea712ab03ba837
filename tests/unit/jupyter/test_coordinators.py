"""The list of coordinators asks nobody else, and comes through while they come and go."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import web

from nexapod.coordinator.files import FleetFiles
from nexapod.coordinator.lock import DatabaseLock
from nexapod.coordinator.registry import Running
from nexapod.jupyter import coordinators
from nexapod.jupyter.coordinators import Coordinators, Watch


@pytest.fixture
def lock(tmp_path: Path) -> Iterator[DatabaseLock]:
    files = FleetFiles("fold", tmp_path / "fold.db")
    files.token()
    held = DatabaseLock(files.lock, files.database)
    yield held
    held.release()


def entry(folder: Path, port: int) -> Running:
    return Running(
        "fold", f"http://127.0.0.1:{port}", os.getpid(), 1.0,
        id="fold-1", database=str(folder / "fold.db"), machine="here",
    )  # fmt: skip


class Listener:
    """Whoever has the coordinator's port: it notes the tokens that it is sent."""

    def __init__(self) -> None:
        self.tokens: list[str] = []

    async def answer(self, request: web.Request) -> web.Response:
        self.tokens.append(request.headers["Authorization"])
        return web.Response(text='data: {"t":"ready"}\n\n')

    async def start(self) -> int:
        app = web.Application()
        app.router.add_get("/panel", self.answer)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port: int = self._runner.addresses[0][1]
        return port

    async def end(self) -> None:
        await self._runner.cleanup()


def test_whoever_takes_the_port_of_one_that_died_gets_no_token(
    lock: DatabaseLock, tmp_path: Path
) -> None:
    async def main() -> None:
        listener = Listener()
        watch = Watch(entry(tmp_path, await listener.start()))
        async with asyncio.timeout(10):
            await watch.ready.wait()
        assert len(listener.tokens) == 1
        lock.release()
        async with asyncio.timeout(10):
            while not watch.is_over and len(listener.tokens) == 1:
                await asyncio.sleep(0.01)
        await listener.end()
        watch.end()
        assert len(listener.tokens) == 1

    asyncio.run(main())


def test_one_that_ends_while_the_list_waits_for_it_disturbs_no_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        looks = [[entry(tmp_path, 1)], []]
        monkeypatch.setattr(coordinators, "running", lambda: looks.pop(0))
        known = Coordinators()
        first = asyncio.create_task(known.rows(""))
        async with asyncio.timeout(10):
            while not known._watches:
                await asyncio.sleep(0.001)
            assert await known.rows("") == []
            assert [row["state"] for row in await first] == ["waiting"]

    asyncio.run(main())
