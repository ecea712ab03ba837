"""How attempts and jobs end, and what becomes of a job whose attempt ended."""

from __future__ import annotations

import itertools
import zlib

from nexapod.core import events as e
from nexapod.core.board import BACKOFF_MOST_S, Board, Job
from nexapod.core.commands import Instant
from nexapod.core.records import AttemptReport, Failure, JobSpec
from nexapod.core.states import AttemptEnd, JobState

#: A job lost on this many different nodes is taken to be what kills them.
POISON_NODES = 3
BACKOFF_FIRST_S = 1.0


def end_attempt(
    job: Job,
    end: AttemptEnd,
    now: Instant,
    *,
    report: AttemptReport | None = None,
    failure: Failure | None = None,
    run_s: float | None = None,
    tell_node: bool = False,
) -> e.AttemptEnded:
    """The end of the live attempt of `job`."""
    node_id = job.lease.node_id if job.lease else ""
    return e.AttemptEnded(
        job.spec.id,
        job.spec.seq,
        job.epoch,
        node_id,
        end,
        now.at,
        report.run_s if report is not None else run_s,
        failure,
        report.output if report is not None else "",
        report.peak_memory_bytes if report is not None else None,
        tell_node,
        report.printed_bytes if report is not None else None,
    )


def released(job: Job, now: Instant) -> list[e.Event]:
    """The holder gives the job back: it waits at its old place, and nothing counts against it."""
    return [
        end_attempt(job, AttemptEnd.RELEASED, now),
        e.JobRequeued(job.spec.id, job.spec.seq, job.failures, job.lost_on),
    ]


def completed(
    job: Job, report: AttemptReport, digest: bytes, node_id: str, now: Instant
) -> list[e.Event]:
    """The job has its result."""
    return [
        e.JobClosed(
            job.spec.id,
            job.spec.seq,
            JobState.COMPLETED,
            job.epoch,
            now.at,
            node_id,
            report.run_s,
            report.value,
            digest,
            None,
            job.spec.sweep,
        )
    ]


def attempt_failed(
    board: Board,
    job: Job,
    failure: Failure,
    now: Instant,
    *,
    report: AttemptReport | None = None,
    run_s: float | None = None,
) -> list[e.Event]:
    """The attempt failed: try again later if that can help and retries are left, else give up."""
    ended = end_attempt(
        job,
        AttemptEnd.FAILED,
        now,
        report=report,
        failure=failure,
        run_s=run_s,
    )
    if failure.retryable and job.failures < job.spec.retries:
        delay_s = _backoff_s(job)
        return [
            ended,
            e.JobRequeued(
                job.spec.id, job.spec.seq, job.failures + 1, job.lost_on,
                now.mono_s + delay_s, now.at + delay_s,
            ),
        ]  # fmt: skip
    node_id = job.lease.node_id if job.lease else None
    ran = report.run_s if report is not None else run_s
    return [ended, *failed(board, job, failure, now, node_id, ran)]


def failed(
    board: Board,
    job: Job,
    failure: Failure,
    now: Instant,
    node_id: str | None,
    run_s: float | None = None,
) -> list[e.Event]:
    """The job failed for good, and with it whatever needs its result."""
    closed = e.JobClosed(
        job.spec.id, job.spec.seq, JobState.FAILED, job.epoch, now.at, node_id, run_s,
        failure=failure, sweep=job.spec.sweep,
    )  # fmt: skip
    return [closed, *cascade(board, job.spec.id, now)]


def deadline_passed(board: Board, job: Job, now: Instant) -> list[e.Event]:
    """The job's own deadline is over: it fails where it is, and its node is told to stop."""
    failure = Failure(
        type="deadline",
        message="the job's deadline passed before it completed; "
        "retry it, or submit it with a longer deadline_s",
        retryable=False,
    )
    node_id = job.lease.node_id if job.lease else None
    closed = failed(board, job, failure, now, node_id)
    if job.lease is None:
        return closed
    ended = end_attempt(job, AttemptEnd.CANCELLED, now, failure=failure, tell_node=True)
    return [ended, *closed]


def cascade(board: Board, job_id: str, now: Instant) -> list[e.JobClosed]:
    """Everything that depends on `job_id`, directly or through others, fails with it."""
    events: list[e.JobClosed] = []
    doomed = [(job_id, dependant) for dependant in board.dependants.get(job_id, ())]
    seen: set[str] = set()
    while doomed:
        cause, job = doomed.pop()
        if job.spec.id in seen:
            continue
        seen.add(job.spec.id)
        events.append(dependency_failed(job.spec, job.epoch, cause, now))
        doomed += [(job.spec.id, d) for d in board.dependants.get(job.spec.id, ())]
    return events


def dependency_failed(spec: JobSpec, epoch: int, cause: str, now: Instant) -> e.JobClosed:
    """The end of a job that needed the result of `cause`."""
    failure = Failure(
        type="dependency",
        message=f"job {cause}, which this job needs, did not complete",
        retryable=False,
    )
    return e.JobClosed(
        spec.id, spec.seq, JobState.FAILED, epoch, now.at, failure=failure, sweep=spec.sweep
    )


def _backoff_s(job: Job) -> float:
    """1 s, 2 s, 4 s … at most a minute, spread by up to a half so that jobs do not return at once.

    The spread comes from the job's id: the core draws no random numbers.
    """
    spread = zlib.crc32(f"{job.spec.id}/{job.epoch}".encode()) / 2**32
    delay_s: float = min(BACKOFF_MOST_S, BACKOFF_FIRST_S * 2**job.failures)
    return delay_s * (0.5 + spread / 2)


def lost(board: Board, job: Job, now: Instant, why: str) -> list[e.Event]:
    """The attempt is lost: the job waits again, unless it was lost on too many nodes."""
    node_id = job.lease.node_id if job.lease else ""
    failure = Failure(type="lost", message=f"the attempt on {node_id} was lost: {why}")
    ended = end_attempt(job, AttemptEnd.LOST, now, failure=failure)
    lost_on = job.lost_on
    if _ran(board, job):
        lost_on = (*(n for n in lost_on if n != node_id), node_id)
    if len(lost_on) >= POISON_NODES:
        poison = Failure(
            type="poison",
            message=f"lost on {len(lost_on)} different nodes ({', '.join(lost_on)}): "
            "the job itself seems to end them",
            retryable=False,
        )
        return [ended, *failed(board, job, poison, now, node_id)]
    return [ended, e.JobRequeued(job.spec.id, job.spec.seq, job.failures, lost_on)]


def _ran(board: Board, job: Job) -> bool:
    """Whether the job was likely running, and not only queued, on the node that lost it.

    A node runs its leases in the order it got them, as many at once as it has slots. A job that
    only waited there cannot be what ended the node.
    """
    node = board.nodes.get(job.lease.node_id) if job.lease else None
    if node is None or node.capacity.slots is None:
        return True
    return job.spec.id in itertools.islice(node.leases, node.capacity.slots)
