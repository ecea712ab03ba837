"""Random histories made by the core, for stores to remember."""

from __future__ import annotations

import random

from nexapod.core.events import MEMORY, Event
from nexapod.core.records import AttemptReport, Demand
from nexapod.core.states import AttemptEnd
from tests.unit.core.builders import Desk, completed, failed, order

DEMANDS = (Demand(), Demand(kind="function"), Demand(cpus=2.0, tags=("x",)))


def stored(events: list[Event]) -> list[Event]:
    """Those that a store keeps."""
    return [event for event in events if not isinstance(event, MEMORY)]


class Historian(Desk):
    """A desk that keeps each decision's durable events."""

    def __init__(self) -> None:
        super().__init__()
        self.commits: list[list[Event]] = []

    def do(self, command):
        reply = super().do(command)
        if events := stored(self.last):
            self.commits.append(events)
        return reply


def history(seed: int, steps: int = 120) -> Historian:
    """A desk after some hundred random requests; the same ones for the same seed."""
    dice = random.Random(seed)
    desk = Historian()
    nodes = [f"n{at}" for at in range(4)]
    for node_id in nodes:
        desk.register(node_id, slots=3, tags=("x",))
    for step in range(steps):
        desk.wait(dice.choice((0.1, 1.0, 20.0)))
        node_id = dice.choice(nodes)
        held = [(j, job.epoch) for j, job in desk.board.nodes[node_id].leases.items()]
        what = dice.randrange(12)
        if what < 3:
            known = sorted(desk.ledger.queued)
            after = tuple(dice.sample(known, min(len(known), dice.choice((0, 0, 1, 2)))))
            desk.submit(
                *(
                    order(
                        f"j{step:04d}-{n}", dice.choice(DEMANDS), after=after,
                        key=dice.choice((None, f"key {step} {n}")), sweep=dice.choice((None, "s")),
                        priority=dice.randrange(3), retries=dice.randrange(3), name="fold",
                        timeout_s=dice.choice((None, 30.0)), params=b'{"t": 300}',
                    )
                    for n in range(dice.randrange(1, 5))
                )
            )  # fmt: skip
        elif what < 7:
            desk.poll(node_id, dice.randrange(1, 4), dice.choice((None, f"poll-{step}")))
        elif what < 10 and held:
            job_id, epoch = dice.choice(held)
            end = dice.choice(("completed", "completed", "failed", "final", "released"))
            desk.report(
                node_id,
                {
                    "completed": completed(job_id, epoch, f'"{job_id}"'),
                    "failed": failed(job_id, epoch, traceback="Traceback …", exit_code=1),
                    "final": failed(job_id, epoch, retryable=False, signal="SIGSEGV"),
                    "released": AttemptReport(job_id, epoch, AttemptEnd.RELEASED),
                }[end],
            )
        elif what == 10:
            desk.tick()
        elif dice.random() < 0.3 and desk.ledger.queued:
            desk.cancel(dice.choice(sorted(desk.ledger.queued)))
        elif dice.random() < 0.1:
            desk.leave(node_id, dice.choice((None, ())))
        elif dice.random() < 0.3:
            desk.register(node_id, f"boot-{step}", slots=3, tags=("x",))
    desk.tick()  # a restart looks at the clock too
    return desk
