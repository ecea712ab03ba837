"""A sweep's stream: made in the kernel, from what the sweep's futures know.

Each `take` compares the futures with what was told before, so that a burst of changes costs no more
than one look, and two looks a second are enough for an eye.
"""

from __future__ import annotations

import threading
import time
import uuid
import weakref
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import msgspec

from nexapod.client.futures import JobFuture
from nexapod.client.sweep import Sweep
from nexapod.core.states import FINAL, JobState
from nexapod.views.panel.asks import aside, forwarded, refused
from nexapod.views.panel.lookups import Course, Results
from nexapod.views.panel.streams import LIVE, Answer, State
from nexapod.views.panel.table import SweepTable, Type
from nexapod.views.previews import preview
from nexapod.views.pulse import Pulse
from nexapod.views.readings import is_stopped

T = TypeVar("T")
#: Rows in one message.
CHUNK = 2_000
#: Results are opened for this long at a look, the others at the next.
OPENING_S = 0.05
#: The course of a sweep that ended is looked up so often, where a job is not in it yet.
LAST_LOOKS = 3

_FINAL = frozenset(FINAL)
_encode = msgspec.json.encode


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


class SweepStream:
    """See `Stream`.

    Parameters
    ----------
    sweep
        It is held weakly; its futures and its connection are not.
    """

    view = "sweep"

    def __init__(self, sweep: Sweep) -> None:
        self._sweep = weakref.ref(sweep)
        self._link = sweep._link
        self._name = sweep.name
        self._began_at = sweep.started_at
        self._futures = sweep.futures
        self._lock = threading.Lock()
        self._run = ""
        self._greeted = ""
        self._rows = [Row(future) for future in self._futures]
        self._mirror = list(self._futures)
        self._open = dict.fromkeys(range(len(self._rows)))
        self._counts: Counter[str] = Counter()
        self._table = SweepTable([future.params for future in self._futures])
        self._closed: deque[int] = deque()
        self._results = Results(self._link)
        self._course = Course(self._link, self._name)
        self._looks = 0
        self._pulse = Pulse()
        self._dirty: dict[int, None] = {}
        self._told: list[tuple[str, Type]] = []
        self._standing: tuple[Any, ...] = ()

    # ── the stream ───────────────────────────────────────────────────────────────────────────────

    def start(self) -> None:
        """See `Stream`."""
        with self._lock:
            self._run = self._run or uuid.uuid4().hex

    def stop(self) -> None:
        """See `Stream`."""
        with self._lock:
            self._run = ""

    @property
    def state(self) -> State:
        """See `Stream`."""
        if is_stopped(self._link) and any(row.is_left for row in self._rows):
            again = f"fleet.sweeps[{self._name!r}]"
            return "closed", f"Stopped; once launched or connected again it goes on: {again}"
        return LIVE

    def is_over(self) -> bool:
        """See `Stream`."""
        return (
            self._greeted == self._run != ""
            and self._mirror == self._futures
            and not (self._open or self._closed or self._dirty)
            and self._results.is_resting
            and self._course.is_resting
            and self._is_explained()
        )

    def take(self) -> list[bytes]:
        """See `Stream`."""
        with self._lock:
            run = self._run
        if not run:
            return []
        self._follow()
        self._look_up()
        self._open_results()
        is_first = self._greeted != run
        if is_first:
            self._greeted, self._told, self._standing = run, [], ()
        ready = [b'{"t":"ready"}'] if is_first else []
        return [*self._hello(is_first), *self._news(), *self._tick(), *ready]

    def ask(self, method: str, path: str, body: Any) -> Answer:
        """See `Stream`."""
        if not path.startswith("/sweep/"):
            return forwarded(self._link, method, path, body)
        sweep = self._sweep()
        if sweep is None:
            return refused(410, "gone", f"find the sweep again: fleet.sweeps[{self._name!r}]")
        if (method, path) == ("POST", "/sweep/cancel"):
            return aside(lambda: cancel(sweep))
        if (method, path) == ("POST", "/sweep/retry_failed"):
            return aside(lambda: retry_failed(sweep))
        return refused(404, "not_found", "a sweep's panel can cancel and retry_failed")

    # ── what is known ────────────────────────────────────────────────────────────────────────────

    def _follow(self) -> None:
        """See where the jobs are now."""
        if self._mirror != self._futures:  # some were submitted again, as new jobs
            for at, future in enumerate(self._futures):
                if future is not self._mirror[at]:
                    self._counts[self._rows[at].state] -= 1
                    self._mirror[at], self._rows[at] = future, Row(future)
                    self._table.clear_result(at)
                    self._open[at] = None
                    self._looks = 0
        for at in list(self._open):
            row, future = self._rows[at], self._rows[at].future
            is_settled = row.is_settled  # asked first: what follows is then the end
            if row.state != future._place or row.node != future._on or row.job_id != future.job_id:
                self._move(at, row)
            if is_settled:
                del self._open[at]
        self._pulse.beat(self._ended)

    def _move(self, at: int, row: Row) -> None:
        future = row.future
        if row.state != future._place:
            if row.state:
                self._counts[row.state] -= 1
            row.state = str(future._place)
            self._counts[row.state] += 1
            if future._place is JobState.ASSIGNED:
                row.began_at = future._placed_at
            elif future._place in _FINAL and row.began_at is not None:
                row.run_s = future._placed_at - row.began_at  # the node's own figure comes later
            if future._place is JobState.COMPLETED:
                self._closed.append(at)
            elif future._place is JobState.FAILED and future._failure is not None:
                row.error = future._failure.message or "the job failed"
        row.job_id, row.node = future.job_id, future._on
        self._dirty[at] = None

    def _open_results(self) -> None:
        """Open small results that are here, have small ones fetched, and leave the others."""
        for at, future, value in self._results.found():
            if future is self._mirror[at] and value.data is not None and future._value is None:
                future._value = value
                self._closed.append(at)
        until_s = time.monotonic() + OPENING_S
        while self._closed and time.monotonic() < until_s:
            at = self._closed.popleft()
            seen = preview(self._mirror[at])
            if seen.is_open:
                self._table.put_result(at, seen.value)
                self._dirty[at] = None
            elif seen.error:
                self._rows[at].error = f"the result cannot be opened: {seen.error}"
                self._dirty[at] = None
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
                at_of = {row.job_id: at for at, row in enumerate(self._rows)}
            at = at_of.get(job_id)
            if at is None or self._rows[at].is_known or state != self._rows[at].state:
                continue
            row = self._rows[at]
            if row.future._place in _FINAL:
                row.run_s, row.error, row.is_known = run_s, row.error or error, True
                self._dirty[at] = None

    def _is_explained(self) -> bool:
        """Whether it is known how every job went that ended."""
        if not self._open and self._looks >= LAST_LOOKS:
            return True
        return all(row.is_known for row in self._rows if row.future._place in _FINAL)

    @property
    def _ended(self) -> int:
        return sum(self._counts[str(state)] for state in FINAL)

    # ── what is told ─────────────────────────────────────────────────────────────────────────────

    def _hello(self, is_first: bool) -> Iterator[bytes]:
        if is_first:
            transport = self._link.transport
            yield _encode(
                {
                    "t": "hello", "v": 1, "run": self._run, "name": self._name,
                    "url": transport.url, "fleet_id": transport.fleet_id,
                    "started_at": self._began_at, "now": time.time(), "window": len(self._rows),
                }
            )  # fmt: skip

    def _news(self) -> Iterator[bytes]:
        """The rows that changed; all of them after the columns did, so that each has every cell."""
        columns = [(column.name, column.type) for column in self._table.columns]
        if columns != self._told or not self._standing:
            self._told = columns
            self._dirty = dict.fromkeys(range(len(self._rows)))
            yield _encode(
                {
                    "t": "sweep", "name": self._name, "total": len(self._rows),
                    "columns": self._table.columns,
                }
            )  # fmt: skip
        dirty, self._dirty = sorted(self._dirty), {}
        for chunk in _chunks(dirty, CHUNK):
            yield _encode({"t": "sweep_rows", "rows": [self._row(at) for at in chunk]})

    def _row(self, at: int) -> list[Any]:
        row = self._rows[at]
        cells = self._table.cells(at)
        return [at, row.job_id, row.state, row.node, row.run_s, row.error[:300], cells]

    def _tick(self) -> Iterator[bytes]:
        now = time.time()
        left = len(self._open)
        until = now if left else max((f._placed_at for f in self._mirror), default=now)
        standing = (tuple(self._counts[str(state)] for state in JobState), until)
        if standing == self._standing:
            return
        self._standing = standing
        yield _encode(
            {
                "t": "tick", "now": now,
                "counts": {str(state): self._counts[str(state)] for state in JobState},
                "rate_per_s": self._pulse.rate_per_s if left else None,
                "eta_s": self._pulse.eta_s(left) if left else None,
                "elapsed_s": until - self._began_at,
            }
        )  # fmt: skip


def cancel(sweep: Sweep) -> str:
    """Cancel what is open, and say so."""
    count = sweep.cancel()
    return f"Cancelled {count} jobs; those that ran were killed" if count else "Nothing was open"


def retry_failed(sweep: Sweep) -> str:
    """Submit again what failed, and say so."""
    count = sweep.retry_failed()
    return f"Submitted {count} jobs again" if count else "Nothing had failed"


def _chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
