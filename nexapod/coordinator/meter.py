"""The meter: what the coordinator counts while it works, in plain numbers.

It is read when somebody asks (see `metrics`). Counting a request costs two look-ups and no lock:
everything here happens on the coordinator's loop.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from nexapod.core import events as e
from nexapod.core.states import AttemptEnd

#: Upper bounds of the buckets. Long polls last up to a minute.
COMMIT_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
COMMIT_EVENTS = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 10_000)
REQUEST_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0, 60.0)


class Histogram:
    """How many values fell into each bucket, and their sum."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def add(self, value: float) -> None:
        """Count a value in."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


class Meter:
    """The coordinator's counters since it started."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, int]] = Counter()
        self.request_seconds: dict[str, Histogram] = {}
        self.commit_seconds = Histogram(COMMIT_SECONDS)
        self.commit_events = Histogram(COMMIT_EVENTS)
        self.store_errors = 0
        self.attempts: Counter[AttemptEnd] = Counter()
        self.lag_s = 0.0
        self.gap_s = 0.0
        self.connections: Callable[[], int] = lambda: 0
        self.database: Path | None = None

    def request(self, endpoint: str, code: int, took_s: float) -> None:
        """A request was answered. `endpoint` is a route's name, never a path somebody sent."""
        self.requests[endpoint, code] += 1
        seconds = self.request_seconds.get(endpoint)
        if seconds is None:
            seconds = self.request_seconds[endpoint] = Histogram(REQUEST_SECONDS)
        seconds.add(took_s)

    def commit(self, events: Sequence[e.Event], took_s: float, error: BaseException | None) -> None:
        """A batch was written, or was not."""
        if error is not None:
            self.store_errors += 1
            return
        self.commit_seconds.add(took_s)
        self.commit_events.add(len(events))
        for event in events:
            if type(event) is e.AttemptEnded:
                self.attempts[event.end] += 1
