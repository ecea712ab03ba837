"""Everything that can be asked of a coordinator, once, and what it acknowledged."""

from __future__ import annotations

import hashlib
import http.client
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.integration.parts import Reply
from tests.torture.crowd import result_of
from tests.torture.ledger import Ledger

#: One request, repeated by whoever sends it until it is answered for good.
Ask = Callable[..., Reply]
BLOB = b"a large value" * 1000
BLOB_PATH = f"/blobs/{hashlib.sha256(BLOB).hexdigest()}"
NODE = "node-a"


class Cycle:
    """Register, submit, lease, heartbeat, report, cancel, and a blob."""

    def __init__(self, ask: Ask) -> None:
        self.ledger = Ledger()
        self._ask = ask

    def run(self) -> None:
        """One request after another; the ledger has what was acknowledged."""
        for request in self._requests():
            request()

    def _requests(self) -> Iterator[Callable[[], None]]:
        yield self._register
        yield self._store
        yield lambda: self._submit(0)
        yield lambda: self._submit(1)
        yield lambda: self._lease_and_report(0)
        yield lambda: self._submit(2)
        yield lambda: self._cancel(1)
        yield lambda: self._lease_and_report(2)
        yield self._fetch

    def check(self, database: Path) -> None:
        """Everything that was acknowledged is in the database of a coordinator that has ended."""
        self.ledger.check(database)
        assert set(self.ledger.submitted) == {0, 1, 2}
        assert len(self.ledger.results) == 2 and len(self.ledger.cancelled) == 1

    # ── requests ─────────────────────────────────────────────────────────────────────────────────

    def _post(self, path: str, body: Any, **headers: str) -> Any:
        reply = self._ask("POST", path, body, headers)
        assert reply.status == 200, reply
        return reply.json

    def _register(self) -> None:
        self._post("/register", {"node_id": NODE, "profile": {"os": "Linux"}, "slots": 4})

    def _store(self) -> None:
        octets = {"Content-Type": "application/octet-stream"}
        assert self._ask("PUT", BLOB_PATH, BLOB, octets).status == 200

    def _fetch(self) -> None:
        assert self._ask("GET", BLOB_PATH, None, {}).body == BLOB

    def _submit(self, number: int) -> None:
        made = self._post("/jobs", {"data": {"n": number}}, **{"Idempotency-Key": f"key {number}"})
        self.ledger.submitted[number] = made["job_id"]

    def _lease_and_report(self, number: int) -> None:
        poll = f"poll-{number}"
        reply = self._ask("GET", "/job", None, {"X-Node-ID": NODE, "X-Poll-ID": poll})
        job = reply.json
        assert job["job_id"] == self.ledger.submitted[number], job
        lease = job["job_id"], job["epoch"]
        self.ledger.handed[lease].add((NODE, poll))
        beat = self._post("/heartbeat", {"node_id": NODE, "leases": [[*lease, 0.1]]})
        assert beat["leases"] == [[*lease, "ok"]], beat
        result = result_of(lease[0])
        body = {
            "job_id": lease[0],
            "epoch": lease[1],
            "node_id": NODE,
            "result": json.loads(result),
        }
        self._post("/result", body)
        self.ledger.results[lease[0]] = result

    def _cancel(self, number: int) -> None:
        job_id = self.ledger.submitted[number]
        self._post(f"/jobs/{job_id}/cancel", None)
        self.ledger.cancelled.add(job_id)


#: What a client sees when the coordinator is gone.
GONE = (OSError, http.client.HTTPException)
