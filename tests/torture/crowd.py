"""Nodes and submitters that know the protocol, and write down what they are told.

Each repeats its request until somebody answers, with the same poll id, key and bytes. Now and then
one asks again for what it was already told: the answer must be the same.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import random
import threading
import time
from collections.abc import Callable
from typing import Any

import msgspec

from tests.integration.parts import Client, eventually
from tests.torture.ledger import Ledger
from tests.torture.lives import Lives, ask_until_answered

#: Jobs that wait at any time: submissions go on until the end, so that kills meet them too.
AHEAD = 1_000
#: A job in so many is cancelled by who submitted it; so many answered requests are repeated.
CANCELS, REPEATS = 0.01, 0.03
#: How long a crowd has to finish once it is left in peace.
PEACE_S = 60.0
MSGPACK = {"Content_Type": "application/msgpack"}


def result_of(job_id: str) -> bytes:
    return json.dumps({"hash": hashlib.sha256(job_id.encode()).hexdigest()}).encode()


class Crowd:
    """`count` jobs from the submitters, done by the nodes; every other node asks for many."""

    def __init__(self, lives: Lives, count: int, seed: int, nodes: int, submitters: int) -> None:
        self.lives = lives
        self.count = count
        self.ledger = Ledger()
        self._seed = seed
        self._cancels: set[str] = set()
        self._problems: list[BaseException] = []
        self._threads = [
            self._thread(self._submit, n, range(n, count, submitters)) for n in range(submitters)
        ]
        self._threads += [
            self._thread(self._ask_for_many if n % 2 else self._ask_for_one, n)
            for n in range(nodes)
        ]

    def _thread(self, live: Callable[..., None], number: int, *more: Any) -> threading.Thread:
        def run() -> None:
            rng = random.Random(f"{self._seed}/{live.__name__}/{number}")
            try:
                with self.lives.client() as client:
                    live(client, rng, f"node-{number}", *more)
            except BaseException as problem:
                self._problems.append(problem)

        return threading.Thread(target=run)

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def until(self, ended: int) -> None:
        """Wait until so many jobs ended."""
        eventually(lambda: self.is_done() or self.ledger.ended >= ended, f"{ended} ends")

    def is_done(self) -> bool:
        return bool(self._problems) or self.ledger.ended == self.count

    def join(self) -> None:
        """Wait for the end; raises what went wrong."""
        try:
            eventually(self.is_done, "all jobs to end", PEACE_S)
        except AssertionError as problem:
            self._problems.append(problem)
        for thread in self._threads:
            thread.join(PEACE_S)
        if self._problems:
            raise self._problems[0]

    # ── submitters ───────────────────────────────────────────────────────────────────────────────

    def _submit(self, client: Client, rng: random.Random, name: str, mine: range) -> None:
        waiting = list(mine)
        while waiting and not self._problems:
            while self.ledger.ended + AHEAD < len(self.ledger.submitted) and not self._problems:
                time.sleep(0.02)
            size = rng.choice([1, 1, 5, 25, 60])
            some, waiting = waiting[:size], waiting[size:]
            self._submit_some(client, rng, some)
            if rng.random() < CANCELS * len(some):
                self._cancel(client, self.ledger.submitted[rng.choice(some)])

    def _submit_some(self, client: Client, rng: random.Random, some: list[int]) -> None:
        """By a key of the request, or by ids of the caller."""
        jobs: Any = [{"data": {"n": n}} for n in some]
        more = {}
        if rng.random() < 0.5:
            more = {"Idempotency_Key": f"key-{some[0]}"}
            jobs = jobs[0] if len(jobs) == 1 else jobs
        else:
            jobs = [{**job, "job_id": f"job-{n}"} for n, job in zip(some, jobs, strict=True)]
        told = self._ids(client, jobs, more)
        if rng.random() < REPEATS:
            assert self._ids(client, jobs, more) == told
        self.ledger.submitted.update(zip(some, told, strict=True))

    @staticmethod
    def _ids(client: Client, jobs: Any, more: dict[str, str]) -> list[str]:
        reply = ask_until_answered(client, "POST", "/jobs", jobs, **more)
        assert reply.status == 200, reply
        made = reply.json if isinstance(jobs, list) else [reply.json]
        return [row["job_id"] for row in made]

    def _cancel(self, client: Client, job_id: str) -> None:
        self._cancels.add(job_id)
        reply = ask_until_answered(client, "POST", f"/jobs/{job_id}/cancel")
        assert reply.status == 200, reply
        if reply.json["status"] == "cancelled":
            self.ledger.cancelled.add(job_id)
        else:
            assert reply.json["status"] == "completed", reply  # it had ended before

    # ── nodes ────────────────────────────────────────────────────────────────────────────────────

    def _ask_for_one(self, client: Client, rng: random.Random, name: str) -> None:
        """A plain node: ``GET /job``, ``POST /result``."""
        node = {"node_id": name, "profile": {}}
        assert ask_until_answered(client, "POST", "/register", node).status == 200
        for n in itertools.count():
            if self.is_done():
                return
            poll = {"X_Node_ID": name, "X_Poll_ID": f"poll-{n}"}
            job = ask_until_answered(client, "GET", "/job?wait_s=0.2", **poll).json
            jobs = [job] if job["status"] == "assigned" else []
            if jobs and rng.random() < REPEATS:
                again = ask_until_answered(client, "GET", "/job", **poll).json
                jobs = self._repeated(jobs, [again] if again["status"] == "assigned" else [])
            self._handed(name, poll["X_Poll_ID"], jobs)
            for job in jobs:
                self._report_one(client, rng, name, job)

    def _handed(self, name: str, poll: str, jobs: list[Any]) -> None:
        for job in jobs:
            self.ledger.handed[job["job_id"], job["epoch"]].add((name, poll))

    def _repeated(self, jobs: list[Any], again: list[Any]) -> list[Any]:
        """What both answers to one poll handed out: the same, but for what was cancelled.

        A field that has its default may be there or not.
        """
        told = {(job["job_id"], job["epoch"]): job for job in again}
        for job in jobs:
            same = told.setdefault((job["job_id"], job["epoch"]), job)
            assert job.get("payload") == same.get("payload") and job.get("data") == same.get("data")
            assert job in again or same in again or job["job_id"] in self._cancels, (job, again)
        return list(told.values())

    def _report_one(self, client: Client, rng: random.Random, name: str, job: Any) -> None:
        job_id = job["job_id"]
        result = result_of(job_id)
        body = b'{"job_id":"%s","node_id":"%s","epoch":%d,"result":%s}' % (
            job_id.encode(), name.encode(), job["epoch"], result,
        )  # fmt: skip
        reply = ask_until_answered(client, "POST", "/result", body)
        self._told(job_id, result, "recorded" if reply.status == 200 else reply.code)
        if reply.status == 200 and rng.random() < REPEATS:
            assert ask_until_answered(client, "POST", "/result", body).status == 200
            other = body.replace(b'"hash"', b'"Hash"')
            assert ask_until_answered(client, "POST", "/result", other).status == 409

    def _told(self, job_id: str, result: bytes, verdict: str) -> None:
        if verdict == "recorded":
            self.ledger.results[job_id] = result
        else:
            assert verdict == "gone", (job_id, verdict)  # it was cancelled

    def _ask_for_many(self, client: Client, rng: random.Random, name: str) -> None:
        """An agent: ``POST /lease``, ``POST /results``, in MessagePack."""
        node = {"node_id": name, "profile": {}, "slots": 64, "boot_id": f"boot-{name}"}
        assert ask_until_answered(client, "POST", "/register", node).status == 200
        for n in itertools.count():
            if self.is_done():
                return
            request_id = f"lease-{n}"
            wanted = {
                "node_id": name, "max": rng.choice([1, 8, 32]), "wait_s": 0.2,
                "request_id": request_id,
            }  # fmt: skip
            jobs = self._packed(client, "/lease", wanted)["jobs"]
            if jobs and rng.random() < REPEATS:
                jobs = self._repeated(jobs, self._packed(client, "/lease", wanted)["jobs"])
            self._handed(name, request_id, jobs)
            if jobs:
                self._report_many(client, rng, name, jobs)

    def _report_many(self, client: Client, rng: random.Random, name: str, jobs: list[Any]) -> None:
        results = [result_of(job["job_id"]) for job in jobs]
        reports = [
            {
                "job_id": job["job_id"], "epoch": job["epoch"], "end": "completed",
                "value": {"format": "json", "size": len(result), "data": result},
            }
            for job, result in zip(jobs, results, strict=True)
        ]  # fmt: skip
        body = {"node_id": name, "reports": reports}
        verdicts = self._packed(client, "/results", body)["reports"]
        for (job_id, verdict, _), result in zip(verdicts, results, strict=True):
            self._told(job_id, result, verdict)
        if rng.random() < REPEATS:
            again = self._packed(client, "/results", body)["reports"]
            assert [row[1] for row in again] == [row[1] for row in verdicts]

    @staticmethod
    def _packed(client: Client, path: str, message: Any) -> Any:
        body = msgspec.msgpack.encode(message)
        reply = ask_until_answered(client, "POST", path, body, **MSGPACK)
        assert reply.status == 200, reply
        return msgspec.msgpack.decode(reply.body)
