"""What all views of one fleet share: the transport, the futures, and the outbox.

``submit`` returns at once: jobs gather in the outbox while the batch before them is being made
durable, so that a cell that submits one job after another pays for a commit per batch, not per
job. ``flush`` waits until everything submitted so far is on disk.

Futures end on a thread of their own: their callbacks are the user's code, which may take long or
ask the fleet something, and must stop neither the coordinator's loop nor the client's.
"""

from __future__ import annotations

import asyncio
import logging
import os
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

from nexapod import errors
from nexapod.client.futures import JobFuture
from nexapod.client.transport import Change, Transport
from nexapod.core.states import FINAL, JobState
from nexapod.wire.messages import NewJob, Submitted

logger = logging.getLogger(__name__)
T = TypeVar("T")

#: How long a submission that was certainly not stored is repeated.
PATIENCE_S = 60.0
#: Jobs in one submission.
BATCH = 2_000
#: Jobs in the outbox before ``submit`` waits for the coordinator.
OUTBOX = 20_000


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


class Connection:
    """A fleet's link to its coordinator."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self.functions: dict[Any, str] = {}
        self.shipped: set[str] = set()
        # A job may have several futures: found again by id, by sweep, by key.
        self._futures: dict[str, tuple[JobFuture, ...]] = {}
        self._outbox: deque[tuple[NewJob, JobFuture]] = deque()
        # Sent, or about to be, and not answered yet: that a coordinator does not know these says
        # nothing about what becomes of them.
        self._unanswered: set[str] = set()
        self._gate = threading.Condition()
        self._sending = False
        self._news: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
        self.pid = os.getpid()
        self._teller = threading.Thread(target=self._tell, name="nexapod-futures", daemon=True)
        self._teller.start()
        transport.listen(
            lambda changes: self._news.put(lambda: self._moved(changes)),
            lambda: [job_id for job_id in list(self._futures) if job_id not in self._unanswered],
        )

    # ── asking ───────────────────────────────────────────────────────────────────────────────────

    def ask(self, work: Coroutine[Any, Any, T]) -> T:
        """Run `work` on the transport's loop and wait for it, from any other thread."""
        if _running_loop() is self.transport.loop:
            work.close()
            raise errors.Invalid(
                "this call would block the coordinator's own loop; call it from another thread"
            )
        asked: Future[T] = self.transport.post(work)
        try:
            return asked.result()
        except KeyboardInterrupt:
            asked.cancel()
            raise

    def check_may_wait(self) -> None:
        """Refuse to wait for a future where that would be for ever.

        Raises
        ------
        Invalid, Unavailable
        """
        if threading.current_thread() is self._teller:
            raise errors.Invalid(
                "a callback of one future may not wait for another: it holds up the news of all; "
                "add a callback to that one instead"
            )
        if os.getpid() != self.pid:
            raise errors.Unavailable(
                "this process was forked from the fleet's; results come to the parent"
            )

    def node_token(self) -> str | None:
        """The secret with which machines join this fleet."""
        secret: str | None = self.ask(self.transport.node_token())
        return secret

    # ── futures ──────────────────────────────────────────────────────────────────────────────────

    def _tell(self) -> None:
        while (news := self._news.get()) is not None:
            try:
                news()
            except Exception:
                logger.exception("a future could not be told")
            del news

    def _moved(self, changes: Sequence[Change]) -> None:
        for change in changes:
            for future in self._futures.get(change.job_id, ()):
                future._move(change)
            if change.state in FINAL:
                self._futures.pop(change.job_id, None)

    def _follow(self, future: JobFuture) -> None:
        with self._gate:
            others = self._futures.get(future.job_id, ())
            self._futures[future.job_id] = (*others, future)

    def adopt(self, futures: Sequence[JobFuture], states: Sequence[str] | None = None) -> None:
        """Follow jobs that exist already. `states` may say where they were a moment ago."""
        unknown = []
        for at, future in enumerate(futures):
            state = JobState(states[at]) if states is not None else JobState.PENDING
            if state in FINAL:
                future._move(Change(future.job_id, state, future._on))
            else:
                self._follow(future)
                unknown.append(future)
        if unknown:
            changes = self.ask(self.transport.changes([f.job_id for f in unknown]))
            self._moved(changes)
            known = {change.job_id for change in changes}
            for future in unknown:
                if future.job_id not in known:
                    self._futures.pop(future.job_id, None)
                    future._refuse(errors.NotFound(f"there is no job {future.job_id}"))

    # ── submitting ───────────────────────────────────────────────────────────────────────────────

    def send(self, job: NewJob, future: JobFuture) -> None:
        """Queue a submission; the future reports a refusal."""
        with self._gate:
            while len(self._outbox) >= OUTBOX:
                self._gate.wait(1.0)
                self._check_open()
            self._unanswered.add(future.job_id)
            self._futures[future.job_id] = (future,)
            self._outbox.append((job, future))
            if self._sending:
                return
            self._sending = True
        try:
            self.transport.post(self._drain())
        except BaseException as error:
            with self._gate:
                self._sending = False
                unsent = list(self._outbox)
                self._outbox.clear()
            self._refused(unsent, error)
            raise

    async def _drain(self) -> None:
        """Send batch after batch until the outbox is empty."""
        while True:
            with self._gate:
                batch = [self._outbox.popleft() for _ in range(min(BATCH, len(self._outbox)))]
                if not batch:
                    self._sending = False
                    self._gate.notify_all()
                    return
                self._gate.notify_all()
            try:
                made = await self._submit([job for job, _ in batch])
            except BaseException as error:
                if len(batch) > 1 and isinstance(error, errors.Conflict | errors.Invalid):
                    await self._one_by_one(batch)
                else:
                    self._refused(batch, error)
                continue
            try:
                await self._made([future for _, future in batch], made)
            except Exception:  # they are accepted; what became of older ones is asked again later
                logger.exception("what happened to jobs of an earlier submission was not heard")

    async def _submit(self, jobs: list[NewJob]) -> list[Submitted]:
        """Submit, again while a repeat can help: the ids are ours, so it does no harm."""
        give_up_s = time.monotonic() + PATIENCE_S
        delay_s = 0.05
        while True:
            try:
                return await self.transport.submit(jobs)
            except errors.NexapodError as error:
                if not error.retryable or time.monotonic() + delay_s > give_up_s:
                    raise
            await asyncio.sleep(delay_s)
            delay_s = min(5.0, 2 * delay_s)

    async def _one_by_one(self, batch: list[tuple[NewJob, JobFuture]]) -> None:
        """One job of a batch was refused: find out which, and let the others pass."""
        for job, future in batch:
            try:
                await self._made([future], await self._submit([job]))
            except BaseException as error:
                self._refused([(job, future)], error)

    def _refused(self, batch: list[tuple[NewJob, JobFuture]], error: BaseException) -> None:
        for _, future in batch:
            self._unanswered.discard(future.job_id)
            self._futures.pop(future.job_id, None)
            future._raised = error
            self._news.put(lambda future=future: future._refuse(error))  # type: ignore[misc]

    async def _made(self, futures: Sequence[JobFuture], made: Sequence[Submitted]) -> None:
        reused = []
        self._unanswered.difference_update([future.job_id for future in futures])
        for future, job in zip(futures, made, strict=True):
            if job.job_id != future.job_id:  # the key was used before: this is that job
                self._futures.pop(future.job_id, None)
                future.job_id = job.job_id
                self._follow(future)
                reused.append(job.job_id)
            elif (state := JobState(job.status)) in FINAL:
                change = Change(job.job_id, state)
                self._news.put(lambda change=change: self._moved([change]))  # type: ignore[misc]
        if reused:  # asked once followed: what happened to these jobs before was not heard
            changes = await self.transport.changes(reused)
            self._news.put(lambda: self._moved(changes))

    def flush(self) -> None:
        """Wait until everything submitted so far is on disk, or refused."""
        with self._gate:
            while self._sending:
                self._gate.wait(1.0)
                self._check_open()

    def _check_open(self) -> None:
        if self.transport.loop.is_closed():
            raise errors.Unavailable("the coordinator stopped before it took every job")

    def close(self) -> None:
        """Close the transport; whoever still waits for a future hears of it."""
        self.transport.close()
        self._news.put(None)
        while self._futures:
            for future in self._futures.popitem()[1]:
                future._let_go()
