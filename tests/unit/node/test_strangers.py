"""Whoever else answers at the coordinator's address, nothing that is finished is lost to it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from nexapod.errors import TooSlow
from nexapod.node.link import error_from
from tests.unit.node import jobs
from tests.unit.node.doubles import CoordinatorDouble, Node, Site, error

LARGE_BYTES = 17 << 20

Handler = Callable[[web.Request], Any]


class Stranger:
    """Answers everything with one status, and is no coordinator."""

    def __init__(self, status: int) -> None:
        self.status = status
        self.asked: list[str] = []
        self.loop: asyncio.AbstractEventLoop | None = None

    def app(self) -> web.Application:
        async def answer(request: web.Request) -> web.Response:
            await request.read()
            self.asked.append(request.path.split("/")[1])
            return web.Response(status=self.status, text="nope", headers={"Location": "/"})

        app = web.Application(client_max_size=1 << 30)
        app.add_routes([web.route("*", "/{path:.*}", answer)])
        return app


class OtherFleet(CoordinatorDouble):
    """Another fleet's coordinator, which does not know the token; it notes what it was asked."""

    def __init__(self) -> None:
        super().__init__(token="theirs")
        self.paths: list[str] = []

    def app(self) -> web.Application:
        @web.middleware
        async def note(request: web.Request, handler: Handler) -> web.StreamResponse:
            self.paths.append(request.path.split("/")[1])
            await request.read()
            answer: web.StreamResponse = await handler(request)
            return answer

        app = super().app()
        app.middlewares.insert(0, note)
        return app


class Troubled(CoordinatorDouble):
    """Refuses the first transfers of blobs, or requests to a path, one way each."""

    def __init__(self) -> None:
        super().__init__()
        self.troubles: dict[str, list[tuple[int, str]]] = {"GET": [], "PUT": []}

    def app(self) -> web.Application:
        @web.middleware
        async def trouble(request: web.Request, handler: Handler) -> web.StreamResponse:
            waiting = self.troubles.get(request.method) or self.troubles.get(request.path)
            if waiting:
                status, code = waiting.pop(0)
                await request.read()
                return error(status, code, "not now")
            answer: web.StreamResponse = await handler(request)
            return answer

        app = super().app()
        app.middlewares.append(trouble)
        return app


async def displaced(
    fleet: CoordinatorDouble, stranger: Any, seen: Callable[[], bool], scratch: Path, size: int
) -> bytes:
    """The result of a job that ends while `stranger` answers, and until that has `seen` enough."""
    site = Site(fleet)
    port = await site.up()
    there = Site(stranger)
    try:
        async with Node(site.url, scratch) as node:
            job = fleet.submit(jobs.gives_bytes_after, 0.3, size)
            await fleet.wake()
            await fleet.until(node.agent.pool.busy)
            await site.gone()
            await there.up(port)
            await fleet.until(seen)
            await there.gone()
            await site.up(port)
            return bytes(await fleet.result(job))
    finally:
        await there.gone()
        await site.gone()


@pytest.mark.parametrize(
    ("status", "size"),
    [(200, 10), (302, 10), (404, 10), (502, 10), (200, LARGE_BYTES), (401, LARGE_BYTES)],
)
def test_a_result_outlasts_a_stranger_on_the_coordinators_port(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, status: int, size: int
):
    caplog.set_level(logging.INFO, "nexapod.node")
    fleet, stranger = CoordinatorDouble(fleet_id="ours"), Stranger(status)
    path = "blobs" if size == LARGE_BYTES else "results"

    result = asyncio.run(displaced(fleet, stranger, lambda: path in stranger.asked, tmp_path, size))

    assert result == b"x" * size
    assert any(
        "coordinator away (something other than a nexapod coordinator answers at" in text
        and f"(HTTP {status})" in text
        for text in caplog.messages
    )


@pytest.mark.parametrize("size", [10, LARGE_BYTES])
def test_a_result_outlasts_another_fleet_that_does_not_know_the_token(tmp_path: Path, size: int):
    fleet, other = CoordinatorDouble(fleet_id="ours"), OtherFleet()
    path = "blobs" if size == LARGE_BYTES else "results"
    result = asyncio.run(displaced(fleet, other, lambda: path in other.paths, tmp_path, size))
    assert result == b"x" * size


def test_what_a_job_needs_is_fetched_once_the_token_is_let_in_again(tmp_path: Path):
    async def main() -> None:
        fleet = Troubled()
        fleet.troubles["GET"] = [(401, "unauthorized")]
        async with Site(fleet) as site, Node(site.url, tmp_path):
            assert await fleet.result(fleet.submit(jobs.add, 1, 1)) == 2
            assert not fleet.troubles["GET"]

    asyncio.run(main())


def test_a_missing_blob_is_believed_after_registering_again(tmp_path: Path):
    async def main() -> None:
        fleet = Troubled()
        fleet.troubles["GET"] = [(404, "not_found")]
        async with Site(fleet) as site, Node(site.url, tmp_path):
            assert await fleet.result(fleet.submit(jobs.add, 1, 1)) == 2
            assert len(fleet.registered) == 2
            fleet.troubles["GET"] = [(404, "not_found")] * 2
            report = await fleet.report(fleet.submit(jobs.add, 1, pickled=b"another"))
            assert "could not fetch what the job needs: not now" in report.failure.message

    asyncio.run(main())


def test_a_transfer_ends_when_its_job_was_ended(tmp_path: Path):
    async def main() -> None:
        fleet = Troubled()
        fleet.troubles["GET"] = [(503, "unavailable")] * 1000
        async with Site(fleet) as site, Node(site.url, tmp_path) as node:
            job = fleet.submit(jobs.add, 1)
            await fleet.wake()
            await fleet.until(lambda: node.agent._blobs._fetching)
            await fleet.cancel(job)
            await fleet.report(job)
            assert not node.agent._blobs._fetching

    asyncio.run(main())


def test_blobs_are_sent_and_fetched_again_after_refusals_that_pass(tmp_path: Path):
    passing = [(408, "timeout"), (429, "slow_down"), (503, "unavailable"), (507, "storage_full")]

    async def main() -> None:
        fleet = Troubled()
        fleet.troubles = {"GET": list(passing), "PUT": list(passing)}
        async with Site(fleet) as site, Node(site.url, tmp_path):
            report = await fleet.report(fleet.submit(jobs.gives_bytes, LARGE_BYTES))
            assert fleet.open(report.value) == b"x" * LARGE_BYTES
            assert fleet.troubles == {"GET": [], "PUT": []}

    asyncio.run(main())


def test_a_large_result_that_the_coordinator_refuses_twice_fails_its_job(tmp_path: Path):
    async def main() -> None:
        fleet = Troubled()
        fleet.troubles["PUT"] = [(413, "too_large")] * 2
        async with Site(fleet) as site, Node(site.url, tmp_path):
            report = await fleet.report(fleet.submit(jobs.gives_bytes, LARGE_BYTES))
            assert report.failure.message.endswith("did not take the large result: not now")
            assert len(fleet.registered) == 2

    asyncio.run(main())


@pytest.mark.parametrize(
    ("troubles", "is_kept"),
    [([(404, "not_found")], True), ([(422, "invalid")], True), ([(422, "invalid")] * 2, False)],
)
def test_a_refusal_of_a_report_is_believed_after_registering_again(
    tmp_path: Path, troubles: list[tuple[int, str]], is_kept: bool
):
    async def main() -> None:
        fleet = Troubled()
        fleet.troubles["/results"] = list(troubles)
        async with Site(fleet) as site, Node(site.url, tmp_path):
            report = await fleet.report(fleet.submit(jobs.add, 1, 1))
            assert (report.failure is None) == is_kept
            assert len(fleet.registered) == 2

    asyncio.run(main())


def test_a_request_that_came_too_slowly_may_be_repeated():
    body = b'{"error": {"code": "timeout", "message": "too slow"}}'
    told = error_from(408, body, "application/json")
    assert isinstance(told, TooSlow)
    assert told.retryable
