"""A coordinator small enough to read: it hands out jobs, keeps reports, and obeys the wire."""

from __future__ import annotations

import asyncio
import hashlib
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import cloudpickle
import msgspec
from aiohttp import web

from nexapod.core.records import AttemptReport, Value
from nexapod.node.agent import Agent
from nexapod.node.options import NodeOptions
from nexapod.node.scratch import Scratch
from nexapod.wire import formats, sealed
from nexapod.wire import messages as m
from tests.unit.node import jobs

# As from a notebook: functions travel by value, and the runner imports no test module.
cloudpickle.register_pickle_by_value(jobs)

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


class CoordinatorDouble:
    """Jobs in, reports out. `url` is known once `serve` has started."""

    def __init__(self, lease_s: float = 60.0, token: str | None = None, fleet_id: str = "") -> None:
        self.lease_s = lease_s
        self.token = token
        self.fleet_id = fleet_id
        self.strict = bool(fleet_id)
        self.trusted = True
        self.given: set[str] = set()
        self.strangers: list[str] = []
        self.queue: deque[m.Leased] = deque()
        self.held: dict[str, int] = {}
        self.blobs: dict[str, bytes] = {}
        self.reports: dict[str, AttemptReport] = {}
        self.order: list[str] = []
        self.registered: list[m.Register] = []
        self.left: list[m.Leave] = []
        self.asked: list[int] = []
        self.beats: list[m.Heartbeat] = []
        self.logs: list[m.Logs] = []
        self.strange_logs: list[tuple[str, int]] = []
        self.refuses_logs: Callable[[], web.Response] | None = None
        self.cancelled: set[str] = set()
        self.lost: set[str] = set()
        self.forgotten = False
        self.down = False
        self.refuse: dict[str, str] = {}
        self.refusals = 0
        self.poison: set[str] = set()
        self.news = asyncio.Condition()
        self.loop: asyncio.AbstractEventLoop | None = None
        self._count = 0

    # ── what tests do ────────────────────────────────────────────────────────────────────────────

    def submit(self, fn: Callable[..., Any], *args: Any, **more: Any) -> str:
        pickled = more.pop("pickled", None) or sealed.pickle_function(fn)
        sha256 = hashlib.sha256(pickled).hexdigest()
        self.blobs[sha256] = pickled
        python = more.pop("python", PYTHON)
        call = sealed.Call(sha256, sealed.seal_arguments(args, more.pop("kwargs", {}))[0], python)
        return self._queue(kind="function", payload=msgspec.msgpack.encode(call), **more)

    def submit_data(self, data: Any, **more: Any) -> str:
        return self._queue(kind="data", payload=msgspec.json.encode(data), **more)

    def _queue(self, **fields: Any) -> str:
        self._count += 1
        job_id = f"{self.fleet_id or 'job'}-{self._count}"
        self.queue.append(m.Leased(job_id=job_id, epoch=1, **fields))
        return job_id

    def wake_from_outside(self) -> None:
        assert self.loop is not None
        asyncio.run_coroutine_threadsafe(self.wake(), self.loop).result(10)

    async def wake(self) -> None:
        async with self.news:
            self.news.notify_all()

    async def until(self, met: Callable[[], Any], limit_s: float = 20.0) -> None:
        async with asyncio.timeout(limit_s):
            while not met():
                await asyncio.sleep(0.005)

    async def report(self, job_id: str, limit_s: float = 20.0) -> Any:
        await self.wake()
        await self.until(lambda: job_id in self.reports, limit_s)
        return self.reports[job_id]

    async def result(self, job_id: str) -> Any:
        report = await self.report(job_id)
        assert report.failure is None, report.failure
        assert report.value is not None
        return self.open(report.value)

    def open(self, value: Value | None) -> Any:
        assert value is not None
        raw = value.data if value.data is not None else self.blobs[value.blob or ""]
        return formats.unpack(msgspec.structs.replace(value, trusted=True), raw)

    async def cancel(self, job_id: str) -> None:
        self.cancelled.add(job_id)
        await self.wake()

    # ── the wire ─────────────────────────────────────────────────────────────────────────────────

    def app(self) -> web.Application:
        @web.middleware
        async def guard(request: web.Request, handler: Any) -> web.StreamResponse:
            if self.down:
                return error(503, "unavailable", "starting")
            if self.token and request.headers.get("Authorization") != f"Bearer {self.token}":
                return error(401, "unauthorized", "unknown token")
            if self.forgotten and request.path != "/register":
                return error(404, "not_found", "unknown node", action="register")
            response: web.StreamResponse = await handler(request)
            return response

        app = web.Application(client_max_size=1 << 30, middlewares=[guard])
        app.add_routes(
            [
                web.post("/register", self._register),
                web.post("/lease", self._lease),
                web.post("/heartbeat", self._heartbeat),
                web.post("/results", self._results),
                web.post("/logs", self._logs),
                web.post("/leave", self._leave),
                web.get("/blobs/{sha256}", self._get_blob),
                web.put("/blobs/{sha256}", self._put_blob),
            ]
        )
        return app

    async def _register(self, request: web.Request) -> web.Response:
        body = msgspec.json.decode(await request.read(), type=m.Register)
        self.registered.append(body)
        self.forgotten = False
        lost = tuple(held for held in body.holding or () if held[0] not in self.held)
        return answer(
            m.Registered(
                "registered", body.node_id, self.lease_s, lost, self.fleet_id, self.trusted
            )
        )

    async def _lease(self, request: web.Request) -> web.Response:
        body = msgspec.msgpack.decode(await request.read(), type=m.LeaseRequest)
        self.asked.append(body.max)
        async with self.news:
            try:
                async with asyncio.timeout(body.wait_s):
                    await self.news.wait_for(lambda: bool(self.queue) or bool(self.left))
            except TimeoutError:
                pass
        leases: list[m.Leased] = []
        while self.queue and len(leases) < body.max and not self.left:
            leases.append(self.queue.popleft())
        for job in leases:
            self.held[job.job_id] = job.epoch
            self.given.add(job.job_id)
        return answer(m.LeaseReply(self.lease_s, leases))

    async def _heartbeat(self, request: web.Request) -> web.Response:
        body = msgspec.msgpack.decode(await request.read(), type=m.Heartbeat)
        self.beats.append(body)

        def pending() -> bool:
            return bool((self.cancelled | self.lost) & set(self.held))

        async with self.news:
            try:
                async with asyncio.timeout(body.wait_s):
                    await self.news.wait_for(pending)
            except TimeoutError:
                pass
        told = []
        for job_id, epoch in ((held.job_id, held.epoch) for held in body.leases):
            status: Literal["ok", "cancel", "lost"] = "ok"
            if job_id in self.cancelled:
                status = "cancel"
            elif job_id in self.lost:
                status = "lost"
                self.held.pop(job_id, None)
            told.append(m.LeaseStatus(job_id, epoch, status))
        return answer(m.HeartbeatReply(self.lease_s, told))

    async def _results(self, request: web.Request) -> web.Response:
        body = msgspec.msgpack.decode(await request.read(), type=m.Results)
        if self.poison & {report.job_id for report in body.reports if report.value}:
            self.refusals += 1
            return error(422, "invalid", "a report is wrong")
        told = []
        for report in body.reports:
            self.held.pop(report.job_id, None)
            refusal = self.refuse.get(report.job_id)
            if self.strict and report.job_id not in self.given:
                self.strangers.append(report.job_id)
                refusal = "not_found"
            if refusal:
                self.refusals += 1
                told.append(m.ReportStatus(report.job_id, refusal, "no"))
                continue
            self.reports[report.job_id] = report
            self.order.append(report.job_id)
            self.recorded(report)
            told.append(m.ReportStatus(report.job_id, "recorded"))
        return answer(m.ResultsReply(told))

    def recorded(self, report: AttemptReport) -> None:
        """A report was taken; for those who derive from this double."""

    async def _logs(self, request: web.Request) -> web.Response:
        body = msgspec.msgpack.decode(await request.read(), type=m.Logs)
        if self.refuses_logs is not None:
            return self.refuses_logs()
        self.logs.append(body)
        self.order += [f"log of {chunk.job_id}" for chunk in body.chunks]
        return answer(m.LogsReply([key for key in self.strange_logs if key in _keys(body)]))

    def printed(self, job_id: str) -> bytes:
        """What has come of a job's log, one chunk after the other."""
        return b"".join(chunk.data for chunk in self.chunks(job_id))

    def chunks(self, job_id: str) -> list[m.LogChunk]:
        return [c for body in self.logs for c in body.chunks if c.job_id == job_id]

    def words(self, job_id: str) -> list[tuple[float, str]]:
        """How far a job said it was."""
        said = [word for body in self.logs for word in body.progress if word.job_id == job_id]
        return [(word.fraction, word.message) for word in said]

    async def _leave(self, request: web.Request) -> web.Response:
        body = msgspec.msgpack.decode(await request.read(), type=m.Leave)
        self.left.append(body)
        await self.wake()
        return answer(m.Left("draining", body.node_id, 0))

    async def _get_blob(self, request: web.Request) -> web.Response:
        blob = self.blobs.get(request.match_info["sha256"])
        return web.Response(body=blob) if blob is not None else error(404, "not_found", "no blob")

    async def _put_blob(self, request: web.Request) -> web.Response:
        raw = await request.read()
        assert hashlib.sha256(raw).hexdigest() == request.match_info["sha256"]
        self.blobs[request.match_info["sha256"]] = raw
        return answer(m.BlobStored(request.match_info["sha256"], len(raw)))


def _keys(body: m.Logs) -> set[tuple[str, int]]:
    chunks = {(chunk.job_id, chunk.epoch) for chunk in body.chunks}
    return chunks | {(word.job_id, word.epoch) for word in body.progress}


def answer(body: Any) -> web.Response:
    return web.Response(body=msgspec.msgpack.encode(body), content_type="application/msgpack")


def error(status: int, code: str, message: str, **details: Any) -> web.Response:
    body = msgspec.json.encode(m.ErrorReply(m.ErrorBody(code, message, details)))
    return web.Response(status=status, body=body, content_type="application/json")


class Site:
    """The double on a port, and an agent beside it on the same loop."""

    def __init__(self, fleet: CoordinatorDouble) -> None:
        self.fleet = fleet
        self.url = ""
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Site:
        await self.up()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.gone()

    async def up(self, port: int = 0) -> int:
        self.fleet.loop = asyncio.get_running_loop()
        self._runner = web.AppRunner(self.fleet.app(), shutdown_timeout=0.05, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port)
        await site.start()
        found = int(self._runner.addresses[0][1])
        self.url = f"http://127.0.0.1:{found}"
        return found

    async def gone(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None


class Node:
    """An agent in this process, stopped with the block."""

    def __init__(self, url: str, scratch: Path, **options: Any) -> None:
        options.setdefault("token", "secret")
        self._options = NodeOptions(url=url, name="n1", scratch=scratch, **options)
        self.agent: Agent
        self.exit_code: int | None = None

    async def __aenter__(self) -> Node:
        self._scratch = Scratch(self._options.scratch_directory())
        self._scratch.__enter__()
        self.agent = Agent(self._options, self._scratch)
        self._life = asyncio.create_task(self.agent.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self.agent.stop()
        self.agent.stop()
        await self.ended()
        self._scratch.__exit__(None, None, None)

    async def ended(self) -> int:
        self.exit_code = await asyncio.wait_for(self._life, 20)
        return self.exit_code


@contextmanager
def serving(fleet: CoordinatorDouble) -> Iterator[str]:
    """The double on a thread of its own, for nodes that are processes of their own."""
    loop = asyncio.new_event_loop()
    site = Site(fleet)
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    asyncio.run_coroutine_threadsafe(site.up(), loop).result(10)
    try:
        yield site.url
    finally:
        asyncio.run_coroutine_threadsafe(site.gone(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)


def wait_for(met: Callable[[], Any], limit_s: float = 20.0) -> None:
    """Poll from a plain thread."""
    end = time.monotonic() + limit_s
    while not met():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)
