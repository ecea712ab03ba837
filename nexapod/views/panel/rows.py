"""What is known of a sweep's jobs: where they are, how they went, and their small results."""

from __future__ import annotations

import time
from collections import Counter, deque

import msgspec

from nexapod.client.futures import JobFuture
from nexapod.client.sweep import Sweep
from nexapod.core.states import FINAL, JobState
from nexapod.views.panel.lookups import Course, Results
from nexapod.views.panel.table import SweepTable
from nexapod.views.previews import preview

#: Results are opened for this long at a look, the others at the next.
OPENING_S = 0.05
#: The course of a sweep that ended is looked up so often, where a job is not in it yet.
LAST_LOOKS = 3

_FINAL = frozenset(FINAL)


class Row(msgspec.Struct):
    """What is known of one job of a sweep."""

    future: JobFuture
    job_id: str = ""
    state: str = ""
    node: str | None = None
    began_at: float | None = None
    run_s: float | None = None
    error: str = ""
    is_known: bool = False

    @property
    def is_settled(self) -> bool:
        """Whether nothing more will be told of it."""
        return self.future._place in _FINAL or self.is_left

    @property
    def is_left(self) -> bool:
        """Whether nobody will tell how it ends: the fleet was stopped."""
        return self.future._place not in _FINAL and self.future._raised is not None


class SweepRows:
    """The rows of a sweep, brought up to date by `look`. The sweep itself is not held.

    Attributes
    ----------
    rows
        One per job, in the order of the sweep.
    table
        The parameters and results.
    counts
        Jobs by state.
    dirty
        The rows that changed, until whoever tells of them clears it.
    """

    def __init__(self, sweep: Sweep) -> None:
        self._futures = sweep.futures
        self._mirror = list(sweep.futures)
        self.rows = [Row(future) for future in sweep.futures]
        self.table = SweepTable([future.params for future in sweep.futures])
        self.counts: Counter[str] = Counter()
        self.dirty: dict[int, None] = {}
        self._open = dict.fromkeys(range(len(self.rows)))
        self._closed: deque[int] = deque()
        self._results = Results(sweep._link)
        self._course = Course(sweep._link, sweep.name)
        self._looks = 0

    def look(self) -> None:
        """Learn what changed since the last look."""
        self._follow()
        self._look_up()
        self._open_results()

    @property
    def left(self) -> int:
        """How many jobs may still move."""
        return len(self._open)

    @property
    def ended(self) -> int:
        """How many ended, well or not."""
        return sum(self.counts[str(state)] for state in FINAL)

    @property
    def ended_at(self) -> float | None:
        """When the last job ended; None while one is open."""
        return None if self._open else max((f._placed_at for f in self._mirror), default=None)

    @property
    def are_left(self) -> bool:
        """Whether there are jobs of which nobody will tell how they end."""
        return any(row.is_left for row in self.rows)

    @property
    def is_resting(self) -> bool:
        """Whether nothing will change any more, but by a new job in the place of an old one."""
        return (
            self._mirror == self._futures
            and not (self._open or self._closed or self.dirty)
            and self._results.is_resting
            and self._course.is_resting
            and self._is_explained()
        )

    def all_dirty(self) -> None:
        """Have every row told again."""
        self.dirty = dict.fromkeys(range(len(self.rows)))

    def _follow(self) -> None:
        """See where the jobs are now."""
        if self._mirror != self._futures:  # some were submitted again, as new jobs
            for at, future in enumerate(self._futures):
                if future is not self._mirror[at]:
                    self.counts[self.rows[at].state] -= 1
                    self._mirror[at], self.rows[at] = future, Row(future)
                    self.table.clear_result(at)
                    self._open[at] = None
                    self._looks = 0
        for at in list(self._open):
            row, future = self.rows[at], self.rows[at].future
            is_settled = row.is_settled  # asked first: what follows is then the end
            if row.state != future._place or row.node != future._on or row.job_id != future.job_id:
                self._move(at, row)
            if is_settled:
                del self._open[at]

    def _move(self, at: int, row: Row) -> None:
        future = row.future
        if row.state != future._place:
            if row.state:
                self.counts[row.state] -= 1
            row.state = str(future._place)
            self.counts[row.state] += 1
            if future._place is JobState.ASSIGNED:
                row.began_at = future._placed_at
            elif future._place in _FINAL and row.began_at is not None:
                row.run_s = future._placed_at - row.began_at  # the node's own figure comes later
            if future._place is JobState.COMPLETED:
                self._closed.append(at)
            elif future._place is JobState.FAILED and future._failure is not None:
                row.error = future._failure.message or "the job failed"
        row.job_id, row.node = future.job_id, future._on
        self.dirty[at] = None

    def _open_results(self) -> None:
        """Open small results that are here, have small ones fetched, and leave the others."""
        for at, future, value in self._results.found():
            if future is self._mirror[at] and value.data is not None:
                future._value = future._value or value
                self._closed.append(at)
        until_s = time.monotonic() + OPENING_S
        while self._closed and time.monotonic() < until_s:
            at = self._closed.popleft()
            seen = preview(self._mirror[at])
            if seen.is_open:
                self.table.put_result(at, seen.value)
                self.dirty[at] = None
            elif seen.error:
                self.rows[at].error = f"the result cannot be opened: {seen.error}"
                self.dirty[at] = None
            elif seen.is_closed and seen.size_bytes is None:
                self._results.want(at, self._mirror[at])

    def _look_up(self) -> None:
        """Learn run times and errors from the coordinator."""
        if not self._is_explained():
            is_last = not self._open and self._looks < LAST_LOOKS
            if self._course.ask(soon=is_last) and not self._open:
                self._looks += 1
        at_of = None
        for job_id, state, run_s, error in self._course.found():
            if at_of is None:
                at_of = {row.job_id: at for at, row in enumerate(self.rows)}
            at = at_of.get(job_id)
            if at is None or self.rows[at].is_known or state != self.rows[at].state:
                continue
            row = self.rows[at]
            if row.future._place in _FINAL:
                row.run_s, row.error, row.is_known = run_s, row.error or error, True
                self.dirty[at] = None

    def _is_explained(self) -> bool:
        """Whether it is known how every job went that ended."""
        if not self._open and self._looks >= LAST_LOOKS:
            return True
        return all(row.is_known for row in self.rows if row.future._place in _FINAL)
