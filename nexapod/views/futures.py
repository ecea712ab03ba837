"""Futures, read into their summary: what they know, and what a coordinator adds to that.

They run on the refresher's thread too. Results are never fetched (see `views.previews`), and
exceptions that travelled are never unpickled.
"""

from __future__ import annotations

import contextlib
import time

from nexapod import errors
from nexapod.client.connection import Connection
from nexapod.client.futures import JobFuture
from nexapod.core.states import FINAL, JobState
from nexapod.views.human import described, size
from nexapod.views.previews import long_text, preview
from nexapod.views.reprs.fleet import present
from nexapod.views.summaries import FutureSummary
from nexapod.views.tails import tail_of

#: Nodes that are named as the reason why a job waits.
_NAMED_NODES = 3
#: For what a job printed, before its picture is drawn without.
PICTURE_WAIT_S = 1.0


def is_left(future: JobFuture) -> bool:
    """Whether nobody will tell how its job ends: the fleet was stopped."""
    return future._place not in FINAL and future._raised is not None


def future_summary(future: JobFuture, wait_s: float = 0.0) -> FutureSummary:
    """A future now: what it knows, and what a coordinator that still answers adds to that.

    What it printed is read in the background; `wait_s` is how long to wait for that.
    """
    tail = tail_of(future)
    if future._place is not JobState.PENDING:
        tail.follow(is_over=future.done(), wait_s=wait_s)
    seen = preview(future)
    error, traceback = seen.error, ""
    hint = ""
    why: tuple[str, ...] = ()
    if seen.error:
        error = f"The result cannot be opened here: {seen.error}"
    elif seen.is_closed:
        large = "" if seen.size_bytes is None else f" of {size(seen.size_bytes)}"
        hint = f"Result{large} in future.result()"
    if future._place is JobState.FAILED:
        error, traceback = _failure(future)
    elif is_left(future):
        why = (str(future._raised),)
    elif future._place is JobState.PENDING:
        why = _obstacles(future._link)
    is_open = not future.done() and future._place not in FINAL
    return FutureSummary(
        job_id=future.job_id,
        name=future.name,
        status=future.status,
        params=", ".join(f"{name}={value}" for name, value in future.params.items()),
        node=future.node,
        elapsed_s=time.time() - future.submitted_at if is_open else None,
        run_s=time.time() - future._placed_at if is_open and future.running() else None,
        result=long_text(seen.value) if seen.is_open else None,
        hint=hint,
        error=error,
        traceback=traceback,
        log="\n".join(tail.lines),
        progress=tail.progress if is_open else None,
        why=why,
    )


def future_at_rest(future: JobFuture) -> FutureSummary:
    """A future for a picture that stays as it is: worth a moment's wait."""
    return future_summary(future, wait_s=PICTURE_WAIT_S)


def is_told(future: JobFuture) -> bool:
    """Whether nothing will change any more, what it printed included."""
    return future.done() and (future._place is JobState.PENDING or tail_of(future).is_settled)


def _failure(future: JobFuture) -> tuple[str, str]:
    """The sentence and the remote traceback, without opening the exception that travelled."""
    raised, failure = future._raised, future._failure
    if raised is not None:
        return described(raised), str(raised.__cause__ or "").strip('\n"')
    if failure is None:
        with contextlib.suppress(errors.NexapodError):
            failure = future._link.ask(future._link.transport.failure(future.job_id))
    if failure is None:
        return "", ""
    return failure.message or "the job failed", failure.traceback or ""


def _obstacles(link: Connection) -> tuple[str, ...]:
    """Why a job may be waiting: there are no nodes, or each of them says what it cannot run."""
    try:
        nodes = link.ask(link.transport.nodes())
    except errors.NexapodError:
        return ()
    here = present(tuple(nodes))
    if not here:
        return ("No node is there now." if nodes else "No node has joined yet.",)
    if not all(node.unmatched for node in here):
        return ()
    return tuple(f"{node.id}: {'; '.join(node.unmatched)}" for node in here[:_NAMED_NODES])
