"""A connection for tests of the panels: a transport on a real loop, with nobody behind it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncGenerator, Coroutine, Sequence
from typing import Any, NamedTuple

from nexapod import errors
from nexapod.client.transport import Columns
from nexapod.core.records import Value
from nexapod.store.base import JOB_COLUMNS, JobFilter


class JobLog(NamedTuple):
    """Some of what an attempt printed."""

    epoch: int
    start: int
    end: int
    text: str
    is_open: bool = True


class Wire:
    """A transport that says and answers what it is told to.

    Attributes
    ----------
    news
        What the panel's stream says; None ends it.
    answers
        What requests are answered with, by path; an exception is raised.
    jobs
        The coordinator's jobs, as rows by column name.
    values
        Their results.
    """

    url = "http://127.0.0.1:1"
    token = "secret"
    fingerprint = None
    fleet_id = "f1"
    is_local = False

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.asked: list[Any] = []
        self.news: list[bytes | Exception] = []
        self.answers: dict[str, Any] = {}
        self.jobs: list[dict[str, Any]] = []
        self.values: dict[str, Value] = {}
        self.strangers: set[str] = set()
        self.log_text, self.log_epoch = "", 1
        self.progressed: tuple[float | None, str] | None = None
        self.readers = 0
        self._thread = threading.Thread(target=self.loop.run_forever, name="test-loop", daemon=True)
        self._thread.start()

    def post(self, work: Coroutine[Any, Any, Any]) -> Any:
        if self.loop.is_closed():
            work.close()
            raise errors.Unavailable("this connection was closed")
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    async def panel(self) -> AsyncGenerator[bytes, None]:
        self.readers += 1
        try:
            for at in range(10**9):
                while len(self.news) <= at:
                    await asyncio.sleep(0.001)
                one = self.news[at]
                if isinstance(one, Exception):
                    raise one
                yield one
        finally:
            self.readers -= 1

    async def forward(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        self.asked.append((method, path, body))
        answer = self.answers[path]
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, float):
            await asyncio.sleep(answer)
        return 200, answer

    async def node_token(self) -> str:
        return "node-secret"

    async def job_columns(self, which: JobFilter) -> Columns:
        self.asked.append(which)
        rows = [tuple(job.get(name) for name in JOB_COLUMNS) for job in self.jobs]
        return Columns(JOB_COLUMNS, [row for row in rows if row[0] > which.after_seq])

    async def log(self, job_id: str, epoch: int | None, after: int) -> Any:
        text = self.log_text.encode()[after:].decode()
        return JobLog(self.log_epoch, after, after + len(text.encode()), text)

    async def progress(self, job_id: str) -> tuple[float | None, str] | None:
        return self.progressed

    async def foreign(self, job_ids: Sequence[str]) -> set[str]:
        return self.strangers & set(job_ids)

    async def value(self, job_id: str, most_bytes: int | None = None) -> Value | None:
        self.asked.append(job_id)
        value = self.values.get(job_id)
        if value is not None and most_bytes is not None and value.size > most_bytes:
            raise errors.TooLarge("too large")
        return value

    def close(self) -> None:
        if self.loop.is_closed():
            return

        async def end() -> None:
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for other in others:
                other.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        with contextlib.suppress(RuntimeError):
            self.post(end()).result(10)
            self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()


class Link:
    """What of a connection the panels use."""

    def __init__(self) -> None:
        self.transport = Wire()

    def flush(self) -> None:
        pass

    def ask(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.transport.post(work).result(10)
