"""Nodes are killed in the middle of jobs, again and again, and come back under their names."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.integration.parts import (
    DEADLINE_S,
    Client,
    Coordinator,
    assert_sound,
    eventually,
    reading,
)
from tests.torture.conftest import Size
from tests.torture.fork_server import ForkServer

#: Jobs for each kill, and how long one takes at most: some finish, some are hit.
JOBS, RUN_S = 4, 0.4
#: One kill in so many hits a node while it starts.
EARLY = 15

RUNNER = """
import hashlib, pathlib, time
def run(data):
    with open(pathlib.Path(__file__).parent / "runs", "a") as file:
        print(data["n"], file=file, flush=True)
    time.sleep(data["run_s"])
    return {"n": data["n"], "hash": hashlib.sha256(str(data["n"]).encode()).hexdigest()}
"""


class Victim:
    """One node, which is the same node whatever process it is just now."""

    def __init__(self, forks: ForkServer, turn: threading.Lock, url: str, folder: Path, name: str):
        self.name = name
        self._forks, self._turn = forks, turn
        self.log = folder / f"{name}.out"
        self.scratch = folder / name
        runner = str(folder / "runner.py")
        self._command = ["node", url, "--name", name, "--slots", "2", "--runner", runner]
        self._command += ["--scratch", str(self.scratch)]
        self.pid = 0
        self._starts = 0

    def start(self) -> None:
        """Start it, and do not wait until it is registered."""
        self._starts = self._said()
        with self._turn:
            self.pid = self._forks.fork(self.log, *self._command)

    def join(self) -> None:
        """Wait until it is registered: then the leases of the process before have ended."""
        eventually(lambda: self._said() > self._starts, f"{self.name} to register")

    def _said(self) -> int:
        return self.log.read_text().count("registered at") if self.log.exists() else 0

    def kill(self) -> None:
        with self._turn:
            self._forks.kill(self.pid)

    def end(self) -> None:
        """Let it drain."""
        os.kill(self.pid, signal.SIGTERM)
        with self._turn:
            self._forks.wait(self.pid)


class Siege:
    """Kills the nodes, each from a thread of its own, while jobs keep coming."""

    def __init__(self, coordinator: Coordinator, victims: list[Victim], kills: int, seed: int):
        self._coordinator = coordinator
        self._victims = victims
        self._each = Counter(n % len(victims) for n in range(kills))
        self._seed = seed
        self._problems: list[BaseException] = []
        self._lock = threading.Lock()
        self.told: dict[int, str] = {}

    def submit(self, client: Client, rng: random.Random, count: int) -> None:
        """So many jobs, noted when the coordinator has said that it has them."""
        with self._lock:
            first = len(self.told)
            jobs = [
                {"data": {"n": first + n, "run_s": rng.uniform(0.02, RUN_S)}} for n in range(count)
            ]
            made = client.post("/jobs", jobs)
            self.told.update({first + n: job["job_id"] for n, job in enumerate(made)})

    def run(self) -> None:
        threads = [
            threading.Thread(target=self._besiege, args=(victim, self._each[n]))
            for n, victim in enumerate(self._victims)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self._problems:
            raise self._problems[0]

    def _besiege(self, victim: Victim, kills: int) -> None:
        rng = random.Random(f"{self._seed}/{victim.name}")
        try:
            with self._coordinator.client(keep=True) as client:
                for n in range(kills):
                    if n % EARLY != 1:
                        victim.join()
                        self._make_busy(client, rng, victim)
                    time.sleep(rng.uniform(0, RUN_S / 2))
                    victim.kill()
                    victim.start()
        except BaseException as problem:
            self._problems.append(problem)

    def _make_busy(self, client: Client, rng: random.Random, victim: Victim) -> None:
        """Submit until the node has a job; the others take them too."""
        give_up_s = time.monotonic() + DEADLINE_S
        while time.monotonic() < give_up_s:
            self.submit(client, rng, JOBS)
            again_s = time.monotonic() + RUN_S
            while time.monotonic() < again_s:
                rows = client.get("/nodes")
                if any(row["id"] == victim.name and row["running"] for row in rows):
                    return
                time.sleep(0.02)
        raise AssertionError(f"{victim.name} got no job:\n{victim.log.read_text()}")

    def is_over(self, client: Client) -> bool:
        """Whether every job ended."""
        return bool(client.get("/jobs?status=pending,assigned&fields=job_id&limit=1") == [])


def leftovers(folder: Path) -> list[int]:
    """Processes of jobs that nobody looks after."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get("NEXAPOD_CARD", "").startswith(str(folder)):
                found.append(process.pid)
    return found


@pytest.mark.proves("node-kills")
def test_every_job_ends_once_however_often_nodes_are_killed(
    tmp_path: Path, size: Size, seed: int, reached: Callable[[str], None]
):
    kills = size(commit=6, full=500)
    (tmp_path / "runner.py").write_text(RUNNER)
    coordinator = Coordinator(tmp_path / "fleet.db", "--open").start()
    begun_s = time.monotonic()
    try:
        with ForkServer() as forks:
            turn = threading.Lock()
            victims = [
                Victim(forks, turn, coordinator.url, tmp_path, f"node-{n}")
                for n in range(min(8, kills))
            ]
            for victim in victims:
                victim.start()
            siege = Siege(coordinator, victims, kills, seed)
            siege.run()
            with coordinator.client() as client:
                eventually(lambda: siege.is_over(client), "all jobs to end")
            for victim in victims:
                victim.end()
        assert leftovers(tmp_path) == []
    finally:
        coordinator.end()
    lost, poisoned = check(coordinator.database, siege.told, tmp_path / "runs")
    reached(
        f"{kills} kills over {len(siege.told):,} jobs in {time.monotonic() - begun_s:.0f} s: "
        f"{lost:,} attempts lost, {len(siege.told) - poisoned:,} jobs completed once, "
        f"{poisoned} failed after they were lost on three nodes"
    )


def check(database: Path, told: dict[int, str], runs: Path) -> tuple[int, int]:
    """Read by sqlite3 alone; how many attempts were lost, and how many jobs given up for that."""
    assert_sound(database)
    with reading(database) as db:
        jobs: dict[str, Any] = {
            job_id: (json.loads(bytes(data))["n"], state, error)
            for job_id, data, state, error in db.execute(
                "SELECT id, data, state, error FROM jobs JOIN payloads USING (seq)"
            )
        }
        results = {
            job_id: json.loads(bytes(data))["n"]
            for job_id, data in db.execute("SELECT id, data FROM results JOIN jobs USING (seq)")
        }
        attempts = db.execute(
            "SELECT j.id, a.node, a.end FROM attempts AS a JOIN jobs AS j USING (seq)"
        ).fetchall()
    assert {n: job_id for job_id, (n, _, _) in jobs.items()} == told, "no job is lost or doubled"
    assert {end for _, _, end in attempts} <= {"completed", "lost", "released"}
    poisoned = {job_id for job_id, (_, state, _) in jobs.items() if state != "completed"}
    for job_id in poisoned:
        _, state, error = jobs[job_id]
        lost_on = {node for job, node, end in attempts if (job, end) == (job_id, "lost")}
        assert (state, json.loads(error)["type"], len(lost_on) >= 3) == ("failed", "poison", True)
    assert results == {job: n for job, (n, state, _) in jobs.items() if state == "completed"}
    times = Counter(map(int, runs.read_text().split()))
    assert times.keys() >= set(results.values()), "a result of a job that never ran"
    return sum(end == "lost" for _, _, end in attempts), len(poisoned)
