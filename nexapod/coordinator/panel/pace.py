"""The pace: how many jobs came and ended, in short buckets, and what that says of the rest.

It counts whether or not anybody looks: a look at the clock a batch, and one at each event.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Sequence

import msgspec

from nexapod.core import events as e
from nexapod.core.states import JobState

WIDTH_S = 5
#: An hour of buckets.
KEPT = 720
#: The rate is over this much of the past, rounded up to whole buckets.
RATE_S = 15.0
#: What is left is judged by at least so many ends, however long ago they were, within limits.
ENDS = 10
MEMORY_S = 600.0
#: A rate over less than this says nothing.
_LEAST_S = 0.4


class Bucket(msgspec.Struct, array_like=True, gc=False):
    """What happened in `WIDTH_S` seconds from `at` on.

    `waiting` and `running` are how it stood at the end; None while nobody looked.
    """

    at: float
    submitted: int = 0
    ended: int = 0
    failed: int = 0
    waiting: int | None = None
    running: int | None = None

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing in it."""
        return not self.submitted and not self.ended and self.waiting is None


class Pace:
    """Counts of the last hour. A bucket that is not there had nothing in it.

    Parameters
    ----------
    gauges
        How many jobs wait and run now; None while nobody wants to know.
    """

    def __init__(self, gauges: Callable[[], tuple[int, int] | None] = lambda: None) -> None:
        self._gauges = gauges
        self.buckets: deque[Bucket] = deque(maxlen=KEPT)
        self._open = Bucket(0.0)
        self._closes_at = 0.0
        self._jobs = 0
        self._ended = 0
        self._busy_since = 0.0
        self._ended_before = 0

    def begin(self, jobs: int, now: float) -> None:
        """Say how many jobs are open before the next batch."""
        self._jobs = jobs
        self._busy_since = now
        self._ended_before = self._ended

    def hear(self, events: Sequence[e.Event], now: float) -> None:
        """Count a batch."""
        if not self._open.at <= now < self._closes_at:
            self.roll(now)
        bucket = self._open
        for event in events:
            kind = type(event)
            if kind is e.JobQueued:
                if not self._jobs:
                    self._busy_since, self._ended_before = now, self._ended
                self._jobs += 1
                bucket.submitted += 1
            elif kind is e.JobClosed:
                self._jobs -= 1
                self._ended += 1
                bucket.ended += 1
                bucket.failed += event.state is JobState.FAILED  # type: ignore[attr-defined]

    def roll(self, now: float) -> None:
        """Close the open bucket if its time is over."""
        if self._open.at <= now < self._closes_at:
            return
        closed = self._open
        if closed.at and (gauges := self._gauges()) is not None:
            closed.waiting, closed.running = gauges
        at = now - now % WIDTH_S
        while self.buckets and self.buckets[-1].at >= at:  # the clock went back
            self.buckets.pop()
        self._open, self._closes_at = Bucket(at), at + WIDTH_S
        if not closed.is_idle and closed.at < at:
            self.buckets.append(closed)

    def since(self, at: float) -> list[Bucket]:
        """The closed buckets that are newer than the one from `at` on."""
        newer = list(itertools.takewhile(lambda bucket: bucket.at > at, reversed(self.buckets)))
        return newer[::-1]

    def rate_per_s(self, now: float) -> float | None:
        """Jobs that ended per second, of late; None when none did, or none is left."""
        return self._rate(now, 0, RATE_S)

    def eta_s(self, now: float, left: int) -> float | None:
        """Seconds until `left` more have ended, as the last ones did; None when none did."""
        rate = self._rate(now, ENDS, MEMORY_S)
        return left / rate if rate and left else None

    def _rate(self, now: float, ends: int, most_s: float) -> float | None:
        """The rate over the last `RATE_S`, or further back until `ends` jobs ended.

        Never from before there was anything to do.
        """
        if not self._jobs:
            return None
        self.roll(now)
        start, ended = self._open.at, self._open.ended
        earliest = max(now - most_s, self._busy_since)
        for bucket in reversed(self.buckets):
            if (now - start >= RATE_S and ended >= ends) or bucket.at + WIDTH_S <= earliest:
                break
            ended += bucket.ended
            start = bucket.at
        if now - start < RATE_S or ended < ends:
            start = min(start, now - most_s)
        span_s = now - max(start, self._busy_since)
        ended = min(ended, self._ended - self._ended_before)
        return ended / span_s if ended and span_s >= _LEAST_S else None
