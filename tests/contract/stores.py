"""Stores to be tested, and boards read from them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from nexapod.core.board import Board
from nexapod.core.states import JobState
from nexapod.store.memory import MemoryStore
from nexapod.store.sqlite import SqliteStore
from tests.unit.core.builders import Desk

KINDS = ("sqlite", "memory")


class Made(Protocol):
    def __call__(self) -> SqliteStore: ...


def maker(kind: str, folder: Path) -> Made:
    """How to make stores of that kind; each has a database of its own."""
    count = 0

    def make() -> SqliteStore:
        nonlocal count
        count += 1
        return MemoryStore() if kind == "memory" else SqliteStore(folder / f"{count}.db")

    return make


def restored(store: SqliteStore, desk: Desk) -> Board:
    """A board read from the store at the desk's moment."""
    board = Board()
    board.restore(store.load(), desk.mono_s, desk.at)
    board.check()
    return board


def remembered(board: Board, mono_s: float) -> dict[str, Any]:
    """What a board must have in common with one that was restored from its store.

    Deadlines and what was last heard of nodes start anew, and so do they here.
    """
    delayed = {job.spec.id: at for at, _, job in board.delayed if board._waits(job)}
    return {
        "jobs": {
            job_id: (
                job.spec, job.submission, job.after, job.epoch, job.failures, job.lost_on,
                job.former, job.ended if job.lease is None else None,
                None if job.waits_on is None else frozenset(job.waits_on),
                job.lease and (job.lease.node_id, job.lease.epoch, job.lease.request_id),
                round(delayed[job_id], 3) if delayed.get(job_id, 0) > mono_s else None,
            )
            for job_id, job in board.jobs.items()
        },
        "keys": {key: job.spec.id for key, job in board.keys.items()},
        "nodes": {
            node_id: (
                (node.record, set(node.leases), node.left),
                (node.completed, node.failed, node.lost),
            )
            for node_id, node in board.nodes.items()
        },
        "queue": {
            demand: [job.spec.id for job in line]
            for demand, line in sorted(board.queue.lines.items(), key=repr)
        },
        "counts": {state: board.counts[state] for state in JobState},
        "next_seq": board.next_seq,
    }  # fmt: skip


def tables(store: SqliteStore) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, less the database's own id."""
    names = [
        row[0]
        for row in store._db.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'meta' ORDER BY name"
        )
    ]
    return {name: store._db.execute(f"SELECT * FROM {name} ORDER BY 1, 2").fetchall()
            for name in names}  # fmt: skip
