"""Looks after what runs: its time, its other limits, and processes without work."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

from nexapod.core.records import Failure
from nexapod.node.attempt import Attempt
from nexapod.node.engines.limits import Limits
from nexapod.node.engines.process import RunnerProcess
from nexapod.node.engines.slots import Slot
from nexapod.node.estimates import SHORT_S

_IDLE_S = 300.0
_QUICK_S = 0.05
_CALM_S = 0.25


class Watched(Protocol):
    """Who is told."""

    def slow(self, slot: Slot) -> None:
        """What runs there takes longer than a short call."""

    def exceeded(self, runner: RunnerProcess, attempt: Attempt) -> None:
        """A limit was reached."""

    def idle(self, slot: Slot) -> None:
        """The process there has had no work for five minutes."""

    def looked(self) -> None:
        """One round is over."""


class Watch:
    """Goes round while something runs, and only then: an idle node has no such timer."""

    def __init__(self, slots: list[Slot], limits: Limits, watched: Watched) -> None:
        self._slots = slots
        self._limits = limits
        self._watched = watched
        self._loop = asyncio.get_running_loop()
        self._round: asyncio.TimerHandle | None = None
        self._sweep: asyncio.TimerHandle | None = None
        self._measured_at = 0.0
        self._is_open = True

    def arm(self, quick: bool) -> None:
        """Go round soon, if that is not planned already.

        Parameters
        ----------
        quick
            Attempts wait: how long the running ones take decides what becomes of them.
        """
        if self._round is None and self._is_open:
            quick = quick or any(s.runner and len(s.runner.sent) > 1 for s in self._slots)
            delay_s = min(_QUICK_S if quick else _CALM_S, self._next_limit_s())
            self._round = self._loop.call_later(delay_s, self._look)

    def sweep_later(self) -> None:
        """Look for processes without work in a minute."""
        if self._sweep is None and self._is_open:
            self._sweep = self._loop.call_later(_IDLE_S / 5, self._look_for_idle)

    def close(self) -> None:
        """Stop for good."""
        self._is_open = False
        for timer in (self._round, self._sweep):
            if timer is not None:
                timer.cancel()

    def _next_limit_s(self) -> float:
        """Seconds until the first running attempt reaches its ``timeout_s``."""
        now_ns = time.monotonic_ns()
        left_s = 60.0
        for slot in self._slots:
            running = slot.runner.running() if slot.runner is not None else None
            if running is not None and running[0].lease.timeout_s and not running[0].intent:
                elapsed_s = (now_ns - running[1]) / 1e9
                left_s = min(left_s, max(0.001, running[0].lease.timeout_s - elapsed_s + 0.001))
        return left_s

    def _look(self) -> None:
        self._round = None
        now_ns = time.monotonic_ns()
        measure = now_ns / 1e9 - self._measured_at > _CALM_S * 0.9
        if measure:
            self._measured_at = now_ns / 1e9
        for slot in self._slots:
            runner = slot.runner
            running = runner.running() if runner is not None else None
            if runner is None or running is None:
                continue
            attempt, started_ns = running
            elapsed_s = (now_ns - started_ns) / 1e9
            if elapsed_s > SHORT_S and not slot.is_slow:
                self._watched.slow(slot)
            if attempt.intent is None:
                self._judge(runner, attempt, elapsed_s, measure)
            elif measure:
                runner.printed_bytes()
        self._watched.looked()

    def _judge(
        self, runner: RunnerProcess, attempt: Attempt, elapsed_s: float, measure: bool
    ) -> None:
        limit_s = attempt.lease.timeout_s
        if limit_s is not None and elapsed_s > limit_s:
            attempt.excess = Failure("timeout", f"ran longer than timeout_s={limit_s:g}")
        elif measure:
            attempt.excess = self._limits.exceeded(runner, attempt)
        if attempt.excess is not None:
            self._watched.exceeded(runner, attempt)

    def _look_for_idle(self) -> None:
        """Warm processes hold memory, on GPUs too."""
        self._sweep = None
        now = time.monotonic()
        for slot in self._slots:
            runner = slot.runner
            if runner is not None and slot.is_idle and now - runner.idle_since > _IDLE_S:
                self._watched.idle(slot)
        if any(slot.runner is not None for slot in self._slots):
            self.sweep_later()
