"""The coordinator of the simulation: the real core, a store that is a ledger, a shell in small."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from nexapod import errors
from nexapod.core import board as boards
from nexapod.core import commands as c
from nexapod.core import decide as deciding
from nexapod.core import events as e
from tests.torture.simulated_oracle import Oracle
from tests.unit.core.builders import NOW, Ledger

if TYPE_CHECKING:
    from tests.torture.simulated_submitters import Submitter
    from tests.torture.simulation import World

PERIOD_S = 2.0
Heard = Callable[[Any], None]


class Coordinator:
    """Decides, commits, answers; crashes, stalls, and reads its clocks wrongly."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.ledger = Ledger()
        self.oracle = Oracle(self.ledger)
        self.board = boards.Board()
        self._life = 0  # rises with each crash: what was scheduled before it does not happen
        self._up = False
        self._stalled = False
        self._inbox: list[tuple[c.Command, Heard]] = []
        self._batch: list[e.Event] = []
        self._waiting: list[tuple[c.Command, Any, Heard]] = []
        self._disk_is_full = False
        self._mono_s = 1000.0  # its distance from true time, as that of the wall clock
        self._wall_s = NOW
        self._ticked_s = 0.0
        self._handled = 0

    @property
    def now(self) -> c.Instant:
        """What its clocks say."""
        return c.Instant(self.world.now_s + self._mono_s, self.world.now_s + self._wall_s)

    # ── life ─────────────────────────────────────────────────────────────────────────────────────

    def start(self) -> None:
        """Read the store and listen."""
        self._up = True
        self._load()
        self._ticked_s = self.now.mono_s
        self._tick_later()

    def _load(self) -> None:
        now = self.now
        self.board = boards.Board()
        last = max((queued.spec.seq for queued in self.ledger.queued.values()), default=0)
        self.board.restore(self.ledger.snapshot(last + 1), now.mono_s, now.at)
        self.board.check()
        self.oracle.restore(now)

    def crash(self, away_s: float) -> None:
        """Gone at once; what was being written is on the disk or not, and nobody was told."""
        if not self._up:
            return
        if self.world.chance(0.5):
            self._record()
        self._up = self._stalled = False
        self._life += 1
        self._inbox.clear()
        self._batch.clear()
        self._waiting.clear()
        if self.world.chance(0.5):
            self._mono_s = self.world.random.uniform(0.0, 1e6)  # the machine itself started anew
        self.world.after(away_s, self._start_again, self._life)

    def _start_again(self, life: int) -> None:
        if life == self._life and not self._up:
            self.start()

    def heal(self) -> None:
        """The faults are over."""
        self._disk_is_full = False
        if not self._up:
            self.start()
        self._go_on(self._life, 0.0)

    def fail_next_commit(self) -> None:
        """The disk will have no room, once."""
        self._disk_is_full = True

    def jump(self, by_s: float) -> None:
        """Somebody sets the wall clock."""
        self._wall_s += by_s

    # ── stalls ───────────────────────────────────────────────────────────────────────────────────

    def stall(self, for_s: float, mono_runs: bool) -> None:
        """Nothing runs for a while: a held interpreter, or (not `mono_runs`) a suspended laptop."""
        if not self._up or self._stalled:
            return
        self._stalled = True
        slept_s = 0.0 if mono_runs else for_s
        self.world.after(for_s, self._go_on, self._life, slept_s)

    def _go_on(self, life: int, slept_s: float) -> None:
        if life != self._life or not self._stalled:
            return
        self._stalled = False
        self._mono_s -= slept_s
        inbox, self._inbox = self._inbox, []
        tick_at = self.world.random.randint(0, len(inbox))
        for at, (command, heard) in enumerate(inbox):
            if at == tick_at:
                self._tick()
            self._handle(command, heard)
        if tick_at == len(inbox):
            self._tick()

    # ── the sweeper ──────────────────────────────────────────────────────────────────────────────

    def _tick_later(self) -> None:
        self.world.after(PERIOD_S, self._tick_on_time, self._life)

    def _tick_on_time(self, life: int) -> None:
        if life != self._life:
            return
        if not self._stalled:
            self._tick()
        self._tick_later()

    def _tick(self) -> None:
        now_s = self.now.mono_s
        gap_s = max(0.0, now_s - self._ticked_s - PERIOD_S)
        self._ticked_s = now_s
        self._handle(c.Tick(gap_s), lambda answer: None)

    # ── commands ─────────────────────────────────────────────────────────────────────────────────

    def receive(self, command: c.Command, heard: Heard) -> None:
        """A request came in."""
        if not self._up:
            return
        if self._stalled:
            self._inbox.append((command, heard))
            return
        self._handle(command, heard)

    def _handle(self, command: c.Command, heard: Heard) -> None:
        command = self._looked_up(command)
        now = self.now
        try:
            decision = deciding.decide(self.board, command, now)
        except errors.NexapodError as error:
            self.oracle.refused(command, error)
            self.world.note(type(command).__name__, error.code)
            self.world.answer(heard, error)
            return
        self.oracle.decided(self.board, command, decision, now)
        for event in decision.events:
            self.board.apply(event)
            if not isinstance(event, e.MEMORY):
                if not self._batch:
                    self.world.after(
                        self.world.random.uniform(0.002, 0.05), self._commit, self._life
                    )
                self._batch.append(event)
                self.world.note(type(event).__name__, getattr(event, "job_id", ""))
        self._handled += 1
        if self._handled % 8 == 0:
            self.board.check()
        if decision.wait and self._batch:
            self._waiting.append((command, decision.reply, heard))
        else:
            self._tell(command, decision.reply, heard)

    def _looked_up(self, command: c.Command) -> c.Command:
        """What the shell adds to a command from the store."""
        if isinstance(command, c.Submit):
            return c.Submit(command.orders, self.ledger.closed_for(command.orders))
        if isinstance(command, c.Report):
            closed = self._closed(report.job_id for report in command.reports)
            return c.Report(command.node_id, command.reports, command.digests, closed)
        if isinstance(command, c.Cancel):
            return c.Cancel(command.job_ids, self._closed(command.job_ids))
        return command

    def _closed(self, job_ids: Iterable[str]) -> dict[str, Any]:
        found = ((job_id, self.ledger.closed_job(job_id)) for job_id in job_ids)
        return {job_id: closed for job_id, closed in found if closed is not None}

    # ── commits ──────────────────────────────────────────────────────────────────────────────────

    def _record(self) -> None:
        batch, self._batch = self._batch, []
        for event in batch:
            self.ledger.record(event)

    def _commit(self, life: int) -> None:
        if life != self._life or not self._batch:
            return
        waiting, self._waiting = self._waiting, []
        if self._disk_is_full:
            self._disk_is_full = False
            self.world.note("the commit failed")
            self._batch.clear()
            self._load()
            for _, _, heard in waiting:
                self.world.answer(heard, errors.StorageFull("the disk is full"))
            return
        self._record()
        for command, reply, heard in waiting:
            self._tell(command, reply, heard)

    def _tell(self, command: c.Command, reply: Any, heard: Heard) -> None:
        self.oracle.told(command, reply)
        self.world.answer(heard, reply)

    # ── the end ──────────────────────────────────────────────────────────────────────────────────

    @property
    def is_idle(self) -> bool:
        """Whether every job has ended, and is known to have."""
        return not self._batch and len(self.ledger.closed) == len(self.ledger.queued)

    def settle(self, submitters: Iterable[Submitter]) -> None:
        """Hold what everybody was told against what is in the store."""
        self.board.check()
        still = sorted(set(self.ledger.queued) - set(self.ledger.closed))
        assert not still, f"after the faults every job ends: {still} did not"
        assert not self.board.jobs, "and the board knows"
        self.oracle.settle()
        for submitter in submitters:
            assert submitter.is_done, "every submission is answered in the end"
            lost = submitter.acknowledged - set(self.ledger.closed)
            assert not lost, f"acknowledged, and forgotten: {sorted(lost)}"
