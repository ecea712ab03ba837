"""Random histories on a real store: what was told stays true, however often it is reopened."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.torture import machine
from tests.torture.conftest import Size

#: Programs at once; only a large run is worth starting them.
LANES = 2


@pytest.mark.proves("state-machine")
@pytest.mark.timeout(3600)
def test_no_history_breaks_a_promise(size: Size, seed: int, reached: Callable[[str], None]) -> None:
    histories = size(commit=100, full=10_000, nightly=100_000)
    steps = size(commit=30, full=50, nightly=50)
    if size.tier == "commit":
        machine.run(seed, histories, steps)
    else:
        programs = [
            subprocess.Popen(
                [
                    sys.executable,
                    machine.__file__,
                    *map(str, (seed + lane, histories // LANES, steps)),
                ],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            for lane in range(LANES)
        ]
        said = [program.communicate()[0] for program in programs]
        assert [program.returncode for program in programs] == [0] * LANES, "\n".join(said)
    reached(f"{histories:,} histories of {steps} steps, the database in memory, 0 violations")
