"""The picture: what the sidebar shows of one coordinator, out of its panel's stream.

A pure merge of messages, the small sister of the panel's own (extension/src/panel).
"""

from __future__ import annotations

from collections import Counter
from typing import Any

#: Jobs that may still change.
_OPEN = frozenset({"pending", "assigned"})
#: Of jobs that ended so many may still be told of again, the newest; others are only counted.
WINDOW = 100_000
#: How many buckets of throughput are shown.
PACE_BUCKETS = 60


class Picture:
    """One coordinator as of its last message."""

    def __init__(self) -> None:
        self._forget()

    def _forget(self) -> None:
        self.is_ready = False
        self._nodes: dict[str, str] = {}
        self._jobs: dict[int, tuple[str, str]] = {}  # of sweeps alone: seq → (sweep, state)
        self._most_jobs = 2 * WINDOW
        self._sweeps: dict[str, Counter[str]] = {}
        self._pace: dict[float, int] = {}
        self._width_s = 5.0
        self._tick: dict[str, Any] = {}

    def take(self, message: dict[str, Any]) -> None:
        """Merge one message. Kinds that are not known change nothing."""
        kind = message.get("t")
        if kind == "hello":
            self._forget()
        elif kind == "nodes":
            self._nodes.update((row[0], row[1]) for row in message["rows"])
        elif kind == "jobs":
            for row in message["rows"]:
                if row[4] is not None:
                    self._move(row[0], row[4], row[2])
            self._let_go()
        elif kind == "patch":
            for row in message["rows"]:
                if row[0] in self._jobs:
                    self._move(row[0], self._jobs[row[0]][0], row[1])
        elif kind == "pace":
            self._width_s = message["width_s"]
            self._pace.update((row[0], row[2]) for row in message["rows"])
            for at in sorted(self._pace)[:-PACE_BUCKETS]:
                del self._pace[at]
        elif kind == "tick":
            self._tick = message
        elif kind == "ready":
            self.is_ready = True

    def _move(self, seq: int, sweep: str, state: str) -> None:
        """Count a job of a sweep where it is now."""
        counts = self._sweeps.setdefault(sweep, Counter())
        before = self._jobs.get(seq)
        if before is not None:
            counts[before[1]] -= 1
        counts[state] += 1
        self._jobs[seq] = (sweep, state)

    def _let_go(self) -> None:
        """Keep no more of the jobs than can still change the counts."""
        if len(self._jobs) > self._most_jobs:
            oldest = max(self._jobs) - WINDOW
            kept = {seq: job for seq, job in self._jobs.items() if seq > oldest or job[1] in _OPEN}
            self._jobs, self._most_jobs = kept, 2 * max(WINDOW, len(kept))

    def shown(self) -> dict[str, Any]:
        """What the browser gets of it."""
        lost = sorted(name for name, status in self._nodes.items() if status == "lost")
        present = [status for status in self._nodes.values() if status != "left"]
        return {
            "nodes": {
                "online": sum(status in ("online", "draining") for status in present),
                "total": len(present),
                "lost": lost,
            },
            "jobs": self._tick.get("counts", {}),
            "rate_per_s": self._tick.get("rate_per_s"),
            "eta_s": self._tick.get("eta_s"),
            "pace": {"width_s": self._width_s, "ended": self._ended()},
            "sweeps": [
                {
                    "name": name,
                    "total": counts.total(),
                    "open": sum(counts[state] for state in _OPEN),
                    "failed": counts["failed"],
                }
                for name, counts in self._sweeps.items()
            ][-100:],
        }

    def _ended(self) -> list[int]:
        """Jobs that ended in each of the last buckets; in one that was never told of, none did."""
        if not self._pace:
            return []
        last = max(self._pace)
        ats = (last - self._width_s * (PACE_BUCKETS - 1 - n) for n in range(PACE_BUCKETS))
        return [self._pace.get(at, 0) for at in ats]
