"""A cell forks: the child has neither the port nor the database, however it was forked or ends."""

from __future__ import annotations

import http.client
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.acceptance.conftest import Kernel
from tests.integration.parts import (
    Client,
    Coordinator,
    assert_sound,
    eventually,
    is_refused,
    reading,
    run_python,
)
from tests.torture.conftest import Size

pytestmark = pytest.mark.proves("fork")

REFUSED_WITHIN_S = 1.0

LAUNCH = """
import os, pathlib, subprocess, sys, time
import nexapod
folder = pathlib.Path({folder!r})
fleet = nexapod.launch("lab", port=0, database=folder / "lab.db", open=True)
print(fleet.url, os.getpid())
"""

# What a child tries, again and again until it is told to end: to submit as the cell did, and to
# commit through the store that it inherited.
CHILD = """
def child(name):
    from nexapod import errors
    store = fleet._link.transport.host.service.store
    said = folder / f"{name}.said"
    said.write_text(f"{os.getpid()}\\n")
    for _ in range(600):
        tried = []
        for attempt in (lambda: fleet.submit(max, 1, 2).result(5), lambda: store.commit([])):
            try:
                attempt()
                tried.append("did it")
            except errors.NexapodError as error:
                tried.append(type(error).__name__)
        with said.open("a") as file:
            file.write(" ".join(tried) + "\\n")
        if (folder / "end").exists():
            return
        time.sleep(0.1)
"""

FORKS = {
    "os-fork": """
if os.fork() == 0:
    child("os-fork")
    os._exit(0)
""",
    "multiprocessing": """
import multiprocessing, warnings
warnings.simplefilter("ignore")
process = multiprocessing.get_context("fork").Process(target=child, args=("multiprocessing",))
process.start()
""",
    "subprocess": '''
script = """
import os, pathlib, sys, time
folder = pathlib.Path(sys.argv[1])
with open(folder / "subprocess.said", "w") as said:
    print(os.getpid(), file=said)
until = time.monotonic() + 60
while time.monotonic() < until and not (folder / "end").exists():
    time.sleep(0.1)
"""
subprocess.Popen([sys.executable, "-c", script, folder], close_fds=False, start_new_session=True)
''',
}


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class Children:
    """What the forked children say in their files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def lines(self, name: str) -> list[str]:
        path = self.folder / f"{name}.said"
        return path.read_text().split("\n")[:-1] if path.exists() else []

    def pids(self) -> list[int]:
        return [int(lines[0]) for name in FORKS if (lines := self.lines(name))]

    def tries(self) -> list[str]:
        return [line for name in FORKS for line in self.lines(name)[1:]]

    def end(self) -> None:
        """Let them end; those that do not are killed."""
        (self.folder / "end").touch()
        give_up_s = time.monotonic() + 20
        for pid in self.pids():
            while is_running(pid) and time.monotonic() < give_up_s:
                time.sleep(0.02)
            if is_running(pid):
                os.kill(pid, signal.SIGKILL)


@pytest.fixture
def children(tmp_path: Path) -> Iterator[Children]:
    children = Children(tmp_path)
    try:
        yield children
    finally:
        children.end()


def test_forked_children_keep_neither_port_nor_database_of_a_killed_kernel(
    kernel: Kernel,
    children: Children,
    tmp_path: Path,
    size: Size,
    reached: Callable[[str], None],
):
    url, pid = kernel.run(LAUNCH.format(folder=str(tmp_path))).split()
    client = Client(url)
    with Client(url, keep=True) as open_connection:
        before = open_connection.submit({"n": 1})
        kernel.run(CHILD)
        for cell in FORKS.values():
            kernel.run(cell)
        eventually(lambda: len(children.pids()) == len(FORKS), "three children")
        eventually(lambda: len(children.tries()) >= 4, "the children to try")
        after = client.submit({"n": 2})  # and forking cost the kernel nothing
        refused_s, gone_s = kill_and_see(int(pid), client, open_connection)
    assert all(is_running(child) for child in children.pids())
    other = Coordinator(tmp_path / "lab.db", "--open")
    try:
        third = other.start().client().submit({"n": 3})
        tried = len(children.tries())
        eventually(lambda: len(children.tries()) >= tried + 4, "the children to try again")
        assert other.client().status_of(before) == "pending"
    finally:
        other.kill()
    assert set(children.tries()) == {"Unavailable Unavailable"}
    children.end()
    assert_sound(tmp_path / "lab.db")
    with reading(tmp_path / "lab.db") as db:
        assert {row[0] for row in db.execute("SELECT id FROM jobs")} == {before, after, third}
    reached(
        f"three kinds of children: port refused after {refused_s * 1e3:.0f} ms, open connection "
        f"closed after {gone_s * 1e3:.0f} ms, {len(children.tries())} tries to write refused"
    )
    if size.tier != "commit":
        assert refused_s <= REFUSED_WITHIN_S
        assert gone_s <= REFUSED_WITHIN_S


def kill_and_see(pid: int, client: Client, connection: Client) -> tuple[float, float]:
    """Seconds until a new connection is refused, and until an open one is seen to be dead."""
    os.kill(pid, signal.SIGKILL)
    killed_s = time.monotonic()
    eventually(lambda: is_refused(client.port), "the port to be refused")
    refused_s = time.monotonic() - killed_s
    with pytest.raises((OSError, http.client.HTTPException)):
        connection.ask("GET", "/health")
    return refused_s, time.monotonic() - killed_s


# Launched, forked, and each child ended as Python ends: finalizers run, what is left is freed.
SCRIPT = """
import gc, os, pathlib, signal, sqlite3, sys
import nexapod
database = pathlib.Path(sys.argv[1])
log = database.with_name(database.name + "-wal")
fleet = nexapod.launch("lab", port=0, database=database, open=True)

def submit():
    fleet.submit(max, 1, 2)
    fleet.flush()

submit()
before = os.stat(log)
if os.fork() == 0:
    sys.exit(0)
os.wait()
if os.fork() == 0:
    fleet.stop()
    sys.exit(0)
os.wait()
if os.fork() == 0:
    vars(fleet._link.transport.host.service.store).clear()
    gc.collect()
    os._exit(0)
os.wait()
after = os.stat(log)
assert (after.st_ino, after.st_size) == (before.st_ino, before.st_size), "the log was replaced"
submit()
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_child_that_ends_in_the_ordinary_way_takes_nothing_with_it(
    tmp_path: Path, reached: Callable[[str], None]
):
    """SQLite in a child believes that it holds the parent's lock; to close there would remove the
    log that the parent goes on writing, and with it every later commit.
    """
    database = tmp_path / "lab.db"
    ends = run_python(SCRIPT, str(database))
    assert ends.returncode == -signal.SIGKILL, ends.stderr
    assert_sound(database)
    with reading(database) as db:
        assert db.execute("SELECT count(*) FROM jobs").fetchone() == (2,)
    reached("children that end with every finalizer leave the database as it was")
