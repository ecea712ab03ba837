"""Clients and nodes that come, do something ordinary or rude, and go."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import random
import socket
import threading
import time
from typing import Any

import msgspec

from tests.integration.parts import Client

MSGPACK = {"Content-Type": "application/msgpack"}
#: What comes and goes, and how often.
HABITS = {
    "batch": 2, "single": 8, "cancel": 4, "blob": 4, "listen": 4, "hang_up": 4, "rude": 4,
    "read": 4, "leave": 2,
}  # fmt: skip


class Churn:
    """`threads` guests at one coordinator, until they are told to stop."""

    def __init__(self, url: str, seed: int, threads: int) -> None:
        self.url = url
        self.done = 0
        self.problems: list[BaseException] = []
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._live, args=(random.Random(f"{seed}/{n}"), n))
            for n in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        if self.problems:
            raise self.problems[0]

    def _live(self, rng: random.Random, number: int) -> None:
        habits, weights = zip(*HABITS.items(), strict=True)
        try:
            guest = Guest(self.url, rng, f"guest-{number}")
            while not self._stop.is_set() and not self.problems:
                (habit,) = rng.choices(habits, weights)
                getattr(guest, habit)()
                self.done += 1
            guest.finish()
        except BaseException as problem:
            self.problems.append(problem)


class Guest:
    """One that submits, works, listens and hangs up, under a few names of nodes."""

    def __init__(self, url: str, rng: random.Random, name: str) -> None:
        self.client = Client(url, keep=False)
        self.rng = rng
        self.nodes = [f"{name}-{n}" for n in range(5)]
        self._numbers = itertools.count()
        for node in self.nodes:
            self._register(node)

    def _register(self, node: str) -> None:
        boot_id = f"boot-{self.rng.randrange(10**9)}"
        self.client.register(node, slots=256, boot_id=boot_id, holding=[])

    @staticmethod
    def _packed(client: Client, path: str, message: Any) -> Any:
        reply = client.ask("POST", path, msgspec.msgpack.encode(message), MSGPACK)
        assert reply.status == 200, reply
        return msgspec.msgpack.decode(reply.body)

    # ── ordinary ─────────────────────────────────────────────────────────────────────────────────

    def batch(self, jobs: int = 100, data: str = "x" * 100) -> None:
        """Submit many, lease many, renew, report."""
        with Client(self.client.url, keep=True) as client:
            client.post("/jobs", [{"data": data}] * jobs)
            self._work(client, self.rng.choice(self.nodes), jobs)

    def _work(self, client: Client, node: str, most: int) -> int:
        number = next(self._numbers)
        wanted = {"node_id": node, "max": most, "request_id": f"request-{number}"}
        leased = self._packed(client, "/lease", wanted)["jobs"]
        held = [[job["job_id"], job["epoch"], 0.1] for job in leased]
        client.post("/heartbeat", {"node_id": node, "leases": held})
        reports = [self._report(job) for job in leased]
        if reports:
            self._packed(client, "/results", {"node_id": node, "reports": reports})
        return len(reports)

    def _report(self, job: Any) -> dict[str, Any]:
        report = {"job_id": job["job_id"], "epoch": job["epoch"]}
        if self.rng.random() < 0.05:
            return {**report, "end": "failed", "failure": {"message": "it did not work out"}}
        value = {"format": "json", "size": 4, "data": b"null"}
        return {**report, "end": "completed", "value": value, "output": "said\n"}

    def single(self) -> None:
        """One job by the seed's three calls."""
        self.client.submit({"n": next(self._numbers)}, name="single")
        node = self.rng.choice(self.nodes)
        job = self.client.poll(node, poll_id=f"poll-{next(self._numbers)}")
        self._finish_one(node, job)

    def _finish_one(self, node: str, job: Any) -> None:
        if job["status"] == "assigned":
            reply = self.client.report(node, job["job_id"], job["data"], epoch=job["epoch"])
            assert reply.status in (200, 409, 410), reply

    def cancel(self) -> None:
        made = self.client.post("/jobs", [{"data": None}] * 5)
        self.client.post("/jobs/cancel", {"job_ids": [row["job_id"] for row in made]})

    def blob(self) -> None:
        data = self.rng.choice(BLOBS)
        path = f"/blobs/{hashlib.sha256(data).hexdigest()}"
        octets = {"Content-Type": "application/octet-stream"}
        assert self.client.ask("PUT", path, data, octets).status == 200
        assert self.client.ask("GET", path).body == data

    def read(self) -> None:
        self.client.get(self.rng.choice(["/jobs?limit=100&newest=1", "/nodes", "/status"]))

    def leave(self) -> None:
        """A node drains, and comes back after a reboot."""
        node = self.rng.choice(self.nodes)
        self.client.post("/leave", {"node_id": node})
        self._register(node)

    # ── rude ─────────────────────────────────────────────────────────────────────────────────────

    def _send(self, text: str) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.client.port), timeout=10)
        connection.sendall(text.replace("HOST", f"Host: {self.client.netloc}").encode())
        return connection

    def listen(self) -> None:
        """Subscribe, hear something or nothing, and go without a word."""
        with self._send("GET /events HTTP/1.1\r\nHOST\r\n\r\n") as connection:
            assert connection.recv(4096).startswith(b"HTTP/1.1 200")
            connection.settimeout(0.05)
            with contextlib.suppress(TimeoutError):
                connection.recv(65_536)

    def hang_up(self) -> None:
        """Go while a poll waits; ask again as the same poll, and do what it got."""
        node, poll = self.rng.choice(self.nodes), f"poll-{next(self._numbers)}"
        head = (
            f"GET /job?wait_s=20 HTTP/1.1\r\nHOST\r\nX-Node-ID: {node}\r\nX-Poll-ID: {poll}\r\n\r\n"
        )
        with self._send(head):
            time.sleep(self.rng.uniform(0, 0.02))
        self._finish_one(node, self.client.poll(node, poll_id=poll))

    def rude(self) -> None:
        """Half a head, half a body, half a blob, or nonsense."""
        if self.rng.random() < 0.3:
            self.half_a_blob().close()
            return
        texts = [
            "GET /job HT",
            "POST /result HTTP/1.1\r\nHOST\r\nContent-Type: application/json\r\n"
            'Content-Length: 500\r\n\r\n{"job_id": ',
            "HELLO\r\n\r\n",
            "GET /nowhere HTTP/1.1\r\nHOST\r\n\r\n",
        ]
        with self._send(self.rng.choice(texts)):
            time.sleep(self.rng.uniform(0, 0.01))

    def half_a_blob(self) -> socket.socket:
        octets = "Content-Type: application/octet-stream\r\nContent-Length: 99999"
        return self._send(f"PUT /blobs/{'0' * 64} HTTP/1.1\r\nHOST\r\n{octets}\r\n\r\n{'x' * 5000}")

    # ── the end ──────────────────────────────────────────────────────────────────────────────────

    def finish(self) -> None:
        """Do what is left to do."""
        while self._work(self.client, self.nodes[0], 250):
            pass


_rng = random.Random(1)
BLOBS = [_rng.randbytes(_rng.choice([100, 5_000, 60_000])) for _ in range(100)]
