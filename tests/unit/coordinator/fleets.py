"""A fleet that lives at random, command by command, under a clock that only the test turns."""

from __future__ import annotations

import random
from typing import Any

from nexapod.coordinator.service import Service
from nexapod.core import commands as c
from nexapod.core.records import AttemptReport, Demand
from nexapod.core.states import AttemptEnd
from tests.unit.core.builders import KINDS, LEASE_S, NOW, completed, failed, order, record

DEMANDS = (Demand(), Demand(kind="function"), Demand(cpus=2.0, tags=("x",)), Demand(gpus=2))
NODES = tuple(f"n{at}" for at in range(4))


class Clock:
    """The time that a service is told."""

    def __init__(self, service: Service) -> None:
        self.passed_s = 0.0
        service.now = self.now  # type: ignore[method-assign]
        service.panel.clock = lambda: NOW + self.passed_s
        service.started_at = NOW

    def now(self) -> c.Instant:
        return c.Instant(1000.0 + self.passed_s, NOW + self.passed_s)


class Fleet:
    """What nodes and submitters might ask for next. Every random choice is the dice's."""

    def __init__(self, service: Service, clock: Clock, dice: random.Random) -> None:
        self._service = service
        self._clock = clock
        self._dice = dice
        self._made = 0

    def next_command(self) -> c.Command:
        """Something that is not refused."""
        dice, board = self._dice, self._service.board
        self._clock.passed_s += dice.choice((0.1, 1.0, 20.0))
        node_id = dice.choice(NODES)
        if node_id not in board.nodes:
            return self._register(node_id)
        held = [(job_id, job.epoch) for job_id, job in board.nodes[node_id].leases.items()]
        what = dice.randrange(14)
        if what < 3:
            return self._submit()
        if what < 7:
            return c.Acquire(node_id, dice.randrange(1, 4), KINDS, None, LEASE_S)
        if what < 10 and held:
            job_id, epoch = dice.choice(held)
            return self._report(node_id, job_id, epoch)
        if what == 10:
            leases = tuple((*lease, dice.choice((-1.0, 3.0))) for lease in held)
            return c.Renew(node_id, leases, LEASE_S)
        if what == 11 and board.jobs:
            return c.Cancel((dice.choice(sorted(board.jobs)),))
        if what == 12:
            return c.Leave(node_id, dice.choice((None, ())))
        if what == 13:
            return self._register(node_id)
        return c.Tick()

    def _register(self, node_id: str) -> c.Command:
        boot_id = f"boot-{self._dice.randrange(3)}"
        return c.Register(record(node_id, boot_id, slots=3, tags=("x",)), None, LEASE_S)

    def _submit(self) -> c.Command:
        dice, known = self._dice, sorted(self._service.board.jobs)
        made: list[Any] = []
        for _ in range(dice.randrange(1, 5)):
            self._made += 1
            after = tuple(dice.sample(known, min(len(known), dice.choice((0, 0, 1)))))
            made.append(
                order(
                    f"j{self._made:04d}", dice.choice(DEMANDS), after=after, name="fold",
                    sweep=dice.choice((None, "s")), priority=dice.randrange(3),
                    retries=dice.randrange(3), params=b'{"t": 300}',
                )
            )  # fmt: skip
        return c.Submit(tuple(made))

    def _report(self, node_id: str, job_id: str, epoch: int) -> c.Command:
        end = self._dice.choice(("completed", "completed", "failed", "final", "released"))
        report = {
            "completed": completed(job_id, epoch, f'"{job_id}"'),
            "failed": failed(job_id, epoch, message="it is not so", traceback="Traceback …"),
            "final": failed(job_id, epoch, message="", retryable=False, signal="SIGSEGV"),
            "released": AttemptReport(job_id, epoch, AttemptEnd.RELEASED),
        }[end]
        return c.Report(node_id, (report,), (b"digest" if end == "completed" else b"",))
