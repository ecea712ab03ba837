"""A sweep's stream: made in the kernel, from what the sweep's futures know.

Each `take` compares the futures with what was told before, so that a burst of changes costs no more
than one look, and two looks a second are enough for an eye.
"""

from __future__ import annotations

import threading
import time
import uuid
import weakref
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import msgspec

from nexapod.client.sweep import Sweep
from nexapod.core.states import JobState
from nexapod.views.panel.asks import aside, forwarded, refused
from nexapod.views.panel.rows import SweepRows
from nexapod.views.panel.streams import LIVE, Answer, State
from nexapod.views.panel.table import Type, encodable
from nexapod.views.pulse import Pulse
from nexapod.views.readings import is_stopped

T = TypeVar("T")
#: Rows in one message.
CHUNK = 2_000
#: Characters of an error: its place is one line.
MOST_ERROR = 300

_encode = msgspec.json.encode


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
        self._known = SweepRows(sweep)
        self._pulse = Pulse()
        self._lock = threading.Lock()
        self._run = ""
        self._greeted = ""
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
        if is_stopped(self._link) and self._known.are_left:
            again = f"fleet.sweeps[{self._name!r}]"
            return "closed", f"Stopped; once launched or connected again it goes on: {again}"
        return LIVE

    def is_over(self) -> bool:
        """See `Stream`."""
        return self._greeted == self._run != "" and self._known.is_resting

    def take(self) -> list[bytes]:
        """See `Stream`."""
        with self._lock:
            run = self._run
        if not run:
            return []
        self._known.look()
        self._pulse.beat(self._known.ended)
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

    # ── what is told ─────────────────────────────────────────────────────────────────────────────

    def _hello(self, is_first: bool) -> Iterator[bytes]:
        if is_first:
            transport = self._link.transport
            yield _encode(
                {
                    "t": "hello", "v": 1, "run": self._run, "name": self._name,
                    "url": transport.url, "fleet_id": transport.fleet_id,
                    "started_at": self._began_at, "now": time.time(),
                    "window": len(self._known.rows),
                }
            )  # fmt: skip

    def _news(self) -> Iterator[bytes]:
        """The rows that changed; all of them after the columns did, so that each has every cell."""
        columns = [(column.name, column.type) for column in self._known.table.columns]
        if columns != self._told or not self._standing:
            self._told = columns
            self._known.all_dirty()
            yield _encode(
                {
                    "t": "sweep", "name": self._name, "total": len(self._known.rows),
                    "columns": self._known.table.columns,
                }
            )  # fmt: skip
        dirty, self._known.dirty = sorted(self._known.dirty), {}
        for chunk in _chunks(dirty, CHUNK):
            yield _encode({"t": "sweep_rows", "rows": [self._row(at) for at in chunk]})

    def _row(self, at: int) -> list[Any]:
        row = self._known.rows[at]
        cells, error = self._known.table.cells(at), encodable(row.error[:MOST_ERROR])
        return [at, row.job_id, row.state, row.node, row.run_s, error, cells]

    def _tick(self) -> Iterator[bytes]:
        now, left, counts = time.time(), self._known.left, self._known.counts
        until = self._known.ended_at or now
        by_state = {str(state): counts[str(state)] for state in JobState}
        standing = (by_state, until)
        if standing == self._standing:
            return
        self._standing = standing
        yield _encode(
            {
                "t": "tick", "now": now, "counts": by_state,
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
