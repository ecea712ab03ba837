"""The board: every open job, every node, and what is in whose hands. `apply` alone changes it.

Finished jobs are not here: they live in the store, and only their count and the last few remain.
"""

from __future__ import annotations

import heapq
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable

from nexapod.core import events as e
from nexapod.core.records import (
    Capacity,
    ClosedJob,
    Demand,
    JobSpec,
    NodeRecord,
    NodeView,
    Snapshot,
)
from nexapod.core.schedule import Queue, why_not
from nexapod.core.states import FINAL, TRANSITIONS, AttemptEnd, JobState, NodeState

#: Finished jobs remembered in memory, so that a repeat right after needs no look at the store.
RECENT = 10_000
SUSPECT_AFTER_S = 45.0
LOST_AFTER_S = 120.0


class Lease:
    """A job in a node's hands. A job without one is pending: there is no third way to write it."""

    __slots__ = ("deadline_s", "elapsed_s", "epoch", "lease_s", "node_id", "request_id")

    def __init__(
        self, node_id: str, epoch: int, deadline_s: float, lease_s: float, request_id: str | None
    ) -> None:
        self.node_id = node_id
        self.epoch = epoch
        self.deadline_s = deadline_s
        self.lease_s = lease_s
        self.request_id = request_id
        self.elapsed_s: float = 0.0


class Job:
    """An open job."""

    __slots__ = (
        "after",
        "epoch",
        "failures",
        "former",
        "lease",
        "lost_on",
        "queued",
        "spec",
        "submission",
        "waits_on",
    )

    def __init__(self, spec: JobSpec, submission: bytes, after: tuple[str, ...]) -> None:
        self.spec = spec
        self.submission = submission
        self.after = after
        self.waits_on: set[str] | None = None
        self.epoch = spec.first_epoch
        self.failures = 0
        self.lost_on: tuple[str, ...] = ()
        # The node whose lease on it ran out last, while nobody had it since: it may save its work.
        self.former: str | None = None
        self.lease: Lease | None = None
        self.queued = False

    @property
    def state(self) -> JobState:
        """Pending or assigned."""
        return JobState.PENDING if self.lease is None else JobState.ASSIGNED


class Node:
    """A registered node."""

    __slots__ = ("cancels", "completed", "failed", "fits", "last_seen_at", "last_seen_s", "leases",
                 "left", "record")  # fmt: skip

    def __init__(self, record: NodeRecord, mono_s: float, at: float) -> None:
        self.record = record
        self.last_seen_s = mono_s
        self.last_seen_at = at
        self.leases: dict[str, Job] = {}
        self.cancels: set[tuple[str, int]] = set()
        self.left = False
        self.completed = 0
        self.failed = 0
        self.fits: dict[Demand, bool] = {}

    @property
    def capacity(self) -> Capacity:
        """What it can give."""
        return self.record.capacity

    def can_run(self, demand: Demand) -> bool:
        """Whether the node could ever run such a job (cached until it registers anew)."""
        known = self.fits.get(demand)
        if known is None:
            if len(self.fits) > 10_000:
                self.fits.clear()
            known = self.fits[demand] = why_not(self.capacity, demand) is None
        return known

    def state(self, mono_s: float) -> NodeState:
        """How the node is, judged by when it was last heard of.

        A node holding a live lease is at worst suspect: a plain node says nothing while it works.
        """
        if self.left:
            return NodeState.DRAINING if self.leases else NodeState.LEFT
        silent_s = mono_s - self.last_seen_s
        if silent_s <= SUSPECT_AFTER_S:
            return NodeState.ONLINE
        if silent_s <= LOST_AFTER_S or self.leases:
            return NodeState.SUSPECT
        return NodeState.LOST


class Board:
    """The state of the coordinator."""

    def __init__(self) -> None:
        self.jobs: dict[str, Job] = {}
        self.keys: dict[str, Job] = {}
        self.nodes: dict[str, Node] = {}
        self.leased: dict[str, Job] = {}
        self.dependants: dict[str, list[Job]] = {}
        self.delayed: list[tuple[float, int, Job]] = []
        self.queue = Queue()
        self.recent: OrderedDict[str, ClosedJob] = OrderedDict()
        self.recent_keys: dict[str, ClosedJob] = {}
        self.counts: Counter[JobState] = Counter()
        self.next_seq = 1
        self.first_epoch = 0

    # ── loading ──────────────────────────────────────────────────────────────────────────────────

    def restore(self, snapshot: Snapshot, mono_s: float, at: float) -> None:
        """Fill an empty board from the store. Every assigned job gets one full fresh lease.

        Parameters
        ----------
        snapshot
            What the store holds.
        mono_s, at
            Now.
        """
        for record in snapshot.nodes:
            node = self.nodes[record.id] = Node(record, mono_s, at)
            node.completed, node.failed = snapshot.tallies.get(record.id, (0, 0))
            node.left = record.id in snapshot.draining
        self.counts.update(snapshot.counts)
        self.next_seq = snapshot.next_seq
        self.first_epoch = snapshot.first_epoch
        loaded = snapshot.jobs
        for stored in loaded:
            job = Job(stored.spec, stored.submission, stored.after)
            job.epoch, job.failures, job.lost_on = stored.epoch, stored.failures, stored.lost_on
            job.former = stored.former
            self.jobs[stored.spec.id] = job
            if stored.spec.key is not None:
                self.keys[stored.spec.key] = job
            if stored.node_id is not None:
                lease_s = stored.lease_s or 0.0
                self._hold(
                    job,
                    Lease(stored.node_id, job.epoch, mono_s + lease_s, lease_s, stored.request_id),
                )
            self.counts[job.state] += 1
        for stored in loaded:
            job = self.jobs[stored.spec.id]
            if job.lease is None:
                self._wait_on(job, [d for d in stored.after if d in self.jobs])
                if job.waits_on is None:
                    delay_s = (stored.not_before_at or 0.0) - at
                    self._enqueue(job, mono_s + delay_s if delay_s > 0 else 0.0)

    # ── events ───────────────────────────────────────────────────────────────────────────────────

    def apply(self, event: e.Event) -> None:
        """Make `event` so. The only mutator."""
        _APPLY[type(event)](self, event)

    def _queued(self, event: e.JobQueued) -> None:
        spec = event.spec
        self._allow(None, JobState.PENDING)
        job = Job(spec, event.order.submission, event.order.after)
        self.jobs[spec.id] = job
        if spec.key is not None:
            self.keys[spec.key] = job
        self.next_seq = spec.seq + 1
        self.counts[JobState.PENDING] += 1
        self._wait_on(job, event.waits_on)
        if job.waits_on is None:
            self.queue.add(job)

    def _leased(self, event: e.JobLeased) -> None:
        job = self.jobs[event.job_id]
        self._move(job.state, JobState.ASSIGNED)
        if event.epoch != job.epoch + 1 or not job.queued:
            raise AssertionError(
                f"epoch {event.epoch} of {event.job_id} does not follow {job.epoch}"
            )
        self.queue.discard(job)
        job.epoch = event.epoch
        job.former = None
        self._hold(
            job,
            Lease(event.node_id, event.epoch, event.deadline_s, event.lease_s, event.request_id),
        )

    def _ended(self, event: e.AttemptEnded) -> None:
        job = self.jobs[event.job_id]
        lease = job.lease
        node = self.nodes.get(event.node_id)
        if lease is not None:
            self._move(JobState.ASSIGNED, JobState.PENDING)
            job.lease = None
            job.former = event.node_id if event.end is AttemptEnd.LOST else None
            del self.leased[event.job_id]
            if node is not None:
                node.leases.pop(event.job_id, None)
                if event.tell_node and node.capacity.slots is not None:  # others never ask
                    node.cancels.add((event.job_id, event.epoch))
        if node is not None:
            node.completed += event.end is AttemptEnd.COMPLETED
            node.failed += event.end in (AttemptEnd.FAILED, AttemptEnd.LOST)

    def _requeued(self, event: e.JobRequeued) -> None:
        job = self.jobs[event.job_id]
        if job.lease is not None:
            raise AssertionError(f"{event.job_id} is still in a node's hands")
        job.failures, job.lost_on = event.failures, event.lost_on
        self._enqueue(job, event.not_before_s)

    def _closed(self, event: e.JobClosed) -> None:
        job = self.jobs.pop(event.job_id)
        if job.lease is not None:
            raise AssertionError(f"{event.job_id} is still in a node's hands")
        self._move(JobState.PENDING, event.state)
        if job.spec.key is not None:
            self.keys.pop(job.spec.key, None)
        if job.queued:
            self.queue.discard(job)
        for needed in job.waits_on or ():
            self.dependants[needed].remove(job)
        for dependant in self.dependants.pop(event.job_id, ()):
            waits_on = dependant.waits_on
            if waits_on is not None:
                waits_on.discard(event.job_id)
                if not waits_on and event.state is JobState.COMPLETED:
                    dependant.waits_on = None
                    self.queue.add(dependant)
        closed = ClosedJob(
            event.job_id,
            event.state,
            event.epoch,
            event.node_id,
            event.digest,
            job.submission,
            job.spec.key,
            job.spec.owner,
        )
        self.recent[event.job_id] = closed
        if job.spec.key is not None:
            self.recent_keys[job.spec.key] = closed
        if len(self.recent) > RECENT:
            _, oldest = self.recent.popitem(last=False)
            if oldest.key is not None:
                self.recent_keys.pop(oldest.key, None)

    def _due(self, event: e.JobsDue) -> None:
        due = set(event.job_ids)
        while self.delayed and self.delayed[0][2].spec.id in due:
            job = heapq.heappop(self.delayed)[2]
            if self._waits(job):
                self.queue.add(job)

    def _renewed(self, event: e.LeaseRenewed) -> None:
        lease = self.jobs[event.job_id].lease
        if lease is not None:
            lease.deadline_s = event.deadline_s
            lease.elapsed_s = event.elapsed_s

    def _extended(self, event: e.LeasesExtended) -> None:
        for job in self.leased.values():
            if job.lease is not None:
                job.lease.deadline_s += event.gap_s
        for node in self.nodes.values():
            node.last_seen_s += event.gap_s

    def _registered(self, event: e.NodeRegistered) -> None:
        known = self.nodes.get(event.record.id)
        if known is None:
            self.nodes[event.record.id] = Node(event.record, event.mono_s, event.at)
            return
        if event.record.boot_id != known.record.boot_id:
            known.cancels.clear()  # the new boot knows nothing of what the old one ran
        known.record = event.record
        known.last_seen_s, known.last_seen_at = event.mono_s, event.at
        known.left = False
        known.fits.clear()

    def _seen(self, event: e.NodeSeen) -> None:
        node = self.nodes[event.node_id]
        node.last_seen_s, node.last_seen_at = event.mono_s, event.at

    def _left(self, event: e.NodeLeft) -> None:
        self.nodes[event.node_id].left = True

    def _told(self, event: e.CancelsTold) -> None:
        self.nodes[event.node_id].cancels.difference_update(event.leases)

    # ── parts of those ───────────────────────────────────────────────────────────────────────────

    def _hold(self, job: Job, lease: Lease) -> None:
        job.lease = lease
        self.leased[job.spec.id] = job
        node = self.nodes.get(lease.node_id)
        if node is not None:
            node.leases[job.spec.id] = job

    def _wait_on(self, job: Job, needed: Iterable[str]) -> None:
        waits_on = set(needed)
        if waits_on:
            job.waits_on = waits_on
            for job_id in waits_on:
                self.dependants.setdefault(job_id, []).append(job)

    def _enqueue(self, job: Job, not_before_s: float) -> None:
        if not_before_s:
            heapq.heappush(self.delayed, (not_before_s, job.spec.seq, job))
        else:
            self.queue.add(job)

    def _waits(self, job: Job) -> bool:
        """Whether a delayed job still wants its place in the queue."""
        return self.jobs.get(job.spec.id) is job and job.lease is None and not job.queued

    def _move(self, before: JobState, after: JobState) -> None:
        self._allow(before, after)
        self.counts[before] -= 1
        self.counts[after] += 1

    def _allow(self, before: JobState | None, after: JobState) -> None:
        if (before, after) not in TRANSITIONS:
            raise AssertionError(f"{before} → {after} is not in the table of states")

    # ── reading ──────────────────────────────────────────────────────────────────────────────────

    def closed(self, job_id: str) -> ClosedJob | None:
        """A recently finished job."""
        return self.recent.get(job_id)

    def node_views(self, mono_s: float) -> list[NodeView]:
        """Every node as people see it, with the reasons why waiting jobs cannot run there."""
        demands = [(demand, len(line)) for demand, line in self.queue.lines.items()]
        return [self._node_view(node, demands, mono_s) for node in self.nodes.values()]

    def _node_view(self, node: Node, demands: list[tuple[Demand, int]], mono_s: float) -> NodeView:
        reasons: Counter[str] = Counter()
        for demand, count in demands[:200]:
            if not node.can_run(demand):
                reasons[why_not(node.capacity, demand) or ""] += count
        unmatched = tuple(
            f"{count} waiting {'job' if count == 1 else 'jobs'}: {reason}"
            for reason, count in reasons.most_common(3)
        )
        running = sum(1 for job in node.leases.values() if job.lease and job.lease.elapsed_s >= 0)
        slots = node.capacity.slots
        return NodeView(
            node.record,
            node.state(mono_s),
            len(node.leases),
            running if slots is None else min(running, slots),
            node.last_seen_at,
            node.completed,
            node.failed,
            unmatched,
        )

    # ── invariants ───────────────────────────────────────────────────────────────────────────────

    def check(self) -> None:
        """Raise AssertionError unless every invariant holds. O(n): for tests."""
        held = {job_id for node in self.nodes.values() for job_id in node.leases}
        assigned = {job_id for job_id, job in self.jobs.items() if job.lease is not None}
        assert held == assigned == set(self.leased), "leases on nodes and on jobs agree"
        delayed = {id(job) for _, _, job in self.delayed}
        waiting = 0
        for job_id, job in self.jobs.items():
            assert job.spec.id == job_id
            if job.lease is not None:
                assert not job.queued, f"{job_id} is both leased and queued"
                assert job.lease.epoch == job.epoch, f"{job_id} is leased under another epoch"
                assert self.nodes[job.lease.node_id].leases[job_id] is job
                continue
            waiting += job.queued
            places = job.queued + (job.waits_on is not None) + (id(job) in delayed)
            assert places == 1, (
                f"{job_id} waits in {places} places: it would never be run, or twice"
            )
            if job.waits_on is not None:
                assert job.waits_on, f"{job_id} waits on nothing"
                assert all(job in self.dependants[d] for d in job.waits_on)
                assert all(d in self.jobs for d in job.waits_on), f"{job_id} waits for a closed job"
        in_line = [job for line in self.queue.lines.values() for job in line]
        assert len(in_line) == len({id(j) for j in in_line}) == waiting == len(self.queue)
        for line in self.queue.lines.values():
            ranks = [(-j.spec.priority, j.spec.seq) for j in line]
            assert ranks == sorted(ranks), "each line is in order"
        assert self.counts[JobState.PENDING] == len(self.jobs) - len(assigned)
        assert self.counts[JobState.ASSIGNED] == len(assigned)
        assert all(closed.state in FINAL for closed in self.recent.values())
        assert not set(self.recent) & set(self.jobs), "a finished job is open again"


_APPLY: dict[type[e.Event], Callable[[Board, e.Event], None]] = {
    e.JobQueued: Board._queued,  # type: ignore[dict-item]
    e.JobLeased: Board._leased,  # type: ignore[dict-item]
    e.AttemptEnded: Board._ended,  # type: ignore[dict-item]
    e.JobRequeued: Board._requeued,  # type: ignore[dict-item]
    e.JobClosed: Board._closed,  # type: ignore[dict-item]
    e.JobsDue: Board._due,  # type: ignore[dict-item]
    e.LeaseRenewed: Board._renewed,  # type: ignore[dict-item]
    e.LeasesExtended: Board._extended,  # type: ignore[dict-item]
    e.NodeRegistered: Board._registered,  # type: ignore[dict-item]
    e.NodeSeen: Board._seen,  # type: ignore[dict-item]
    e.NodeLeft: Board._left,  # type: ignore[dict-item]
    e.CancelsTold: Board._told,  # type: ignore[dict-item]
}
