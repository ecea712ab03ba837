"""What all views of one fleet share: the transport, the futures, and the outbox.

``submit`` returns at once: jobs gather in the outbox while the batch before them is being made
durable, so that a cell that submits one job after another pays for a commit per batch, not per
job. ``flush`` waits until everything submitted so far is on disk.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Coroutine, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

from nexapod import errors
from nexapod.client.futures import JobFuture
from nexapod.client.transport import Change, Transport
from nexapod.core.states import FINAL, JobState
from nexapod.wire.messages import NewJob, Submitted

T = TypeVar("T")

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
        self._futures: dict[str, JobFuture] = {}
        self._outbox: deque[tuple[NewJob, JobFuture]] = deque()
        self._gate = threading.Condition()
        self._sending = False
        transport.listen(self._on_changes, self._pending)

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

    # ── futures ──────────────────────────────────────────────────────────────────────────────────

    def _pending(self) -> list[str]:
        return list(self._futures)

    def _on_changes(self, changes: Sequence[Change]) -> None:
        futures = self._futures
        for change in changes:
            future = futures.get(change.job_id)
            if future is not None and future._move(change):
                futures.pop(change.job_id, None)

    def adopt(self, futures: Sequence[JobFuture], states: Sequence[str] | None = None) -> None:
        """Follow jobs that exist already. `states` may say where they were a moment ago."""
        unknown = []
        for at, future in enumerate(futures):
            state = JobState(states[at]) if states is not None else JobState.PENDING
            if state in FINAL:
                future._move(Change(future.job_id, state, future._on))
            else:
                self._futures[future.job_id] = future
                unknown.append(future.job_id)
        if unknown:
            changes = self.ask(self.transport.changes(unknown))
            missing = set(unknown) - {change.job_id for change in changes}
            self._on_changes(changes)
            for job_id in missing:
                lost = self._futures.pop(job_id, None)
                if lost is not None:
                    lost._refuse(errors.NotFound(f"there is no job {job_id}"))

    # ── submitting ───────────────────────────────────────────────────────────────────────────────

    def send(self, job: NewJob, future: JobFuture) -> None:
        """Queue a submission; the future reports a refusal."""
        with self._gate:
            while len(self._outbox) >= OUTBOX:
                self._gate.wait()
            self._futures[future.job_id] = future
            self._outbox.append((job, future))
            if self._sending:
                return
            self._sending = True
        try:
            self.transport.post(self._drain())
        except BaseException:
            with self._gate:
                self._sending = False
                self._outbox.clear()
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
                made = await self.transport.submit([job for job, _ in batch])
            except BaseException as error:
                if len(batch) > 1 and isinstance(error, errors.Conflict | errors.Invalid):
                    await self._one_by_one(batch)
                else:
                    self._refuse(batch, error)
                continue
            self._made([future for _, future in batch], made)

    async def _one_by_one(self, batch: list[tuple[NewJob, JobFuture]]) -> None:
        """One job of a batch was refused: find out which, and let the others pass."""
        for job, future in batch:
            try:
                self._made([future], await self.transport.submit([job]))
            except BaseException as error:
                self._refuse([(job, future)], error)

    def _refuse(self, batch: list[tuple[NewJob, JobFuture]], error: BaseException) -> None:
        for _, future in batch:
            self._futures.pop(future.job_id, None)
            future._refuse(error)

    def _made(self, futures: Sequence[JobFuture], made: Sequence[Submitted]) -> None:
        for future, job in zip(futures, made, strict=True):
            if job.job_id != future.job_id:  # the key was used before: this is that job
                self._futures.pop(future.job_id, None)
                future.job_id = job.job_id
                self._futures[job.job_id] = future
            state = JobState(job.status)
            if state in FINAL and future._move(Change(job.job_id, state)):
                self._futures.pop(job.job_id, None)

    def close(self) -> None:
        """Close the transport; whoever still waits for a future hears of it."""
        self.transport.close()
        while self._futures:
            self._futures.popitem()[1]._let_go()

    def flush(self) -> None:
        """Wait until everything submitted so far is on disk, or refused."""
        with self._gate:
            while self._sending:
                self._gate.wait(1.0)
                if self.transport.loop.is_closed():
                    raise errors.Unavailable("the coordinator stopped before it took every job")
