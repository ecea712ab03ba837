"""All runner processes of a node: starting them, and waiting when they do not start."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from nexapod.node.attempt import Attempt
from nexapod.node.engines.process import RunnerProcess
from nexapod.node.engines.setting import Setting

_LONGEST_S = 30.0


class Crew:
    """The living runner processes, whether a slot still uses them or not.

    Parameters
    ----------
    done, dead
        Told what a process has finished, and that it has ended.
    """

    def __init__(
        self, setting: Setting,
        done: Callable[[RunnerProcess, Attempt, int, float, bytes], None],
        dead: Callable[[RunnerProcess], None],
    ) -> None:  # fmt: skip
        self._setting = setting
        self._done = done
        self._dead = dead
        self._started = 0
        self._bad_starts = 0
        self._not_before = 0.0
        self._news = asyncio.Event()
        self.living: set[RunnerProcess] = set()

    @property
    def may_start(self) -> bool:
        """Whether the pause after a process that did not start is over."""
        return time.monotonic() >= self._not_before

    def start(self, devices: tuple[str, ...] | None) -> RunnerProcess:
        """Start a process."""
        self._started += 1
        runner = RunnerProcess(
            self._setting, f"runner-{self._started}", devices,
            self._finished, self._ready, self._ended,
        )  # fmt: skip
        self.living.add(runner)
        return runner

    def pause(self) -> float:
        """A process did not start: wait, longer each time. Returns the seconds."""
        self._bad_starts += 1
        delay_s = min(_LONGEST_S, 0.25 * 2.0**self._bad_starts)
        self._not_before = time.monotonic() + delay_s
        return delay_s

    async def change(self) -> None:
        """Wait until a process has told something, or has died."""
        self._news.clear()
        await self._news.wait()

    async def close(self) -> None:
        """End all: at once those that do nothing, as `RunnerProcess.kill` does the others."""
        for runner in list(self.living):
            runner.kill(at_once=not runner.sent)
        while self.living:
            await self.change()

    def _ready(self, runner: RunnerProcess) -> None:
        if not runner.problem:
            self._bad_starts = 0
        self._news.set()

    def _finished(
        self, runner: RunnerProcess, attempt: Attempt, flags: int, run_s: float, report: bytes
    ) -> None:
        self._done(runner, attempt, flags, run_s, report)
        self._news.set()

    def _ended(self, runner: RunnerProcess) -> None:
        self._dead(runner)
        self.living.discard(runner)
        self._news.set()
