"""How a coordinator comes into a process and leaves it: launch, fork, exit, detached, serve."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

import nexapod as package
from nexapod import errors
from tests.integration.conftest import Serve
from tests.integration.parts import (
    DEADLINE_S,
    Client,
    Node,
    assert_sound,
    clean_environment,
    eventually,
    free_port,
    is_refused,
    nexapod,
    run_python,
)


def port_of(fleet: package.Fleet) -> int:
    return int(fleet.url.rpartition(":")[2])


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "fleet.db"


@contextlib.contextmanager
def launched(database: Path, **options: Any) -> Iterator[package.Fleet]:
    fleet = package.launch("fleet", database=database, **{"port": 0, **options})
    try:
        yield fleet
    finally:
        fleet.stop()


class Script:
    """A Python program that goes on until it is told, and says lines meanwhile."""

    def __init__(self, text: str, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", text, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=clean_environment(),
        )

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def finish(self) -> tuple[str, str, int]:
        """Let it go on to its end: its output, its errors, its exit code."""
        out, err = self.process.communicate("go on\n", timeout=DEADLINE_S)
        return out, err, self.process.returncode

    def __enter__(self) -> Script:
        return self

    def __exit__(self, *exc: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate(timeout=DEADLINE_S)


LAUNCHES = """
import sys, nexapod
fleet = nexapod.launch("fleet", port=int(sys.argv[2]), database=sys.argv[1])
print(fleet.url, flush=True)
input()
"""


# ── one fleet per database ───────────────────────────────────────────────────────────────────────


def test_launching_twice_in_one_process_gives_the_same_fleet(database: Path):
    with launched(database) as fleet:
        again = package.launch("fleet", port=0, database=database)
        assert again is fleet
        assert package.launch("fleet", port=0, database=str(database)) is fleet


def test_two_names_are_two_fleets(tmp_path: Path):
    with launched(tmp_path / "a.db") as one, launched(tmp_path / "b.db") as other:
        assert one.url != other.url
        one.options(name="only-here").submit_data(1)
        assert len(one.jobs) == 1
        assert len(other.jobs) == 0


def test_launching_again_starts_only_the_missing_nodes(database: Path):
    with launched(database, local_nodes=1) as fleet:
        (first,) = fleet.local_nodes
        pid = first.pid
        package.launch("fleet", port=0, database=database, local_nodes=2)
        assert [node.name for node in fleet.local_nodes] == ["local-1", "local-2"]
        assert fleet.local_nodes[0].pid == pid
        package.launch("fleet", port=0, database=database, local_nodes=1)
        assert len(fleet.local_nodes) == 2


def test_a_second_process_is_refused_and_told_which_one_runs(database: Path):
    with Script(LAUNCHES, str(database), "0") as holder:
        url = holder.line()
        with pytest.raises(errors.AlreadyRunning) as caught:
            package.launch("fleet", port=0, database=database)
        assert str(holder.process.pid) in str(caught.value)
        assert caught.value.details["pid"] == holder.process.pid
        found = nexapod("serve", "--port", "0", "--database", str(database))
        assert found.returncode == 2
        assert str(holder.process.pid) in found.stderr
        assert len(found.stderr.strip().splitlines()) == 1
        token = database.with_suffix(".token").read_text().strip()
        with package.connect(url, token) as fleet:  # the sentence says that this works
            assert len(fleet.jobs) == 0
        holder.finish()
    with launched(database):
        pass


def test_the_lock_of_a_killed_process_is_free_at_once(database: Path):
    with Script(LAUNCHES, str(database), "0") as holder:
        holder.line()
        holder.process.kill()
        holder.process.wait(DEADLINE_S)
    with launched(database) as fleet:
        assert len(fleet.jobs) == 0


# ── ports ────────────────────────────────────────────────────────────────────────────────────────


def test_a_busy_port_moves_on_and_says_so(database: Path, capsys: pytest.CaptureFixture[str]):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with launched(database, port=port) as fleet:
            assert port < port_of(fleet) <= port + 100
            note = f"port {port} is busy; using {port_of(fleet)}"
            assert note in capsys.readouterr().out
            assert note in fleet.notes


def test_serve_moves_on_from_a_busy_port_and_says_so(serve: Serve):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        coordinator = serve("--open", port=port)
        assert coordinator.port > port
        assert f"note: port {port} is busy; using {coordinator.port}" in coordinator.output


def test_a_stopped_fleet_comes_back_on_the_same_port_of_its_own_accord(database: Path):
    """Nodes look for it where it was."""
    with launched(database, port=8000) as fleet:
        before = port_of(fleet)
    with launched(database, port=8000) as fleet:
        assert port_of(fleet) == before


# ── relaunch ─────────────────────────────────────────────────────────────────────────────────────


def test_relaunching_by_name_finds_jobs_results_sweeps_and_nodes(database: Path):
    def fold(temperature_k: int, seed: int) -> dict[str, int]:
        return {"energy": temperature_k * 10 + seed}

    with launched(database, local_nodes=1) as fleet:
        sweep = fleet.sweep(fold, temperature_k=[300, 330], seed=range(3))
        results = sweep.results(DEADLINE_S)
        waiting = fleet.options(tags="nowhere").submit(fold, 1, 2)
        fleet.flush()
        token = fleet.token
    with launched(database) as fleet:
        assert fleet.token == token
        again = fleet.sweeps["fold"]
        assert again.results(0) == results == [{"energy": 10 * t + s} for t in (300, 330)
                                               for s in range(3)]  # fmt: skip
        assert list(again.frame["energy"]) == [r["energy"] for r in results]
        assert fleet.future(sweep[0].job_id).result(0) == results[0]
        assert fleet.future(waiting.job_id).status == "pending"
        assert "local-1" in fleet.nodes.index
        assert len(fleet.jobs) == 7


def test_work_goes_on_after_a_relaunch_with_the_jobs_that_waited(database: Path):
    with launched(database) as fleet:
        waiting = [fleet.submit(pow, 2, n) for n in range(5)]
        fleet.flush()
    with launched(database, local_nodes=1) as fleet:
        found = [fleet.future(future.job_id).result(DEADLINE_S) for future in waiting]
    assert found == [2**n for n in range(5)]


# ── stop ─────────────────────────────────────────────────────────────────────────────────────────


def test_stopping_is_clean_and_can_be_repeated(database: Path):
    fleet = package.launch("fleet", port=0, database=database, local_nodes=1)
    port, pid = port_of(fleet), fleet.local_nodes[0].pid
    assert fleet.submit(max, 1, 2).result(DEADLINE_S) == 2
    fleet.stop()
    assert is_refused(port)
    assert not psutil.pid_exists(pid)
    fleet.stop()
    with pytest.raises(errors.Unavailable, match="stopped"):
        fleet.submit(max, 1, 2).result(DEADLINE_S)
    assert_sound(database)
    with socket.create_server(("127.0.0.1", port)):
        pass


def test_a_stop_while_a_node_waits_for_work_does_not_wait_for_it(database: Path):
    fleet = package.launch("fleet", port=0, database=database, open=True)
    client = Client(fleet.url)
    client.register("patient")
    client._connection.request("GET", "/job?wait_s=60", headers={"X-Node-ID": "patient"})
    time.sleep(0.2)
    fleet.stop()
    client._connection.sock.settimeout(10)
    answer = client._connection.getresponse().read()
    client._connection.close()
    assert b"no_job_available" in answer


@pytest.mark.parametrize("ending", ["", "sys.exit(3)", "raise SystemExit(0)", "1 / 0"])
def test_an_interpreter_that_ends_without_stop_ends_cleanly(database: Path, ending: str):
    found = run_python(
        f"""
import sys, nexapod
fleet = nexapod.launch("fleet", port=0, database=sys.argv[1], local_nodes=1)
done = fleet.submit(max, 1, 2).result(60)
futures = [fleet.submit_data(n) for n in range(50)]  # no flush: the outbox is full
print(done, fleet.local_nodes[0].pid)
{ending}
""",
        str(database),
    )
    expected = {"": 0, "sys.exit(3)": 3, "raise SystemExit(0)": 0, "1 / 0": 1}[ending]
    assert found.returncode == expected, found.stderr
    if ending == "1 / 0":
        assert found.stderr.count("Traceback") == 1
        assert "ZeroDivisionError" in found.stderr
    else:
        assert found.stderr == ""
    done, pid = found.stdout.split()
    assert done == "2"
    eventually(lambda: not psutil.pid_exists(int(pid)), "the local node to end")
    assert_sound(database)


def test_an_interrupted_script_ends_cleanly(database: Path):
    text = LAUNCHES.replace("input()", "import time; time.sleep(60)")
    with Script(text, str(database), "0") as script:
        url = script.line()
        script.process.send_signal(signal.SIGINT)
        _, err = script.process.communicate(timeout=DEADLINE_S)
        assert err.count("Traceback") == 1
        assert err.strip().endswith("KeyboardInterrupt")
        assert is_refused(int(url.rpartition(":")[2]))
    assert_sound(database)


# ── fork ─────────────────────────────────────────────────────────────────────────────────────────

FORKS = """
import os, sys, time, warnings, nexapod
# From Python 3.12 on it warns of any fork beside threads, and a fleet has some.
warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
fleet = nexapod.launch("fleet", port=0, database=sys.argv[1])
fleet.submit_data("before")
fleet.flush()
child = os.fork()
if child == 0:
    try:
        fleet.submit_data("from the child")
        fleet.flush()
    except nexapod.errors.NexapodError as error:
        print("refused:", error, flush=True)
    else:
        print("not refused", flush=True)
    %s
os.waitpid(child, 0)
fleet.submit_data("after")
fleet.flush()
print(len(fleet.jobs), flush=True)
fleet.stop()
"""


@pytest.mark.parametrize("ending", ["os._exit(0)", "sys.exit(0)", "fleet.stop(); sys.exit(0)"])
def test_a_forked_child_can_neither_write_nor_harm(database: Path, ending: str):
    found = run_python(FORKS % ending, str(database))
    assert found.stderr == ""
    assert found.returncode == 0
    refused, count = found.stdout.strip().splitlines()
    assert refused.startswith("refused: ")
    assert "nexapod.connect" in refused
    assert count == "2"
    assert_sound(database)


LEAVES_A_CHILD = """
import os, sys, time, nexapod
fleet = nexapod.launch("fleet", port=0, database=sys.argv[1], open=True)
child = os.fork()
if child == 0:
    time.sleep(300)
    os._exit(0)
print(fleet.url, child, flush=True)
time.sleep(300)
"""


def test_the_port_of_a_killed_parent_is_refused_though_its_child_lives(database: Path):
    with Script(LEAVES_A_CHILD, str(database)) as parent:
        url, child = parent.line().split()
        try:
            with Client(url, keep=True) as waiting:
                waiting.register("waiting")
                waiting._connection.request("GET", "/job?wait_s=60", headers={"X-Node-ID": "x"})
                parent.process.kill()
                parent.process.wait(DEADLINE_S)
                assert psutil.pid_exists(int(child))
                port = int(url.rpartition(":")[2])
                eventually(lambda: is_refused(port), "the port to be refused", 10.0)
                with launched(database, port=port) as fleet:  # neither port nor lock is held
                    assert port_of(fleet) == port
                    assert psutil.pid_exists(int(child))
        finally:
            os.kill(int(child), signal.SIGKILL)


def test_a_connection_of_a_killed_parent_ends_though_its_child_lives(database: Path):
    """A node that waits for an answer must notice; a child that holds the socket is deaf."""
    with Script(LEAVES_A_CHILD.replace("child = os.fork()", "input()\nchild = os.fork()").replace(
        "print(fleet.url, child", "print(child").replace(
        "input()", "print(fleet.url, flush=True)\ninput()"), str(database)) as parent:  # fmt: skip
        url = parent.line()
        with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), 30) as waiting:
            waiting.sendall(f"GET /health HTTP/1.1\r\nHost: {url[7:]}\r\n\r\n".encode())
            assert waiting.recv(100).startswith(b"HTTP/1.1 200")
            assert parent.process.stdin is not None
            parent.process.stdin.write("fork\n")
            parent.process.stdin.flush()
            child = int(parent.line())
            try:
                parent.process.kill()
                waiting.settimeout(10)
                with contextlib.suppress(ConnectionResetError):
                    while waiting.recv(4096):
                        pass
            finally:
                os.kill(child, signal.SIGKILL)


def test_a_process_pool_that_forks_works_beside_a_fleet(database: Path):
    found = run_python(
        """
import sys, multiprocessing, concurrent.futures, nexapod
fleet = nexapod.launch("fleet", port=0, database=sys.argv[1], local_nodes=1)
fleet.submit(max, 1, 2).result(60)
fork = multiprocessing.get_context("fork")
with concurrent.futures.ProcessPoolExecutor(2, mp_context=fork) as pool:
    here = pool.map(pow, range(40), [2] * 40)
    there = fleet.map(pow, range(40), [2] * 40)
    assert list(here) == list(there) == [n * n for n in range(40)]
print(fleet.submit(max, 3, 4).result(60))
fleet.stop()
""",
        str(database),
    )
    assert (found.stdout, found.stderr, found.returncode) == ("4\n", "", 0)
    assert_sound(database)


# ── detached ─────────────────────────────────────────────────────────────────────────────────────

DETACHES = """
import os, sys, nexapod
fleet = nexapod.launch("fleet", port=0, database=sys.argv[1], detached=True)
future = fleet.submit_data({"kept": True})
fleet.flush()
print(fleet.url, future.job_id, flush=True)
os._exit(1)
"""


def test_a_detached_coordinator_outlives_its_launcher_and_is_found_again(database: Path):
    found = run_python(DETACHES, str(database))
    assert found.stderr == ""
    url, job_id = found.stdout.split()
    assert stat.S_IMODE(database.with_suffix(".log").stat().st_mode) == 0o600
    fleet = package.launch("fleet", port=0, database=database, detached=True)
    try:
        assert fleet.url == url
        assert fleet.future(job_id).status == "pending"
        (local,) = fleet.start_nodes(1)
        assert fleet.submit(max, 1, 2).result(DEADLINE_S) == 2
        pid = local.pid
    finally:
        fleet.stop()
    assert is_refused(port_of(fleet))
    assert not psutil.pid_exists(pid)
    assert_sound(database)


def test_an_in_process_launch_beside_a_detached_one_is_refused(database: Path):
    run_python(DETACHES, str(database))
    try:
        with pytest.raises(errors.AlreadyRunning):
            package.launch("fleet", port=0, database=database)
    finally:
        package.launch("fleet", port=0, database=database, detached=True).stop()


# ── serve and status ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_ends_cleanly_when_it_is_told_to(serve: Serve, number: int):
    coordinator = serve("--open")
    client = coordinator.client()
    client.register("n")
    job_id = client.submit()
    coordinator.signal(number)
    assert coordinator.wait() == 0
    assert "stopping" in coordinator.output
    assert "Traceback" not in coordinator.output
    assert is_refused(coordinator.port)
    assert_sound(coordinator.database)
    coordinator.start()
    assert client.poll("n")["job_id"] == job_id


def test_serve_says_where_it_is(serve: Serve):
    coordinator = serve()
    said = coordinator.output.splitlines()
    assert f"nexapod coordinator 'default' listens on {coordinator.url}" in said
    assert str(coordinator.database) in coordinator.output
    assert str(coordinator.database.with_suffix(".token")) in coordinator.output


def test_status_prints_nodes_and_counts(serve: Serve, tmp_path: Path):
    coordinator = serve()
    client = coordinator.client()
    client.register("plain-node")
    for _ in range(3):
        client.submit()
    node = Node(coordinator, "real-node", tmp_path)
    try:
        node.start()
        found = nexapod(
            "status", coordinator.url, NEXAPOD_TOKEN=coordinator.token or "", COLUMNS="120"
        )
    finally:
        node.end()
    assert (found.stderr, found.returncode) == ("", 0)
    assert "plain-node" in found.stdout
    assert "real-node" in found.stdout
    assert "3" in found.stdout
    assert "pending" in found.stdout or "waiting" in found.stdout
    assert coordinator.token not in found.stdout


def test_status_of_a_foreign_server_is_one_sentence():
    import http.server
    import threading

    server = http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        found = nexapod("status", f"http://127.0.0.1:{server.server_address[1]}")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert found.returncode == 2
    assert len(found.stderr.strip().splitlines()) == 1
    assert "nexapod" in found.stderr


@pytest.mark.parametrize(
    "url",
    [
        "localhost:8000",
        "ftp://x",
        "http://",
        "http://[bad",
    ],
)
def test_an_address_that_is_none_is_one_sentence(url: str):
    for command in ("status", "node"):
        found = nexapod(command, url)
        assert found.returncode == 2, command
        assert "Traceback" not in found.stderr, command


def test_a_fleet_on_a_port_beyond_is_refused_before_anything_is_made(tmp_path: Path):
    with pytest.raises(errors.Invalid, match="port"):
        package.launch("fleet", port=70_000, database=tmp_path / "never" / "x.db")
    assert not (tmp_path / "never").exists()
    assert is_refused(free_port())


# ── detached and local nodes, as a hostile user tries them ───────────────────────────────────────


def test_a_detached_launch_leaves_another_kernels_coordinator_alone(database: Path):
    with Script(LAUNCHES, str(database), "0") as script:
        url = script.line()
        with pytest.raises(errors.AlreadyRunning, match=str(script.process.pid)) as refused:
            package.launch("fleet", database=database, port=0, detached=True)
        assert url in str(refused.value)
        assert script.finish()[2] == 0


def test_a_dead_detached_coordinator_is_started_again_by_launch(database: Path):
    fleet = package.launch("fleet", database=database, port=0, detached=True)
    try:
        before = fleet.submit_data(1)
        fleet.flush()
        pid = int(database.with_suffix(".lock").read_text())
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: is_gone(pid), "the coordinator dies")
        fleet = package.launch("fleet", database=database, port=0, detached=True)
        assert fleet.future(before.job_id).status == "pending"
        assert len(fleet.jobs) == 1
    finally:
        fleet.stop()


def is_gone(pid: int) -> bool:
    """Whether it ended; who should have reaped it may be gone too."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


DIES = """
import os, signal, sys, nexapod
fleet = nexapod.launch("fleet", port=int(sys.argv[2]), database=sys.argv[1], local_nodes=1)
fleet.submit(abs, -1).result()
print(fleet.local_nodes[0].pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def left_behind(database: Path, port: int) -> int:
    """The pid of a local node whose kernel was killed."""
    return int(run_python(DIES, str(database), str(port)).stdout)


def test_a_node_left_behind_works_on_and_ends_with_the_fleet(database: Path):
    port = free_port()
    pid = left_behind(database, port)
    with launched(database, port=port) as fleet:
        assert [node.pid for node in fleet.local_nodes] == [pid]
        assert fleet.submit(abs, -2).result(DEADLINE_S) == 2
        fleet.start_nodes(1, slots=2)
        eventually(lambda: sorted(fleet.nodes["slots"]) == [1, 2], "both nodes are there")
    eventually(lambda: is_gone(pid), "the node ends")


def test_a_node_left_behind_that_dials_another_port_is_replaced(database: Path):
    pid = left_behind(database, free_port())
    with launched(database, port=free_port()) as fleet:
        assert is_gone(pid)
        assert [node.name for node in fleet.local_nodes] == ["local-1"]
        assert fleet.submit(abs, -2).result(DEADLINE_S) == 2
