"""The agent: keeps a node known, fed, alive and honest, until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable
from typing import Any

import msgspec

from nexapod.core.records import AttemptReport, Failure
from nexapod.core.states import AttemptEnd
from nexapod.errors import AlreadyRunning, Invalid, NexapodError, Untrusted
from nexapod.ids import new_boot_id
from nexapod.node import probe
from nexapod.node.attempt import Attempt, Intent, Key
from nexapod.node.blobs import Blobs
from nexapod.node.chronicle import Chronicle, count, duration
from nexapod.node.engines import frames
from nexapod.node.engines.pool import Pool
from nexapod.node.engines.setting import Setting
from nexapod.node.engines.slots import Resources
from nexapod.node.estimates import Estimates
from nexapod.node.gpus import find_gpus
from nexapod.node.heartbeat import Heartbeat
from nexapod.node.intake import Intake
from nexapod.node.link import Link
from nexapod.node.logs import LogStream
from nexapod.node.options import NodeOptions
from nexapod.node.poller import Poller
from nexapod.node.process import log_to_stderr, run_on_loop, stop_on_signals
from nexapod.node.registration import REFUSALS, Registration
from nexapod.node.reporter import Reporter
from nexapod.node.scratch import Scratch
from nexapod.node.shelf import Shelf
from nexapod.wire import messages as m

_PATIENCE_S = 10.0
_HURRIED_PATIENCE_S = 3.0
_LOGS_S = 1.0


class Agent:
    """One node.

    Parameters
    ----------
    options
        What it was told.
    scratch
        Its directory, which it alone uses.
    """

    def __init__(self, options: NodeOptions, scratch: Scratch) -> None:
        self._options = options
        self._boot_id = new_boot_id()
        self.chronicle = Chronicle()
        gpus = find_gpus()
        self._profile = probe.profile(options.runner, options.weights, gpus)
        self._link = Link(options, self.chronicle.say)
        self._registration = Registration(
            self._link, self.chronicle, self._register_body, self._lost, self._serve
        )
        self._blobs = Blobs(self._link, self._registration, scratch.path / "blobs")
        self._shelf = Shelf(scratch.path)
        self._reporter = Reporter(
            options.name, self._link, self._shelf, self._registration, self.chronicle
        )
        cores = max(int(self._profile["cores"]), options.slots)
        devices = tuple(gpu.index for gpu in gpus)
        setting = Setting(
            scratch.path, self._blobs.directory, options.runner, options.weights,
            options.limits, options.sandbox_or_none,
        )  # fmt: skip
        self.pool = Pool(
            setting, options.slots, options.prefetch,
            Resources(cores, int(self._profile["memory_bytes"]), devices), Estimates(), self,
        )  # fmt: skip
        self._intake = Intake(
            self._blobs, self.pool, self._reporter, self.chronicle, self.room,
            lambda: self._registration.is_trusted, options.token_or_environment is not None,
        )  # fmt: skip
        self._poller = Poller(
            options.name, self._link, self._registration, self._wanted, self._intake.take
        )
        self._heartbeat = Heartbeat(
            options.name, self._boot_id, self._link, self._registration, self.chronicle,
            self._holdings, self._end, self._cut_off,
        )  # fmt: skip
        self._logs = LogStream(options.name, self._link, self.pool.running)
        self._draining = asyncio.Event()
        self._hurrying = asyncio.Event()

    # ── life ─────────────────────────────────────────────────────────────────────────────────────

    async def run(self) -> int:
        """Live. Returns the exit code."""
        await self._link.open()
        try:
            if self._options.runner is not None and (problem := await self.pool.start_one()):
                self.chronicle.warn(problem)
                return 2
            if not await self._join():
                return 0 if self._draining.is_set() else 2
            await self._work()
            return 0
        finally:
            await self.pool.close()
            self._logs.close()
            await self._link.close()
            self._shelf.close()
            self.chronicle.flush()

    def stop(self) -> None:
        """Drain; asked a second time, hurry."""
        if self._draining.is_set():
            self._hurrying.set()
        self._draining.set()

    async def _join(self) -> bool:
        joining: asyncio.Future[None] = asyncio.create_task(self._registration.first())
        leaving: asyncio.Future[Any] = asyncio.create_task(self._draining.wait())
        giving_up: asyncio.Future[Any] = asyncio.create_task(self._give_up())
        await asyncio.wait({joining, leaving, giving_up}, return_when=asyncio.FIRST_COMPLETED)
        for other in (leaving, giving_up):
            other.cancel()
        if not joining.done():
            joining.cancel()
            self._draining.set()
            return False
        try:
            joining.result()
        except Untrusted as error:
            self.chronicle.warn(str(error))
            return False
        except REFUSALS as error:
            self.chronicle.warn(f"{self._options.url} does not let this node in: {error}")
            return False
        except NexapodError as error:
            self.chronicle.warn(f"{self._options.url} refused to register this node: {error}")
            return False
        options, found = self._options, self._profile
        self.chronicle.say(
            f"node {options.name} registered at {options.url}: {count(options.slots, 'slot')}, "
            f"{count(found['cores'], 'core')}, {found['memory_bytes'] / 1e9:.0f} GB, "
            f"{found['gpu'] or 'no GPU'}, Python {found['python_full']}"
        )
        if "function" not in options.kinds:
            does = "runs data jobs only" if options.kinds else "runs nothing without a --runner"
            self.chronicle.warn(
                f"without a token (NEXAPOD_TOKEN) this node {does}: a function is code, and it "
                "would not know whose"
            )
        if len(self._shelf.spool):
            waiting = count(len(self._shelf.spool), "result")
            self.chronicle.say(f"sending {waiting} from an earlier run first")
        return True

    async def _work(self) -> None:
        loops: list[Awaitable[None]] = [self._reporter.run(), self._heartbeat.run()]
        running = [asyncio.ensure_future(loop) for loop in loops]
        poll: asyncio.Future[Any] = asyncio.create_task(self._poller.run())
        idle: asyncio.Future[Any] = asyncio.create_task(self._give_up())
        drain: asyncio.Future[Any] = asyncio.create_task(self._draining.wait())
        try:
            await asyncio.wait({*running, poll, idle, drain}, return_when=asyncio.FIRST_COMPLETED)
            for part in (*running, poll):
                if part.done():
                    part.result()  # a bug: let it be seen
            if self._draining.is_set():
                await self._drain(poll)
        finally:
            for part in (*running, poll, idle, drain):
                part.cancel()
            await asyncio.gather(*running, poll, idle, drain, return_exceptions=True)

    async def _drain(self, poll: asyncio.Future[None]) -> None:
        self._poller.close()
        self._intake.close()
        back = self.pool.give_back()
        busy = self.pool.busy()
        self.chronicle.say(
            f"stopping: {count(busy, 'job')} to finish, {back} given back; "
            "a second signal ends them at once"
            if busy
            else "stopping"
        )
        with contextlib.suppress(NexapodError, TimeoutError):
            # With a list, even an empty one: without it, running jobs would be given away too.
            await asyncio.wait_for(self._link.leave(m.Leave(self._options.name, ())), 5.0)
        await asyncio.wait({poll}, timeout=0.2)
        poll.cancel()
        finishing: asyncio.Future[Any] = asyncio.create_task(self.pool.quiet())
        hurrying: asyncio.Future[Any] = asyncio.create_task(self._hurrying.wait())
        await asyncio.wait({finishing, hurrying}, return_when=asyncio.FIRST_COMPLETED)
        hurrying.cancel()
        if self.pool.busy():
            self.chronicle.say(f"ending {count(self.pool.busy(), 'job')} now")
            self.pool.kill_running("release")
        await finishing
        await self._logs.drained(_LOGS_S)
        hurried = self._hurrying.is_set()
        if not await self._reporter.drained(_HURRIED_PATIENCE_S if hurried else _PATIENCE_S):
            kept = count(self._reporter.unsent, "result")
            self.chronicle.warn(f"{kept} not sent; kept on disk for the next start")

    async def _give_up(self) -> None:
        """Return once nobody has answered for long and there is nothing to wait for."""
        limit_s = self._options.give_up_s
        while limit_s is not None:
            silent_s = time.monotonic() - self._link.answered_at
            # What is spooled is on disk and will be sent by the next node of this name, so it
            # holds this one only ten times as long.
            patience_s = limit_s * 10 if self._reporter.unsent else limit_s
            if silent_s > patience_s and not self.pool.busy():
                self.chronicle.say(f"no coordinator for {silent_s:.0f} s: stopping")
                return
            await asyncio.sleep(min(5.0, max(0.1, limit_s / 10)))
        await asyncio.Event().wait()

    # ── what the parts ask ───────────────────────────────────────────────────────────────────────

    def _register_body(self) -> m.Register:
        options = self._options
        return m.Register(
            node_id=options.name,
            profile=msgspec.Raw(msgspec.json.encode(self._profile)),
            boot_id=self._boot_id,
            slots=options.slots,
            prefetch=options.prefetch,
            kinds=options.kinds,
            tags=options.tags,
            holding=tuple((held.job_id, held.epoch) for held in self._holdings()),
        )

    def _holdings(self) -> list[m.Holding]:
        ended = [m.Holding(job_id, epoch) for job_id, epoch in self._reporter.holdings()]
        return [*self.pool.holdings(), *self._intake.holdings(), *ended]

    def _wanted(self) -> int:
        return self.pool.wanted(self._intake.preparing)

    def _lost(self, key: Key) -> None:
        self._end(key, "lost")

    def _end(self, key: Key, intent: Intent) -> None:
        if (self._intake.end(key, intent) or self.pool.end(key, intent)) and intent == "lost":
            self.chronicle.say(f"job {key[0]} is no longer this node's: ended")

    def _serve(self, fleet_id: str) -> None:
        """Note which fleet has answered: results of another one's jobs are not for it.

        What runs for that other fleet is among the leases that the answer calls lost.
        """
        is_another = self._shelf.serves_another_than(fleet_id)
        kept, taken_up = self._reporter.serve(fleet_id)
        self._logs.forget(is_another)
        if is_another:
            told = f"; keeping {count(kept, 'result')} for the one before" if kept else ""
            self.chronicle.warn(f"another fleet answers at {self._options.url}{told}")
        if taken_up:
            self.chronicle.say(f"sending {count(taken_up, 'result')} kept for this fleet")

    def _cut_off(self) -> None:
        self._intake.drop()
        self.pool.give_back("lost")
        self.pool.kill_running("lost")

    # ── what the pool tells ──────────────────────────────────────────────────────────────────────

    def finished(self, attempt: Attempt, flags: int, run_s: float, report: bytes) -> None:
        """See `Listener`."""
        self._intake.forget(attempt)
        log = self._logs.ended(attempt)
        job_id, epoch = attempt.key
        if flags & frames.BLOB:
            value = msgspec.msgpack.decode(report, type=AttemptReport).value
            assert value is not None and value.blob is not None
            path = self.pool.setting.result(job_id, epoch)
            self._reporter.add_large(job_id, epoch, report, path, value.blob, value.size)
        else:
            self._reporter.add_encoded(job_id, epoch, report, log)
        if flags & frames.COMPLETED:
            self.chronicle.completed(attempt.label, run_s)
        else:
            failure = msgspec.msgpack.decode(report, type=AttemptReport).failure
            self.chronicle.failed(attempt.label, failure or Failure())

    def ended(self, attempt: Attempt, report: AttemptReport | None) -> None:
        """See `Listener`."""
        self._intake.forget(attempt)
        log = self._logs.ended(attempt)
        if report is None:
            return
        self._reporter.add(report, log)
        if report.failure is not None:
            self.chronicle.failed(attempt.label, report.failure)
        elif report.end is AttemptEnd.CANCELLED:
            ran = f"after {duration(report.run_s)}" if report.run_s else "before it started"
            self.chronicle.say(f"{attempt.label} was cancelled {ran}")

    def room(self) -> None:
        """See `Listener`."""
        self._poller.room()

    def looked(self) -> None:
        """See `Listener`."""
        self._logs.look()

    def say(self, text: str) -> None:
        """See `Listener`."""
        self.chronicle.say(text)


def run(options: NodeOptions) -> int:
    """Run a node until it is told to stop. Blocks; returns a process exit code.

    0: stopped as asked, or gave up (`NodeOptions.give_up_s`). 2: it cannot work as it was asked
    to, which one line in the log explains.
    """
    log_to_stderr()
    try:
        options.check()
        if (sandbox := options.sandbox_or_none) is not None:
            sandbox.probe()
        with Scratch(options.scratch_directory()) as scratch:
            return run_on_loop(_run(options, scratch))
    except (Invalid, AlreadyRunning) as error:
        logging.getLogger("nexapod.node").error("%s", error)
        return 2


async def _run(options: NodeOptions, scratch: Scratch) -> int:
    agent = Agent(options, scratch)
    stop_on_signals(agent.stop)
    return await agent.run()


__all__ = ["Agent", "NodeOptions", "run"]
