"""A simulated fleet around the real core: one seed, one history, the same on every machine.

The core decides and the board obeys as in the product; around them everything is simulated: a
store that keeps what was committed, a network that drops, doubles, delays and reorders, nodes
that crash, pause and come back, submitters that repeat themselves, and two clocks that lie.
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Callable
from typing import Any

from nexapod.core import commands as c
from tests.torture.simulated_coordinator import PERIOD_S, Coordinator
from tests.torture.simulated_nodes import RUN_S, SimulatedNode
from tests.torture.simulated_submitters import DEPTH, Submitter

#: How long things go wrong.
FAULTS_S = 240.0
HOUR_S = 3600.0
JUMPS_S = (-HOUR_S, HOUR_S, 90 * 24 * HOUR_S, -3652 * 24 * HOUR_S, 3652 * 24 * HOUR_S)
#: What a request that gets no answer waits before it is repeated.
PATIENCE_S = 6.0


class World:
    """True time, chance, and the network between the coordinator and everybody else."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.now_s = 0.0
        self.is_faulty = True
        self.happened = 0
        self.trace: deque[tuple[Any, ...]] = deque(maxlen=60)
        self._coming: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._made = 0
        self.coordinator = Coordinator(self)
        self.nodes = [
            SimulatedNode(self, "small", slots=1, cpus=1.0, kinds=("data",)),
            SimulatedNode(self, "wide", slots=2, prefetch=1, cpus=4.0),
            SimulatedNode(self, "plain", slots=None, cpus=1.0, kinds=("data",), tags=("rare",)),
            SimulatedNode(self, "plainer", slots=None, cpus=1.0, kinds=("data",)),
        ]
        self.submitters = [Submitter(self, name) for name in ("ann", "bob")]

    # ── time ─────────────────────────────────────────────────────────────────────────────────────

    def after(self, delay_s: float, do: Callable[..., None], *args: Any) -> None:
        """Let `do` happen `delay_s` from now."""
        self._made += 1
        heapq.heappush(self._coming, (self.now_s + delay_s, self._made, do, args))

    def run(self, until_s: float, is_over: Callable[[], bool] = lambda: False) -> None:
        """Let happen what comes before `until_s`, or before it is over."""
        while self._coming and self._coming[0][0] <= until_s and not is_over():
            self.now_s, _, do, args = heapq.heappop(self._coming)
            self.happened += 1
            do(*args)
        self.now_s = max(self.now_s, until_s) if not is_over() else self.now_s

    def note(self, *what: Any) -> None:
        """Write down what happened, for the trace of a failure."""
        self.trace.append((round(self.now_s, 2), *what))

    # ── chance ───────────────────────────────────────────────────────────────────────────────────

    def chance(self, of_one: float) -> bool:
        """Whether a fault of this probability happens now."""
        return self.is_faulty and self.random.random() < of_one

    def _delay_s(self) -> float:
        if self.chance(0.04):
            return self.random.uniform(5.0, 100.0)  # overtaken by all that follows
        return self.random.uniform(0.001, 0.3 if self.is_faulty else 0.01)

    # ── the network ──────────────────────────────────────────────────────────────────────────────

    def send(self, command: c.Command, heard: Callable[[Any], None]) -> None:
        """Carry `command` to the coordinator and its answer back, or lose either, or double it."""
        if self.chance(0.08):
            return
        for _ in range(2 if self.chance(0.08) else 1):
            self.after(self._delay_s(), self.coordinator.receive, command, heard)

    def answer(self, heard: Callable[[Any], None], answer: Any) -> None:
        """Carry an answer back."""
        if not self.chance(0.08):
            self.after(self._delay_s(), heard, answer)

    # ── what goes wrong ──────────────────────────────────────────────────────────────────────────

    def mischief(self) -> None:
        """One fault, and the next after a while."""
        if not self.is_faulty:
            return
        draw = self.random
        node = draw.choice(self.nodes)
        kind = draw.choices(
            ("crash", "pause", "drain", "restart", "full disk", "stall", "sleep", "jump", "old"),
            (3, 5, 1, 2, 1, 2, 1, 2, 3),
        )[0]
        self.note("fault", kind, node.id)
        if kind == "crash":
            node.crash(draw.uniform(1.0, 40.0))
        elif kind == "pause":
            node.pause(draw.uniform(20.0, 150.0))
        elif kind == "drain":
            node.drain()
        elif kind == "old":
            node.repeat_itself()
        elif kind == "restart":
            self.coordinator.crash(draw.uniform(0.1, 20.0))
        elif kind == "full disk":
            self.coordinator.fail_next_commit()
        elif kind == "stall":
            self.coordinator.stall(draw.uniform(1.0, 90.0), mono_runs=True)
        elif kind == "sleep":
            self.coordinator.stall(draw.uniform(1.0, 90.0), mono_runs=False)
        else:
            self.coordinator.jump(draw.choice(JUMPS_S))
        self.after(draw.expovariate(1 / 12.0), self.mischief)

    def heal(self) -> None:
        """No more faults: everybody is up, and a good node with room for all joins."""
        self.note("the faults are over")
        self.is_faulty = False
        self.coordinator.heal()
        for node in self.nodes:
            node.heal()
        good = SimulatedNode(self, "good", slots=64, cpus=64.0, tags=("rare",))
        self.nodes.append(good)
        good.start()


def simulate(seed: int) -> World:
    """One history. Raises AssertionError, with the seed and the last steps, if a promise broke."""
    world = World(seed)
    try:
        _live(world)
    except Exception as error:
        steps = "\n".join("  " + " ".join(str(part) for part in step) for step in world.trace)
        error.add_note(f"replay with simulate({seed}); the last steps:\n{steps}")
        raise
    return world


def _live(world: World) -> None:
    coordinator = world.coordinator
    coordinator.start()
    for node in world.nodes:
        node.start()
    for submitter in world.submitters:
        submitter.start()
    world.after(world.random.uniform(1.0, 10.0), world.mischief)
    world.run(FAULTS_S)
    world.heal()
    # What is held may have to run out, what failed waits for its back-off, and what waits for
    # others runs after them: then every job has ended.
    longest_s = max([60.0, *(h.lease_s for h in coordinator.ledger.holders.values())])
    each_s = RUN_S + PATIENCE_S + 2 * PERIOD_S
    bound_s = longest_s + 2 * PERIOD_S + 60.0 + (DEPTH + 1) * each_s + 3 * PATIENCE_S
    world.run(
        world.now_s + bound_s,
        lambda: all(s.is_done for s in world.submitters) and coordinator.is_idle,
    )
    coordinator.settle(world.submitters)
