"""What the live panel costs in the kernel that relays it, and in the browser."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from benchmarks import relay as relays
from benchmarks.row import Row

_FRAMES = Path(__file__).parents[1] / "extension" / "dev" / "fps.py"


def relay(folder: Path, quick: bool) -> Iterator[Row]:
    """A kernel that shows a panel of 1,000 nodes and 100,000 jobs, two updates a second."""
    found = relays.measure(seconds=6.0 if quick else 20.0)
    yield Row(
        f"a kernel that shows the panel, {found.nodes:,} nodes, {found.jobs:,} jobs: "
        "share of a core",
        f"{found.cpu_share:.1%}",
        f"while nothing changes {found.idle_share:.1%}",
        None,
        "≤ 10 %",
    )
    yield Row(
        "its updates, twice a second (kB each)", f"{found.update_bytes / 1e3:.0f}", "", None, ""
    )


def browser(folder: Path, quick: bool) -> Iterator[Row]:
    """The panel in Chromium, fed twice a second."""
    seconds = "4" if quick else "10"
    done = subprocess.run(
        [sys.executable, str(_FRAMES), "--seconds", seconds], capture_output=True, text=True
    )
    what = "the panel in a browser, 1,000 nodes, 100,000 jobs: frames per second"
    if done.returncode:
        yield Row(what, f"not measured: {done.stderr.strip()[-200:]}", "", None, "≥ 30")
        return
    found = msgspec.json.decode(done.stdout)
    yield Row(
        what, f"{found['fps']:.0f}", f"99 % within {found['frame_ms_p99']:.0f} ms", None, "≥ 30"
    )
    yield Row("its filter, per key (ms)", f"{found['keystroke_ms_p50']:.0f}", "", None, "")
