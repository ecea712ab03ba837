"""What the clients of a store were told, and what a separate program finds in its database."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Sequence

from nexapod.core import events as e


class Told:
    """Every acknowledged submission, lease, result and end."""

    def __init__(self) -> None:
        self.payloads: dict[str, bytes | None] = {}
        self.leases: dict[tuple[str, int], str] = {}
        self.ends: dict[str, str] = {}
        self.results: dict[str, bytes | None] = {}
        self.nodes: dict[str, bytes] = {}

    def hear(self, events: Iterable[e.Event]) -> None:
        """The commit of these returned."""
        for event in events:
            if isinstance(event, e.JobQueued):
                self.payloads[event.spec.id] = event.order.payload
            elif isinstance(event, e.JobLeased):
                self.leases[event.job_id, event.epoch] = event.node_id
            elif isinstance(event, e.JobClosed):
                self.ends[event.job_id] = str(event.state)
                if event.value is not None:
                    self.results[event.job_id] = event.value.data
            elif isinstance(event, e.NodeRegistered):
                self.nodes[event.record.id] = event.record.profile

    def lost(self, db: sqlite3.Connection) -> int:
        """How much of it is not in the database as it was told."""
        stored = (
            (self.payloads, "SELECT j.id, p.data FROM jobs AS j JOIN payloads AS p USING (seq)"),
            (self.leases, "SELECT id, a.epoch, a.node FROM attempts AS a JOIN jobs USING (seq)"),
            (self.ends, "SELECT id, state FROM jobs"),
            (self.results, "SELECT j.id, r.data FROM jobs AS j JOIN results AS r USING (seq)"),
            (self.nodes, "SELECT id, cast(profile AS BLOB) FROM nodes"),
        )
        missing = 0
        for told, query in stored:
            found = {
                name[0] if len(name) == 1 else tuple(name): value
                for *name, value in db.execute(query)
            }
            missing += sum(found.get(name, ...) != value for name, value in told.items())
        return missing


def digest_of(db: sqlite3.Connection) -> bytes:
    """Every row of every table, less the database's own id, as one hash."""
    tables: Sequence[tuple[str]] = db.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'meta' ORDER BY name"
    ).fetchall()
    rows = [db.execute(f"SELECT * FROM {name} ORDER BY 1, 2").fetchall() for (name,) in tables]
    return hashlib.sha256(repr(rows).encode()).digest()
