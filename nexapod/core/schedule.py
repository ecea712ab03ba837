"""Who gets which job: requirements, and the order in which jobs wait.

Jobs with equal demands wait in one line, so a poll looks at the heads of lines that its node can
serve and never at the jobs behind them: the cost of a poll does not grow with the queue.
"""

from __future__ import annotations

import bisect
import heapq
import operator
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from nexapod.core.records import Capacity, Demand

if TYPE_CHECKING:
    from nexapod.core.board import Job

GB = 1_000_000_000
_SEQ = operator.attrgetter("spec.seq")

#: Priority, negated, and seq.
Rank = tuple[int, int]


def why_not(capacity: Capacity, demand: Demand) -> str | None:
    """The first condition of `demand` that the node can never meet, as a phrase; None if it can."""
    if demand.kind not in capacity.kinds:
        if demand.kind == "data":
            return "data jobs need a runner, and this node was started without --runner"
        return f"{demand.kind} jobs need the nexapod agent, and this node only takes plain data"
    have = dict(capacity.hashes)
    for name, digest in demand.hashes:
        if have.get(name) != digest:
            found = f"{have[name][:12]}…" if name in have else "none"
            return f"needs {name} {digest[:12]}…, this node has {found}"
    if demand.python and demand.python != capacity.python:
        return f"needs Python {demand.python}, this node has {capacity.python or 'an unknown one'}"
    for tag in demand.tags:
        if tag not in capacity.tags:
            return f"needs the tag '{tag}', this node has {_listed(capacity.tags)}"
    if demand.cpus > 1 and demand.cpus > capacity.cpus:
        return f"needs {demand.cpus:g} CPUs, this node has {capacity.cpus:g}"
    if demand.memory_bytes > capacity.memory_bytes:
        need, has = demand.memory_bytes / GB, capacity.memory_bytes / GB
        return f"needs {need:.3g} GB of memory, this node has {has:.3g}"
    if demand.gpus > capacity.gpus:
        return f"needs {demand.gpus} GPUs, this node has {capacity.gpus}"
    return None


def _listed(tags: tuple[str, ...]) -> str:
    return ", ".join(tags) if tags else "none"


class Room:
    """What a node has left, counted down while a decision hands out jobs."""

    __slots__ = ("cpus", "gpus", "heavy_slots", "light_slots", "memory_bytes")

    def __init__(self, capacity: Capacity, held: Iterable[Demand]) -> None:
        slots = capacity.slots
        self.light_slots: float = float("inf") if slots is None else slots + capacity.prefetch
        self.heavy_slots: float = float("inf") if slots is None else slots
        self.cpus = capacity.cpus
        self.memory_bytes = capacity.memory_bytes
        self.gpus = capacity.gpus
        for demand in held:
            self.take(demand)

    def fits(self, demand: Demand) -> bool:
        """Whether one more job of this demand may be leased now."""
        if demand.is_light:
            return self.light_slots >= 1
        return (
            self.heavy_slots >= 1
            and (demand.cpus <= 1 or demand.cpus <= self.cpus)
            and demand.memory_bytes <= self.memory_bytes
            and demand.gpus <= self.gpus
        )

    def lack(self, capacity: Capacity, demand: Demand) -> str | None:
        """What there is too little of now, as a phrase; None where `fits` says yes."""
        if self.fits(demand):
            return None
        if (self.light_slots if demand.is_light else self.heavy_slots) < 1:
            slots = capacity.slots or 1
            busy = "its slot is" if slots == 1 else f"all {slots} slots are"
            return f"{busy} busy; it waits until a job there ends"
        if demand.cpus > 1 and demand.cpus > self.cpus:
            what, left = f"{demand.cpus:g} CPUs", f"{max(0.0, self.cpus):g}"
        elif demand.memory_bytes > self.memory_bytes:
            what = f"{demand.memory_bytes / GB:.3g} GB of memory"
            left = f"{max(0, self.memory_bytes) / GB:.3g}"
        else:
            what, left = f"{demand.gpus} GPUs", f"{max(0, self.gpus)}"
        return f"needs {what}, of which {left} are free; it waits until jobs there end"

    def take(self, demand: Demand) -> None:
        """Count one job in."""
        self.light_slots -= 1
        self.heavy_slots -= 1
        self.cpus -= demand.cpus
        self.memory_bytes -= demand.memory_bytes
        self.gpus -= demand.gpus


class Band:
    """Jobs of one demand and one priority, in the order of their `seq`.

    New jobs are appended; jobs that come back are few and kept apart, sorted. A job leaves from
    the front, or by being cancelled anywhere: such a hole is skipped, and swept out before holes
    outnumber jobs, so every operation is O(1) amortised.
    """

    __slots__ = ("_head", "_holes", "_items", "_returned")

    def __init__(self) -> None:
        self._items: list[Job | None] = []
        self._head = 0
        self._holes = 0
        self._returned: list[Job] = []

    def __len__(self) -> int:
        return len(self._items) - self._head - self._holes + len(self._returned)

    def __iter__(self) -> Iterator[Job]:
        if not self._returned:
            return self._fresh()
        return heapq.merge(self._returned, self._fresh(), key=_SEQ)

    def _fresh(self) -> Iterator[Job]:
        items = self._items
        for at in range(self._head, len(items)):  # not islice: that would walk up to the head
            job = items[at]
            if job is not None and job.queued:
                yield job

    def before(self, seq: int) -> int:
        """How many jobs come before this `seq`. Fast, but for where jobs were cancelled."""
        head = self._head
        at = bisect.bisect_left(self._items, seq, lo=head, key=_SEQ)
        before = at - head
        if self._holes:
            before = sum(1 for one in self._items[head:at] if one is not None and one.queued)
        return before + bisect.bisect_left(self._returned, seq, key=_SEQ)

    def add(self, job: Job) -> None:
        """Queue `job` at its place."""
        items = self._items
        last = items[-1] if items else None
        if last is None or last.spec.seq < job.spec.seq:
            items.append(job)
        else:
            at = bisect.bisect_left(items, job.spec.seq, lo=self._head, key=_SEQ)
            if at < len(items) and items[at] is job:
                self._holes -= 1  # its own hole is still there
            else:
                bisect.insort(self._returned, job, key=_SEQ)
        job.queued = True

    def discard(self, job: Job) -> None:
        """Take `job` out. Amortised O(1) at the front."""
        job.queued = False
        at = bisect.bisect_left(self._returned, job.spec.seq, key=_SEQ)
        if at < len(self._returned) and self._returned[at] is job:
            del self._returned[at]
            return
        self._holes += 1
        items, head = self._items, self._head
        while head < len(items) and ((item := items[head]) is None or not item.queued):
            items[head] = None  # let go of the job
            head += 1
            self._holes -= 1
        self._head = head
        if head > 1024 and head * 2 > len(items):
            del items[:head]
            self._head = 0
        elif self._holes > 1024 and self._holes * 2 > len(items) - head:
            self._items = [j for j in items[head:] if j is not None and j.queued]
            self._head = self._holes = 0
        if self._head == len(self._items):
            self._items.clear()
            self._head = 0


class Line:
    """Jobs of one demand, by priority."""

    __slots__ = ("bands", "demand", "noted", "priorities")

    def __init__(self, demand: Demand) -> None:
        self.demand = demand
        #: The rank of a job in it that was news, if that still waits: none before it is first.
        self.noted: Rank | None = None
        self.bands: dict[int, Band] = {}
        self.priorities: list[int] = []  # negated, ascending: the highest priority first

    def __len__(self) -> int:
        return sum(len(band) for band in self.bands.values())

    def __iter__(self) -> Iterator[Job]:
        for negated in self.priorities:
            yield from self.bands[-negated]

    def add(self, job: Job) -> None:
        """Queue `job`."""
        priority = job.spec.priority
        band = self.bands.get(priority)
        if band is None:
            band = self.bands[priority] = Band()
            bisect.insort(self.priorities, -priority)
        band.add(job)

    def discard(self, job: Job) -> None:
        """Take `job` out."""
        priority = job.spec.priority
        band = self.bands[priority]
        band.discard(job)
        if not len(band):
            del self.bands[priority]
            self.priorities.remove(-priority)


def rank_of(job: Job) -> Rank:
    """The lower, the sooner it is its turn."""
    return (-job.spec.priority, job.spec.seq)


class Queue:
    """All waiting jobs: one line per demand."""

    __slots__ = ("lines", "news", "size")

    def __init__(self) -> None:
        self.lines: dict[Demand, Line] = {}
        #: Every line once more whenever it may have got a better first job. Begun anew, as another
        #: list, before what is old in it outnumbers the lines.
        self.news: list[Line] = []
        self.size = 0

    def __len__(self) -> int:
        return self.size

    def before(self, job: Job) -> int:
        """How many waiting jobs have their turn before `job`. Costs a look at every line."""
        priority, seq = job.spec.priority, job.spec.seq
        return sum(
            len(band) if other > priority else band.before(seq)
            for line in self.lines.values()
            for other, band in line.bands.items()
            if other >= priority
        )

    def add(self, job: Job) -> None:
        """Queue `job` by its demand, priority and seq."""
        demand = job.spec.demand
        line = self.lines.get(demand)
        if line is None:
            line = self.lines[demand] = Line(demand)
        line.add(job)
        self.size += 1
        rank = rank_of(job)
        if line.noted is None or rank < line.noted:
            line.noted = rank
            self.news.append(line)
            if len(self.news) > 2 * len(self.lines) + 1000:
                self.news = list(self.lines.values())

    def discard(self, job: Job) -> None:
        """Take `job` out."""
        demand = job.spec.demand
        line = self.lines[demand]
        line.discard(job)
        self.size -= 1
        if line.noted == rank_of(job):
            line.noted = None
        if not line.priorities:
            del self.lines[demand]
