"""Rows and frames for the tests of the views."""

from __future__ import annotations

import json
import random
from typing import Any

import msgspec
import pandas as pd

from nexapod.views.frames import attempts_frame, nodes_frame
from nexapod.wire.messages import NodeRow

NOW = 1_760_000_000.0


def node_row(
    node_id: str = "gpu-1",
    *,
    status: str = "online",
    slots: int | None = 4,
    running: int = 2,
    profile: Any = None,
    unmatched: tuple[str, ...] = (),
) -> NodeRow:
    """A node as the coordinator lists it."""
    if profile is None:
        profile = {"os": "Linux", "gpu": "RTX 3080", "python": "3.11", "hashes": {"runner": "ab"}}
    return NodeRow(
        id=node_id,
        profile=msgspec.Raw(json.dumps(profile).encode()),
        status=status,
        slots=slots,
        cpus=12.0,
        memory_bytes=64 * 10**9,
        gpus=1,
        tags=("lab", "cuda"),
        leases=running,
        running=running,
        completed=7,
        failed=1,
        registered_at=NOW - 100,
        last_seen_at=NOW - 3,
        unmatched=unmatched,
    )


def fleet_frame(number: int) -> pd.DataFrame:
    """A frame of `number` nodes in all states."""
    states = ["online", "suspect", "lost", "draining"]
    rows = [node_row(f"node-{at:03d}", status=states[at % 4]) for at in range(number)]
    return nodes_frame(rows)


def attempts(number: int, nodes: int = 3, seed: int = 0) -> pd.DataFrame:
    """`number` attempts on `nodes` nodes; times overlap at random, the last one still runs."""
    dice = random.Random(seed)
    start = [NOW + dice.uniform(0, number) for _ in range(number)]
    length = [dice.uniform(0.1, 20) for _ in range(number)]
    ends = [dice.choice(["completed", "completed", "failed", "lost"]) for _ in range(number)]
    return attempts_frame(
        {
            "job_id": [f"job-{at}" for at in range(number)],
            "epoch": [1 + at % 2 for at in range(number)],
            "node_id": [f"node-{at % nodes}" for at in range(number)],
            "name": ["fold"] * number,
            "sweep": [("a", "b", None)[at % 3] for at in range(number)],
            "params": [{"seed": at} for at in range(number)],
            "started_at": start,
            "ended_at": [*(a + b for a, b in zip(start[:-1], length, strict=False)), None],
            "end": [*ends[:-1], None],
            "run_s": [None] * number,
            "peak_memory_bytes": [10**9] * number,
            "error": [None] * number,
        }
    )
