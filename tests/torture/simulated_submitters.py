"""The submitters of the simulation: they repeat themselves until they are answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from nexapod import errors
from nexapod.core import commands as c
from nexapod.core.records import Demand
from nexapod.core.states import JobState
from tests.unit.core.builders import order

if TYPE_CHECKING:
    from tests.torture.simulation import World

#: How many jobs may wait for each other in a row.
DEPTH = 2
PATIENCE_S = 6.0
DEMANDS = (
    Demand(),
    Demand(tags=("rare",)),
    Demand(kind="function"),
    Demand(cpus=2.0),
)
BATCHES = 6


class Submitter:
    """Submits some batches, cancels a few jobs, and tries a few of those again."""

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.name = name
        self.acknowledged: set[str] = set()
        self._depths: dict[str, int] = {}
        self._made = 0
        self._open: dict[int, c.Command] = {}
        self._asked = 0
        self._left = BATCHES

    @property
    def is_done(self) -> bool:
        """Whether everything it asked for was answered."""
        return not self._left and not self._open

    def start(self) -> None:
        """Begin."""
        self.world.after(self.world.random.uniform(0.0, 20.0), self._submit)

    # ── what it asks for ─────────────────────────────────────────────────────────────────────────

    def _submit(self) -> None:
        draw = self.world.random
        orders = tuple(self._order() for _ in range(draw.choice((1, 1, 2, 3))))
        self._left -= 1
        self._ask(c.Submit(orders))
        if self._left:
            self.world.after(draw.uniform(5.0, 45.0), self._submit)

    def _order(self, **more: Any) -> c.Order:
        draw = self.world.random
        self._made += 1
        job_id = f"{self.name}-{self._made:03d}"
        known = sorted(j for j in self.acknowledged if self._depths[j] < DEPTH)
        after = tuple(draw.sample(known, 1)) if known and draw.random() < 0.3 else ()
        self._depths[job_id] = 1 + max((self._depths[j] for j in after), default=-1)
        name = draw.choices(("", "killer", "hang", "bad"), (16, 4, 2, 2))[0]
        timeout_s = draw.choice((15.0, 40.0)) if name == "hang" or draw.random() < 0.2 else None
        made: c.Order = order(
            job_id,
            DEMANDS[0] if name == "killer" else draw.choice(DEMANDS),
            name=name,
            priority=draw.choice((0, 0, 0, 1, -1)),
            retries=draw.choice((0, 1, 3)),
            timeout_s=timeout_s,
            key=f"key of {job_id}" if draw.random() < 0.5 else None,
            after=after,
            deadline_s=draw.choice((20.0, 60.0, 150.0)) if draw.random() < 0.2 else None,
            **more,
        )
        return made

    # ── asking until there is an answer ──────────────────────────────────────────────────────────

    def _ask(self, command: c.Command) -> None:
        self._asked += 1
        self._open[self._asked] = command
        self._send(self._asked)

    def _send(self, ask: int) -> None:
        command = self._open.get(ask)
        if command is None:
            return
        if isinstance(command, c.Submit):
            command = c.Submit(tuple(map(self._again, command.orders)))
        self.world.send(command, lambda answer: self._heard(ask, answer))
        self.world.after(PATIENCE_S * self.world.random.uniform(0.8, 1.2), self._send, ask)

    def _again(self, made: c.Order) -> c.Order:
        """A submission with a key gets a new id each time, as one over HTTP does."""
        if made.key is None:
            return made
        self._made += 1
        return msgspec.structs.replace(made, id=f"{made.id}.{self._made}")

    def _heard(self, ask: int, answer: Any) -> None:
        command = self._open.get(ask)
        if command is None or isinstance(answer, errors.Unavailable | errors.StorageFull):
            return
        if isinstance(command, c.Submit):
            self._submitted(ask, command, answer)
        else:
            del self._open[ask]
            if self.world.is_faulty:
                self._try_again(answer)

    def _submitted(self, ask: int, command: c.Submit, answer: Any) -> None:
        if isinstance(answer, errors.NexapodError):
            # Only a retry may be refused: something that it needs did not complete.
            assert isinstance(answer, errors.Conflict) and command.orders[0].retry_of, answer
            del self._open[ask]
            return
        del self._open[ask]
        ids = [job_id for job_id, _ in answer]
        for made, job_id in zip(command.orders, ids, strict=True):
            self._depths[job_id] = self._depths[made.id]
        self.acknowledged.update(ids)
        if self.world.is_faulty:
            self._change_its_mind(ids)

    def _change_its_mind(self, ids: list[str]) -> None:
        draw = self.world.random
        if draw.random() < 0.5:
            wanted = tuple(draw.sample(ids, 1))
            self.world.after(draw.uniform(0.0, 60.0), self._ask, c.Cancel(wanted))

    def _try_again(self, answer: Any) -> None:
        for verdict in answer:
            if verdict.state is JobState.CANCELLED and self.world.random.random() < 0.5:
                self._ask(c.Submit((self._order(retry_of=verdict.job_id),)))
