"""A random walk over everything nodes, clients and clocks can do to a board.

The desk checks every step (purity of `decide`, `Board.check`, one end per job, rising epochs);
the rules check what a command promises, and the end of a walk checks that every job ends.
"""

from __future__ import annotations

import hashlib
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from nexapod import errors
from nexapod.core import events as e
from nexapod.core.records import AttemptReport, Demand
from nexapod.core.states import AttemptEnd, JobState
from tests.unit.core.builders import GB, KINDS, Desk, completed, failed, order

#: Small, big, picky, and in between: no node but the last can run every job.
NODES: dict[str, dict[str, Any]] = {
    "small": {"slots": 1, "cpus": 1.0, "memory_bytes": GB},
    "wide": {"slots": 3, "prefetch": 2, "cpus": 4.0, "kinds": ("function",)},
    "gpu": {"slots": 2, "cpus": 4.0, "gpus": 1, "tags": ("gpu",), "python": "3.11"},
    "seed": {"slots": None, "cpus": 1.0, "memory_bytes": 0, "kinds": ("data",)},
}
GOOD: dict[str, Any] = {
    "slots": 64, "cpus": 64.0, "gpus": 8, "tags": ("gpu",), "python": "3.11", "kinds": KINDS,
}  # fmt: skip
DEMANDS = (
    Demand(),
    Demand(kind="function"),
    Demand(kind="function", python="3.11"),
    Demand(cpus=2.0),
    Demand(kind="function", gpus=1, tags=("gpu",)),
)
#: Hypothesis likes the ends of a range, so a thing that happens seldom is in the middle.
SELDOM = st.integers(0, 4).map(lambda n: n == 2)
NODE = st.sampled_from(tuple(NODES))
PICK = st.integers(0, 1000)


def may_run(has: dict[str, Any], demand: Demand) -> bool:
    """What `why_not` says, in other words."""
    return (
        demand.kind in has.get("kinds", KINDS)
        and demand.cpus <= has["cpus"]
        and demand.gpus <= has.get("gpus", 0)
        and set(demand.tags) <= set(has.get("tags", ()))
        and demand.python in ("", has.get("python"))
    )


class Walk(RuleBasedStateMachine):
    """See the module."""

    def __init__(self) -> None:
        super().__init__()
        self.desk = Desk()
        self.made = 0
        self.asked = 0
        self.boots = 0
        self.acknowledged: set[str] = set()
        self.ends: dict[str, e.JobClosed] = {}
        self.said: list[tuple[str, tuple[AttemptReport, ...]]] = []
        self.leases: list[tuple[str, str, int]] = []

    @initialize()
    def open_the_lab(self) -> None:
        for node_id in NODES:
            self.boot(node_id)
        for at, demand in enumerate(DEMANDS):
            self.submit(demand, at % 2, 2, None, [], at == 0, 2)
            self.submit(demand, 0, 1, 20.0, [at], False, 1)
        self.everybody_polls()

    @rule()
    def everybody_polls(self) -> None:
        for node_id in NODES:
            self.poll(node_id, 2, node_id != "seed")

    def boot(self, node_id: str, keep: int = 0) -> None:
        self.boots += 1
        boot_id = None if NODES.get(node_id, GOOD)["slots"] is None else f"boot-{self.boots}"
        held = self.held(node_id)
        holding = tuple(held[-keep:]) if keep else ()
        lost = self.desk.register(
            node_id, boot_id, holding=holding if boot_id else None, **NODES.get(node_id, GOOD)
        )
        assert lost == ()
        if boot_id is not None:
            assert set(self.held(node_id)) == set(holding), "a new boot holds what it lists"

    def held(self, node_id: str) -> list[tuple[str, int]]:
        node = self.desk.board.nodes.get(node_id)
        return [] if node is None else [(j, job.epoch) for j, job in node.leases.items()]

    # ── clients ──────────────────────────────────────────────────────────────────────────────────

    @rule(
        demand=st.sampled_from(DEMANDS),
        priority=st.integers(-1, 1),
        retries=st.integers(0, 2),
        timeout_s=st.sampled_from((None, 20.0)),
        parents=st.lists(PICK, max_size=2),
        keyed=st.booleans(),
        count=st.integers(1, 4),
    )
    def submit(self, demand: Demand, priority: int, retries: int, timeout_s: float | None,
               parents: list[int], keyed: bool, count: int) -> None:  # fmt: skip
        known = sorted(self.acknowledged)
        after = tuple(dict.fromkeys(known[-1 - at % min(len(known), 6)] for at in parents if known))
        orders = []
        for _ in range(count):
            self.made += 1
            job_id = f"j{self.made:04d}"
            orders.append(
                order(job_id, demand, priority=priority, retries=retries, timeout_s=timeout_s,
                      after=after, key=f"key {job_id}" if keyed else None)
            )  # fmt: skip
        reply = self.desk.submit(*orders)
        assert [job_id for job_id, _ in reply] == [o.id for o in orders]
        self.acknowledged |= {o.id for o in orders}
        again = self.desk.submit(*orders)
        assert again == reply, "a repeat gives the same jobs"
        assert self.desk.last == [], "and changes nothing"

    @precondition(lambda self: self.acknowledged)
    @rule(picks=st.lists(PICK, min_size=1, max_size=2))
    def cancel(self, picks: list[int]) -> None:
        known = sorted(self.acknowledged)
        wanted = tuple(known[-1 - at % len(known)] for at in picks)
        held = {j: job.lease.node_id for j, job in self.desk.board.leased.items() if j in wanted}
        for verdict in self.desk.cancel(*wanted):
            assert verdict.error is None
            assert self.desk.state(verdict.job_id) == verdict.state
        for job_id, node_id in held.items():
            late = self.desk.report(node_id, completed(job_id, self.desk.end(job_id).epoch))[0]
            assert isinstance(late.error, errors.Gone), "nobody wants a cancelled job's result"

    # ── nodes ────────────────────────────────────────────────────────────────────────────────────

    @rule(node_id=NODE, most=st.integers(1, 4), named=st.booleans())
    def poll(self, node_id: str, most: int, named: bool) -> None:
        node = self.desk.board.nodes[node_id]
        self.asked += 1
        request_id = f"poll-{self.asked}" if named else None
        draining = node.left
        got = self.desk.poll(node_id, most, request_id)
        assert len(got) <= most
        assert not (draining and got), "a node that drains gets nothing"
        slots = node.capacity.slots
        assert slots is None or len(node.leases) <= slots + node.capacity.prefetch
        for job_id, epoch in got:
            self.leases.append((node_id, job_id, epoch))
            demand = self.desk.board.jobs[job_id].spec.demand
            assert may_run(NODES[node_id], demand), "a node gets what it can run"
            if epoch > 1:
                old = self.desk.report(node_id, completed(job_id, epoch - 1, "old"))[0]
                assert isinstance(old.error, errors.LeaseLost), "that attempt is over"
        if named and got:
            assert self.desk.poll(node_id, most, request_id) == got, "an answer that was lost"

    @precondition(lambda self: self.desk.board.leased)
    @rule(pick=PICK, ends=st.lists(st.integers(0, 6), min_size=1, max_size=3))
    def report(self, pick: int, ends: list[int]) -> None:
        busy = sorted({job.lease.node_id for job in self.desk.board.leased.values()})
        node_id = busy[pick % len(busy)]
        held = self.held(node_id)[: len(ends)]
        reports = tuple(
            self.one(job_id, epoch, end) for (job_id, epoch), end in zip(held, ends, strict=False)
        )
        if not reports:
            return
        verdicts = self.desk.report(node_id, *reports)
        assert all(v.error is None for v in verdicts), "the holder is heard"
        self.said.append((node_id, reports))

    @staticmethod
    def one(job_id: str, epoch: int, end: int) -> AttemptReport:
        if end in (0, 3):
            return completed(job_id, epoch, f"{job_id} under {epoch}")
        if end in (1, 2, 4):
            return failed(job_id, epoch)
        if end == 5:
            return failed(job_id, epoch, retryable=False)
        return AttemptReport(job_id, epoch, AttemptEnd.RELEASED)

    @precondition(lambda self: self.said)
    @rule(pick=PICK)
    def say_it_again(self, pick: int) -> None:
        """The answer was lost: the same request once more."""
        node_id, reports = self.said[pick % len(self.said)]
        before = dict(self.desk.ledger.closed)
        for report, verdict in zip(reports, self.desk.report(node_id, *reports), strict=True):
            end = before.get(report.job_id)
            if report.value is None or end is None or end.epoch != report.epoch:
                continue
            if end.digest == hashlib.sha256(report.value.data or b"").digest():
                assert verdict.error is None, "the recorded result may be repeated"

    @precondition(lambda self: self.leases)
    @rule(pick=PICK, other=st.booleans())
    def say_it_late(self, pick: int, other: bool) -> None:
        """A node that was paused wakes up and reports a lease it once had, with another result."""
        node_id, job_id, epoch = self.leases[pick % len(self.leases)]
        if other:
            node_id = next(n for n in NODES if n != node_id)
        job = self.desk.board.jobs.get(job_id)
        held = job is not None and job.lease is not None
        current = held and (job.lease.node_id, job.epoch) == (node_id, epoch)
        end = self.desk.ledger.closed.get(job_id)
        verdict = self.desk.report(node_id, completed(job_id, epoch, "late"))[0]
        if current:
            assert verdict.error is None
        elif held:
            assert isinstance(verdict.error, errors.LeaseLost), "somebody else has it"
        elif end is not None and end.state is JobState.CANCELLED:
            assert isinstance(verdict.error, errors.Gone)
        elif end is not None and end.state is JobState.FAILED:
            assert isinstance(verdict.error, errors.Conflict)
        if verdict.error is None:
            assert self.desk.end(job_id).state is JobState.COMPLETED

    @rule(node_id=NODE, elapsed_s=st.sampled_from((-1.0, 5.0, 5.0, 40.0)), stale=st.booleans())
    def beat(self, node_id: str, elapsed_s: float, stale: bool) -> None:
        held = self.held(node_id)
        leases = [(job_id, epoch, elapsed_s) for job_id, epoch in held]
        if stale and held:
            leases.append((held[0][0], held[0][1] + 7, 1.0))
        statuses = self.desk.beat(node_id, *leases)
        for (job_id, epoch, ran_s), status in zip(leases, statuses, strict=True):
            if (job_id, epoch) not in held:
                assert status == "lost"
            elif status == "ok":
                lease = self.desk.board.jobs[job_id].lease
                assert lease.deadline_s == self.desk.mono_s + 60.0
            else:
                assert ran_s > 30.0

    @precondition(lambda self: self.desk.board.leased)
    @rule(pick=PICK, keep=st.booleans(), seldom=SELDOM)
    def reboot(self, pick: int, keep: bool, seldom: bool) -> None:
        if seldom:
            busy = sorted({job.lease.node_id for job in self.desk.board.leased.values()})
            node_id = busy[pick % len(busy)]
            self.boot(node_id, len(self.held(node_id)) - 1 if keep else 0)

    @rule(node_id=NODE, some=st.booleans(), seldom=SELDOM)
    def drain(self, node_id: str, some: bool, seldom: bool) -> None:
        if not seldom:
            return
        held = self.held(node_id)
        back = tuple(held[:1]) if some else None
        assert self.desk.leave(node_id, back) == len(held if back is None else back)

    # ── time ─────────────────────────────────────────────────────────────────────────────────────

    @rule(seconds=st.sampled_from((0.5, 2.0, 15.0, 59.0, 61.0)))
    def tick(self, seconds: float) -> None:
        self.desk.wait(seconds)
        self.look(0.0)

    @precondition(lambda self: self.desk.board.leased)
    @rule(seconds=st.sampled_from((300.0, 10.0)))
    def stall(self, seconds: float) -> None:
        deadlines = {j: job.lease.deadline_s for j, job in self.desk.board.leased.items()}
        self.desk.wait(seconds)
        self.look(seconds)
        for job_id, job in self.desk.board.leased.items():
            assert job.lease.deadline_s == deadlines[job_id] + seconds

    def look(self, gap_s: float) -> None:
        now_s = self.desk.mono_s
        over = {j for j, job in self.desk.board.leased.items() if job.lease.deadline_s <= now_s}
        self.desk.tick(gap_s)
        lost = {event.job_id for event in self.desk.last if isinstance(event, e.AttemptEnded)}
        assert lost == (set() if gap_s else over), "who is over its deadline, and nobody else"

    @rule(away_s=st.sampled_from((0.0, 3.0, 500.0)), seldom=SELDOM)
    def crash(self, away_s: float, seldom: bool) -> None:
        if seldom:
            epochs = {job_id: job.epoch for job_id, job in self.desk.board.jobs.items()}
            left = {node_id for node_id, node in self.desk.board.nodes.items() if node.left}
            self.desk.restart(away_s)
            assert {n for n, node in self.desk.board.nodes.items() if node.left} == left
            assert {j: job.epoch for j, job in self.desk.board.jobs.items()} == epochs

    # ── what always holds ────────────────────────────────────────────────────────────────────────

    @invariant()
    def nothing_is_forgotten(self) -> None:
        open_, closed = set(self.desk.board.jobs), self.desk.ledger.closed
        assert open_ | set(closed) == self.acknowledged
        assert not open_ & set(closed)

    @invariant()
    def ends_are_final(self) -> None:
        closed = self.desk.ledger.closed
        assert all(closed[job_id] is end for job_id, end in self.ends.items())
        self.ends = dict(closed)

    def teardown(self) -> None:
        """The faults are over and a good node polls: every job ends."""
        desk = self.desk
        self.boot("good")
        for _ in range(3 * len(self.acknowledged) + 20):
            if not desk.board.jobs:
                break
            for job_id, epoch in desk.poll("good", 64):
                desk.tell("good", completed(job_id, epoch))
            desk.wait(61.0)
            self.look(0.0)
        assert not desk.board.jobs, "after the faults every job ends"
        assert set(desk.ledger.closed) == self.acknowledged
