"""What clients were told, and whether the database says the same."""

from __future__ import annotations

import collections
import json
import sqlite3
from pathlib import Path

from tests.integration.parts import assert_sound, reading

Lease = tuple[str, int]
Poll = tuple[str, str]


class Ledger:
    """Every acknowledgement that a client got, kept by the clients.

    Each job's `data` is ``{"n": N}`` with a number of its own, so that a submission which became
    two jobs, or none, is seen whatever the ids are.
    """

    def __init__(self) -> None:
        self.submitted: dict[int, str] = {}
        self.handed: collections.defaultdict[Lease, set[Poll]] = collections.defaultdict(set)
        self.results: dict[str, bytes] = {}
        self.cancelled: set[str] = set()

    @property
    def ended(self) -> int:
        return len(self.results) + len(self.cancelled)

    def check(self, database: Path) -> None:
        """Compare with the database of a coordinator that has ended, read by sqlite3 alone."""
        assert_sound(database)
        with reading(database) as db:
            self._check_jobs(db)
            self._check_results(db)
            self._check_leases(db)

    def _check_jobs(self, db: sqlite3.Connection) -> None:
        rows = db.execute("SELECT p.data, j.id FROM jobs AS j JOIN payloads AS p ON p.seq = j.seq")
        stored = [(json.loads(bytes(data))["n"], job_id) for data, job_id in rows]
        assert len(stored) == len(dict(stored)), "a submission became two jobs"
        assert dict(stored) == self.submitted
        states = dict(db.execute("SELECT id, state FROM jobs"))
        assert not self.cancelled & self.results.keys(), "a job ended twice"
        told = dict.fromkeys(self.results, "completed") | dict.fromkeys(self.cancelled, "cancelled")
        assert states == told

    def _check_results(self, db: sqlite3.Connection) -> None:
        rows = db.execute("SELECT j.id, r.data FROM jobs AS j JOIN results AS r ON r.seq = j.seq")
        assert {job_id: bytes(data) for job_id, data in rows} == self.results

    def _check_leases(self, db: sqlite3.Connection) -> None:
        assert {lease: polls for lease, polls in self.handed.items() if len(polls) > 1} == {}
        issued = {
            (job_id, epoch): (node, request_id)
            for job_id, epoch, node, request_id in db.execute(
                "SELECT j.id, a.epoch, a.node, a.request_id "
                "FROM attempts AS a JOIN jobs AS j ON j.seq = a.seq"
            )
        }
        wrong = {
            lease: (polls, issued.get(lease))
            for lease, polls in self.handed.items()
            if {issued.get(lease)} != polls
        }
        assert wrong == {}
        again = {lease for lease in issued if lease[1] > 1}
        assert again == set(), "a restart lost a lease"
