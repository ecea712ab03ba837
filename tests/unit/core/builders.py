"""A board with a clock that only tests turn, and a ledger of everything that happened to it."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec

from nexapod import errors
from nexapod.core import board as boards
from nexapod.core import commands as c
from nexapod.core import decide as deciding
from nexapod.core import events as e
from nexapod.core.records import (
    AttemptReport,
    Capacity,
    ClosedJob,
    Demand,
    Failure,
    NodeRecord,
    OpenJob,
    Snapshot,
    Value,
)
from nexapod.core.states import AttemptEnd, JobState

NOW = 1_760_000_000.0
LEASE_S = 60.0
KINDS = ("data", "function")
GB = 1_000_000_000


def digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def order(job_id: str, demand: Demand | None = None, body: str | None = None, **more: Any) -> Any:
    """An order whose body is `body`, its id when not given."""
    text = f"{job_id}" if body is None else body
    return c.Order(job_id, demand or Demand(), digest(f"body of {text}"), b'{"n": 1}', **more)


def record(node_id: str, boot_id: str | None = "boot-1", **capacity: Any) -> NodeRecord:
    capacity = {"slots": 2, "cpus": 8.0, "memory_bytes": 16 * GB, "kinds": KINDS, **capacity}
    return NodeRecord(node_id, b'{"os": "Linux"}', Capacity(**capacity), boot_id, NOW)


def value(text: str = "1") -> Value:
    return Value("json", len(text), text.encode())


def completed(job_id: str, epoch: int | None, text: str = "1") -> AttemptReport:
    return AttemptReport(job_id, epoch, AttemptEnd.COMPLETED, value(text), run_s=1.0)


def failed(job_id: str, epoch: int | None, **failure: Any) -> AttemptReport:
    failure = {"type": "exception", "message": "ValueError: no", **failure}
    return AttemptReport(job_id, epoch, AttemptEnd.FAILED, failure=Failure(**failure))


def portrait(board: boards.Board) -> dict[str, Any]:
    """Everything a board holds, deeply, in plain values (less the cache of who can run what)."""
    return {
        "jobs": {
            job_id: (
                job.spec, job.submission, job.after, job.epoch, job.failures, job.lost_on,
                job.ended, job.queued, None if job.waits_on is None else frozenset(job.waits_on),
                _lease(job.lease),
            )
            for job_id, job in board.jobs.items()
        },
        "keys": {key: job.spec.id for key, job in board.keys.items()},
        "nodes": {
            node_id: (
                node.record, node.last_seen_s, node.last_seen_at, tuple(node.leases),
                frozenset(node.cancels), node.left, node.completed, node.failed, node.lost,
            )
            for node_id, node in board.nodes.items()
        },
        "leased": tuple(board.leased),
        "dependants": {k: tuple(j.spec.id for j in v) for k, v in board.dependants.items()},
        "delayed": tuple((at, seq, job.spec.id) for at, seq, job in board.delayed),
        "deadlines": tuple((at, seq, job.spec.id) for at, seq, job in board.deadlines),
        "with_deadline": board.with_deadline,
        "queue": {d: tuple(j.spec.id for j in line) for d, line in board.queue.lines.items()},
        "waiting": len(board.queue),
        "recent": dict(board.recent),
        "recent_keys": dict(board.recent_keys),
        "counts": {state: board.counts[state] for state in JobState},
        "next_seq": board.next_seq,
    }  # fmt: skip


def _lease(lease: boards.Lease | None) -> tuple[Any, ...] | None:
    if lease is None:
        return None
    return (
        lease.node_id, lease.epoch, lease.deadline_s, lease.lease_s, lease.request_id,
        lease.elapsed_s,
    )  # fmt: skip


class Ledger:
    """What a store would remember, and what must never be seen in it."""

    def __init__(self) -> None:
        self.queued: dict[str, e.JobQueued] = {}
        self.epochs: dict[str, int] = {}
        self.holders: dict[str, e.JobLeased] = {}
        self.setbacks: dict[str, e.JobRequeued] = {}
        self.closed: dict[str, e.JobClosed] = {}
        self.ended: dict[str, e.AttemptEnded] = {}
        self.keys: dict[str, str] = {}
        self.nodes: dict[str, NodeRecord] = {}
        self.draining: set[str] = set()
        self.tallies: dict[str, tuple[int, int, int]] = {}

    def record(self, event: e.Event) -> None:
        """Write `event` down, or refuse what can never be true."""
        if isinstance(event, e.JobQueued):
            assert event.spec.id not in self.queued, f"{event.spec.id} was accepted twice"
            self.queued[event.spec.id] = event
            if event.spec.key is not None:
                assert event.spec.key not in self.keys, f"two jobs under the key {event.spec.key}"
                self.keys[event.spec.key] = event.spec.id
        elif isinstance(event, e.JobLeased):
            assert event.job_id not in self.closed, f"{event.job_id} was leased after its end"
            assert event.job_id not in self.holders, f"{event.job_id} is in two nodes' hands"
            assert event.epoch > self.epochs.get(event.job_id, 0), (
                f"an epoch of {event.job_id} again"
            )
            self.epochs[event.job_id] = event.epoch
            self.holders[event.job_id] = event
            self.ended.pop(event.job_id, None)
        elif isinstance(event, e.AttemptEnded):
            held = self.holders.pop(event.job_id)
            assert (held.node_id, held.epoch) == (event.node_id, event.epoch), "another's attempt"
            self.ended[event.job_id] = event
            good, bad, lost = self.tallies.get(event.node_id, (0, 0, 0))
            good += event.end is AttemptEnd.COMPLETED
            bad += event.end is AttemptEnd.FAILED
            lost += event.end is AttemptEnd.LOST
            self.tallies[event.node_id] = (good, bad, lost)
        elif isinstance(event, e.JobRequeued):
            self.setbacks[event.job_id] = event
        elif isinstance(event, e.JobClosed):
            assert event.job_id in self.queued, f"{event.job_id} ended and was never accepted"
            assert event.job_id not in self.closed, f"{event.job_id} ended twice"
            assert event.job_id not in self.holders, f"{event.job_id} ended in a node's hands"
            self.closed[event.job_id] = event
        elif isinstance(event, e.NodeRegistered):
            self.nodes[event.record.id] = event.record
            self.draining.discard(event.record.id)
        elif isinstance(event, e.NodeLeft):
            self.draining.add(event.node_id)

    def closed_job(self, job_id: str) -> ClosedJob | None:
        """The finished job, as the store would give it."""
        end = self.closed.get(job_id)
        if end is None:
            return None
        submission = self.queued[job_id].order.submission
        return ClosedJob(job_id, end.state, end.epoch, end.node_id, end.digest, submission)

    def closed_for(self, orders: Iterable[c.Order]) -> dict[str, ClosedJob]:
        """What a shell looks up for a submission."""
        found = {}
        for order in orders:
            for job_id in (order.id, *order.after):
                found[job_id] = self.closed_job(job_id)
            if order.key is not None:
                found[f"key:{order.key}"] = self.closed_job(self.keys.get(order.key, ""))
        return {name: closed for name, closed in found.items() if closed is not None}

    def snapshot(self, next_seq: int) -> Snapshot:
        """What a board is restored from."""
        ends = Counter(end.state for end in self.closed.values())
        return Snapshot(
            self.open_jobs(),
            list(self.nodes.values()),
            frozenset(self.draining),
            dict(ends),
            dict(self.tallies),
            next_seq,
        )

    def open_jobs(self) -> list[OpenJob]:
        found = []
        for job_id, queued in self.queued.items():
            if job_id in self.closed:
                continue
            holder, setback = self.holders.get(job_id), self.setbacks.get(job_id)
            ended = self.ended.get(job_id)
            found.append(
                OpenJob(
                    queued.spec,
                    self.epochs.get(job_id, 0),
                    holder.node_id if holder else None,
                    setback.failures if setback else 0,
                    setback.lost_on if setback else (),
                    queued.order.after,
                    queued.order.submission,
                    setback.not_before_at if setback and not holder else None,
                    holder.request_id if holder else None,
                    holder.lease_s if holder else None,
                    ended.node_id if ended else None,
                    ended.end if ended else None,
                    holder.at if holder else None,
                )
            )
        return sorted(found, key=lambda job: job.spec.seq)


class Desk:
    """A board in use: every command is decided, checked for purity, applied and written down."""

    def __init__(self) -> None:
        self.board = boards.Board()
        self.ledger = Ledger()
        self.mono_s = 1000.0
        self.at = NOW
        self.last: list[e.Event] = []

    @property
    def now(self) -> c.Instant:
        return c.Instant(self.mono_s, self.at)

    def wait(self, seconds: float) -> None:
        """Let time pass without anybody looking."""
        self.mono_s += seconds
        self.at += seconds

    def do(self, command: c.Command) -> Any:
        before = portrait(self.board)
        try:
            decision = deciding.decide(self.board, command, self.now)
        finally:
            assert portrait(self.board) == before, "decide changed the board"
        self.last = decision.events
        for event in decision.events:
            self.board.apply(event)
            self.ledger.record(event)
        self.board.check()
        return decision.reply

    # ── what clients do ──────────────────────────────────────────────────────────────────────────

    def submit(self, *orders: Any) -> list[tuple[str, JobState]]:
        made = tuple(order(o) if isinstance(o, str) else o for o in orders)
        closed = self.ledger.closed_for(made)
        reply: list[tuple[str, JobState]] = self.do(c.Submit(made, closed))
        return reply

    def cancel(self, *job_ids: str) -> list[Any]:
        reply: list[Any] = self.do(c.Cancel(job_ids, self._closed(job_ids)))
        return reply

    def _closed(self, job_ids: Any) -> dict[str, ClosedJob]:
        found = ((job_id, self.ledger.closed_job(job_id)) for job_id in job_ids)
        return {job_id: closed for job_id, closed in found if closed is not None}

    # ── what nodes do ────────────────────────────────────────────────────────────────────────────

    def register(
        self,
        node_id: str = "a",
        boot_id: str | None = "boot-1",
        holding: tuple[tuple[str, int], ...] | None = None,
        credential: str = "",
        takes_over: bool = False,
        **capacity: Any,
    ) -> Any:
        one = msgspec.structs.replace(record(node_id, boot_id, **capacity), credential=credential)
        return self.do(c.Register(one, holding, LEASE_S, takes_over))

    def grant(self, node_id: str = "a", most: int = 1, request_id: str | None = None,
              lease_s: float | None = LEASE_S) -> Any:  # fmt: skip
        return self.do(c.Acquire(node_id, most, KINDS, request_id, lease_s))

    def poll(self, node_id: str = "a", most: int = 1, request_id: str | None = None) -> list[Any]:
        """The (job id, epoch) pairs that the node got."""
        return [(job.id, job.epoch) for job in self.grant(node_id, most, request_id).jobs]

    def report(self, node_id: str, *reports: AttemptReport) -> list[Any]:
        digests = tuple(
            hashlib.sha256(r.value.data or b"").digest() if r.value is not None else b""
            for r in reports
        )
        closed = self._closed(r.job_id for r in reports)
        verdicts: list[Any] = self.do(c.Report(node_id, reports, digests, closed))
        return verdicts

    def tell(self, node_id: str, report: AttemptReport) -> None:
        """Report one attempt; raises the refusal."""
        error = self.report(node_id, report)[0].error
        if error is not None:
            raise error

    def beat(self, node_id: str, *leases: tuple[str, int, float]) -> list[str]:
        reply = self.do(c.Renew(node_id, leases, LEASE_S))
        return [status for _, _, status in reply]

    def leave(self, node_id: str = "a", release: Any = None) -> int:
        count: int = self.do(c.Leave(node_id, release))
        return count

    def tick(self, gap_s: float = 0.0) -> None:
        self.do(c.Tick(gap_s))

    # ── what happens to coordinators ─────────────────────────────────────────────────────────────

    def restart(self, away_s: float = 0.0) -> None:
        """The process is gone; a new one reads what the ledger kept."""
        self.wait(away_s)
        old, self.board = self.board, boards.Board()
        self.board.restore(self.ledger.snapshot(old.next_seq), self.mono_s, self.at)
        self.board.check()

    # ── what tests look at ───────────────────────────────────────────────────────────────────────

    def state(self, job_id: str) -> str:
        job = self.board.jobs.get(job_id)
        return str(job.state if job is not None else self.ledger.closed[job_id].state)

    def end(self, job_id: str) -> e.JobClosed:
        return self.ledger.closed[job_id]

    def ends(self) -> list[str]:
        """How the attempts ended in the last decision."""
        return [str(event.end) for event in self.last if isinstance(event, e.AttemptEnded)]


def desk_with_a_lease(job_id: str = "j", **more: Any) -> Desk:
    """Nodes a and b are registered, and a holds the job under epoch 1."""
    desk = Desk()
    desk.register("a")
    desk.register("b")
    desk.submit(order(job_id, **more))
    assert desk.poll("a") == [(job_id, 1)]
    return desk


def refused(kind: type[errors.NexapodError], verdict: Any) -> bool:
    return type(verdict.error) is kind
