"""How long calls take here, learnt from those that ran."""

from __future__ import annotations

from collections import OrderedDict

_WEIGHT = 0.3
_FUNCTIONS = 4096
SHORT_S = 0.05


class Estimates:
    """Moving averages of run times, per function and over all."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, float] = OrderedDict()
        self.recent_s: float | None = None

    def learn(self, function: str, run_s: float) -> None:
        """Take in one run."""
        before = self._known.get(function)
        self._known[function] = _blend(before, run_s)
        if before is None and len(self._known) > _FUNCTIONS:
            self._known.popitem(last=False)
        # A long one counts in full: asking for too few jobs next time costs a round trip, asking
        # for too many keeps them from other nodes.
        self.recent_s = run_s if run_s > SHORT_S else _blend(self.recent_s, run_s)

    def of(self, function: str) -> float | None:
        """Seconds, or None when it never ran here."""
        return self._known.get(function)


def _blend(before_s: float | None, now_s: float) -> float:
    return now_s if before_s is None else before_s + _WEIGHT * (now_s - before_s)
