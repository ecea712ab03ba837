"""Jobs in bubblewrap: what they cannot reach, and that all else works as without."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

import nexapod as package
from nexapod import errors
from tests.integration.bubblewrap import need_sandbox
from tests.integration.parts import Coordinator, Node, eventually, nexapod

RUNNER = """
import os
def run(data):
    pids = [name for name in os.listdir("/proc") if name.isdigit()]
    return {"n": data["n"], "here": os.getcwd(), "pids": len(pids)}
"""


@pytest.fixture(scope="module", autouse=True)
def _possible() -> None:
    need_sandbox()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the files of node and coordinator are."""
    return tmp_path_factory.mktemp("sandbox")


@pytest.fixture(scope="module")
def fleet(folder: Path) -> Iterator[package.Fleet]:
    """A fleet with one node, whose jobs are in the sandbox."""
    coordinator = Coordinator(folder / "fleet.db").start()
    (folder / "runner.py").write_text(RUNNER)
    (folder / "data.txt").write_text("to be read")
    node = Node(
        coordinator, "shut-in", folder, "--sandbox", "--runner", str(folder / "runner.py"),
        "--readable", str(folder / "data.txt"), "--max-disk", "50MB", "--max-processes", "20",
    )  # fmt: skip
    fleet = package.connect(coordinator.url, coordinator.token)
    try:
        node.start()
        yield fleet
    finally:
        fleet.stop()
        node.end()
        coordinator.end()


def run(fleet: package.Fleet, fn: Callable[..., Any], *args: Any) -> Any:
    return fleet.submit(fn, *args).result(60)


def refusal(fleet: package.Fleet, fn: Callable[..., Any], *args: Any) -> OSError:
    """What the system answered to the job."""
    error = fleet.submit(fn, *args).exception(60)
    assert isinstance(error, OSError), error
    return error


# ── what they cannot ─────────────────────────────────────────────────────────────────────────────


def test_a_job_has_no_network(fleet: package.Fleet):
    def connect(port: int) -> None:
        with socket.create_connection(("127.0.0.1", port), timeout=5):
            pass

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        connect(port)  # from out here it works
        assert isinstance(refusal(fleet, connect, port), ConnectionRefusedError)
        listener.setblocking(False)
        listener.accept()[0].close()  # that was ours
        with pytest.raises(BlockingIOError):
            listener.accept()

    def interfaces() -> list[str]:
        return [name for _, name in socket.if_nameindex()]

    assert run(fleet, interfaces) == ["lo"]


def test_a_job_reads_neither_the_token_nor_the_home_nor_the_fleets_files(
    fleet: package.Fleet, folder: Path
):
    def read(path: str) -> str:
        return Path(path).read_text()

    for secret in ("fleet.token", "fleet.db", "shut-in.out", "shut-in/spool"):
        assert (folder / secret).exists()
        assert isinstance(refusal(fleet, read, str(folder / secret)), FileNotFoundError)
    assert isinstance(refusal(fleet, read, "/etc/shadow"), FileNotFoundError)

    def home() -> list[str]:
        return os.listdir(Path.home())

    assert run(fleet, home) == []

    def environment() -> dict[str, str]:
        return dict(os.environ)

    token = fleet.token or ""
    found = run(fleet, environment)
    assert token
    assert token not in str(found)
    assert found["HOME"] == "/job"


@pytest.mark.parametrize(
    "place",
    ["/", "/usr", "/etc", "/dev", "/sys", sys.prefix, os.__file__, package.__file__, "/proc/sys"],
)
def test_a_job_writes_nowhere_but_in_its_own_folders(fleet: package.Fleet, place: str):
    def write(place: str) -> None:
        path = Path(place)
        (path / "mark" if path.is_dir() else path).open("a").close()

    assert isinstance(refusal(fleet, write, place), OSError)
    assert not Path(place, "mark").exists()


def test_a_job_cannot_change_the_kernels_settings(fleet: package.Fleet):
    def change() -> None:
        path = Path("/proc/sys/vm/swappiness")
        path.write_text(path.read_text())  # what it is already

    assert refusal(fleet, change).errno is not None


def test_a_job_cannot_change_what_the_node_keeps_for_others(fleet: package.Fleet, folder: Path):
    def spoil(blobs: str) -> None:
        for blob in Path(blobs).iterdir():
            blob.write_bytes(b"spoilt")

    assert "Read-only" in str(refusal(fleet, spoil, str(folder / "shut-in" / "blobs")))


def test_a_job_sees_and_kills_no_process_but_its_own(fleet: package.Fleet):
    def commands() -> list[str]:
        pids = [name for name in os.listdir("/proc") if name.isdigit()]
        return sorted(Path("/proc", pid, "comm").read_text().strip() for pid in pids)

    seen = run(fleet, commands)
    assert len(seen) == 2
    assert seen[0] == "bwrap"

    def kill(pid: int) -> None:
        os.kill(pid, signal.SIGKILL)

    (agent,) = (
        p for p in psutil.process_iter(["cmdline"]) if "shut-in" in (p.info["cmdline"] or ())
    )
    assert isinstance(refusal(fleet, kill, agent.pid), ProcessLookupError)
    fleet.submit(kill, -1).exception(60)  # everything that it can reach
    assert run(fleet, abs, -1) == 1
    assert agent.is_running()


def test_a_job_gains_no_rights(fleet: package.Fleet):
    def status() -> dict[str, str]:
        lines = Path("/proc/self/status").read_text().splitlines()
        return dict(line.split(":\t", 1) for line in lines)

    found = run(fleet, status)
    assert found["NoNewPrivs"] == "1"
    assert {int(found[name], 16) for name in ("CapEff", "CapPrm", "CapBnd", "CapInh")} == {0}


def test_a_job_that_forges_a_report_ends_itself_and_nobody_else(fleet: package.Fleet):
    other = fleet.submit(abs, -3)

    def forge() -> None:
        for descriptor in range(3, 300):
            try:
                with socket.socket(fileno=os.dup(descriptor)) as pipe:
                    pipe.sendall(b"\xff" * 4096)
            except OSError:
                continue
        import time

        time.sleep(30)

    error = fleet.submit(forge).exception(60)
    assert isinstance(error, errors.JobFailed)
    assert other.result(60) == 3
    assert run(fleet, abs, -4) == 4


# ── what they can ────────────────────────────────────────────────────────────────────────────────


def test_functions_give_results_small_and_large(fleet: package.Fleet):
    assert list(fleet.map(abs, range(-200, 0))) == list(range(200, 0, -1))

    def large(size: int) -> bytes:
        return b"x" * size

    assert run(fleet, large, 20_000_000) == b"x" * 20_000_000
    argument = b"y" * 20_000_000
    assert run(fleet, len, argument) == 20_000_000


def test_the_runner_serves_data_jobs_from_inside(fleet: package.Fleet):
    found = fleet.submit_data({"n": 7}).result(60)
    assert found == {"n": 7, "here": "/job", "pids": 2}


def test_files_in_its_own_folders_work_and_are_gone_for_the_next_job(fleet: package.Fleet):
    places = ["/job", "/tmp", "/dev/shm"]

    def write() -> str:
        import tempfile

        for place in places:
            Path(place, "folder").mkdir()
            Path(place, "folder", "file").write_text(place)
            Path(place, "link").symlink_to("/")
        Path("relative").write_text("here")
        with tempfile.NamedTemporaryFile() as file:
            return file.name + Path("/tmp/folder/file").read_text()

    def left() -> set[str]:
        return {name for place in places for name in os.listdir(place)}

    before = run(fleet, left)
    assert run(fleet, write).startswith("/tmp/")
    assert run(fleet, left) == before
    assert not Path("/tmp/folder").exists(), "/tmp is the job's own"


def test_a_job_reads_what_it_is_shown(fleet: package.Fleet, folder: Path):
    def read(path: str) -> str:
        return Path(path).read_text()

    assert run(fleet, read, str(folder / "data.txt")) == "to be read"


def test_packages_and_programs_are_there(fleet: package.Fleet):
    def compute() -> float:
        import numpy as np

        return float(np.linalg.norm(np.ones(4)))

    def start() -> str:
        return subprocess.run(["uname"], capture_output=True, text=True, check=True).stdout

    def share() -> list[int]:
        import multiprocessing

        with multiprocessing.get_context("fork").Pool(2) as pool:
            return pool.map(abs, [-1, -2])

    assert run(fleet, compute) == 2.0
    assert run(fleet, start) == "Linux\n"
    assert run(fleet, share) == [1, 2]


# ── how they end ─────────────────────────────────────────────────────────────────────────────────


def test_a_crash_in_the_sandbox_is_told_as_outside(fleet: package.Fleet):
    def crash() -> None:
        import ctypes

        ctypes.string_at(0)

    def leave() -> None:
        os._exit(7)

    assert "died from SIGSEGV" in str(fleet.submit(crash).exception(60))
    assert "exit code 7" in str(fleet.submit(leave).exception(60))


def test_a_job_that_fills_the_disk_is_ended(fleet: package.Fleet):
    def fill() -> None:
        import time

        with open("large", "wb") as file:
            for _ in range(100):
                file.write(bytes(1_000_000))
                file.flush()
        time.sleep(60)

    error = fleet.submit(fill).exception(60)
    assert isinstance(error, errors.JobFailed)
    assert "more than this node's 50 MB (--max-disk)" in str(error)


def test_a_job_of_too_many_processes_is_ended_in_the_sandbox_too(fleet: package.Fleet):
    def swarm() -> None:
        import time

        children = [subprocess.Popen(["sleep", "60"]) for _ in range(25)]
        time.sleep(60 * len(children))

    assert "(--max-processes)" in str(fleet.submit(swarm).exception(60))


def test_a_cancel_ends_the_whole_sandbox(fleet: package.Fleet, folder: Path):
    def waits() -> None:
        import time

        subprocess.Popen(["sleep", "77.5"], start_new_session=True)
        time.sleep(60)

    def sleepers() -> list[psutil.Process]:
        return [
            p for p in psutil.process_iter(["cmdline"]) if p.info["cmdline"] == ["sleep", "77.5"]
        ]

    job = fleet.submit(waits)
    eventually(sleepers, "the job's child")
    assert job.cancel()
    eventually(lambda: not sleepers(), "its end")
    own = folder / "shut-in"
    eventually(lambda: len(list(own.glob("runner-*.own"))) <= 1, "its folder is deleted")


def test_a_sandbox_dies_with_its_agent(fleet: package.Fleet, folder: Path, tmp_path: Path):
    def waits() -> None:
        import time

        subprocess.run(["sleep", "78.5"], check=False)
        time.sleep(60)

    def sleepers() -> list[psutil.Process]:
        return [
            p for p in psutil.process_iter(["cmdline"]) if p.info["cmdline"] == ["sleep", "78.5"]
        ]

    here = fleet.options(tags=("mortal",))
    node = Node(_known(fleet), "mortal", tmp_path, "--sandbox", "--tag", "mortal")
    node.start()
    try:
        job = here.submit(waits)
        eventually(sleepers, "the job's child")
        node.kill()
        eventually(lambda: not sleepers(), "its end")
        job.cancel()
    finally:
        node.end()


def _known(fleet: package.Fleet) -> Any:
    class Known:
        url, token = fleet.url, fleet.token

    return Known()


# ── where it cannot run ──────────────────────────────────────────────────────────────────────────


def test_without_bubblewrap_the_node_says_how_to_get_it(tmp_path: Path):
    told = nexapod(
        "node", "http://127.0.0.1:9", "--sandbox", "--scratch", str(tmp_path / "n"),
        PATH=str(tmp_path),
    )  # fmt: skip
    assert told.returncode == 2
    assert "apt-get install bubblewrap" in told.stderr
    assert len(told.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("bwrap: No permissions to create new namespace, likely because …", "kernel.unprivileged"),
        ("bwrap: setting up uid map: Permission denied", "AppArmor profile"),
        ("bwrap: Can't find source path /nowhere: No such file", "bwrap says: Can't find source"),
    ],
)
def test_where_bubblewrap_is_not_allowed_the_node_says_so(tmp_path: Path, said: str, expected: str):
    fake = tmp_path / "bwrap"
    fake.write_text(f"#!/bin/sh\necho {said!r} >&2\nexit 1\n")
    fake.chmod(0o755)
    told = nexapod(
        "node", "http://127.0.0.1:9", "--sandbox", "--scratch", str(tmp_path / "n"),
        PATH=f"{tmp_path}:{os.environ['PATH']}",
    )  # fmt: skip
    assert told.returncode == 2
    assert "--sandbox cannot run here" in told.stderr
    assert expected in told.stderr
    assert len(told.stderr.strip().splitlines()) == 1
