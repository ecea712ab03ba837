"""Random histories of the core on a real store that is closed and opened again in the middle.

Run as a program: SEED EXAMPLES STEPS.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, get_state_machine_test, precondition, rule

from nexapod import errors
from nexapod.core import board as boards
from nexapod.core import commands as c
from nexapod.core import decide as deciding
from nexapod.core.records import AttemptReport, ClosedJob
from nexapod.core.states import AttemptEnd
from nexapod.store.sqlite import SqliteStore
from tests.contract.histories import stored
from tests.contract.stores import remembered
from tests.torture.told import Told
from tests.unit.core.builders import Desk, completed, failed, order

NODES = ("a", "b", "c")
#: One draw a step: what it stands for is each rule's own affair, and a walk is quick.
PICK = st.integers(0, 4095)
#: Histories in one run of Hypothesis, which remembers them all.
TOGETHER = 500
#: Where the databases lie; a memory's fsync costs nothing, and what it keeps is not the question.
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


class StoredDesk(Desk):
    """A desk whose decisions are committed, and that looks finished jobs up in the store."""

    def __init__(self, database: Path) -> None:
        super().__init__()
        self.told = Told()
        self.database = database
        self.store = SqliteStore(database)

    def do(self, command: c.Command) -> Any:
        """As `Desk.do`, less the proof that deciding is pure."""
        decision = deciding.decide(self.board, command, self.now)
        self.last = decision.events
        for event in decision.events:
            self.board.apply(event)
            self.ledger.record(event)
        if events := stored(decision.events):
            self.store.commit(events)
            self.told.hear(events)
        return decision.reply

    def submit(self, *orders: Any) -> Any:
        ids = deciding.dependencies(orders)
        closed = self._closed(job_id for job_id in ids if job_id not in self.board.jobs)
        keys = [o.key for o in orders if o.key is not None and o.key not in self.board.keys]
        closed |= {f"key:{key}": job for key, job in self.store.closed_keys(keys).items()}
        return self.do(c.Submit(tuple(orders), closed))

    def _closed(self, job_ids: Iterable[str]) -> dict[str, ClosedJob]:
        return self.store.closed(job_ids)

    def restart(self, away_s: float = 0.0) -> None:
        """A new board, read from the store, must be what the ledger remembers."""
        old = self.board
        super().restart(away_s)
        expected = remembered(self.board, self.mono_s)
        self.store.close()
        self.store = SqliteStore(self.database)
        self.board = boards.Board()
        self.board.restore(self.store.load(), self.mono_s, self.at)
        self.board.check()
        assert remembered(self.board, self.mono_s) == expected
        assert self.board.next_seq == old.next_seq

    def look(self) -> None:
        """What is in the closed database, by sqlite3 alone."""
        with contextlib.closing(sqlite3.connect(self.database)) as db:
            assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert self.told.lost(db) == 0
            assert db.execute("SELECT count(*) FROM jobs").fetchone() == (len(self.told.payloads),)


@functools.cache
def _empty() -> bytes:
    """A new database: copied, because making the tables takes as long as some twenty steps."""
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "fleet.db"
        SqliteStore(database).close()
        return database.read_bytes()


class Machine(RuleBasedStateMachine):
    """Submitters, nodes and clocks; the desk and its ledger object to what must not be."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="nexapod-machine-", dir=MEMORY))
        (self.folder / "fleet.db").write_bytes(_empty())
        self.desk = StoredDesk(self.folder / "fleet.db")
        self.made: list[c.Order] = []
        self.leases: list[tuple[str, str, int]] = []
        self.recorded: dict[str, tuple[str, bytes]] = {}
        for node_id in NODES:
            self.desk.register(node_id, slots=3)

    # ── submitters ───────────────────────────────────────────────────────────────────────────────

    @rule(pick=PICK)
    def submit(self, pick: int) -> None:
        name = f"j{len(self.made):04d}"
        orders = [
            order(
                f"{name}-{n}", retries=pick % 3, priority=pick // 3 % 2,
                key=f"key {name} {n}" if pick // 6 % 2 else None,
                timeout_s=None if pick // 12 % 2 else 30.0,
                after=(self.made[pick // 24 % len(self.made)].id,) if self.made and pick % 5 == 0
                else (),
            )
            for n in range(1 + pick % 4)
        ]  # fmt: skip
        reply = self.desk.submit(*orders)
        assert [job_id for job_id, _ in reply] == [o.id for o in orders]
        self.made += orders

    @precondition(lambda self: self.made)
    @rule(pick=PICK)
    def submit_again(self, pick: int) -> None:
        """A lost answer, a reused key, and another body under a known id."""
        known = self.made[pick % len(self.made)]
        ((job_id, state),) = self.desk.submit(known)
        assert (job_id, str(state)) == (known.id, self.desk.state(known.id))
        assert self.desk.last == []
        with contextlib.suppress(errors.Conflict):
            self.desk.submit(order(known.id, body="another", key=known.key))
            raise AssertionError("another body under a known id was taken")

    @precondition(lambda self: self.made)
    @rule(pick=PICK)
    def cancel(self, pick: int) -> None:
        job_id = self.made[-1 - pick % len(self.made)].id
        (verdict,) = self.desk.cancel(job_id)
        assert verdict.error is None and str(verdict.state) == self.desk.state(job_id)

    # ── nodes ────────────────────────────────────────────────────────────────────────────────────

    @rule(pick=PICK)
    def poll(self, pick: int) -> None:
        node_id, request_id = NODES[pick % 3], f"poll-{len(self.leases)}"
        got = self.desk.poll(node_id, 1 + pick // 3 % 3, request_id)
        self.leases += [(node_id, *lease) for lease in got]
        if got:
            assert self.desk.poll(node_id, 3, request_id) == got, "an answer that was lost"

    @precondition(lambda self: self.leases)
    @rule(pick=PICK)
    def report(self, pick: int) -> None:
        """Mostly a lease that lives; now and then one that is over, or another node's."""
        live = [lease for lease in self.leases if self._is_live(*lease)]
        some = live if live and pick % 4 else self.leases
        node_id, job_id, epoch = some[pick // 4 % len(some)]
        node_id = node_id if pick // 16 % 8 else NODES[pick % 3]
        expected = self._is_live(node_id, job_id, epoch)
        before = self.desk.ledger.closed.get(job_id)
        (verdict,) = self.desk.report(node_id, self._said(job_id, epoch, pick // 128))
        assert not (expected and verdict.error), "the holder is heard"
        if before is not None:
            assert self.desk.ledger.closed[job_id] is before, "an end is final"

    def _is_live(self, node_id: str, job_id: str, epoch: int) -> bool:
        job = self.desk.board.leased.get(job_id)
        return job is not None and (job.lease.node_id, job.epoch) == (node_id, epoch)

    @staticmethod
    def _said(job_id: str, epoch: int, how: int) -> AttemptReport:
        if how % 8 < 5:
            return completed(job_id, epoch, f'"{job_id} under {epoch}"')
        if how % 8 < 7:
            return failed(job_id, epoch, retryable=how % 8 == 5)
        return AttemptReport(job_id, epoch, AttemptEnd.RELEASED)

    @precondition(lambda self: self.desk.ledger.closed)
    @rule(pick=PICK)
    def report_again(self, pick: int) -> None:
        """The recorded result is taken again, another one is not."""
        ends = [end for end in self.desk.ledger.closed.values() if end.value is not None]
        if not ends:
            return
        end = ends[pick % len(ends)]
        again = completed(end.job_id, end.epoch, end.value.data.decode())
        self.desk.tell(end.node_id, again)
        (verdict,) = self.desk.report(end.node_id, completed(end.job_id, end.epoch, "other"))
        assert isinstance(verdict.error, errors.Conflict)

    @rule(pick=PICK)
    def come_and_go(self, pick: int) -> None:
        node_id = NODES[pick % 3]
        if pick // 3 % 2:
            self.desk.leave(node_id)
        self.desk.register(node_id, f"boot-{pick}", slots=3)

    # ── time ─────────────────────────────────────────────────────────────────────────────────────

    @rule(pick=PICK)
    def tick(self, pick: int) -> None:
        seconds = (1.0, 15.0, 61.0, 300.0)[pick % 4]
        self.desk.wait(seconds)
        self.desk.tick(seconds if seconds > 200 else 0.0)

    @rule(pick=PICK)
    def reopen(self, pick: int) -> None:
        if pick % 3 == 0:
            self.desk.restart((0.0, 5.0, 500.0)[pick // 3 % 3])

    def teardown(self) -> None:
        """The faults are over: every job ends, and the database says so."""
        try:
            desk = self.desk
            desk.register("good", slots=64)
            for _ in range(3 * len(self.made) + 20):
                if not desk.board.jobs:
                    break
                for job_id, epoch in desk.poll("good", 64):
                    desk.tell("good", completed(job_id, epoch))
                desk.wait(61.0)
                desk.tick()
            assert not desk.board.jobs, "every job ends"
            desk.restart()
            assert set(desk.told.ends) == {o.id for o in self.made}
            self._compare_digests()
            desk.store.close()
            desk.look()
        finally:
            self.desk.store.close()
            shutil.rmtree(self.folder)

    def _compare_digests(self) -> None:
        found = self.desk.store.closed(self.desk.told.results)
        for job_id, result in self.desk.told.results.items():
            assert found[job_id].digest == hashlib.sha256(result).digest()


def run(number: int, examples: int, steps: int) -> None:
    """So many histories of so many steps; raises what went wrong in the smallest of them."""
    for begun in range(0, examples, TOGETHER):
        chosen = settings(
            max_examples=min(TOGETHER, examples - begun),
            stateful_step_count=steps,
            deadline=None,
            database=None,
            phases=[Phase.generate, Phase.shrink],
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        )
        seed(number + begun)(get_state_machine_test(Machine, settings=chosen))()


if __name__ == "__main__":
    run(*map(int, sys.argv[1:]))
