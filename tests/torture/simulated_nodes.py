"""The nodes of the simulation: agents that heartbeat and spool, and a plain node that does not."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from nexapod import errors
from nexapod.core import commands as c
from nexapod.core.records import AttemptReport, LeasedJob
from nexapod.core.states import AttemptEnd
from tests.unit.core.builders import KINDS, LEASE_S, completed, failed, record

if TYPE_CHECKING:
    from tests.torture.simulation import World

#: The longest that a job runs when nothing goes wrong.
RUN_S = 40.0
PATIENCE_S = 6.0
IDLE_S = 8.0
BEAT_S = 20.0

Attempt = tuple[str, int]


class Running(msgspec.Struct):
    """A job in the node's hands."""

    job: LeasedJob
    since_s: float


class SimulatedNode:
    """Polls, runs, heartbeats, reports what it spooled until it is heard; crashes and pauses.

    What it spooled survives a crash; what it ran does not.
    """

    def __init__(self, world: World, node_id: str, slots: int | None, **capacity: Any) -> None:
        self.world = world
        self.id = node_id
        self.capacity = {"slots": slots, "kinds": KINDS, **capacity}
        self.room = slots or 1
        self.is_plain = slots is None
        self.running: dict[Attempt, Running] = {}
        self.spool: dict[Attempt, AttemptReport] = {}
        self.said: list[c.Report] = []
        self._boot = 0
        self._life = 0
        self._up = False
        self._paused_until_s = 0.0
        self._asked = 0
        self._is_polling = False

    # ── life ─────────────────────────────────────────────────────────────────────────────────────

    def start(self) -> None:
        """Boot, register, and go on."""
        self._up = True
        self._boot += 1
        self._life += 1
        self._is_polling = False
        self._register()
        if not self.is_plain:
            self._later(BEAT_S, self._beat)
        for attempt in self.spool:
            self._later(0.5, self._report, attempt)

    def crash(self, away_s: float) -> None:
        """Gone, with everything that ran."""
        self._up = False
        self._life += 1
        self.running.clear()
        self.world.after(away_s, self._boot_again, self._life)

    def _boot_again(self, life: int) -> None:
        if life == self._life and not self._up:
            self.start()

    def pause(self, for_s: float) -> None:
        """Stopped, knowing nothing of it: it goes on as if no time had passed."""
        self._paused_until_s = self.world.now_s + for_s

    def repeat_itself(self) -> None:
        """Messages about jobs that others hold by now surface."""
        holders = self.world.coordinator.ledger.holders
        for old in self.said:
            holder = holders.get(old.reports[0].job_id)
            if holder is not None and holder.node_id != self.id:
                self.world.send(old, lambda _: None)

    def heal(self) -> None:
        """The faults are over."""
        if not self._up:
            self.start()

    def drain(self) -> None:
        """Leave, giving back what has not ended, and come back."""
        if not self._up:
            return
        self.running.clear()
        self._ask(c.Leave(self.id, None), lambda answer: None)
        self._later(self.world.random.uniform(5.0, 30.0), self._register)

    def _later(self, delay_s: float, do: Callable[..., None], *args: Any) -> None:
        """As `World.after`, unless the node dies before; a pause puts it off."""
        self.world.after(delay_s, self._now, self._life, do, args)

    def _now(self, life: int, do: Callable[..., None], args: tuple[Any, ...]) -> None:
        if life != self._life or not self._up:
            return
        asleep_s = self._paused_until_s - self.world.now_s
        if asleep_s > 0 and self.world.is_faulty:
            self.world.after(asleep_s, self._now, life, do, args)
            return
        do(*args)

    def _ask(self, command: c.Command, heard: Callable[[Any], None]) -> None:
        life = self._life
        self.world.send(command, lambda answer: self._now(life, heard, (answer,)))

    # ── registering ──────────────────────────────────────────────────────────────────────────────

    def _register(self) -> None:
        boot_id = None if self.is_plain else f"{self.id} boot {self._boot}"
        one = record(self.id, boot_id, **self.capacity)
        one = msgspec.structs.replace(one, credential=f"the token of {self.id}")
        if self.id in self.world.coordinator.ledger.nodes and self.world.chance(0.2):
            thief = msgspec.structs.replace(one, credential="a stolen token")
            self.world.send(c.Register(thief, (), LEASE_S), lambda answer: None)
        holding = None if self.is_plain else (*self.running, *self.spool)
        self._asked += 1
        ask = self._asked
        self._ask(c.Register(one, holding, LEASE_S), lambda answer: self._registered(ask, answer))
        self._later(PATIENCE_S, self._register_again, ask)

    def _register_again(self, ask: int) -> None:
        if ask == self._asked:
            self._register()

    def _registered(self, ask: int, answer: Any) -> None:
        if ask != self._asked:
            return
        if isinstance(answer, errors.NexapodError):
            assert isinstance(answer, errors.StorageFull), answer
            return
        self._asked += 1
        for attempt in answer:
            self.running.pop(attempt, None)
        self._poll()

    # ── polling ──────────────────────────────────────────────────────────────────────────────────

    def _poll(self) -> None:
        free = self.room - len(self.running)
        if self._is_polling or free <= 0:
            return
        self._is_polling = True
        self._asked += 1
        is_named = not self.is_plain or self.world.random.random() < 0.5
        request_id = f"{self.id} {self._boot} {self._asked}" if is_named else None
        lease_s = self.world.random.choice((15.0, 45.0)) if self.is_plain else LEASE_S
        kinds = ("data",) if self.is_plain else KINDS
        most = 1 if self.is_plain else free
        self._poll_with(c.Acquire(self.id, most, kinds, request_id, lease_s), self._asked)

    def _poll_with(self, command: c.Acquire, ask: int) -> None:
        """Ask, and repeat the very same question until there is an answer."""
        if ask != self._asked:
            return
        self._ask(command, lambda answer: self._granted(ask, answer))
        self._later(PATIENCE_S, self._poll_with, command, ask)

    def _granted(self, ask: int, answer: Any) -> None:
        if ask != self._asked:
            return
        if isinstance(answer, errors.StorageFull):
            return  # it will be repeated
        self._asked += 1
        self._is_polling = False
        if isinstance(answer, errors.NotFound):
            self._register()
            return
        for job in answer.jobs:
            self._run(job)
        if answer.jobs:
            self._poll()
        else:
            self._later(IDLE_S if self.world.is_faulty else 2.0, self._poll)

    # ── running ──────────────────────────────────────────────────────────────────────────────────

    def _run(self, job: LeasedJob) -> None:
        draw = self.world.random
        attempt = (job.id, job.epoch)
        self.running[attempt] = Running(job, self.world.now_s)
        for old in self.said:  # what it said of an earlier attempt surfaces only now
            if old.reports[0].job_id == job.id and self.world.chance(0.3):
                self.world.send(old, lambda _: None)
        if job.spec.name == "killer" and self.world.is_faulty:
            self._later(draw.uniform(0.5, 5.0), self._killed_by, attempt)
            return
        hangs = job.spec.name == "hang" and not self.is_plain
        run_s = draw.uniform(0.5, RUN_S if draw.random() < 0.7 else 3.0)
        if hangs and self.world.is_faulty and job.spec.timeout_s is not None:
            run_s = job.spec.timeout_s + 60.0
        self._later(run_s, self._finish, attempt)

    def _killed_by(self, attempt: Attempt) -> None:
        if attempt in self.running:
            self.crash(self.world.random.uniform(1.0, 10.0))

    def _finish(self, attempt: Attempt) -> None:
        running = self.running.pop(attempt, None)
        if running is None:
            return
        draw = self.world.random
        job_id, epoch = attempt
        ends_well = not self.world.is_faulty or draw.random() < 0.75
        if running.job.spec.name == "bad" or not ends_well:
            report = failed(job_id, epoch, retryable=draw.random() < 0.85)
        elif self.world.chance(0.05):
            report = AttemptReport(job_id, epoch, AttemptEnd.RELEASED)
        else:
            report = completed(job_id, epoch, f'"{job_id} under {epoch} on {self.id}"')
        if self.is_plain:
            report = msgspec.structs.replace(report, epoch=None)
        self.spool[attempt] = report
        self._report(attempt)
        self._poll()

    # ── reporting ────────────────────────────────────────────────────────────────────────────────

    def _report(self, attempt: Attempt) -> None:
        """Tell, and tell again, until the coordinator said yes or no."""
        report = self.spool.get(attempt)
        if report is None:
            return
        data = report.value.data if report.value is not None else None
        digest = hashlib.sha256(data).digest() if data is not None else b""
        command = c.Report(self.id, (report,), (digest,))
        self.said.append(command)
        self._ask(command, lambda answer: self._reported(attempt, answer))
        if self.world.chance(0.05):  # somebody else says so, too: a clone, or a mistaken script
            other = self.world.random.choice(self.world.nodes)
            self.world.send(msgspec.structs.replace(command, node_id=other.id), lambda _: None)
        self._later(PATIENCE_S * self.world.random.uniform(0.8, 1.2), self._report, attempt)

    def _reported(self, attempt: Attempt, answer: Any) -> None:
        if isinstance(answer, errors.NotFound):
            self._register()
        elif not isinstance(answer, errors.NexapodError):
            self.spool.pop(attempt, None)

    # ── heartbeats ───────────────────────────────────────────────────────────────────────────────

    def _beat(self) -> None:
        now_s = self.world.now_s
        leases = [(j, epoch, now_s - run.since_s) for (j, epoch), run in self.running.items()]
        leases += [(j, epoch, -1.0) for j, epoch in self.spool]
        self._ask(c.Renew(self.id, tuple(leases), LEASE_S), self._beaten)
        self._later(BEAT_S * self.world.random.uniform(0.9, 1.1), self._beat)

    def _beaten(self, answer: Any) -> None:
        if isinstance(answer, errors.NotFound):
            self._register()
            return
        if isinstance(answer, errors.NexapodError):
            return
        for job_id, epoch, status in answer:
            if status == "ok" or self.running.pop((job_id, epoch), None) is None:
                continue
            if status == "cancel":
                self.spool[job_id, epoch] = AttemptReport(job_id, epoch, AttemptEnd.CANCELLED)
                self._report((job_id, epoch))
        self._poll()
