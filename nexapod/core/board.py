"""The board: every open job, every node, and what is in whose hands. `apply` alone changes it.

Finished jobs are not here: they live in the store, and only their count and the last few remain.
"""

from __future__ import annotations

import heapq
import itertools
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable

from nexapod.core import events as e
from nexapod.core import invariants
from nexapod.core.alarms import Alarms, due, sweep_out
from nexapod.core.job import Ended, Job, Lease
from nexapod.core.node import Node, unmatched
from nexapod.core.records import Capacity, ClosedJob, NodeView, OpenJob, Snapshot
from nexapod.core.schedule import Queue
from nexapod.core.states import TRANSITIONS, AttemptEnd, JobState

__all__ = ["BACKOFF_MOST_S", "Board", "Job", "Lease", "Node"]

#: Finished jobs remembered in memory, so that a repeat right after needs no look at the store.
RECENT = 10_000
#: Lines of waiting jobs that are looked at for why a node cannot run them.
SHOWN_LINES = 200
#: Why nodes cannot run what waits, by what they can give.
Unmatched = dict[Capacity, tuple[str, ...]]
#: The longest wait before another attempt.
BACKOFF_MOST_S = 60.0


class Board:
    """The state of the coordinator."""

    def __init__(self) -> None:
        self.jobs: dict[str, Job] = {}
        self.keys: dict[str, Job] = {}
        self.nodes: dict[str, Node] = {}
        self.leased: dict[str, Job] = {}
        self.dependants: dict[str, list[Job]] = {}
        self.delayed: Alarms = []
        self.deadlines: Alarms = []
        self.with_deadline = 0
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
            tally = snapshot.tallies.get(record.id, (0, 0, 0))
            node.completed, node.failed, node.lost = tally
            node.left = record.id in snapshot.draining
        self.counts.update(snapshot.counts)
        self.next_seq = snapshot.next_seq
        self.first_epoch = snapshot.first_epoch
        loaded = snapshot.jobs
        for stored in loaded:
            job = self.jobs[stored.spec.id] = Job.restored(stored)
            if stored.spec.key is not None:
                self.keys[stored.spec.key] = job
            if stored.spec.deadline_at is not None:
                # However far back the wall clock jumped, no more than the whole time is left.
                since = max(at, stored.spec.created_at)
                self._end_by(job, mono_s + stored.spec.deadline_at - since)
        self._hold_again(loaded, mono_s)
        for stored in loaded:
            job = self.jobs[stored.spec.id]
            self.counts[job.state] += 1
            if job.lease is None:
                self._wait_on(job, [d for d in stored.after if d in self.jobs])
                if job.waits_on is None:
                    left_s = 0.0 if stored.not_before_at is None else stored.not_before_at - at
                    left_s = min(left_s, BACKOFF_MOST_S)  # whatever the wall clock says
                    self._enqueue(job, mono_s + left_s if left_s > 0 else 0.0)

    def _hold_again(self, stored: Iterable[OpenJob], mono_s: float) -> None:
        """Every assigned job gets one full fresh lease, on its node in the order leased."""
        held = [one for one in stored if one.node_id is not None]
        held.sort(key=lambda one: (one.leased_at or 0.0, -one.spec.priority, one.spec.seq))
        for one in held:
            lease_s = one.lease_s or 0.0
            self._hold(
                self.jobs[one.spec.id],
                Lease(one.node_id or "", one.epoch, mono_s + lease_s, lease_s, one.request_id),
            )

    # ── events ───────────────────────────────────────────────────────────────────────────────────

    def apply(self, event: e.Event) -> None:
        """Make `event` so. The only mutator."""
        _APPLY[type(event)](self, event)

    def _queued(self, event: e.JobQueued) -> None:
        spec = event.spec
        self._allow(None, JobState.PENDING)
        job = Job(spec, event.order.submission, event.order.after, spec.first_epoch)
        self.jobs[spec.id] = job
        if spec.key is not None:
            self.keys[spec.key] = job
        self.next_seq = spec.seq + 1
        self.counts[JobState.PENDING] += 1
        if event.deadline_s is not None:
            self._end_by(job, event.deadline_s)
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
            job.ended = Ended(event.node_id, event.epoch, event.end)
            del self.leased[event.job_id]
            if node is not None:
                node.leases.pop(event.job_id, None)
                if event.tell_node and node.capacity.slots is not None:  # others never ask
                    node.cancels.add((event.job_id, event.epoch))
        if node is not None:
            node.completed += event.end is AttemptEnd.COMPLETED
            node.failed += event.end is AttemptEnd.FAILED
            node.lost += event.end is AttemptEnd.LOST

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
        if job.spec.deadline_at is not None:
            self.with_deadline -= 1
            sweep_out(self.deadlines, self.with_deadline, self._is_open)
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
        known.runnable.forget()

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

    def _end_by(self, job: Job, deadline_s: float) -> None:
        self.with_deadline += 1
        heapq.heappush(self.deadlines, (deadline_s, job.spec.seq, job))

    def _is_open(self, job: Job) -> bool:
        return self.jobs.get(job.spec.id) is job

    def _waits(self, job: Job) -> bool:
        """Whether a delayed job still wants its place in the queue."""
        return self._is_open(job) and job.lease is None and not job.queued

    def _move(self, before: JobState, after: JobState) -> None:
        self._allow(before, after)
        self.counts[before] -= 1
        self.counts[after] += 1

    def _allow(self, before: JobState | None, after: JobState) -> None:
        if (before, after) not in TRANSITIONS:
            raise AssertionError(f"{before} → {after} is not in the table of states")

    # ── reading ──────────────────────────────────────────────────────────────────────────────────

    def overdue(self, now_s: float) -> list[Job]:
        """The open jobs whose own deadline has passed, soonest first."""
        return [job for job in due(self.deadlines, now_s) if self._is_open(job)]

    def node_views(self, mono_s: float, known: Unmatched | None = None) -> list[NodeView]:
        """Every node as people see it, with the reasons why waiting jobs cannot run there.

        Nodes of one capacity have the same reasons; those in `known` are not looked for again,
        and others are put there.
        """
        lines = itertools.islice(self.queue.lines.items(), SHOWN_LINES)
        waiting = [(demand, len(line)) for demand, line in lines]
        known = {} if known is None else known
        views = []
        for node in self.nodes.values():
            reasons = known.get(node.capacity)
            if reasons is None:
                reasons = known[node.capacity] = unmatched(node.capacity, waiting)
            views.append(node.view(reasons, mono_s))
        return views

    # ── invariants ───────────────────────────────────────────────────────────────────────────────

    def check(self) -> None:
        """Raise AssertionError unless every invariant holds. O(n): for tests."""
        invariants.check(self)


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
    e.Audited: lambda board, event: None,
    e.TokenMade: lambda board, event: None,
    e.TokenRevoked: lambda board, event: None,
}
