"""Two coordinators want one database: one gets it, the other says who has it."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.parts import (
    DEADLINE_S,
    Client,
    assert_sound,
    eventually,
    reading,
    run_python,
)
from tests.torture.conftest import Size
from tests.torture.fork_server import ForkServer
from tests.torture.lives import Lives

pytestmark = pytest.mark.proves("two-coordinators")

REFUSED_WITHIN_S = 1.0


@pytest.fixture(scope="module")
def forks() -> Iterator[ForkServer]:
    with ForkServer() as forks:
        yield forks


@pytest.fixture
def holder(tmp_path: Path, forks: ForkServer) -> Iterator[Lives]:
    folder = tmp_path / "real"
    folder.mkdir()
    with Lives(folder / "fleet.db", forks) as holder:
        holder.start()
        yield holder


def same(database: Path) -> Path:
    return database


def linked_file(database: Path) -> Path:
    link = database.parent.parent / "link.db"
    link.symlink_to(database)
    return link


def linked_folder(database: Path) -> Path:
    link = database.parent.parent / "link"
    link.symlink_to(database.parent)
    return link / database.name


def roundabout(database: Path) -> Path:
    return database.parent / ".." / database.parent.name / database.name


def second_name(database: Path) -> Path:
    """A hard link: the same file under a name that nothing resolves."""
    name = database.parent / "second.db"
    name.hardlink_to(database)
    return name


WAYS = [same, linked_file, linked_folder, roundabout, second_name]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("stopped", [False, True], ids=["awake", "stopped"])
def test_a_second_coordinator_is_refused_and_told_who_holds_the_database(
    holder: Lives,
    forks: ForkServer,
    tmp_path: Path,
    size: Size,
    way: Callable[[Path], Path],
    stopped: bool,
    reached: Callable[[str], None],
):
    client = holder.client(keep=False)
    job_id = client.submit({"n": 1})
    run_file = holder.database.with_suffix(".run").read_bytes()
    log = tmp_path / "loser.out"
    if stopped:
        os.kill(holder.pid, signal.SIGSTOP)
    try:
        begun_s = time.monotonic()
        loser = forks.fork(log, "serve", "--open", "--port", "0", "--database",
                           str(way(holder.database)))  # fmt: skip
        code = forks.wait(loser)
        took_s = time.monotonic() - begun_s
    finally:
        os.kill(holder.pid, signal.SIGCONT)
    said = log.read_text()
    assert code == 2, said
    assert "Traceback" not in said
    if way is second_name:
        assert "another process holds the database" in said or f"process {holder.pid}" in said
    else:
        assert f"process {holder.pid}" in said
        assert holder.url in said
    # The winner has noticed nothing.
    assert holder.database.with_suffix(".run").read_bytes() == run_file
    client.register("node")
    assert client.poll("node")["job_id"] == job_id
    assert client.report("node", job_id, 2).status == 200
    holder.kill()
    assert_sound(holder.database)
    with reading(holder.database) as db:
        assert db.execute("SELECT id, state FROM jobs").fetchall() == [(job_id, "completed")]
    if way is same:
        holds = "stopped holder" if stopped else "holder"
        reached(f"{holds} named in {took_s * 1e3:.0f} ms")
    if size.tier != "commit":
        assert took_s <= REFUSED_WITHIN_S


IN_ONE_PROCESS = """
import json, os, sys, threading
from nexapod import errors
from nexapod.coordinator.host import Host
from nexapod.coordinator.options import HostOptions

first, *others = sys.argv[1:]
host = Host(HostOptions(database=first, port=0, open=True))
said = []

def second(path):
    try:
        Host(HostOptions(database=path, port=0, open=True))
    except errors.AlreadyRunning as error:
        said.append(str(error))

for path in (first, *others):
    thread = threading.Thread(target=second, args=(path,))
    thread.start()
    thread.join()
assert host.is_running
print(json.dumps([os.getpid(), host.url, said]))
host.stop()
"""


def test_a_second_coordinator_in_the_same_process_is_refused_too(tmp_path: Path):
    database = tmp_path / "real" / "fleet.db"
    database.parent.mkdir()
    database.touch(0o600)
    ends = run_python(IN_ONE_PROCESS, str(database), str(linked_file(database)))
    assert ends.returncode == 0, ends.stderr
    pid, url, said = json.loads(ends.stdout)
    assert len(said) == 2
    for sentence in said:
        assert f"process {pid}" in sentence
        assert url in sentence
    assert_sound(database)


def test_of_four_that_start_at_once_exactly_one_wins(
    forks: ForkServer, tmp_path: Path, size: Size, seed: int, reached: Callable[[str], None]
):
    rounds, rng = size(commit=3, full=30), random.Random(seed)
    longest_s, told = 0.0, 0
    jobs: dict[Path, set[str]] = {}
    for n in range(rounds):
        # One database lives through many rounds, others are made in theirs.
        database = tmp_path / (f"new-{n}.db" if n % 3 == 0 else "old.db")
        logs = [tmp_path / f"{n}-{m}.out" for m in range(4)]
        at_s = time.monotonic() + 0.05
        starts = [at_s + rng.choice([0, 0, 0.002, 0.02]) for _ in logs]
        pids = [
            forks.fork(log, "serve", "--open", "--port", "0", "--database", str(database), at_s=at)
            for log, at in zip(logs, starts, strict=True)
        ]
        winner, url, took_s = the_only_winner(forks, dict(zip(pids, logs, strict=True)), at_s)
        longest_s = max(longest_s, took_s)
        jobs.setdefault(database, set()).add(Client(url).submit({"n": n}))
        os.kill(winner, signal.SIGTERM) if n % 2 else os.kill(winner, signal.SIGKILL)
        forks.wait(winner)
        told += 3
    for database, ids in jobs.items():
        assert_sound(database)
        with reading(database) as db:
            assert {row[0] for row in db.execute("SELECT id FROM jobs")} == ids
    reached(
        f"{rounds} times four at once: one winner each, {told} losers named it, the last after "
        f"{longest_s * 1e3:.0f} ms"
    )
    if size.tier != "commit":
        assert longest_s <= REFUSED_WITHIN_S + 0.1


def the_only_winner(
    forks: ForkServer, logs: dict[int, Path], at_s: float
) -> tuple[int, str, float]:
    """Its pid and url, and how long after `at_s` the last loser had ended."""

    def settled() -> bool:
        texts = [log.read_text() for log in logs.values() if log.exists()]
        return sum("already runs" in text or "listens on" in text for text in texts) == len(logs)

    eventually(settled, "one winner and three losers", DEADLINE_S)
    listening = {
        pid: found[1]
        for pid, log in logs.items()
        if (found := re.search(r"listens on (\S+)\n", log.read_text()))
    }
    assert len(listening) == 1, {pid: log.read_text() for pid, log in logs.items()}
    ((winner, url),) = listening.items()
    for pid, log in logs.items():
        if pid != winner:
            assert forks.wait(pid) == 2, log.read_text()
            assert f"process {winner}" in log.read_text()
    return winner, url, time.monotonic() - at_s
