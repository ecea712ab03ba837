"""A registered node: what it can give, what it holds, and how it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from nexapod.core.records import Capacity, Demand, NodeRecord, NodeView
from nexapod.core.runnable import Runnable
from nexapod.core.schedule import why_not
from nexapod.core.states import NodeState

if TYPE_CHECKING:
    from nexapod.core.job import Job

SUSPECT_AFTER_S = 45.0
LOST_AFTER_S = 120.0


class Node:
    """A registered node."""

    __slots__ = ("cancels", "completed", "failed", "fits", "last_seen_at", "last_seen_s", "leases",
                 "left", "lost", "record", "runnable")  # fmt: skip

    def __init__(self, record: NodeRecord, mono_s: float, at: float) -> None:
        self.record = record
        self.last_seen_s = mono_s
        self.last_seen_at = at
        self.leases: dict[str, Job] = {}
        self.cancels: set[tuple[str, int]] = set()
        self.left = False
        self.completed = 0
        self.failed = 0
        self.lost = 0
        self.fits: dict[Demand, bool] = {}
        self.runnable = Runnable()

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

    def view(self, unmatched: tuple[str, ...], mono_s: float) -> NodeView:
        """The node as people see it."""
        running = sum(1 for job in self.leases.values() if job.lease and job.lease.elapsed_s >= 0)
        slots = self.capacity.slots
        return NodeView(
            self.record,
            self.state(mono_s),
            len(self.leases),
            running if slots is None else min(running, slots),
            self.last_seen_at,
            self.completed,
            self.failed,
            unmatched,
            self.lost,
        )


def unmatched(capacity: Capacity, waiting: Iterable[tuple[Demand, int]]) -> tuple[str, ...]:
    """Why a node of this capacity can never run what waits; `waiting` is how many of each demand.

    The three reasons that concern most jobs.
    """
    reasons: Counter[str] = Counter()
    for demand, count in waiting:
        if (reason := why_not(capacity, demand)) is not None:
            reasons[reason] += count
    return tuple(
        f"{count} waiting {'job' if count == 1 else 'jobs'}: {reason}"
        for reason, count in reasons.most_common(3)
    )
