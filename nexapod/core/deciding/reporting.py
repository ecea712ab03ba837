"""Reports: how a node says that attempts ended, and says it again."""

from __future__ import annotations

from nexapod import errors
from nexapod.core import commands as c
from nexapod.core import events as e
from nexapod.core.board import Board, Job
from nexapod.core.commands import Instant
from nexapod.core.deciding.decision import Decision, Verdict, once
from nexapod.core.deciding.ending import attempt_failed, completed, end_attempt, lost, released
from nexapod.core.deciding.registering import known_node
from nexapod.core.job import Ended
from nexapod.core.records import AttemptReport, ClosedJob, Failure
from nexapod.core.states import AttemptEnd, JobState


def report(board: Board, command: c.Report, now: Instant) -> Decision:
    """Reply: one `Verdict` per report. A refused report does not spoil the others."""
    known_node(board, command.node_id)
    events: list[e.Event] = [e.NodeSeen(command.node_id, now.mono_s, now.at)]
    reply: list[Verdict] = []
    seen: set[str] = set()
    for report, digest in zip(command.reports, command.digests, strict=True):
        try:
            if report.job_id in seen:
                raise errors.Conflict("this job is reported twice in one request")
            happened = _one_report(board, command, report, digest, now)
        except errors.NexapodError as error:
            reply.append(Verdict(report.job_id, error=error))
            continue
        seen.add(report.job_id)
        events += happened
        reply.append(Verdict(report.job_id))
    # Whoever reports a cancelled attempt has heard of it, or need not any more.
    done = {(r.job_id, r.epoch) for r in command.reports if r.epoch is not None}
    told = done & board.nodes[command.node_id].cancels
    if told:
        events.append(e.CancelsTold(command.node_id, tuple(sorted(told))))
    return Decision(once(events), reply)


def _one_report(
    board: Board, command: c.Report, report: AttemptReport, digest: bytes, now: Instant
) -> list[e.Event]:
    job = board.jobs.get(report.job_id)
    if job is None:
        closed = board.recent.get(report.job_id) or command.closed.get(report.job_id)
        _repeat(closed, command.node_id, report, digest)
        return []
    lease = job.lease
    epoch = job.epoch if report.epoch is None else report.epoch
    if lease is not None and lease.node_id == command.node_id and lease.epoch == epoch:
        return _ended_by_holder(board, job, report, digest, now)
    is_completed = report.end is AttemptEnd.COMPLETED
    if is_completed and job.former == command.node_id and epoch == job.epoch:
        if report.value is None:
            raise errors.Invalid("a completed attempt needs a value")
        return completed(job, report, digest, command.node_id, now)
    if not is_completed and _is_told_again(job.ended, command.node_id, report):
        return []
    raise errors.LeaseLost(
        "this job is not leased to this node under that epoch; drop the result and ask for a job"
    )


def _is_told_again(ended: Ended | None, node_id: str, report: AttemptReport) -> bool:
    """Whether that attempt is known to have ended so: the answer to the first telling was lost.

    That it was killed for a cancel may be told of any attempt that is over: it changes nothing.
    """
    return (
        ended is not None
        and ended.node_id == node_id
        and report.epoch in (None, ended.epoch)
        and report.end in (ended.end, AttemptEnd.CANCELLED)
    )


def _repeat(closed: ClosedJob | None, node_id: str, report: AttemptReport, digest: bytes) -> None:
    """Let a repeat of what is recorded pass; refuse everything else about a finished job."""
    if closed is None:
        raise errors.NotFound("there is no job with this id")
    if closed.state is JobState.CANCELLED:
        if report.end is AttemptEnd.CANCELLED:
            return
        raise errors.Gone("this job was cancelled; its result is not wanted")
    same_attempt = closed.node_id == node_id and report.epoch in (None, closed.epoch)
    if closed.state is JobState.COMPLETED and report.end is AttemptEnd.COMPLETED:
        if same_attempt and closed.digest == digest:
            return
        if same_attempt:
            raise errors.Conflict("another result of this attempt is already recorded")
    stopped = report.end in (AttemptEnd.FAILED, AttemptEnd.CANCELLED)
    if closed.state is JobState.FAILED and stopped and same_attempt:
        return
    raise errors.LeaseLost("this job already ended, by another attempt; drop this result")


def _ended_by_holder(
    board: Board, job: Job, report: AttemptReport, digest: bytes, now: Instant
) -> list[e.Event]:
    node_id = job.lease.node_id if job.lease else ""
    if report.end is AttemptEnd.COMPLETED:
        if report.value is None:
            raise errors.Invalid("a completed attempt needs a value")
        return [
            end_attempt(job, AttemptEnd.COMPLETED, now, report=report),
            *completed(job, report, digest, node_id, now),
        ]
    if report.end is AttemptEnd.FAILED:
        failure = report.failure or Failure(message="the node gave no reason")
        return attempt_failed(board, job, failure, now, report=report)
    if report.end is AttemptEnd.LOST:
        return lost(board, job, now, "its node reported it lost")
    # released, or killed for a cancel that the coordinator no longer knows of (it restarted)
    return released(job, now)
