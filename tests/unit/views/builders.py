"""Rows and frames for the tests of the views."""

from __future__ import annotations

import json
import random
from heapq import heappop, heappush
from typing import Any

import msgspec
import pandas as pd

from nexapod.views.frames import attempts_frame, jobs_frame, nodes_frame
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


def history(number: int, nodes: int = 3, seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Jobs and their attempts as `nodes` nodes of four slots run them, the last job unended.

    One attempt in fifty fails its job, one in fifty is lost and its job is tried again.
    """
    dice = random.Random(seed)
    free = [(0.0, node) for node in range(nodes) for _ in range(4)]
    jobs: dict[str, list[Any]] = {
        name: [] for name in ("job_id", "status", "sweep", "created_at", "started_at",
                              "finished_at")
    }  # fmt: skip
    tries: dict[str, list[Any]] = {
        name: [] for name in ("job_id", "epoch", "node_id", "started_at", "ended_at", "end")
    }
    for at in range(number):
        epoch, end = 0, "lost"
        while end == "lost":
            epoch += 1
            start, node = heappop(free)
            stop = start + dice.uniform(5, 15)
            end = dice.choices(["completed", "failed", "lost"], [48, 1, 1])[0]
            unended = at == number - 1
            if at == 0 and epoch == 1 and number > 1:
                end = "lost"
            heappush(free, (stop, node))
            row = (f"job-{at}", epoch, f"node-{node:03d}", NOW + start,
                   None if unended else NOW + stop, None if unended else end)  # fmt: skip
            for column, value in zip(tries.values(), row, strict=True):
                column.append(value)
            if unended:
                end = "assigned"
        values = (f"job-{at}", end, f"sweep-{at * 4 // number}", NOW, NOW + start,
                  None if end == "assigned" else NOW + stop)  # fmt: skip
        for column, value in zip(jobs.values(), values, strict=True):
            column.append(value)
    return jobs_frame(jobs), attempts_frame(tries)
