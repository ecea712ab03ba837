"""The tail of a job's log, and its progress, fetched in the background for whoever shows them."""

from __future__ import annotations

import concurrent.futures
import time
import weakref
from typing import Any

from nexapod import errors
from nexapod.client.futures import JobFuture

#: Lines kept, and bytes of a line.
LINES = 12
LINE_CHARACTERS = 400
#: Nobody reads faster than this.
INTERVAL_S = 1.0

Progress = tuple[float | None, str]


class Tail:
    """The last lines that a job printed, and how far it says it is.

    Attributes
    ----------
    lines
        The last lines, the oldest first.
    progress
        The last word of ``nexapod.progress``, while the job runs.
    """

    def __init__(self, future: JobFuture) -> None:
        self._transport: Any = future._link.transport
        self.job_id = future.job_id
        self.lines: tuple[str, ...] = ()
        self.progress: Progress | None = None
        self._whole: tuple[str, ...] = ()
        self._rest = ""
        self._epoch: int | None = None
        self._after = 0
        self._asked: concurrent.futures.Future[None] | None = None
        self._asked_at_s = 0.0
        self._was_over = False

    def follow(self, *, is_over: bool, wait_s: float = 0.0) -> None:
        """Look again, unless it was a moment ago; wait at most so long for what comes.

        Parameters
        ----------
        is_over
            The job has ended: this is the last look.
        """
        is_due = time.monotonic() - self._asked_at_s >= INTERVAL_S or is_over
        if is_due and not self.is_settled and (self._asked is None or self._asked.done()):
            self._asked_at_s, self._was_over = time.monotonic(), is_over
            try:
                self._asked = self._transport.post(self._read())
            except errors.NexapodError:  # the fleet was stopped
                self._asked = _nothing()
        if self._asked is not None and wait_s:
            concurrent.futures.wait([self._asked], wait_s)

    @property
    def is_settled(self) -> bool:
        """Whether all was read that the job will ever print."""
        return self._was_over and self._asked is not None and self._asked.done()

    async def _read(self) -> None:
        was_over = self._was_over
        try:
            told = await self._transport.log(self.job_id, None, self._after)
            if self._after and told.epoch != self._epoch:  # another attempt, which prints anew
                told = await self._transport.log(self.job_id, told.epoch, 0)
            self.progress = None if was_over else await self._transport.progress(self.job_id)
        except errors.NexapodError:
            return  # it is asked for again, or no longer stored
        self._add(told)

    def _add(self, told: Any) -> None:
        if told.epoch != self._epoch:
            self._epoch, self._whole, self._rest = told.epoch, (), ""
        self._after = told.end
        *whole, self._rest = (self._rest + told.text).split("\n")
        self._rest = self._rest[-LINE_CHARACTERS:]
        self._whole = (*self._whole, *(line[:LINE_CHARACTERS] for line in whole))[-LINES:]
        self.lines = (*self._whole, self._rest)[-LINES:] if self._rest else self._whole


def _nothing() -> concurrent.futures.Future[None]:
    future: concurrent.futures.Future[None] = concurrent.futures.Future()
    future.set_result(None)
    return future


_tails: weakref.WeakKeyDictionary[JobFuture, Tail] = weakref.WeakKeyDictionary()


def tail_of(future: JobFuture) -> Tail:
    """The tail of this future's job."""
    tail = _tails.get(future)
    if tail is None or tail.job_id != future.job_id:
        tail = _tails[future] = Tail(future)
    return tail
