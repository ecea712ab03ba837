"""Futures: real `concurrent.futures.Future` objects for jobs that run anywhere.

A result is bytes until somebody asks for it: it is fetched and unpickled in ``result()``, in the
thread that asks. (A display shows small results that are here already; it fetches none.)
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import pickle
import threading
import time
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from nexapod import errors
from nexapod.client.face import Shown
from nexapod.client.transport import Change
from nexapod.core.records import Failure, Value
from nexapod.core.states import FINAL, JobState
from nexapod.wire import formats

if TYPE_CHECKING:
    from nexapod.client.connection import Connection

_UNOPENED = object()


class JobFuture(Shown, concurrent.futures.Future):  # type: ignore[type-arg]
    """The result of a job, now or later.

    Everything of `concurrent.futures.Future` works, with ``wait``, ``as_completed`` and
    callbacks; ``await future`` works too. Beyond that:

    Attributes
    ----------
    job_id
        The job's id; ``fleet.future(job_id)`` finds it again, also after a restart.
    name
        The function's name, or the one given in the options.
    params
        The sweep's parameters for this job, if it is part of one.
    submitted_at
        Unix seconds.
    """

    def __init__(
        self,
        connection: Connection,
        job_id: str,
        name: str = "",
        params: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.job_id = job_id
        self.name = name
        self.params = params or {}
        self.submitted_at = time.time()
        self._link = connection
        self._opening = threading.Lock()
        self._place: JobState = JobState.PENDING
        self._on: str | None = None
        self._placed_at = self.submitted_at
        self._value: Value | None = None
        self._failure: Failure | None = None
        self._opened: Any = _UNOPENED
        self._raised: BaseException | None = None
        self._ended = False
        #: Submitted here, or with this token: a display opens nobody else's pickles.
        self._is_own = True

    def __nexapod_job_id__(self) -> str:
        """How the sealing of arguments knows a future: it is replaced by its job's result."""
        return self.job_id

    def __repr__(self) -> str:
        where = f" on {self._on}" if self._on else ""
        return f"<JobFuture {self.name or 'job'} {self.status}{where} {self.job_id}>"

    def __reduce__(self) -> Any:
        raise TypeError(
            "a future cannot be pickled; pass it as an argument to fleet.submit, or keep its job_id"
        )

    # ── where it is ──────────────────────────────────────────────────────────────────────────────

    @property
    def status(self) -> str:
        """``pending``, ``assigned``, ``completed``, ``failed`` or ``cancelled``."""
        return str(self._place)

    @property
    def node(self) -> str | None:
        """The node that runs or ran it."""
        return self._on

    @property
    def log(self) -> str:
        """What the job wrote to stdout and stderr, up to now; of its last attempt.

        Of one that writes more than 1 MiB the end is kept.
        """
        try:
            return self._link.ask(self._link.transport.log(self.job_id)).text
        except errors.NotFound:  # its submission is on its way, or was refused
            return ""

    @property
    def progress(self) -> tuple[float, str] | None:
        """(fraction, message) of what the job said last with `nexapod.progress`, while it runs."""
        try:
            return self._link.ask(self._link.transport.progress(self.job_id))
        except errors.NotFound:
            return None

    def why(self) -> list[str]:
        """Why the job waits, a sentence each: what it needs, and what each node lacks for it.

        Returns
        -------
        list of str
            Empty unless the job is pending. Nodes that lack the same are told of in one line.

        Examples
        --------
        >>> fleet.options(gpus=2).submit(train).why()  # doctest: +SKIP
        ['lab-1 and 3 other nodes: needs 2 GPUs, this node has 0',
         'no node here can ever run it: add one that can, or submit it again asking for less']
        """
        self._link.flush()
        return self._link.ask(self._link.transport.waiting(self.job_id))

    def running(self) -> bool:
        """Whether a node holds it."""
        return self._place is JobState.ASSIGNED

    # ── its end ──────────────────────────────────────────────────────────────────────────────────

    def result(self, timeout: float | None = None) -> Any:
        """What the function returned, or what it raised.

        Parameters
        ----------
        timeout
            Seconds to wait; None for ever.

        Raises
        ------
        TimeoutError
            Not done in time. The job goes on.
        JobCancelled
            It was cancelled.
        JobFailed
            The job ended without raising: its process died, or ran out of time or memory.
        Exception
            Whatever the function raised, with the remote traceback as its cause.
        UntrustedResult
            The result is a pickle from a node without a trusted credential.
        """
        try:
            error = self.exception(timeout)
        except KeyboardInterrupt:
            if not self.done():
                going_on = f"Stopped waiting; job {self.job_id} goes on. Call .cancel() to stop it."
                print(going_on)  # noqa: T201  # in the cell that was interrupted
            raise
        if error is not None:
            try:
                raise error
            finally:
                del error  # no cycle through the traceback
        return self._open()

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """What ``result()`` would raise, or None."""
        if not self.done():
            self._link.check_may_wait()
        try:
            super().exception(timeout)
        except TimeoutError:
            raise TimeoutError(
                f"job {self.job_id} has not ended after {timeout:g} s: it is {self._place}"
                f"{f' on {self._on}' if self._on else ''}, and goes on"
            ) from None
        except concurrent.futures.CancelledError:
            raise errors.JobCancelled(
                f"job {self.job_id} was cancelled"
                + (f" while {self._on} held it; its process was killed" if self._on else "")
            ) from None
        if self._raised is None and self._place is JobState.FAILED:
            with self._opening:
                if self._raised is None:
                    self._raised = self._read_failure()
        return self._raised

    def _read_failure(self) -> BaseException:
        failure = self._failure
        if failure is None:
            failure = self._link.ask(self._link.transport.failure(self.job_id))
        return raised_by(failure or Failure(message="the job failed"), self._on)

    def _open(self) -> Any:
        if self._opened is _UNOPENED:
            with self._opening:
                if self._opened is _UNOPENED:
                    self._opened = self._read_value()
                    self._value = None
        return self._opened

    def _read_value(self) -> Any:
        value = self._value
        if value is None:
            value = self._link.ask(self._link.transport.value(self.job_id))
        if value is None:
            raise errors.NotFound(f"the result of job {self.job_id} is no longer stored")
        data = value.data
        if data is None:
            data = self._link.ask(self._link.transport.get_blob(value.blob or ""))
        return formats.unpack(value, data)

    def cancel(self) -> bool:
        """Cancel the job, also while it runs: its process group is killed.

        Returns
        -------
        bool
            Whether it is cancelled now; False when it had already ended otherwise.
        """
        if self.done():
            return self.cancelled()
        self._link.flush()
        told = self._link.ask(self._link.transport.cancel([self.job_id]))
        if not told:
            return False
        state = JobState(told[0].status)
        self._move(Change(self.job_id, state, told[0].node_id))
        return state is JobState.CANCELLED

    def __await__(self) -> Generator[Any, None, Any]:
        return self._result_soon().__await__()

    async def _result_soon(self) -> Any:
        """The result without blocking the loop. Giving up waiting does not cancel the job."""
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()

        def tell(_: Any) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(ended.set)

        self.add_done_callback(tell)
        await ended.wait()
        return await asyncio.to_thread(self.result)

    # ── what the connection tells it ─────────────────────────────────────────────────────────────

    def _move(self, change: Change) -> bool:
        """Follow a change; returns whether the future is done with it."""
        with self._condition:
            if self._ended:
                return True
            self._ended = change.state in FINAL
            self._place = change.state
            self._on = change.node_id
            self._placed_at = time.time()
            self._value, self._failure = change.value, change.failure
        if change.state is JobState.COMPLETED:
            self.set_result(None)
        elif change.state is JobState.FAILED:
            self.set_exception(errors.JobFailed("the job failed"))
        elif change.state is JobState.CANCELLED:
            super().cancel()
            self.set_running_or_notify_cancel()
        return change.state in FINAL

    def _let_go(self) -> None:
        """The fleet was stopped: nobody will tell how this ends."""
        with self._condition:
            if self._ended:
                return
            self._ended = True
            self._raised = errors.Unavailable(
                f"the fleet was stopped while job {self.job_id} was {self._place}; it goes on when "
                "the fleet is launched again: fleet.future(job_id) follows it then"
            )
        self.set_exception(self._raised)

    def _refuse(self, error: BaseException) -> None:
        """The submission was refused: the job does not exist."""
        with self._condition:
            if self._ended:
                return
            self._ended = True
            self._place = JobState.FAILED
            self._raised = error
        self.set_exception(error)


class RemoteTraceback(Exception):
    """The traceback on the node, shown as the cause of what ``result()`` raises."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        return f'\n"""\n{self.text.rstrip()}\n"""'


def raised_by(failure: Failure, node_id: str | None) -> BaseException:
    """The exception for a failure: the function's own where it travelled, else a `JobFailed`.

    Opening the function's own exception unpickles it, as ``result()`` unpickles a result. The
    coordinator keeps none that came from a node without a trusted credential.
    """
    if failure.exception is not None:
        try:
            error = pickle.loads(failure.exception)
        except Exception:
            error = None
        if isinstance(error, BaseException):
            if failure.traceback:
                error.__cause__ = RemoteTraceback(failure.traceback)
            return error
    kinds = {"timeout": errors.JobTimedOut, "mismatch": errors.NodeMismatch}
    kind = kinds.get(failure.type, errors.JobFailed)
    where = f" (on {node_id})" if node_id else ""
    error = kind(
        f"{failure.message or 'the job failed'}{where}",
        type=failure.type,
        signal=failure.signal,
        exit_code=failure.exit_code,
        node=node_id,
    )
    if failure.traceback:
        error.__cause__ = RemoteTraceback(failure.traceback)
    return error
