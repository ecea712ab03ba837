"""Waiting times between tries: exponential, capped, with full jitter."""

from __future__ import annotations

import random


class Backoff:
    """Doubles from `first_s` to `cap_s`. Full jitter, so that a fleet does not return in step."""

    def __init__(self, first_s: float = 0.1, cap_s: float = 60.0) -> None:
        self._first_s = first_s
        self._cap_s = cap_s
        self._tries = 0

    def next_s(self, at_least_s: float = 0.0) -> float:
        """How long to wait now.

        Parameters
        ----------
        at_least_s
            What the coordinator asked for (``Retry-After``).
        """
        ceiling_s = min(self._cap_s, self._first_s * 2.0 ** min(self._tries, 30))
        self._tries += 1
        return max(0.02, at_least_s + random.uniform(0.0, ceiling_s))

    def reset(self) -> None:
        """Start again from `first_s`."""
        self._tries = 0
