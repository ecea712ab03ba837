"""Kill anything in the middle of anything: what was acknowledged is there, and happened once."""

from __future__ import annotations

import collections
import concurrent.futures
import hashlib
import http.client
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

import nexapod
from tests.acceptance.conftest import Kernel, StartNode
from tests.integration.parts import (
    DEADLINE_S,
    Client,
    Coordinator,
    Reply,
    assert_sound,
    eventually,
    free_port,
    reading,
)

# ── (a) the coordinator is killed ────────────────────────────────────────────────────────────────


def patiently(client: Client, method: str, path: str, body: Any = None, **headers: str) -> Reply:
    """Ask until somebody answers; the same request each time, as the protocol wants it."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    give_up_s = time.monotonic() + DEADLINE_S
    while True:
        try:
            reply = client.ask(method, path, body, named)
            if reply.status not in (429, 503, 507):
                assert reply.status < 500, reply
                return reply
        except (OSError, http.client.HTTPException):
            pass
        assert time.monotonic() < give_up_s, "nobody answered for too long"
        time.sleep(0.02)


def result_of(job_id: str) -> dict[str, str]:
    return {"hash": hashlib.sha256(job_id.encode()).hexdigest()}


class Crowd:
    """Four nodes and a submitter, each writing down what it was told."""

    def __init__(self, coordinator: Coordinator, count: int) -> None:
        self.coordinator = coordinator
        self.count = count
        self.submitted: list[str] = []
        self.handed: collections.defaultdict[tuple[str, int], set[str]] = collections.defaultdict(
            set
        )
        self.acknowledged: dict[str, bytes] = {}
        self.refused: list[Reply] = []
        self.problems: list[BaseException] = []
        self._threads = [threading.Thread(target=self._run, args=(self._submit,))]
        self._threads += [
            threading.Thread(target=self._run, args=(self._work, f"node-{n}")) for n in range(4)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join(DEADLINE_S)
            assert not thread.is_alive()
        if self.problems:
            raise self.problems[0]

    def _run(self, work: Any, *args: Any) -> None:
        try:
            work(*args)
        except BaseException as problem:
            self.problems.append(problem)

    def until(self, progress: int) -> None:
        """Wait until so many results are acknowledged."""
        eventually(
            lambda: self.problems or len(self.acknowledged) >= progress, f"{progress} results"
        )

    def is_done(self) -> bool:
        return bool(self.problems) or len(self.acknowledged) == self.count

    def _submit(self) -> None:
        with self.coordinator.client(keep=True) as client:
            for start in range(0, self.count, 100):
                ids = [f"job-{n}" for n in range(start, min(start + 100, self.count))]
                jobs = [{"job_id": job_id, "data": {"name": job_id}} for job_id in ids]
                assert patiently(client, "POST", "/jobs", jobs).status == 200
                self.submitted += ids

    def _work(self, name: str) -> None:
        with self.coordinator.client(keep=True) as client:
            node = {"node_id": name, "profile": {}}
            assert patiently(client, "POST", "/register", node).status == 200
            for n in itertools.count():
                if self.is_done():
                    return
                poll = f"{name}-{n}"
                reply = patiently(client, "GET", "/job?wait_s=0.2", X_Node_ID=name, X_Poll_ID=poll)
                assert reply.status == 200, reply
                job = reply.json
                if job["status"] == "assigned":
                    self._report(client, name, poll, job)

    def _report(self, client: Client, name: str, poll: str, job: Any) -> None:
        job_id, epoch = job["job_id"], job["epoch"]
        assert job["data"] == {"name": job_id}
        self.handed[job_id, epoch].add(poll)
        result = json.dumps(result_of(job_id)).encode()
        body = b'{"job_id":"%s","node_id":"%s","epoch":%d,"result":%s}' % (
            job_id.encode(), name.encode(), epoch, result,
        )  # fmt: skip
        reply = patiently(client, "POST", "/result", body)
        if reply.status == 200:
            assert job_id not in self.acknowledged
            self.acknowledged[job_id] = result
        else:
            self.refused.append(reply)


def kill_in_the_middle(
    coordinator: Coordinator, count: int, kills: int, rng: random.Random
) -> None:
    crowd = Crowd(coordinator, count)
    crowd.start()
    try:
        for progress in sorted(rng.sample(range(count // 20, count * 19 // 20), kills)):
            crowd.until(progress)
            time.sleep(rng.uniform(0, 0.02))
            coordinator.kill()
            coordinator.start()
        eventually(crowd.is_done, "all jobs to end")
    finally:
        crowd.problems += [] if crowd.is_done() else [AssertionError("not all jobs ended")]
        crowd.join()
    coordinator.end()

    assert sorted(crowd.submitted) == sorted(f"job-{n}" for n in range(count))
    assert set(crowd.acknowledged) == set(crowd.submitted)
    assert crowd.refused == []
    assert {lease: polls for lease, polls in crowd.handed.items() if len(polls) > 1} == {}
    assert {epoch for _, epoch in crowd.handed} == {
        1
    }  # a restart of the coordinator loses no lease
    check_database(coordinator.database, crowd.acknowledged)


def check_database(database: Path, acknowledged: dict[str, bytes]) -> None:
    assert_sound(database)
    with reading(database) as db:
        stored = db.execute(
            "SELECT j.id, r.data FROM jobs AS j JOIN results AS r ON r.seq = j.seq"
        ).fetchall()
        states = db.execute("SELECT state, count(*) FROM jobs GROUP BY state").fetchall()
    assert {job_id: bytes(data) for job_id, data in stored} == acknowledged
    assert states == [("completed", len(acknowledged))]


def test_kills_of_the_coordinator_in_the_middle_of_5000_jobs_cost_nothing(
    coordinator: Coordinator, rng: random.Random
):
    kill_in_the_middle(coordinator, 5000, 5, rng)


@pytest.mark.torture
def test_many_kills_of_the_coordinator_in_the_middle_of_20000_jobs_cost_nothing(
    coordinator: Coordinator, rng: random.Random
):
    kill_in_the_middle(coordinator, 20_000, 100, rng)


def test_real_nodes_and_a_connected_notebook_live_through_kills_of_the_coordinator(
    coordinator: Coordinator, start_node: StartNode, rng: random.Random
):
    functions_through_kills(coordinator, start_node, rng, 300, 3)


@pytest.mark.torture
def test_real_nodes_and_a_connected_notebook_live_through_many_kills_of_the_coordinator(
    coordinator: Coordinator, start_node: StartNode, rng: random.Random
):
    functions_through_kills(coordinator, start_node, rng, 4000, 25)


def functions_through_kills(
    coordinator: Coordinator, start_node: StartNode, rng: random.Random, count: int, kills: int
) -> None:
    def square(n: int) -> int:
        import time

        time.sleep(0.01)
        return n * n

    for n in range(2):
        start_node(f"real-{n}", "--slots", "2")
    fleet = nexapod.connect(coordinator.url, coordinator.token)
    try:
        marks = sorted(rng.sample(range(count // 20, count * 19 // 20), kills))
        futures = [fleet.submit(square, n) for n in range(count)]
        for mark in marks:
            first = concurrent.futures.as_completed(futures, DEADLINE_S)
            collections.deque(itertools.islice(first, mark), 0)
            time.sleep(rng.uniform(0, 0.1))
            coordinator.kill()
            coordinator.start()
        assert [future.result(DEADLINE_S * 2) for future in futures] == [
            n * n for n in range(count)
        ]
        assert len(fleet.jobs) == count
    finally:
        fleet.stop()
    coordinator.end()
    assert_sound(coordinator.database)
    with reading(coordinator.database) as db:
        ends = db.execute("SELECT end, count(*) FROM attempts GROUP BY end").fetchall()
    assert dict(ends)["completed"] == count


# ── (b) a node is killed ─────────────────────────────────────────────────────────────────────────


class Gated:
    """A job that says where it runs, and goes on when it may."""

    def __init__(self, folder: Path) -> None:
        self.runs = folder / "runs"
        self.gate = folder / "gate"
        runs, gate = str(self.runs), str(self.gate)

        def job(value: int) -> int:
            import os
            import time

            with open(runs, "a") as file:
                file.write(f"{os.getpid()}\n")
            while not os.path.exists(gate):
                time.sleep(0.02)
            return value * 2

        self.job = job

    def pids(self) -> list[int]:
        return [int(pid) for pid in self.runs.read_text().split()] if self.runs.exists() else []

    def until_it_runs(self, times: int = 1) -> list[int]:
        eventually(lambda: len(self.pids()) >= times, f"run no. {times}")
        return self.pids()

    def open(self) -> None:
        self.gate.touch()


@pytest.fixture
def gated(tmp_path: Path) -> Gated:
    return Gated(tmp_path)


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def ends_of(coordinator: Coordinator, job_id: str) -> list[str]:
    return [attempt["end"] for attempt in coordinator.client().job(job_id)["attempts"]]


def test_the_job_of_a_killed_node_finishes_when_the_node_comes_back(
    coordinator: Coordinator, start_node: StartNode, gated: Gated
):
    node = start_node("phoenix")
    with nexapod.connect(coordinator.url, coordinator.token) as fleet:
        future = fleet.submit(gated.job, 21)
        (pid,) = gated.until_it_runs()
        node.kill()
        eventually(lambda: is_gone(pid), "the job to die with its node")
        node.start()
        gated.until_it_runs(2)
        gated.open()
        assert future.result(DEADLINE_S) == 42
        assert ends_of(coordinator, future.job_id) == ["lost", "completed"]
        assert len(gated.pids()) == 2


def test_the_job_of_a_killed_local_node_finishes_without_anybody_doing_anything(
    tmp_path: Path, gated: Gated
):
    with nexapod.launch("f", port=0, database=tmp_path / "f.db", local_nodes=1) as fleet:
        future = fleet.submit(gated.job, 21)
        gated.until_it_runs()
        (local,) = fleet.local_nodes
        local.kill()
        gated.until_it_runs(2)
        gated.open()
        assert future.result(DEADLINE_S) == 42
        assert list(fleet.attempts["end"]) == ["lost", "completed"]


def test_the_job_of_a_plain_node_that_vanished_finishes_on_another(
    coordinator: Coordinator, start_node: StartNode, tmp_path: Path
):
    runner = tmp_path / "runner.py"
    runner.write_text("def run(data):\n    return data['n'] * 2\n")
    client = coordinator.client()
    client.register("plain")
    job_id = client.submit({"n": 21})
    assert client.poll("plain", "?lease_s=10")["job_id"] == job_id  # and is never heard of again
    start_node("other", "--runner", str(runner))
    eventually(lambda: client.status_of(job_id) == "completed", "the lease to run out")
    row = client.job(job_id)
    assert (row["assigned_to"], row["result"], row["epoch"]) == ("other", 42, 2)
    assert ends_of(coordinator, job_id) == ["lost", "completed"]
    assert client.report("plain", job_id, 0).code == "lease_lost"


@pytest.mark.torture
def test_kills_of_nodes_in_the_middle_of_jobs_cost_nothing(
    coordinator: Coordinator, start_node: StartNode, rng: random.Random
):
    def square(n: int) -> int:
        import time

        time.sleep(0.05)
        return n * n

    # Two: a job that is lost on three different nodes is taken to be what ends them.
    nodes = [start_node(f"mortal-{n}", "--slots", "2") for n in range(2)]
    with nexapod.connect(coordinator.url, coordinator.token) as fleet:
        futures = [fleet.submit(square, n) for n in range(1000)]
        for _ in range(30):
            node = rng.choice(nodes)
            time.sleep(rng.uniform(0, 0.4))
            node.kill()
            node.start()
        assert [future.result(DEADLINE_S * 2) for future in futures] == [n * n for n in range(1000)]
    coordinator.end()
    assert_sound(coordinator.database)


# ── (c) the kernel is restarted ──────────────────────────────────────────────────────────────────

FIRST_CELL = """
import nexapod
fleet = nexapod.launch("lab", port={port}, database={database!r}, local_nodes=2)
"""

SWEEP_CELL = """
def slow(temperature_k, seed):
    import time
    time.sleep(0.4)
    return {"energy": temperature_k + seed}

sweep = fleet.sweep(slow, temperature_k=[300, 330, 360], seed=range(5))
fleet.flush()
print(*(node.pid for node in fleet.local_nodes))
"""

AFTERWARDS = """
sweep = fleet.sweeps["slow"]
assert len(sweep) == 15
assert sweep.results(60) == [{"energy": t + s} for t in (300, 330, 360) for s in range(5)]
assert list(sweep.frame["energy"]) == [t + s for t in (300, 330, 360) for s in range(5)]
print(*(node.pid for node in fleet.local_nodes))
print(sorted(set(fleet.attempts["end"])), len(fleet.attempts), len(fleet.jobs))
"""


@pytest.mark.parametrize("now", [True, False], ids=["killed", "asked"])
def test_a_kernel_restarted_in_the_middle_of_a_sweep_finds_it_and_finishes_it(
    kernel: Kernel, tmp_path: Path, now: bool
):
    first = FIRST_CELL.format(port=free_port(), database=str(tmp_path / "lab.db"))
    kernel.run(first)
    try:
        before = kernel.run(SWEEP_CELL).split()
        kernel.run("while sweep.counts.get('completed', 0) < 3: pass")
        kernel.restart(now=now)
        time.sleep(1.0)  # jobs end meanwhile, and nobody is there to be told
        kernel.run(first)
        after, told = kernel.run(AFTERWARDS).strip().splitlines()
        assert after.split() == before  # the nodes were never away
        assert told == "['completed'] 15 15"  # and no job ran twice
    finally:
        kernel.run("fleet.stop()")
    assert_sound(tmp_path / "lab.db")


# ── (d) the kernel is busy ───────────────────────────────────────────────────────────────────────

BUSY = {
    "sleep": "time.sleep({seconds})",
    "loop": "n = 0\nwhile time.time() < begun + {seconds}: n += 1",
}

BUSY_CELL = """
import time
def quick(n):
    time.sleep(0.05)
    return n

futures = [fleet.submit(quick, n) for n in range(40)]
begun = time.time()
{busy}
ended = time.time()
print(begun, ended, sum(f.done() for f in futures))
"""


def work_during_a_busy_cell(kernel: Kernel, database: Path, busy: str, seconds: float) -> None:
    kernel.run(FIRST_CELL.format(port=0, database=str(database)))
    try:
        kernel.run("import time; assert fleet.submit(max, 1, 2).result(60) == 2")
        url, token = kernel.run("print(fleet.url, fleet.token)").split()
        cell = kernel.begin(BUSY_CELL.format(busy=BUSY[busy].format(seconds=seconds)))
        client = Client(url, token)
        time.sleep(0.5)
        later = client.submit("from outside, while the cell runs")
        client.register("outsider")
        assert client.poll("outsider", "?wait_s=10")["job_id"] == later
        assert client.report("outsider", later, "done").status == 200
        begun, ended, done = map(float, kernel.finish(cell).split())
        jobs = client.get("/jobs?fields=job_id,status,finished_at")
        assert len(jobs) == 42
        assert {job["status"] for job in jobs} == {"completed"}
        for job in jobs[1:]:
            assert begun < job["finished_at"] < ended
        assert done == 40  # the futures knew, too, when the cell looked at its end
    finally:
        kernel.run("fleet.stop()")


@pytest.mark.parametrize("busy", BUSY)
def test_a_busy_cell_does_not_stop_nodes(kernel: Kernel, tmp_path: Path, busy: str):
    work_during_a_busy_cell(kernel, tmp_path / "lab.db", busy, 5.0)


@pytest.mark.torture
@pytest.mark.parametrize("busy", BUSY)
def test_a_cell_that_is_busy_for_a_minute_does_not_stop_nodes(
    kernel: Kernel, tmp_path: Path, busy: str
):
    work_during_a_busy_cell(kernel, tmp_path / "lab.db", busy, 60.0)


# ── (e) a running job is cancelled ───────────────────────────────────────────────────────────────


@pytest.mark.parametrize("stubborn", [False, True], ids=["ordinary", "stubborn"])
def test_a_cancel_kills_the_whole_process_group_of_a_running_job(
    coordinator: Coordinator, start_node: StartNode, tmp_path: Path, stubborn: bool
):
    pids = str(tmp_path / "pids")

    def family() -> None:
        """A child, a grandchild, and none of them wants to go."""
        import os
        import signal
        import subprocess
        import time

        if stubborn:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        trap = "trap '' TERM INT; " if stubborn else ""
        script = f"{trap}sleep 600 & echo $$ $! >> {pids}; wait; sleep 600"
        subprocess.Popen(["bash", "-c", script])
        while not os.path.exists(pids):
            time.sleep(0.01)
        with open(pids, "a") as file:
            file.write(f"{os.getpid()}\n")
        time.sleep(600)

    node = start_node("butcher")
    with nexapod.connect(coordinator.url, coordinator.token) as fleet:
        future = fleet.submit(family)
        found = eventually(
            lambda: (
                three
                if os.path.exists(pids) and len(three := Path(pids).read_text().split()) == 3
                else None
            ),
            "the family to be there",
        )
        assert not any(is_gone(int(pid)) for pid in found)
        assert future.cancel()
        with pytest.raises(nexapod.errors.JobCancelled, match="butcher"):
            future.result(DEADLINE_S)
        eventually(lambda: all(is_gone(int(pid)) for pid in found), f"{found} to be gone")
        assert fleet.submit(max, 1, 2).result(DEADLINE_S) == 2  # and the node goes on
        assert node.is_running()
        assert ends_of(coordinator, future.job_id) == ["cancelled"]


def test_cancelling_a_sweep_kills_what_runs_and_forgets_what_waits(
    coordinator: Coordinator, start_node: StartNode, gated: Gated
):
    start_node("butcher", "--slots", "2")
    with nexapod.connect(coordinator.url, coordinator.token) as fleet:
        sweep = fleet.sweep(gated.job, value=range(10))
        pids = gated.until_it_runs(2)
        assert sweep.cancel() == 10
        eventually(lambda: all(is_gone(pid) for pid in pids), f"{pids} to be gone")
        assert fleet.submit(max, 1, 2).result(DEADLINE_S) == 2
        assert len(gated.pids()) == 2
        eventually(lambda: sweep.counts == {"cancelled": 10}, "the futures to know")


# ── (f) the result waits on the node's disk ──────────────────────────────────────────────────────


@pytest.mark.parametrize("node_too", [False, True], ids=["node-stays", "node-is-killed-too"])
def test_a_result_that_nobody_could_take_is_kept_on_disk_and_sent_later(
    coordinator: Coordinator, start_node: StartNode, gated: Gated, tmp_path: Path, node_too: bool
):
    node = start_node("keeper")
    with nexapod.connect(coordinator.url, coordinator.token) as fleet:
        future = fleet.submit(gated.job, 21)
        fleet.flush()
        gated.until_it_runs()
        coordinator.kill()
        gated.open()
        spool = tmp_path / "keeper" / "spool"
        eventually(lambda: spool.exists() and spool.stat().st_size > 0, "the result on disk")
        if node_too:
            node.kill()
        coordinator.start()
        if node_too:
            node.start()
        assert future.result(DEADLINE_S) == 42
        assert len(gated.pids()) == 1  # it never ran again
        assert ends_of(coordinator, future.job_id) == ["completed"]
        eventually(lambda: spool.stat().st_size == 0, "the spool to be empty")


def test_a_node_that_starts_before_its_coordinator_waits_for_it(
    coordinator: Coordinator, start_node: StartNode, tmp_path: Path
):
    coordinator.kill()
    environment = {"NEXAPOD_TOKEN": coordinator.token or "", **os.environ}
    with (tmp_path / "early.out").open("wb") as log:
        early = subprocess.Popen(
            [sys.executable, "-m", "nexapod", "node", coordinator.url, "--name", "early",
             "--scratch", str(tmp_path / "early")],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment,
        )  # fmt: skip
    try:
        time.sleep(1.0)
        assert early.poll() is None
        coordinator.start()
        with nexapod.connect(coordinator.url, coordinator.token) as fleet:
            assert fleet.submit(max, 1, 2).result(DEADLINE_S) == 2
    finally:
        early.send_signal(signal.SIGTERM)
        assert early.wait(DEADLINE_S) == 0
