"""A cell keeps the kernel busy, or the interpreter to itself: nodes go on, no lease is lost."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.acceptance.conftest import Kernel
from tests.integration.parts import DEADLINE_S, Client, assert_sound, eventually, reading
from tests.torture.conftest import Size

pytestmark = pytest.mark.proves("busy-kernel")

POLL_P99_S = 0.050
#: A poll this often, as from a fleet of nodes that find no work.
POLL_EVERY_S = 0.01

# Two slots in one node: what waits behind the long job there goes to the other slot. A second node
# would have to be given it back, and then not each job would end in its first attempt.
LAUNCH = """
import nexapod, time
fleet = nexapod.launch("lab", port=0, database={database!r}, open=True)
fleet.start_nodes(1, slots=2)
assert fleet.submit(max, 1, 2).result(60) == 2
print(fleet.url)
"""

# One job lasts as long as the busy cell and longer, many are short.
SUBMIT = """
def nap(s):
    import time
    time.sleep(s)
    return s

long = fleet.submit(nap, {seconds} + 1.0)
short = [fleet.submit(nap, 0.05) for _ in range({short})]
fleet.flush()
"""

PURE_PYTHON = """
until, n = time.time() + {seconds}, 0
while time.time() < until:
    n += 1
print(sum(f.done() for f in short))
"""

# A C call that does not let go of the interpreter, as some numerical libraries have them.
HELD = """
import ctypes
ctypes.PyDLL(None).usleep(int({seconds} * 1_000_000))
"""

AFTERWARDS = """
assert long.result(60) == {seconds} + 1.0
assert [f.result(60) for f in short] == [0.05] * {short}
"""


def poll_for(client: Client, seconds: float) -> list[float]:
    """Seconds that each poll took, sorted."""
    took, until_s = [], time.monotonic() + seconds
    while (begun_s := time.monotonic()) < until_s:
        assert client.poll("outsider")["status"] == "no_job_available"
        took.append(time.monotonic() - begun_s)
        time.sleep(POLL_EVERY_S)
    return sorted(took)


def assert_nothing_was_lost(database: Path, jobs: int) -> None:
    """Every job ended in its first attempt."""
    assert_sound(database)
    with reading(database) as db:
        ends = db.execute("SELECT end, count(*) FROM attempts GROUP BY end").fetchall()
        states = db.execute("SELECT state, count(*) FROM jobs GROUP BY state").fetchall()
    assert ends == [("completed", jobs)]
    assert states == [("completed", jobs)]


def test_polls_are_answered_while_a_cell_computes_in_pure_python(
    kernel: Kernel, tmp_path: Path, size: Size, reached: Callable[[str], None]
):
    seconds = size(commit=2, full=60, nightly=300)
    short = seconds * 10
    database = tmp_path / "lab.db"
    url = kernel.run(LAUNCH.format(database=str(database))).strip()
    with Client(url, keep=True) as client:
        client.register("outsider", kinds=["data"])
        kernel.run(SUBMIT.format(seconds=seconds, short=short))
        cell = kernel.begin(PURE_PYTHON.format(seconds=seconds))
        took = poll_for(client, seconds - 0.2)
    done = int(kernel.finish(cell, seconds + DEADLINE_S))
    kernel.run(AFTERWARDS.format(seconds=seconds, short=short))
    kernel.run("fleet.stop()")
    assert_nothing_was_lost(database, short + 2)
    p99_s = took[int(len(took) * 0.99)]
    reached(
        f"{len(took):,} polls during {seconds} s of pure Python: p99 {p99_s * 1e3:.1f} ms, worst "
        f"{took[-1] * 1e3:.0f} ms, no lease lost"
    )
    if size.tier != "commit":
        assert done == short
        assert p99_s <= POLL_P99_S


def test_no_lease_is_lost_while_a_c_call_holds_the_interpreter(
    kernel: Kernel, tmp_path: Path, size: Size, reached: Callable[[str], None]
):
    seconds = size(commit=1, full=30, nightly=45)
    short = 40
    database = tmp_path / "lab.db"
    url = kernel.run(LAUNCH.format(database=str(database))).strip()
    with Client(url, keep=True) as client:
        plain = client.submit({"n": 1})
        client.register("plain")
        # Shorter than the hold: such a lease lives because the coordinator sees that it was away.
        assert client.poll("plain", "?lease_s=20")["job_id"] == plain
        kernel.run(SUBMIT.format(seconds=seconds, short=short))
        held = kernel.begin(HELD.format(seconds=seconds))
        time.sleep(0.3)
        begun_s = time.monotonic()
        client.poll("plain")  # answered when the interpreter is given back
        stalled_s = time.monotonic() - begun_s
        kernel.finish(held, seconds + DEADLINE_S)
        time.sleep(1.2)  # the sweeper has looked
        assert client.report("plain", plain, "late, and not too late").status == 200
        eventually(lambda: client.status_of(plain) == "completed", "the plain node's result")
    kernel.run(AFTERWARDS.format(seconds=seconds, short=short))
    kernel.run("fleet.stop()")
    assert_nothing_was_lost(database, short + 3)
    assert stalled_s > seconds * 0.5
    reached(f"{seconds} s of held interpreter: polls stalled {stalled_s:.1f} s, no lease lost")
