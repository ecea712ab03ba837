"""The notebook's kernel is restarted in the middle of a sweep, and its cells are run again."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.acceptance.conftest import Kernel
from tests.integration.parts import assert_sound, reading
from tests.torture.conftest import Size
from tests.torture.lives import fixed_port

#: More jobs than the nodes can do between two restarts, so that each meets an open sweep.
JOBS_PER_RESTART = 16

# All that the notebook has: run at first, and again after each restart.
NOTEBOOK = """
import nexapod
fleet = nexapod.launch("lab", port={port}, database={database!r}, local_nodes=2)

def square(n):
    import time
    with open({runs!r}, "a") as file:
        print(n, file=file)
    time.sleep(0.2)
    return n * n

sweep = fleet.options(key="squares").sweep(square, n=range({count}))
fleet.flush()
"""

PIDS = "print(*(node.pid for node in fleet.local_nodes))"
PROGRESS = """
import time
before, until = sweep.counts.get("completed", 0), time.monotonic() + 30
while sweep.counts.get("completed", 0) < min(before + 3, {count}) and time.monotonic() < until:
    time.sleep(0.02)
print(sweep.counts.get("completed", 0))
"""
FINISH = """
assert sweep.results(120) == [n * n for n in range({count})]
assert len(fleet.sweeps) == 1 and len(fleet.jobs) == {count}
fleet.stop()
"""


@pytest.mark.proves("kernel-restarts")
def test_a_sweep_goes_on_through_restarts_of_its_kernel(
    kernel: Kernel, tmp_path: Path, size: Size, seed: int, reached: Callable[[str], None]
):
    restarts, rng = size(commit=2, full=50, nightly=200), random.Random(seed)
    count = restarts * JOBS_PER_RESTART
    database, runs = tmp_path / "lab.db", tmp_path / "runs"
    notebook = NOTEBOOK.format(
        port=fixed_port(), database=str(database), runs=str(runs), count=count
    )
    kernel.run(notebook)
    nodes = kernel.run(PIDS)
    progress, back_s = [], []
    try:
        for n in range(restarts):
            progress.append(int(kernel.run(PROGRESS.format(count=count))))
            time.sleep(rng.uniform(0, 0.3))
            begun_s = time.monotonic()
            kernel.restart(now=n % 2 == 0)
            kernel.run(notebook)
            back_s.append(time.monotonic() - begun_s)
            assert kernel.run(PIDS) == nodes  # they were never away
    finally:
        kernel.run(FINISH.format(count=count))

    in_the_middle = sum(done < count for done in progress)
    assert in_the_middle == restarts
    ran = sorted(int(line) for line in runs.read_text().split())
    assert ran == list(range(count))  # each job once, though the coordinator was away so often
    assert_sound(database)
    with reading(database) as db:
        ends = db.execute("SELECT end, count(*) FROM attempts GROUP BY end").fetchall()
        states = db.execute("SELECT state, count(*) FROM jobs GROUP BY state").fetchall()
    assert ends == [("completed", count)]
    assert states == [("completed", count)]
    reached(
        f"{restarts} restarts ({(restarts + 1) // 2} by kill -9) in a sweep of {count} jobs, each "
        f"ran once; notebook back after {statistics.median(back_s):.1f} s"
    )
