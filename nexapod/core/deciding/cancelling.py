"""Cancel: an owner wants jobs no more."""

from __future__ import annotations

from nexapod import errors
from nexapod.core import commands as c
from nexapod.core import events as e
from nexapod.core.board import Board
from nexapod.core.commands import Instant
from nexapod.core.deciding.decision import Decision, Verdict, once
from nexapod.core.deciding.ending import cascade, end_attempt
from nexapod.core.states import AttemptEnd, JobState


def cancel(board: Board, command: c.Cancel, now: Instant) -> Decision:
    """Reply: one `Verdict` per job. A job that already ended keeps its end."""
    events: list[e.Event] = []
    reply: list[Verdict] = []
    wanted = dict.fromkeys(command.job_ids)
    for job_id in wanted:
        job = board.jobs.get(job_id)
        if job is None:
            closed = board.recent.get(job_id) or command.closed.get(job_id)
            if closed is None:
                missing = errors.NotFound("there is no job with this id")
                reply.append(Verdict(job_id, error=missing))
            else:
                reply.append(Verdict(job_id, closed.state, closed.state, closed.node_id))
            continue
        node_id = job.lease.node_id if job.lease else None
        if job.lease is not None:
            events.append(end_attempt(job, AttemptEnd.CANCELLED, now, tell_node=True))
        events.append(
            e.JobClosed(
                job_id,
                job.spec.seq,
                JobState.CANCELLED,
                job.epoch,
                now.at,
                node_id,
                sweep=job.spec.sweep,
            )
        )
        events += [event for event in cascade(board, job_id, now) if event.job_id not in wanted]
        reply.append(Verdict(job_id, JobState.CANCELLED, job.state, node_id))
    return Decision(once(events), reply)
