"""What the node says: a line per job while jobs are slow, a line per five seconds else."""

from __future__ import annotations

import asyncio
import logging
import time

from nexapod.core.records import Failure

log = logging.getLogger("nexapod.node")

_SLOW_S = 1.0
_EVERY_S = 5.0
_FAILURES = 5


class Chronicle:
    """Turns what happens into lines that people read."""

    def __init__(self) -> None:
        self._short = 0
        self._failed = 0
        self._since = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def say(self, text: str) -> None:
        """One line."""
        log.info(text)

    def warn(self, text: str) -> None:
        """One line that somebody should read."""
        log.warning(text)

    def completed(self, label: str, run_s: float) -> None:
        """A job completed."""
        if run_s >= _SLOW_S:
            log.info("%s finished in %s", label, duration(run_s))
        else:
            log.debug("%s finished in %.4f s", label, run_s)
            self._short += 1
            self._later()

    def failed(self, label: str, failure: Failure) -> None:
        """A job failed; when hundreds do, a few lines and a sum are enough."""
        self._failed += 1
        if self._failed <= _FAILURES:
            log.warning("%s failed: %s", label, failure.message)
        self._later()

    def flush(self) -> None:
        """Say what was only counted."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._short:
            within_s = max(1.0, time.monotonic() - self._since)
            log.info("completed %s in the last %.0f s", count(self._short, "job"), within_s)
        if self._failed > _FAILURES:
            log.warning("%s more failed", count(self._failed - _FAILURES, "job"))
        self._short = self._failed = 0

    def _later(self) -> None:
        if self._timer is None:
            self._since = time.monotonic()
            self._timer = asyncio.get_running_loop().call_later(_EVERY_S, self.flush)


def duration(seconds: float) -> str:
    """Seconds for people: ``3.2 s``, ``4 min 10 s``, ``2 h 05 min``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    if seconds < 3600:
        return f"{int(seconds // 60)} min {int(seconds % 60)} s"
    return f"{int(seconds // 3600)} h {int(seconds % 3600 // 60):02d} min"


def count(number: int, noun: str) -> str:
    """``1 job``, ``1,240 jobs``."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
