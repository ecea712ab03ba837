"""Decide what a command does to the board: pure, total, and the only place where that is decided.

``decide`` never changes the board. It returns the events that the shell makes durable and then
applies, and the reply to give once they are. A refused command raises, and nothing happens.
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from nexapod import errors
from nexapod.core import commands as c
from nexapod.core import events as e
from nexapod.core.board import Board, Job, Node
from nexapod.core.commands import Instant
from nexapod.core.records import AttemptReport, ClosedJob, Demand, Failure, JobSpec, LeasedJob
from nexapod.core.schedule import Room
from nexapod.core.states import AttemptEnd, JobState

#: A job lost on this many different nodes is taken to be what kills them.
POISON_NODES = 3
#: The sweeper being this late means the coordinator itself was away.
STALL_S = 5.0
#: How long over ``timeout_s`` a node may be before the coordinator steps in.
TIMEOUT_GRACE_S = 10.0
#: A job too big for what is free now has it reserved on that node after waiting so long.
RESERVE_AFTER_S = 30.0
BACKOFF_FIRST_S = 1.0
BACKOFF_MOST_S = 60.0


class Decision(msgspec.Struct, frozen=True):
    """What would happen, and what to answer.

    `reply` is one value per item for commands of many items (see each decider). `wait` False
    means that the reply depends on nothing that may not be on disk yet.
    """

    events: list[e.Event]
    reply: Any = None
    wait: bool = True


class Grant(msgspec.Struct, frozen=True):
    """The reply to `Acquire`."""

    jobs: list[LeasedJob]
    lease_s: float


class Verdict(msgspec.Struct, frozen=True):
    """The reply to one report or cancel: `error` is None when it took effect (or had before)."""

    job_id: str
    state: JobState | None = None
    was: JobState | None = None
    node_id: str | None = None
    error: errors.NexapodError | None = None


def decide(board: Board, command: c.Command, now: Instant) -> Decision:
    """What `command` does, at `now`.

    Raises
    ------
    NexapodError
        When the command is refused; the board stays as it is.
    """
    return _DECIDERS[type(command)](board, command, now)


def _once(events: list[e.Event]) -> list[e.Event]:
    """Drop the second end of a job that two others, ending at once, both bring down with them."""
    closed: set[str] = set()
    kept: list[e.Event] = []
    for event in events:
        if isinstance(event, e.JobClosed):
            if event.job_id in closed:
                continue
            closed.add(event.job_id)
        kept.append(event)
    return kept


# ── submit ───────────────────────────────────────────────────────────────────────────────────────


def _submit(board: Board, command: c.Submit, now: Instant) -> Decision:
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
        events.append(e.JobQueued(spec, order, waits_on))
        if broken is not None:
            doomed.add(order.id)
            events.append(_dependency_failed(spec, 0, broken, now))
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
        if needed in fresh or needed in board.jobs:
            waits_on.append(needed)
            continue
        done = board.recent.get(needed) or closed.get(needed)
        if done is None:
            raise errors.Invalid(
                "'after' names a job that this coordinator does not know; submit that job first"
            )
        if done.state is not JobState.COMPLETED:
            return (), needed
    return tuple(waits_on), None


def _dependency_failed(spec: JobSpec, epoch: int, cause: str, now: Instant) -> e.JobClosed:
    failure = Failure(
        type="dependency",
        message=f"job {cause}, which this job needs, did not complete",
        retryable=False,
    )
    return e.JobClosed(
        spec.id, spec.seq, JobState.FAILED, epoch, now.at, failure=failure, sweep=spec.sweep
    )


# ── nodes ────────────────────────────────────────────────────────────────────────────────────────


def _register(board: Board, command: c.Register, now: Instant) -> Decision:
    """Reply: the leases in `holding` that are no longer the node's."""
    record = command.record
    node = board.nodes.get(record.id)
    events: list[e.Event] = []
    held = set(command.holding or ())
    mine: set[tuple[str, int]] = set()
    if node is not None:
        record = msgspec.structs.replace(record, registered_at=node.record.registered_at)
        mine = {(job_id, job.epoch) for job_id, job in node.leases.items()}
        reborn = record.boot_id is not None and record.boot_id != node.record.boot_id
        if reborn:
            for job_id, _epoch in sorted(mine - held):
                events += _lost(board, board.jobs[job_id], now, "its node started anew")
    events.append(e.NodeRegistered(record, now.mono_s, now.at))
    for job_id, _epoch in sorted(held & mine):
        events.append(e.LeaseRenewed(job_id, now.mono_s + command.lease_s, 0.0))
    return Decision(_once(events), tuple(sorted(held - mine)))


def _known_node(board: Board, node_id: str) -> Node:
    node = board.nodes.get(node_id)
    if node is None:
        raise errors.NotFound(
            "this node is not registered; send POST /register first", action="register"
        )
    return node


def _acquire(board: Board, command: c.Acquire, now: Instant) -> Decision:
    """Reply: a `Grant`."""
    node = _known_node(board, command.node_id)
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
    demands = [
        d for d in board.queue.lines if d.kind in command.kinds and node.can_run(d)
    ]  # fmt: skip
    if not demands:
        return []
    picked: list[Job] = []
    room = Room(node.capacity, (job.spec.demand for job in node.leases.values()))
    most = min(command.max, _share(board, node)) if command.max > 1 else 1
    reserved: Demand | None = None
    for job in board.queue.first(demands):
        if len(picked) >= most or room.light_slots < 1:
            break
        demand: Demand = job.spec.demand
        if reserved is not None and reserved.cpus > 1 and room.cpus < demand.cpus:
            continue  # it would take a core that is kept
        if room.fits(demand):
            room.take(demand)
            picked.append(job)
        elif reserved is None and now.at - job.spec.created_at > RESERVE_AFTER_S:
            # It has waited long enough: what it needs is kept for it, and others share the rest.
            reserved = demand
            room.take(demand)
    return picked


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


def _renew(board: Board, command: c.Renew, now: Instant) -> Decision:
    """Reply: one (job id, epoch, "ok" | "cancel" | "lost") per lease."""
    node = _known_node(board, command.node_id)
    events: list[e.Event] = [e.NodeSeen(command.node_id, now.mono_s, now.at)]
    reply: list[tuple[str, int, str]] = []
    told: list[tuple[str, int]] = []
    for job_id, epoch, elapsed_s in command.leases:
        job = node.leases.get(job_id)
        if job is None or job.epoch != epoch:
            cancelled = (job_id, epoch) in node.cancels
            if cancelled:
                told.append((job_id, epoch))
            reply.append((job_id, epoch, "cancel" if cancelled else "lost"))
            continue
        timeout_s = job.spec.timeout_s
        if timeout_s is not None and elapsed_s > timeout_s + TIMEOUT_GRACE_S:
            failure = Failure(type="timeout", message=f"ran longer than timeout_s={timeout_s:g}")
            # The answer to this very heartbeat tells the node; there is nothing to keep for later.
            events += _attempt_failed(board, job, failure, now, run_s=elapsed_s)
            reply.append((job_id, epoch, "cancel"))
            continue
        events.append(e.LeaseRenewed(job_id, now.mono_s + command.lease_s, elapsed_s))
        reply.append((job_id, epoch, "ok"))
    if told:
        events.append(e.CancelsTold(command.node_id, tuple(told)))
    durable = any(not isinstance(event, e.MEMORY) for event in events)
    return Decision(_once(events), reply, wait=durable)


def _leave(board: Board, command: c.Leave, now: Instant) -> Decision:
    """Reply: how many leases went back."""
    node = _known_node(board, command.node_id)
    mine = {(job_id, job.epoch) for job_id, job in node.leases.items()}
    back = mine if command.release is None else mine & set(command.release)
    events: list[e.Event] = [e.NodeLeft(command.node_id, now.at)]
    for job_id, _epoch in sorted(back):
        events += _released(board.jobs[job_id], now)
    return Decision(events, len(back))


def _released(job: Job, now: Instant) -> list[e.Event]:
    return [
        _end(job, AttemptEnd.RELEASED, now),
        e.JobRequeued(job.spec.id, job.spec.seq, job.failures, job.lost_on),
    ]


def _end(
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
    )


# ── reports ──────────────────────────────────────────────────────────────────────────────────────


def _report(board: Board, command: c.Report, now: Instant) -> Decision:
    """Reply: one `Verdict` per report. A refused report does not spoil the others."""
    _known_node(board, command.node_id)
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
    return Decision(_once(events), reply)


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
    saved = (
        lease is None
        and report.end is AttemptEnd.COMPLETED
        and epoch == job.epoch
        and job.former == command.node_id
    )
    if saved and report.value is None:
        raise errors.Invalid("a completed attempt needs a value")
    if saved:
        return _completed(job, report, digest, command.node_id, now)
    raise errors.LeaseLost(
        "this job is not leased to this node under that epoch; drop the result and ask for a job"
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
    if closed.state is JobState.FAILED and report.end is AttemptEnd.FAILED and same_attempt:
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
            _end(job, AttemptEnd.COMPLETED, now, report=report),
            *_completed(job, report, digest, node_id, now),
        ]
    if report.end is AttemptEnd.FAILED:
        failure = report.failure or Failure(message="the node gave no reason")
        return _attempt_failed(board, job, failure, now, report=report)
    if report.end is AttemptEnd.LOST:
        return _lost(board, job, now, "its node reported it lost")
    # released, or killed for a cancel that the coordinator no longer knows of (it restarted)
    return _released(job, now)


def _completed(
    job: Job, report: AttemptReport, digest: bytes, node_id: str, now: Instant
) -> list[e.Event]:
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


def _attempt_failed(
    board: Board,
    job: Job,
    failure: Failure,
    now: Instant,
    *,
    report: AttemptReport | None = None,
    run_s: float | None = None,
) -> list[e.Event]:
    """The attempt failed: try again later if that can help and retries are left, else give up."""
    ended = _end(
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
    return [ended, *_failed(board, job, failure, now, node_id, ran)]


def _failed(
    board: Board,
    job: Job,
    failure: Failure,
    now: Instant,
    node_id: str | None,
    run_s: float | None = None,
) -> list[e.Event]:
    closed = e.JobClosed(
        job.spec.id, job.spec.seq, JobState.FAILED, job.epoch, now.at, node_id, run_s,
        failure=failure, sweep=job.spec.sweep,
    )  # fmt: skip
    return [closed, *_cascade(board, job.spec.id, now)]


def _cascade(board: Board, job_id: str, now: Instant) -> list[e.JobClosed]:
    """Everything that depends on `job_id`, directly or through others, fails with it."""
    events: list[e.JobClosed] = []
    doomed = [(job_id, dependant) for dependant in board.dependants.get(job_id, ())]
    seen: set[str] = set()
    while doomed:
        cause, job = doomed.pop()
        if job.spec.id in seen:
            continue
        seen.add(job.spec.id)
        events.append(_dependency_failed(job.spec, job.epoch, cause, now))
        doomed += [(job.spec.id, d) for d in board.dependants.get(job.spec.id, ())]
    return events


def _backoff_s(job: Job) -> float:
    """1 s, 2 s, 4 s … at most a minute, spread by up to a half so that jobs do not return at once.

    The spread comes from the job's id: the core draws no random numbers.
    """
    spread = zlib.crc32(f"{job.spec.id}/{job.epoch}".encode()) / 2**32
    delay_s: float = min(BACKOFF_MOST_S, BACKOFF_FIRST_S * 2**job.failures)
    return delay_s * (0.5 + spread / 2)


def _ran(board: Board, job: Job) -> bool:
    """Whether the job was likely running, and not only queued, on the node that lost it.

    A node runs its leases in the order it got them, as many at once as it has slots. A job that
    only waited there cannot be what ended the node.
    """
    node = board.nodes.get(job.lease.node_id) if job.lease else None
    if node is None or node.capacity.slots is None:
        return True
    return job.spec.id in itertools.islice(node.leases, node.capacity.slots)


def _lost(board: Board, job: Job, now: Instant, why: str) -> list[e.Event]:
    """The attempt is lost: the job waits again, unless it was lost on too many nodes."""
    node_id = job.lease.node_id if job.lease else ""
    failure = Failure(type="lost", message=f"the attempt on {node_id} was lost: {why}")
    ended = _end(job, AttemptEnd.LOST, now, failure=failure)
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
        return [ended, *_failed(board, job, poison, now, node_id)]
    return [ended, e.JobRequeued(job.spec.id, job.spec.seq, job.failures, lost_on)]


# ── cancel ───────────────────────────────────────────────────────────────────────────────────────


def _cancel(board: Board, command: c.Cancel, now: Instant) -> Decision:
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
            events.append(_end(job, AttemptEnd.CANCELLED, now, tell_node=True))
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
        events += [event for event in _cascade(board, job_id, now) if event.job_id not in wanted]
        reply.append(Verdict(job_id, JobState.CANCELLED, job.state, node_id))
    return Decision(_once(events), reply)


# ── time ─────────────────────────────────────────────────────────────────────────────────────────


def _tick(board: Board, command: c.Tick, now: Instant) -> Decision:
    """Expire leases and end back-offs; after a stall, extend every lease and expire none."""
    events: list[e.Event] = []
    if command.gap_s > STALL_S:
        events.append(e.LeasesExtended(command.gap_s))
    else:
        for job in board.leased.values():
            if job.lease is not None and job.lease.deadline_s <= now.mono_s:
                events += _lost(board, job, now, "its lease ran out")
    due = [
        job.spec.id
        for not_before_s, _, job in board.delayed
        if not_before_s <= now.mono_s
    ]  # fmt: skip
    if due:
        events.append(e.JobsDue(tuple(due)))
    return Decision(_once(events), wait=False)


_DECIDERS: dict[type[c.Command], Callable[[Board, Any, Instant], Decision]] = {
    c.Submit: _submit,
    c.Register: _register,
    c.Acquire: _acquire,
    c.Renew: _renew,
    c.Report: _report,
    c.Leave: _leave,
    c.Cancel: _cancel,
    c.Tick: _tick,
}


def dependencies(orders: Iterable[c.Order]) -> set[str]:
    """Every job that these orders need or might repeat: what the shell must look up."""
    needed: set[str] = set()
    for order in orders:
        needed.add(order.id)
        needed.update(order.after)
    return needed
