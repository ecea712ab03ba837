"""Runs attempts on the node's slots: who goes where, what is ended, what is given back."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Iterable, Iterator

from nexapod.core.records import AttemptReport
from nexapod.core.states import AttemptEnd
from nexapod.node.attempt import Attempt, Intent, Key
from nexapod.node.engines import frames
from nexapod.node.engines.crew import Crew
from nexapod.node.engines.listener import Listener
from nexapod.node.engines.output import KEPT_BYTES
from nexapod.node.engines.placement import AHEAD_S, idle_slot, short_slot, wanted
from nexapod.node.engines.process import RunnerProcess
from nexapod.node.engines.setting import Setting
from nexapod.node.engines.slots import Resources, Slot
from nexapod.node.engines.verdict import verdict
from nexapod.node.engines.watch import Watch
from nexapod.node.estimates import Estimates
from nexapod.wire.messages import Holding

_STUCK_S = 1.0


class Pool:
    """The slots of one node.

    Parameters
    ----------
    setting
        What runner processes share.
    slots, prefetch
        How many attempts run at once, and how many more may queue.
    """

    def __init__(
        self, setting: Setting, slots: int, prefetch: int, resources: Resources,
        estimates: Estimates, listener: Listener,
    ) -> None:  # fmt: skip
        self._slots = [Slot(index) for index in range(slots)]
        self._prefetch = prefetch
        self._resources = resources
        self._estimates = estimates
        self._listener = listener
        self._waiting: deque[Attempt] = deque()
        self._by_runner: dict[RunnerProcess, Slot] = {}
        self.setting = setting
        self._crew = Crew(setting, self._done, self._dead)
        self._progress_at = time.monotonic()
        self._pumping = False
        self._loop = asyncio.get_running_loop()
        self._watch = Watch(self._slots, setting.limits, self)
        self.is_open = True

    # ── what the agent asks ──────────────────────────────────────────────────────────────────────

    def add(self, attempts: Iterable[Attempt]) -> None:
        """Take attempts whose payload and function are here."""
        self._waiting.extend(attempts)
        self._pump()

    @property
    def waiting(self) -> int:
        """How many attempts have not been sent to a runner."""
        return len(self._waiting)

    def busy(self) -> int:
        """How many slots have something to do."""
        return sum(not slot.is_idle for slot in self._slots)

    def wanted(self, preparing: int) -> int:
        """How many more leases this node could use now.

        Parameters
        ----------
        preparing
            Leases that are here but wait for a function or an input.
        """
        held = len(self._waiting) + preparing
        return wanted(self._slots, held, self._prefetch, self._estimates.recent_s)

    def holdings(self) -> list[Holding]:
        """Every lease here, for a heartbeat."""
        now_ns = time.monotonic_ns()
        held = [Holding(*attempt.key) for attempt in self._waiting]
        for runner in self._crew.living:
            running = runner.running()
            for attempt in runner.sent.values():
                if running is not None and running[0] is attempt:
                    held.append(Holding(*attempt.key, max(0.0, (now_ns - running[1]) / 1e9)))
                else:
                    held.append(Holding(*attempt.key))
        return held

    def running(self) -> Iterator[tuple[RunnerProcess, Attempt, float]]:
        """What runs, on which process, and for how many seconds."""
        now_ns = time.monotonic_ns()
        for runner in self._crew.living:
            if (found := runner.running()) is not None:
                yield runner, found[0], (now_ns - found[1]) / 1e9

    def end(self, key: Key, intent: Intent) -> bool:
        """End one attempt: at once where it waits, with its process group where it runs."""
        for attempt in self._waiting:
            if attempt.key == key:
                self._waiting.remove(attempt)
                self._tell_unstarted(attempt, intent)
                return True
        for runner in list(self._crew.living):
            for attempt in list(runner.sent.values()):
                if attempt.key == key:
                    self._end_sent(runner, attempt, intent)
                    return True
        return False

    def give_back(self, intent: Intent = "release") -> int:
        """End everything that has not started. Returns how many that were."""
        for slot in self._slots:
            self._call_back(slot)
        count = len(self._waiting)
        while self._waiting:
            self._tell_unstarted(self._waiting.popleft(), intent)
        return count

    def kill_running(self, intent: Intent) -> None:
        """End everything that runs."""
        for runner in list(self._crew.living):
            for attempt in list(runner.sent.values()):
                attempt.intent = attempt.intent or intent
            if runner.sent:
                runner.kill()

    async def start_one(self) -> str:
        """Start a runner process now. Returns what keeps it from working, or an empty string."""
        slot = self._slots[0]
        runner = self._start_runner(slot, None)
        while not runner.is_ready and runner.exit_code is None:
            await self._crew.change()
        if not runner.is_ready:
            return f"the runner process ended with exit code {runner.exit_code} while it started"
        return runner.problem

    async def close(self) -> None:
        """End all processes. Nothing must be running any more."""
        self.is_open = False
        self._watch.close()
        await self._crew.close()

    async def quiet(self) -> None:
        """Wait until no slot has anything to do."""
        while self.busy():
            await self._crew.change()

    # ── who goes where ───────────────────────────────────────────────────────────────────────────

    def _pump_soon(self) -> None:
        if not self._pumping:
            self._pumping = True
            self._loop.call_soon(self._pump)

    def _pump(self) -> None:
        self._pumping = False
        while self._waiting and self.is_open and self._place(self._waiting[0]):
            self._waiting.popleft()
        if self._waiting:
            self._give_back_stuck()
        if self._waiting or self.busy():
            self._watch.arm(quick=bool(self._waiting))
        self._listener.room()

    def _place(self, attempt: Attempt) -> bool:
        """Send the attempt to a slot, strictly in order, so that a large one is not starved."""
        now = time.monotonic()
        if not self._crew.may_start:
            return False
        slot = idle_slot(self._slots, attempt)
        if slot is None:
            slot = short_slot(self._slots, attempt, self._estimates)
            if slot is None:
                return False
        else:
            warm = slot.runner.devices if slot.runner is not None else None
            if not self._resources.take(attempt, warm):
                return False
            slot.holder = attempt
            self._progress_at = now
        runner = self._runner_for(slot, attempt)
        # A call that never ran here may be long: nothing queues behind it.
        known_s = self._estimates.of(attempt.estimate)
        attempt.expected_s = AHEAD_S if known_s is None else known_s
        slot.backlog_s += attempt.expected_s
        runner.send(attempt)
        return True

    def _runner_for(self, slot: Slot, attempt: Attempt) -> RunnerProcess:
        runner, devices = slot.runner, attempt.devices or None
        is_stale = runner is not None and attempt.wants_fresh and not runner.is_fresh
        if runner is not None and (runner.devices != devices or is_stale):
            # Nothing was sent to it. Not `_detach`: the slot is the new attempt's already.
            del self._by_runner[runner]
            runner.stop()
            runner = slot.runner = None
            slot.is_slow = False
        return runner if runner is not None else self._start_runner(slot, devices)

    def _start_runner(self, slot: Slot, devices: tuple[str, ...] | None) -> RunnerProcess:
        runner = slot.runner = self._crew.start(devices)
        self._by_runner[runner] = slot
        self._watch.sweep_later()
        return runner

    def _detach(self, runner: RunnerProcess) -> None:
        """The slot goes on without this process; what it had not started waits again."""
        slot = self._by_runner.pop(runner, None)
        if slot is not None:
            self._call_back(slot)
            slot.runner = None
            slot.is_slow = False
            self._settle(slot)

    def _call_back(self, slot: Slot) -> None:
        if slot.runner is not None:
            back = slot.runner.revoke()
            slot.backlog_s -= sum(attempt.expected_s for attempt in back)
            self._waiting.extendleft(reversed(back))
            self._settle(slot)

    def _settle(self, slot: Slot) -> None:
        """Free what an idle slot still reserves."""
        if slot.is_idle:
            slot.backlog_s = 0.0
            if slot.holder is not None:
                self._resources.give_back(slot.holder)
                slot.holder = None

    # ── what runners tell ────────────────────────────────────────────────────────────────────────

    def _done(
        self, runner: RunnerProcess, attempt: Attempt, flags: int, run_s: float, report: bytes
    ) -> None:
        self._progress_at = runner.idle_since = time.monotonic()
        slot = self._by_runner.get(runner)
        if slot is not None:
            slot.backlog_s -= attempt.expected_s
            slot.is_slow = False
            self._settle(slot)
        was_revoked = bool(flags & frames.REVOKED)
        is_stale = bool(flags & frames.STALE) and not attempt.wants_fresh
        is_again = (was_revoked or is_stale) and not attempt.intent
        if not is_again and not was_revoked:
            self._estimates.learn(attempt.estimate, run_s)
        if is_again:
            attempt.wants_fresh |= is_stale
            attempt.seq, attempt.printed = 0, None
        elif was_revoked or attempt.intent in ("cancel", "lost"):
            assert attempt.intent is not None
            self._tell_unstarted(attempt, attempt.intent)
        else:
            self._listener.finished(attempt, flags, run_s, report)
        if flags & frames.REPLACE or runner.was_killed:
            self._detach(runner)
            runner.kill(at_once=True)
        if is_again:
            self._waiting.appendleft(attempt)
        self._pump_soon()

    def _dead(self, runner: RunnerProcess) -> None:
        victim = runner.running()
        if not runner.is_ready or runner.problem:
            self._bad_start(runner)
        if victim is not None:
            attempt, started_ns = victim
            del runner.sent[attempt.seq]
        if victim is not None and attempt.intent is None and runner.was_killed:
            self._waiting.appendleft(attempt)  # it had just started when another was ended
        elif victim is not None:
            run_s = (time.monotonic_ns() - started_ns) / 1e9
            assert runner.exit_code is not None
            start, printed = runner.printed(attempt, 0, KEPT_BYTES)
            if printed:
                attempt.printed = start + len(printed), printed
            report = verdict(attempt, runner.exit_code, run_s, attempt.peak_bytes)
            self._listener.ended(attempt, report)
        self._detach(runner)
        for attempt in runner.sent.values():  # ended on purpose before they started
            self._tell_unstarted(attempt, attempt.intent or "release")
        runner.sent.clear()
        self._pump_soon()

    def _bad_start(self, runner: RunnerProcess) -> None:
        if not runner.sent and not self._waiting:
            return  # whoever asked for it looks at `problem`
        delay_s = self._crew.pause()
        self._loop.call_later(delay_s + 0.01, self._pump)
        why = runner.problem or runner.output().strip().rpartition("\n")[2]
        self._listener.say(
            f"a runner process did not start (exit code {runner.exit_code}): {why}; "
            f"trying again in {delay_s:.1f} s"
        )

    def _tell_unstarted(self, attempt: Attempt, intent: Intent) -> None:
        attempt.intent = intent
        end = AttemptEnd.CANCELLED if intent == "cancel" else AttemptEnd.RELEASED
        report = AttemptReport(attempt.lease.job_id, attempt.lease.epoch, end)
        self._listener.ended(attempt, None if intent == "lost" else report)

    def _end_sent(self, runner: RunnerProcess, attempt: Attempt, intent: Intent) -> None:
        slot = self._by_runner.get(runner)
        if slot is not None:
            self._call_back(slot)
        if attempt.seq:  # it has started
            attempt.intent = attempt.intent or intent
            # What fills the machine may have filled it before it listens.
            excess = attempt.excess
            runner.kill(at_once=excess is not None and excess.type != "timeout")
        else:
            self._waiting.remove(attempt)
            self._tell_unstarted(attempt, intent)
        self._pump_soon()

    # ── what the watch tells ─────────────────────────────────────────────────────────────────────

    def slow(self, slot: Slot) -> None:
        """What runs there takes long: what was sent behind it waits for any slot again."""
        slot.is_slow = True
        self._call_back(slot)

    def exceeded(self, runner: RunnerProcess, attempt: Attempt) -> None:
        """The attempt reached a limit of its job."""
        self._end_sent(runner, attempt, "limit")

    def idle(self, slot: Slot) -> None:
        """The warm process there had nothing to do for long."""
        if slot.runner is not None:
            runner = slot.runner
            self._detach(runner)
            runner.stop()

    def looked(self) -> None:
        """The watch has been round."""
        self._listener.looked()
        self._pump()

    def _give_back_stuck(self) -> None:
        """Never hoard: what waits behind long jobs goes back, for other nodes to take."""
        if time.monotonic() - self._progress_at > _STUCK_S:
            count = self.give_back()
            if count:
                self._listener.say(f"gave back {count} jobs that waited behind long ones")
