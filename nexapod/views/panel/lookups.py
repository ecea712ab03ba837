"""What a sweep's stream looks up in the background: small results, and how its jobs went.

Everything is asked on the transport's loop, little at once, and is picked up by `found` later:
neither the refresher's thread nor the coordinator's loop waits for it.
"""

from __future__ import annotations

import asyncio
import math
import queue
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from typing import Any

import msgspec

from nexapod import errors
from nexapod.client.connection import Connection
from nexapod.client.futures import JobFuture
from nexapod.client.transport import Columns, Transport
from nexapod.core.records import Value
from nexapod.store.base import JobFilter
from nexapod.views.previews import OPENED_BYTES

#: Results that are fetched only to be shown, by one panel.
MOST_RESULTS = 10_000
#: Results asked for in one go, and of these at the same time.
BATCH = 200
AT_ONCE = 4
#: How the jobs went is looked up at most so often, and at most for this share of the time.
INTERVAL_S = 2.0
SHARE = 0.02
#: Rows read at once: nothing is committed meanwhile.
PAGE = 2_000

Result = tuple[int, JobFuture, Value]


class Results:
    """Results that are not here, fetched where they are small.

    Parameters
    ----------
    link
        The fleet's connection.
    """

    def __init__(self, link: Connection) -> None:
        self._link = link
        self._wanted: deque[tuple[int, JobFuture]] = deque()
        self._left = MOST_RESULTS
        self._found: queue.SimpleQueue[Result] = queue.SimpleQueue()
        self._asked: Future[None] | None = None

    def want(self, at: int, future: JobFuture) -> None:
        """Have this one fetched."""
        if self._left > 0:
            self._left -= 1
            self._wanted.append((at, future))

    @property
    def is_resting(self) -> bool:
        """Whether nothing is wanted that may still come."""
        is_asking = self._asked is not None and not self._asked.done()
        return not self._wanted and not is_asking and self._found.empty()

    def found(self) -> Iterator[Result]:
        """What came since the last call; asks for more."""
        if self._wanted and (self._asked is None or self._asked.done()):
            batch = [self._wanted.popleft() for _ in range(min(BATCH, len(self._wanted)))]
            self._asked = _posted(self._link, _values(self._link.transport, batch, self._found))
            if self._asked is None:
                self._wanted.clear()
        yield from _drained(self._found)


class Course:
    """How a sweep's jobs went: run times and errors, as the coordinator has them.

    Parameters
    ----------
    link
        The fleet's connection.
    sweep
        The sweep's name.
    """

    def __init__(self, link: Connection, sweep: str) -> None:
        self._link = link
        self._sweep = sweep
        self._pages: queue.SimpleQueue[Columns] = queue.SimpleQueue()
        self._asked: Future[None] | None = None
        self._asked_at_s = -math.inf
        self._pause_s = 0.0

    @property
    def is_resting(self) -> bool:
        """Whether nothing was asked that may still come."""
        return (self._asked is None or self._asked.done()) and self._pages.empty()

    def ask(self, *, soon: bool = False) -> bool:
        """Look it up, unless it was a moment ago; whether it was tried."""
        now_s = time.monotonic()
        if not self.is_resting or (not soon and now_s - self._asked_at_s < self._pause_s):
            return False
        self._asked_at_s = now_s
        self._asked = _posted(self._link, self._read())
        return True

    def found(self) -> Iterator[tuple[str, str, float | None, str]]:
        """Job id, state, run time and error of the jobs that were looked up."""
        for page in _drained(self._pages):
            named = page.by_name()
            yield from zip(
                named["job_id"], named["status"], named["run_s"], map(_message, named["error"]),
                strict=True,
            )  # fmt: skip

    async def _read(self) -> None:
        which = JobFilter(sweep=self._sweep, limit=PAGE)
        started_s = time.monotonic()
        try:
            while True:
                page = await self._link.transport.job_columns(which)
                self._pages.put(page)
                if len(page.rows) < PAGE:
                    return
                which = msgspec.structs.replace(which, after_seq=page.rows[-1][0])
        except errors.NexapodError:
            return  # it is looked up again later
        finally:
            took_s = time.monotonic() - started_s
            self._pause_s = max(INTERVAL_S, took_s / SHARE)


async def _values(
    transport: Transport,
    batch: Sequence[tuple[int, JobFuture]],
    found: queue.SimpleQueue[Result],
) -> None:
    gate = asyncio.Semaphore(AT_ONCE)

    async def fetch(at: int, future: JobFuture) -> None:
        async with gate:
            try:
                value = await transport.value(future.job_id, OPENED_BYTES)
            except errors.NexapodError:
                return  # too large to be shown, say: it is in the frame
        if value is not None and (value.format != "pickle" or future._is_own):
            found.put((at, future, value))

    unknown = [future for _, future in batch if not future._is_own]
    if unknown:
        try:
            foreign = await transport.foreign([future.job_id for future in unknown])
        except errors.NexapodError:
            return
        for future in unknown:
            future._is_own = future.job_id not in foreign
    await asyncio.gather(*(fetch(at, future) for at, future in batch))


def _posted(link: Connection, work: Any) -> Future[None] | None:
    """The work on the loop; None where the loop is gone."""
    try:
        return link.transport.post(work)
    except errors.NexapodError:
        return None


def _drained(items: queue.SimpleQueue[Any]) -> Iterator[Any]:
    while True:
        try:
            yield items.get_nowait()
        except queue.Empty:
            return


def _message(error: str | None) -> str:
    return str(msgspec.json.decode(error).get("message", "")) if error else ""
