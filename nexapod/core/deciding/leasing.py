"""Leases: who gets which job, and for how long."""

from __future__ import annotations

from collections.abc import Container, Generator

from nexapod.core import commands as c
from nexapod.core import events as e
from nexapod.core.board import Board, Job, Node
from nexapod.core.commands import Instant
from nexapod.core.deciding.decision import Decision, Grant, once
from nexapod.core.deciding.ending import attempt_failed
from nexapod.core.deciding.registering import known_node
from nexapod.core.records import Demand, Failure, LeasedJob
from nexapod.core.schedule import Room

#: How long over ``timeout_s`` a node may be before the coordinator steps in.
TIMEOUT_GRACE_S = 10.0
#: A job too big for what is free now has it reserved on that node after waiting so long.
RESERVE_AFTER_S = 30.0


def acquire(board: Board, command: c.Acquire, now: Instant) -> Decision:
    """Reply: a `Grant`."""
    node = known_node(board, command.node_id)
    seen = e.NodeSeen(command.node_id, now.mono_s, now.at)
    if command.request_id is not None:
        again = [
            job
            for job in node.leases.values()
            if job.lease is not None and job.lease.request_id == command.request_id
        ]
        if again:
            lease_s = again[0].lease.lease_s if again[0].lease else 0.0
            return Decision([seen], Grant([_handed(job, job.epoch) for job in again], lease_s))
    if node.left or not len(board.queue):
        return Decision([seen], Grant([], command.lease_s or command.default_lease_s), wait=False)
    events: list[e.Event] = [seen]
    jobs: list[LeasedJob] = []
    lease_s = command.lease_s or command.default_lease_s
    for job in _pick(board, node, command, now):
        lease_s = command.lease_s or job.spec.timeout_s or command.default_lease_s
        epoch = job.epoch + 1
        events.append(
            e.JobLeased(
                job.spec.id,
                job.spec.seq,
                epoch,
                command.node_id,
                now.at,
                lease_s,
                now.mono_s + lease_s,
                command.request_id,
            )
        )
        jobs.append(_handed(job, epoch))
    return Decision(events, Grant(jobs, lease_s), wait=bool(jobs))


def _handed(job: Job, epoch: int) -> LeasedJob:
    return LeasedJob(job.spec.seq, job.spec.id, epoch, job.spec, job.after)


def _pick(board: Board, node: Node, command: c.Acquire, now: Instant) -> list[Job]:
    """The jobs to hand out: best first, as many as fit and were asked for, no more than a share.

    The share keeps a node that asks for many from emptying a short queue while others are idle.
    """
    picked: list[Job] = []
    room = Room(node.capacity, (job.spec.demand for job in node.leases.values()))
    most = min(command.max, _share(board, node)) if command.max > 1 else 1
    reserved: Demand | None = None
    waiting = _waiting(board, node, command.kinds)
    for job in waiting:
        if len(picked) >= most or room.light_slots < 1:
            break
        demand: Demand = job.spec.demand
        if reserved is not None and reserved.cpus > 1 and room.cpus < demand.cpus:
            continue  # it would take a core that is kept
        if room.fits(demand):
            room.take(demand)
            picked.append(job)
        elif reserved is None and now.at - job.spec.created_at > RESERVE_AFTER_S:
            # It has waited long enough: what it needs is kept for it, others share the rest.
            reserved = demand
            room.take(demand)
    waiting.close()  # before the queue changes
    return picked


def _waiting(board: Board, node: Node, kinds: Container[str]) -> Generator[Job, None, None]:
    """Waiting jobs of these kinds that the node can run, best first."""
    lines = board.queue.lines
    if len(lines) > 1:
        return node.runnable.first(board.queue, kinds, node.can_run)
    # Mostly all jobs are alike: then there is nothing to choose between.
    fitting = [ln for ln in lines.values() if ln.demand.kind in kinds and node.can_run(ln.demand)]
    return (job for line in fitting for job in line)


def _share(board: Board, node: Node) -> int:
    """A node's fair part of what waits, at least its free slots.

    Half of an even split, so that the rest of the queue is dealt out as nodes come back for it
    and the last jobs end close together.
    """
    slots = node.capacity.slots
    if slots is None:
        return 1_000_000
    free = max(1, slots - len(node.leases))
    total = sum(
        n.capacity.slots or 1 for n in board.nodes.values() if not n.left
    ) if len(board.nodes) <= 64 else slots * len(board.nodes)  # fmt: skip
    return max(free, len(board.queue) * slots // max(1, 2 * total))


def renew(board: Board, command: c.Renew, now: Instant) -> Decision:
    """Reply: one (job id, epoch, "ok" | "cancel" | "lost") per lease."""
    node = known_node(board, command.node_id)
    events: list[e.Event] = [e.NodeSeen(command.node_id, now.mono_s, now.at)]
    reply: list[tuple[str, int, str]] = []
    told: list[tuple[str, int]] = []
    over: set[str] = set()
    for job_id, epoch, elapsed_s in command.leases:
        job = node.leases.get(job_id)
        if job is None or job.epoch != epoch:
            cancelled = (job_id, epoch) in node.cancels
            if cancelled:
                told.append((job_id, epoch))
            reply.append((job_id, epoch, "cancel" if cancelled else "lost"))
            continue
        if job_id in over:  # a lease may be named twice, but it ends once
            reply.append((job_id, epoch, "cancel"))
            continue
        timeout_s = job.spec.timeout_s
        if timeout_s is not None and elapsed_s > timeout_s + TIMEOUT_GRACE_S:
            failure = Failure(type="timeout", message=f"ran longer than timeout_s={timeout_s:g}")
            # The answer to this very heartbeat tells the node; there is nothing to keep for later.
            events += attempt_failed(board, job, failure, now, run_s=elapsed_s)
            over.add(job_id)
            reply.append((job_id, epoch, "cancel"))
            continue
        events.append(e.LeaseRenewed(job_id, now.mono_s + command.lease_s, elapsed_s))
        reply.append((job_id, epoch, "ok"))
    if told:
        events.append(e.CancelsTold(command.node_id, tuple(told)))
    durable = any(not isinstance(event, e.MEMORY) for event in events)
    return Decision(once(events), reply, wait=durable)
