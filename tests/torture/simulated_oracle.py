"""What must be true of every decision, judged from the outside: by what was asked and told.

The oracle keeps its own account of leases and deadlines, in the words of the protocol and with
none of the core's code, and holds each answer against the ledger at the moment it is given.
"""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

from nexapod import errors
from nexapod.core import commands as c
from nexapod.core import events as e
from nexapod.core.records import AttemptReport, Demand
from nexapod.core.states import AttemptEnd, JobState
from tests.unit.core.builders import Ledger

STALL_S = 5.0
GRACE_S = 10.0
SLACK_S = 1e-3  # of adding up times ten years apart


class Held:
    """A lease by the oracle's own account."""

    __slots__ = ("deadline_s", "demand", "epoch", "node_id", "request_id", "timeout_s")

    def __init__(self, node_id: str, epoch: int, deadline_s: float, demand: Demand,
                 timeout_s: float | None, request_id: str | None) -> None:  # fmt: skip
        self.node_id = node_id
        self.epoch = epoch
        self.deadline_s = deadline_s
        self.demand = demand
        self.timeout_s = timeout_s
        self.request_id = request_id


class Ended(NamedTuple):
    """How the last attempt of an open job ended."""

    node_id: str
    epoch: int
    end: AttemptEnd


class Oracle:
    """See the module."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.held: dict[str, Held] = {}
        self.deadlines_s: dict[str, float] = {}
        self.boots: dict[str, str | None] = {}
        self.draining: set[str] = set()
        self.tenants: dict[str, str] = {}
        self.issued: dict[tuple[str, int], str] = {}
        self.ends: dict[str, e.JobClosed] = {}
        self.ended: dict[str, Ended] = {}
        self.to_tell: set[tuple[str, str, int]] = set()

    def restore(self, now: c.Instant) -> None:
        """The coordinator has read the store anew: each lease is whole again."""
        ledger = self.ledger
        self.held = {}
        for job_id, lease in ledger.holders.items():
            spec = ledger.queued[job_id].spec
            self.held[job_id] = Held(
                lease.node_id, lease.epoch, now.mono_s + lease.lease_s, spec.demand,
                spec.timeout_s, lease.request_id,
            )  # fmt: skip
        self.deadlines_s = {}
        for job_id, queued in ledger.queued.items():
            spec, order = queued.spec, queued.order
            if order.deadline_s is not None and job_id not in ledger.closed:
                left_s = spec.created_at + order.deadline_s - now.at
                self.deadlines_s[job_id] = now.mono_s + min(left_s, order.deadline_s)
        self.boots = {node_id: record.boot_id for node_id, record in ledger.nodes.items()}
        self.draining = set(ledger.draining)
        self.to_tell.clear()
        # Only the very last attempt is read back, and only if nothing followed it.
        self.ended = {j: Ended(x.node_id, x.epoch, x.end) for j, x in ledger.ended.items()}
        self.tenants = {node_id: r.credential for node_id, r in ledger.nodes.items()}
        self._is_final()

    def _is_final(self) -> None:
        closed = self.ledger.closed
        assert all(closed[job_id] is end for job_id, end in self.ends.items()), "an end changed"
        self.ends = dict(closed)

    # ── decisions ────────────────────────────────────────────────────────────────────────────────

    def decided(self, board: Any, command: c.Command, decision: Any, now: c.Instant) -> None:
        """Judge a decision before it is applied."""
        judge = getattr(self, f"_on_{type(command).__name__.lower()}")
        judge(board, command, decision, now)
        for event in decision.events:
            if isinstance(event, e.AttemptEnded):
                held = self.held.pop(event.job_id)
                assert (held.node_id, held.epoch) == (event.node_id, event.epoch)
                self.ended[event.job_id] = Ended(event.node_id, event.epoch, event.end)
                if event.end is AttemptEnd.CANCELLED and self.boots[event.node_id] is not None:
                    self.to_tell.add((event.node_id, event.job_id, event.epoch))
            elif isinstance(event, e.JobRequeued):
                assert len(event.lost_on) < 3, "a job that ends its nodes goes on"
            elif isinstance(event, e.JobClosed):
                assert event.job_id not in self.held, "closed in a node's hands"
                self.deadlines_s.pop(event.job_id, None)

    def refused(self, command: c.Command, error: errors.NexapodError) -> None:
        """Judge a refusal."""
        if isinstance(command, c.Register):
            bound = self.tenants.get(command.record.id)
            assert bound not in (None, command.record.credential), "its own node was refused"
            return
        assert not isinstance(command, c.Renew | c.Acquire | c.Report | c.Leave) or isinstance(
            error, errors.NotFound
        ), error

    def _on_submit(self, board: Any, command: c.Submit, decision: Any, now: c.Instant) -> None:
        made = {event.spec.id for event in decision.events if isinstance(event, e.JobQueued)}
        assert not made & set(board.jobs), "a repeat made a new job"
        for one in command.orders:
            if one.id in made and one.deadline_s is not None:
                self.deadlines_s[one.id] = now.mono_s + one.deadline_s

    def _on_register(self, board: Any, command: c.Register, decision: Any, now: c.Instant) -> None:
        node_id, boot_id = command.record.id, command.record.boot_id
        bound = self.tenants.setdefault(node_id, command.record.credential)
        assert bound == command.record.credential, "a node id passed to another credential"
        mine = {(j, held.epoch) for j, held in self.held.items() if held.node_id == node_id}
        lost = {(x.job_id, x.epoch) for x in decision.events if isinstance(x, e.AttemptEnded)}
        is_new = node_id in self.boots and boot_id not in (None, self.boots[node_id])
        listed = set(command.holding or ())
        assert lost == (mine - listed if is_new else set()), "a new boot holds what it lists"
        assert set(decision.reply) == listed - mine
        if boot_id != self.boots.get(node_id):
            self.to_tell = {told for told in self.to_tell if told[0] != node_id}
        self.boots[node_id] = boot_id
        self.draining.discard(node_id)
        for job_id, _ in listed & mine:
            self.held[job_id].deadline_s = now.mono_s + command.lease_s

    def _on_leave(self, board: Any, command: c.Leave, decision: Any, now: c.Instant) -> None:
        self.draining.add(command.node_id)
        back = sum(isinstance(event, e.AttemptEnded) for event in decision.events)
        assert back == sum(held.node_id == command.node_id for held in self.held.values())

    def _on_acquire(self, board: Any, command: c.Acquire, decision: Any, now: c.Instant) -> None:
        got = decision.reply.jobs
        mine = {j: held for j, held in self.held.items() if held.node_id == command.node_id}
        again = [
            (j, held.epoch)
            for j, held in mine.items()
            if command.request_id is not None and held.request_id == command.request_id
        ]
        if again:
            assert sorted(again) == sorted((job.id, job.epoch) for job in got), (
                "a repeated poll gets the same leases"
            )
            return
        if not got:
            return
        capacity = board.nodes[command.node_id].capacity
        assert command.node_id not in self.draining, "a node that drains got a job"
        assert len(got) <= command.max
        most = None if capacity.slots is None else capacity.slots + capacity.prefetch
        assert most is None or len(mine) + len(got) <= most, "more leases than slots"
        taken = {job.id for job in got}
        for job in got:
            demand = job.spec.demand
            assert demand.kind in capacity.kinds and demand.cpus <= max(1.0, capacity.cpus)
            rank = (-job.spec.priority, job.spec.seq)
            for other in board.jobs.values():
                if other.queued and other.spec.id not in taken and other.spec.demand == demand:
                    assert (-other.spec.priority, other.spec.seq) > rank, "out of turn"
            assert job.id not in self.held, "in two nodes' hands"
            self.held[job.id] = Held(
                command.node_id, job.epoch, now.mono_s + decision.reply.lease_s, demand,
                job.spec.timeout_s, command.request_id,
            )  # fmt: skip

    def _on_renew(self, board: Any, command: c.Renew, decision: Any, now: c.Instant) -> None:
        ended = {x.job_id for x in decision.events if isinstance(x, e.AttemptEnded)}
        for (job_id, epoch, ran_s), (_, _, status) in zip(
            command.leases, decision.reply, strict=True
        ):
            held = self.held.get(job_id)
            is_mine = held is not None and (held.node_id, held.epoch) == (command.node_id, epoch)
            is_over = is_mine and held.timeout_s is not None and ran_s > held.timeout_s + GRACE_S
            assert job_id in ended or not is_over, "over its timeout"
            is_live = is_mine and job_id not in ended
            assert (status == "ok") == is_live, "a lease, and the answer about it"
            told = (command.node_id, job_id, epoch)
            assert status == "cancel" or told not in self.to_tell, "the holder is told to stop"
            self.to_tell.discard(told)
            if status == "ok":
                held.deadline_s = now.mono_s + command.lease_s

    def _on_report(self, board: Any, command: c.Report, decision: Any, now: c.Instant) -> None:
        for report in command.reports:  # it is over there: nobody has to be told any more
            self.to_tell.discard((command.node_id, report.job_id, report.epoch))
        ended = {x.job_id: x for x in decision.events if isinstance(x, e.AttemptEnded)}
        for report, verdict in zip(command.reports, decision.reply, strict=True):
            held = self.held.get(report.job_id)
            is_mine = (
                held is not None
                and held.node_id == command.node_id
                and report.epoch in (None, held.epoch)
            )
            assert (report.job_id in ended) == is_mine, "only the holder ends an attempt"
            assert verdict.error is None or not is_mine, "the holder is heard"
            if report.job_id in board.jobs and not is_mine:
                may = self._may_say(command.node_id, report, held)
                assert (verdict.error is None) == may, "who no longer holds it may only repeat"

    def _may_say(self, node_id: str, report: AttemptReport, held: Held | None) -> bool:
        """Whether a report by somebody else than the holder is right."""
        ended = self.ended.get(report.job_id)
        if ended is None or ended.node_id != node_id or report.epoch not in (None, ended.epoch):
            return False
        if report.end is AttemptEnd.COMPLETED:
            return ended.end is AttemptEnd.LOST and held is None
        return report.end in (ended.end, AttemptEnd.CANCELLED)

    def _on_cancel(self, board: Any, command: c.Cancel, decision: Any, now: c.Instant) -> None:
        assert all(verdict.error is None for verdict in decision.reply), "it was acknowledged"

    def _on_tick(self, board: Any, command: c.Tick, decision: Any, now: c.Instant) -> None:
        lost = set()
        late = set()
        for event in decision.events:
            if isinstance(event, e.AttemptEnded) and event.end is AttemptEnd.LOST:
                lost.add(event.job_id)
            if isinstance(event, e.JobClosed) and event.failure.type == "deadline":
                late.add(event.job_id)
        if command.gap_s > STALL_S:
            assert not lost and not late, "nobody is blamed for a stall"
            for held in self.held.values():
                held.deadline_s += command.gap_s
            return
        now_s = now.mono_s
        for job_id in itertools.chain(lost, late):
            moment_s = self.held[job_id].deadline_s if job_id in lost else self.deadlines_s[job_id]
            assert moment_s <= now_s + SLACK_S, f"{job_id} ended {moment_s - now_s:g} s early"
        closed = {x.job_id for x in decision.events if isinstance(x, e.JobClosed)}
        for job_id, held in self.held.items():
            is_over = held.deadline_s < now_s - SLACK_S and job_id not in closed
            assert not is_over or job_id in lost, f"the lease on {job_id} outlives its deadline"
        for job_id, deadline_s in self.deadlines_s.items():
            is_over = deadline_s < now_s - SLACK_S
            assert not is_over or job_id in closed, f"{job_id} outlives its deadline"

    # ── answers ──────────────────────────────────────────────────────────────────────────────────

    def told(self, command: c.Command, reply: Any) -> None:
        """Hold an answer against the store, at the moment it leaves the coordinator."""
        ledger = self.ledger
        if isinstance(command, c.Submit):
            for one, (job_id, _) in zip(command.orders, reply, strict=True):
                kept = ledger.queued[job_id]
                assert kept.order.submission == one.submission, "acknowledged, and not stored"
        elif isinstance(command, c.Acquire):
            for job in reply.jobs:
                assert ledger.epochs[job.id] >= job.epoch, "handed out, and not stored"
                owner = self.issued.setdefault((job.id, job.epoch), command.node_id)
                assert owner == command.node_id, "one epoch on two nodes"
        elif isinstance(command, c.Report):
            for report, digest, verdict in zip(
                command.reports, command.digests, reply, strict=True
            ):
                if verdict.error is None and report.end is AttemptEnd.COMPLETED:
                    end = ledger.closed[report.job_id]
                    assert end.state is JobState.COMPLETED, "acknowledged, and not recorded"
                    assert (end.node_id, end.digest) == (command.node_id, digest)
                    assert report.epoch in (None, end.epoch)
        elif isinstance(command, c.Cancel):
            for verdict in reply:
                assert ledger.closed[verdict.job_id].state is verdict.state

    def settle(self) -> None:
        """The end of the history."""
        self._is_final()
