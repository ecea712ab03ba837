"""Kill anything in the middle of anything: what was acknowledged is there, and happened once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

import nexapod
from tests.acceptance.conftest import Kernel, StartNode
from tests.integration.parts import (
    DEADLINE_S,
    Client,
    Coordinator,
    assert_sound,
    eventually,
    free_port,
)

# ── (a) a node is killed ─────────────────────────────────────────────────────────────────────────


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


# ── (b) the kernel is restarted ──────────────────────────────────────────────────────────────────

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


# ── (c) the kernel is busy ───────────────────────────────────────────────────────────────────────

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


# ── (d) a running job is cancelled ───────────────────────────────────────────────────────────────


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


# ── (e) the result waits on the node's disk ──────────────────────────────────────────────────────


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
