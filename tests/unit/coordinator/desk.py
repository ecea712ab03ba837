"""A service on a store that can be stopped, counted and broken."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from nexapod.coordinator.service import Service
from nexapod.core import commands as c
from nexapod.core.events import Event
from nexapod.core.records import Demand
from nexapod.store.blobs import BlobStore
from nexapod.store.memory import MemoryStore
from nexapod.store.thread import StoreThread
from tests.unit.core.builders import KINDS, LEASE_S, order, record

T = TypeVar("T")


class TestedStore(MemoryStore):
    """Counts commits, can be held, and can be made to fail."""

    __test__ = False

    def __init__(self) -> None:
        super().__init__()
        self.commits: list[list[Event]] = []
        self.go = threading.Event()
        self.go.set()
        self.fail_with: BaseException | None = None

    def commit(self, events: Sequence[Event]) -> None:
        assert self.go.wait(30), "the test never let the store go on"
        if self.fail_with is not None:
            error, self.fail_with = self.fail_with, None
            raise error
        super().commit(events)
        self.commits.append(list(events))


def serve(tmp_path: Path, story: Callable[[Service, TestedStore], Awaitable[T]]) -> T:
    """Run `story` with a started service."""

    async def run() -> T:
        thread = StoreThread()
        store = TestedStore()
        try:
            service = Service(store, BlobStore(tmp_path / "blobs"), thread)
            await service.start()
            async with asyncio.timeout(60):
                return await story(service, store)
        finally:
            store.go.set()
            await thread.call(store.close)
            thread.stop()

    return asyncio.run(run())


def registration(node_id: str = "a", **capacity: Any) -> c.Register:
    return c.Register(record(node_id, **capacity), None, LEASE_S)


def acquisition(node_id: str = "a", most: int = 1, request_id: str | None = None) -> c.Acquire:
    return c.Acquire(node_id, most, KINDS, request_id, LEASE_S)


def submission(*job_ids: str, demand: Demand | None = None) -> c.Submit:
    return c.Submit(tuple(order(job_id, demand) for job_id in job_ids))


async def turns(count: int = 20) -> None:
    """Let the loop go round."""
    for _ in range(count):
        await asyncio.sleep(0)
