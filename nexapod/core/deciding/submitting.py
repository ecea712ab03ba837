"""Submit: new jobs, repeats, and what they depend on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from nexapod import errors
from nexapod.core import commands as c
from nexapod.core import events as e
from nexapod.core.board import Board
from nexapod.core.commands import Instant
from nexapod.core.deciding.decision import Decision
from nexapod.core.deciding.ending import dependency_failed
from nexapod.core.records import ClosedJob, JobSpec
from nexapod.core.states import JobState


def submit(board: Board, command: c.Submit, now: Instant) -> Decision:
    """Reply: one (job id, state) per order."""
    events: list[e.Event] = []
    reply: list[tuple[str, JobState]] = []
    fresh: dict[str, c.Order] = {}
    fresh_keys: dict[str, c.Order] = {}
    doomed: set[str] = set()
    seq = board.next_seq
    for order in command.orders:
        known = _known(board, order, command.closed, fresh, fresh_keys)
        if known is not None:
            reply.append(known)
            continue
        waits_on, broken = _needs(board, order, command.closed, fresh, doomed)
        spec = JobSpec(
            seq, order.id, order.demand, now.at, order.name, order.sweep, order.priority,
            order.retries, order.timeout_s, order.key, order.retry_of, order.owner,
            None if order.deadline_s is None else now.at + order.deadline_s, board.first_epoch,
        )  # fmt: skip
        seq += 1
        fresh[order.id] = order
        if order.key is not None:
            fresh_keys[order.key] = order
        deadline_s = None if order.deadline_s is None else now.mono_s + order.deadline_s
        events.append(e.JobQueued(spec, order, waits_on, deadline_s))
        if broken is not None:
            doomed.add(order.id)
            events.append(dependency_failed(spec, 0, broken, now))
        reply.append((order.id, JobState.FAILED if broken else JobState.PENDING))
    return Decision(events, reply)


def _known(
    board: Board,
    order: c.Order,
    closed: Mapping[str, ClosedJob],
    fresh: Mapping[str, c.Order],
    fresh_keys: Mapping[str, c.Order],
) -> tuple[str, JobState] | None:
    """The job that this order already made, if it is a repeat; a Conflict if it is not the same."""
    if order.key is not None:
        twin = fresh_keys.get(order.key)
        if twin is not None:
            return _same(order, twin.submission, twin.id, JobState.PENDING)
        job = board.keys.get(order.key)
        if job is not None:
            return _same(order, job.submission, job.spec.id, job.state)
        done = board.recent_keys.get(order.key) or closed.get(f"key:{order.key}")
        if done is not None:
            return _same(order, done.submission, done.id, done.state)
    twin = fresh.get(order.id)
    if twin is not None:
        return _same(order, twin.submission, twin.id, JobState.PENDING)
    job = board.jobs.get(order.id)
    if job is not None:
        return _same(order, job.submission, order.id, job.state)
    done = board.recent.get(order.id) or closed.get(order.id)
    if done is not None:
        return _same(order, done.submission, order.id, done.state)
    return None


def _same(order: c.Order, submission: bytes, job_id: str, state: JobState) -> tuple[str, JobState]:
    if order.submission != submission:
        what = "key" if order.key is not None else "job_id"
        raise errors.Conflict(
            f"this {what} was already used for a job with another body; use a new {what}",
            job_id=job_id,
        )
    return job_id, state


def _needs(
    board: Board,
    order: c.Order,
    closed: Mapping[str, ClosedJob],
    fresh: Mapping[str, c.Order],
    doomed: set[str],
) -> tuple[tuple[str, ...], str | None]:
    """The open jobs that `order` waits for, and the job whose failure already dooms it."""
    waits_on: list[str] = []
    for needed in order.after:
        if needed in doomed:
            return (), needed
        job = board.jobs.get(needed)
        done = None if job is not None else board.recent.get(needed) or closed.get(needed)
        if needed in fresh or (job is not None and order.sees in (None, job.spec.owner)):
            waits_on.append(needed)
            continue
        if done is None or order.sees not in (None, done.owner):
            raise errors.Invalid(
                "'after' names a job that this coordinator does not know; submit that job first"
            )
        if done.state is not JobState.COMPLETED:
            if order.retry_of is not None:  # it would only fail again, at once
                raise errors.Conflict(
                    f"job {needed}, which this job needs, did not complete; retry that job first",
                    job_id=needed,
                )
            return (), needed
    return tuple(waits_on), None


def dependencies(orders: Iterable[c.Order]) -> set[str]:
    """Every job that these orders need or might repeat: what the shell must look up."""
    needed: set[str] = set()
    for order in orders:
        needed.add(order.id)
        needed.update(order.after)
    return needed
