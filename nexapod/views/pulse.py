"""How fast jobs end, from what was counted each time somebody looked."""

from __future__ import annotations

import itertools
import time
from collections import deque

#: What the sparkline spans, and in how many bins.
SPAN_S = 60.0
BINS = 30
#: The rate is over this much of the past.
RATE_S = 15.0


class Pulse:
    """Samples of a count that only rises."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int]] = deque(maxlen=2_000)

    def beat(self, ended: int) -> None:
        """Note how many jobs have ended by now."""
        now_s = time.monotonic()
        self._samples.append((now_s, ended))
        while self._samples and now_s - self._samples[0][0] > SPAN_S * 2:
            self._samples.popleft()

    def _at(self, moment_s: float) -> float:
        """The count at a moment, between samples on the line between them."""
        before = self._samples[0]
        for sample in self._samples:
            if sample[0] >= moment_s:
                span_s = sample[0] - before[0]
                share = (moment_s - before[0]) / span_s if span_s > 0 else 0.0
                return before[1] + (sample[1] - before[1]) * min(1.0, max(0.0, share))
            before = sample
        return before[1]

    @property
    def rate_per_s(self) -> float | None:
        """Jobs that ended per second, of late; None before there is anything to tell."""
        if len(self._samples) < 2:
            return None
        now_s = self._samples[-1][0]
        start_s = max(self._samples[0][0], now_s - RATE_S)
        if now_s - start_s < 0.4:
            return None
        return (self._samples[-1][1] - self._at(start_s)) / (now_s - start_s)

    @property
    def history(self) -> tuple[float, ...]:
        """Jobs per second in equal bins over the last `SPAN_S` seconds, oldest first."""
        if len(self._samples) < 3:
            return ()
        now_s, width_s = self._samples[-1][0], SPAN_S / BINS
        edges = [self._at(now_s - SPAN_S + width_s * i) for i in range(BINS + 1)]
        return tuple((b - a) / width_s for a, b in itertools.pairwise(edges))

    def eta_s(self, left: int) -> float | None:
        """Seconds until `left` more have ended, at the present rate."""
        rate = self.rate_per_s
        return left / rate if rate and left else None
