"""Tick: what becomes due because time passed."""

from __future__ import annotations

from nexapod.core import commands as c
from nexapod.core import events as e
from nexapod.core.alarms import due
from nexapod.core.board import Board
from nexapod.core.commands import Instant
from nexapod.core.deciding.decision import Decision, once
from nexapod.core.deciding.ending import deadline_passed, lost

#: The sweeper being this late means the coordinator itself was away.
STALL_S = 5.0


def tick(board: Board, command: c.Tick, now: Instant) -> Decision:
    """Expire leases and deadlines, end back-offs; after a stall extend every lease, expire none.

    A job's own deadline is not extended: it is the submitter's, and runs on while the coordinator
    is away. It only waits for the next tick, so that a result already on its way is heard first.
    """
    events: list[e.Event] = []
    if command.gap_s > STALL_S:
        events.append(e.LeasesExtended(command.gap_s))
    else:
        overdue = {job.spec.id: job for job in board.overdue(now.mono_s)}
        for job in overdue.values():
            events += deadline_passed(board, job, now)
        for job in board.leased.values():
            if job.spec.id in overdue or job.lease is None:
                continue
            if job.lease.deadline_s <= now.mono_s:
                events += lost(board, job, now, "its lease ran out")
    over = due(board.delayed, now.mono_s)
    if over:
        events.append(e.JobsDue(tuple(job.spec.id for job in over)))
    return Decision(once(events), wait=False)
