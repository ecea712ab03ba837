"""Nodes that are stopped past their lease, and wake when others have their jobs, or have done them.

Every zombie is a process that is really stopped (SIGSTOP) and really let go on (SIGCONT).
"""

from __future__ import annotations

import contextlib
import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.parts import (
    Client,
    Coordinator,
    Node,
    assert_sound,
    clean_environment,
    eventually,
    reading,
)
from tests.torture.conftest import Size

LEASE_S = 10.0
#: A whole node's lease, and until when it must have ended what it runs.
AGENT_LEASE_S = 60.0

RUNNER = """
import os, pathlib, time
def run(data):
    with open(pathlib.Path(__file__).parent / "beats", "a") as file:
        end = time.monotonic() + data["run_s"]
        while time.monotonic() < end:
            print(data["n"], os.getpid(), time.monotonic(), file=file, flush=True)
            time.sleep(0.05)
    return "by " + os.environ.get("NEXAPOD_CARD", "?")
"""


class Zombie:
    """One process that got a job, and is stopped from then on."""

    def __init__(self, url: str, name: str) -> None:
        self.name = name
        program = Path(__file__).with_name("stopped_node.py")
        self.process = subprocess.Popen(
            [sys.executable, "-S", "-E", str(program), url, name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=clean_environment(),
        )

    def line(self) -> str:
        """What it says next."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def go(self) -> None:
        """Let it do the next thing."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def stop(self) -> str:
        """Give it a job, and stop it; the job's id."""
        self.go()
        lease = json.loads(self.line())
        assert (lease["status"], lease["lease_s"]) == ("assigned", LEASE_S)
        self.process.send_signal(signal.SIGSTOP)
        return str(lease["job_id"])

    def wake(self) -> int:
        """Let it report; the status it is answered with."""
        self.go()
        self.process.send_signal(signal.SIGCONT)
        return int(self.line())

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


@contextlib.contextmanager
def zombies(url: str, count: int) -> Iterator[list[Zombie]]:
    started: list[Zombie] = []
    try:
        for n in range(count):
            # Half of them say which epoch they hold, as agents do; the seed's nodes cannot.
            started.append(Zombie(url, f"zombie-{n}" + "-epoch" * (n % 2)))
        for zombie in started:
            assert zombie.line() == "registered"
        yield started
    finally:
        for zombie in started:
            zombie.end()


def take(client: Client, count: int) -> list[Any]:
    """So many jobs that came back, for an honest node."""
    found: list[Any] = []

    def take_one() -> bool:
        lease = client.poll("honest", "?wait_s=1")
        if lease["status"] == "assigned":
            found.append(lease)
        return len(found) == count

    eventually(take_one, f"{count} jobs to come back")
    return found


def finish(client: Client, lease: Any) -> None:
    told = client.report("honest", lease["job_id"], "of an honest node", epoch=lease["epoch"])
    assert told.status == 200, told


@pytest.mark.proves("zombies")
def test_no_late_result_of_a_zombie_is_recorded(
    tmp_path: Path, size: Size, seed: int, reached: Callable[[str], None]
):
    count = size(commit=3, full=300)
    rng = random.Random(seed)
    coordinator = Coordinator(tmp_path / "fleet.db", "--open").start()
    try:
        with coordinator.client(keep=True) as client:
            jobs = [client.submit({"n": n}) for n in range(count)]
            client.register("honest")
            with zombies(coordinator.url, count) as stopped:
                holds = {zombie.stop(): zombie for zombie in stopped}
                assert sorted(holds) == sorted(jobs)
                leases = take(client, count)
                assert {lease["epoch"] for lease in leases} == {2}
                statuses = []
                for lease in rng.sample(leases, count):
                    # Late while another still works on it, or when that one is done.
                    if is_done := rng.random() < 0.5:
                        finish(client, lease)
                    statuses.append(holds[lease["job_id"]].wake())
                    if not is_done:
                        assert client.status_of(lease["job_id"]) == "assigned"
                        finish(client, lease)
        assert statuses == [409] * count
    finally:
        coordinator.end()
    check(coordinator.database, dict.fromkeys(jobs, '"of an honest node"'))
    reached(f"{count} zombies of a {LEASE_S:.0f} s lease: {count} late results refused (409)")


def check(database: Path, results: dict[str, str]) -> None:
    """Read by sqlite3 alone: these results, each of the second lease, the first lost."""
    assert_sound(database)
    with reading(database) as db:
        stored = db.execute("SELECT j.id, r.data FROM results AS r JOIN jobs AS j USING (seq)")
        assert {job_id: bytes(data).decode() for job_id, data in stored} == results
        ends = db.execute("SELECT epoch, end, count(*) FROM attempts GROUP BY epoch, end")
        assert set(ends) == {(1, "lost", len(results)), (2, "completed", len(results))}


# ── whole nodes ──────────────────────────────────────────────────────────────────────────────────


def beats(folder: Path, n: int) -> list[tuple[int, float]]:
    """(pid, when) of each sign of life of job `n` on the node in that folder."""
    path = folder / "beats"
    lines = [line.split() for line in path.read_text().splitlines()] if path.exists() else []
    return [(int(pid), float(at)) for number, pid, at in lines if int(number) == n]


def runner_node(coordinator: Coordinator, folder: Path, name: str) -> Node:
    (folder / name).mkdir()
    (folder / name / "runner.py").write_text(RUNNER)
    runner = str(folder / name / "runner.py")
    return Node(coordinator, name, folder, "--runner", runner).start()


@pytest.mark.proves("zombies")
def test_whole_nodes_that_are_stopped_or_cut_off_end_their_jobs(
    tmp_path: Path, size: Size, reached: Callable[[str], None]
):
    """Stopped agents wake after others did their jobs; one that hears nothing ends in time.

    A node's lease is a minute, so this is not among what every commit pays for.
    """
    if size.tier == "commit":
        return
    coordinator = Coordinator(tmp_path / "fleet.db", "--open").start()
    other = Coordinator(tmp_path / "other.db", "--open").start()
    nodes: list[Node] = []
    try:
        client, elsewhere = coordinator.client(), other.client()
        nodes = [runner_node(coordinator, tmp_path, f"node-{n}") for n in range(4)]
        nodes.append(runner_node(other, tmp_path, "cut-off"))
        jobs = [client.submit({"n": n, "run_s": 300}) for n in range(4)]
        elsewhere.submit({"n": 9, "run_s": 300})
        for name in ("node-0", "node-1", "node-2", "node-3", "cut-off"):
            eventually((tmp_path / name / "beats").exists, f"a job on {name}")
        holders = {client.job(job)["assigned_to"]: (n, job) for n, job in enumerate(jobs)}
        assert len(holders) == 4
        time.sleep(1)
        for node in nodes[:4]:
            node.signal(signal.SIGSTOP)
        other.signal(signal.SIGSTOP)
        stopped_s = time.monotonic()
        # The node that hears nothing: what it runs is dead before the lease is.
        eventually(
            lambda: time.monotonic() - beats(tmp_path / "cut-off", 9)[-1][1] > 3,
            "the end of what the cut-off node runs", AGENT_LEASE_S + 10,
        )  # fmt: skip
        last_s = beats(tmp_path / "cut-off", 9)[-1][1]
        assert last_s < stopped_s + AGENT_LEASE_S
        assert "ending what runs" in nodes[4].output
        # The stopped ones: others do their jobs, then they wake.
        client.register("honest")
        leases = take(client, 4)
        woken_s = time.monotonic()
        for node in nodes[:4]:
            node.signal(signal.SIGCONT)
        eventually(
            lambda: all(
                time.monotonic() - beats(tmp_path / name, n)[-1][1] > 3
                for name, (n, _) in holders.items()
            ),
            "the end of what the zombies run",
        )
        longest_s = max(beats(tmp_path / k, n)[-1][1] for k, (n, _) in holders.items()) - woken_s
        assert longest_s < 5
        for lease in leases:
            finish(client, lease)
        other.signal(signal.SIGCONT)
    finally:
        for program in (*nodes, coordinator, other):
            if program.is_running():
                program.signal(signal.SIGCONT)
            program.end()
    check(coordinator.database, dict.fromkeys(jobs, '"of an honest node"'))
    reached(
        f"4 whole nodes stopped for {woken_s - stopped_s:.0f} s ended their jobs within "
        f"{max(longest_s, 0):.1f} s of waking; one cut off ended its job "
        f"{stopped_s + AGENT_LEASE_S - last_s:.1f} s before the end of its lease"
    )
