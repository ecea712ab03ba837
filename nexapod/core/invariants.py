"""What is true of every board at every moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nexapod.core.states import FINAL, JobState

if TYPE_CHECKING:
    from nexapod.core.board import Board


def check(board: Board) -> None:
    """Raise AssertionError unless every invariant holds. O(n): for tests."""
    held = {job_id for node in board.nodes.values() for job_id in node.leases}
    assigned = {job_id for job_id, job in board.jobs.items() if job.lease is not None}
    assert held == assigned == set(board.leased), "leases on nodes and on jobs agree"
    delayed = {id(job) for _, _, job in board.delayed}
    waiting = 0
    for job_id, job in board.jobs.items():
        assert job.spec.id == job_id
        if job.lease is not None:
            assert not job.queued, f"{job_id} is both leased and queued"
            assert job.lease.epoch == job.epoch, f"{job_id} is leased under another epoch"
            assert board.nodes[job.lease.node_id].leases[job_id] is job
            continue
        waiting += job.queued
        places = job.queued + (job.waits_on is not None) + (id(job) in delayed)
        assert places == 1, f"{job_id} waits in {places} places: it would never be run, or twice"
        if job.waits_on is not None:
            assert job.waits_on, f"{job_id} waits on nothing"
            assert all(job in board.dependants[d] for d in job.waits_on)
            assert all(d in board.jobs for d in job.waits_on), f"{job_id} waits for a closed job"
    timed = {job_id for job_id, job in board.jobs.items() if job.spec.deadline_at is not None}
    alarms = [job.spec.id for _, _, job in board.deadlines if board.jobs.get(job.spec.id) is job]
    assert len(alarms) == len(timed) == board.with_deadline, "each deadline is kept once"
    assert set(alarms) == timed, "each deadline is kept"
    in_line = [job for line in board.queue.lines.values() for job in line]
    assert len(in_line) == len({id(j) for j in in_line}) == waiting == len(board.queue)
    for line in board.queue.lines.values():
        ranks = [(-j.spec.priority, j.spec.seq) for j in line]
        assert ranks == sorted(ranks), "each line is in order"
    assert board.counts[JobState.PENDING] == len(board.jobs) - len(assigned)
    assert board.counts[JobState.ASSIGNED] == len(assigned)
    assert all(closed.state in FINAL for closed in board.recent.values())
    assert not set(board.recent) & set(board.jobs), "a finished job is open again"
