"""Panels on real fleets: what they show is what the frames say, from here and from elsewhere."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import nexapod
from nexapod.client.fleet import Fleet
from nexapod.client.sweep import Sweep
from nexapod.views.panel.fleet import FleetStream
from nexapod.views.panel.streams import Stream
from nexapod.views.panel.sweep import SweepStream


def fold(temperature_k: int, seed: int) -> dict[str, Any]:
    if seed == 2:
        raise ValueError(f"no fold at {temperature_k} K")
    return {"energy": temperature_k * 1.5 + seed, "is_folded": seed > 0, "path": [seed] * 3}


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    database: Path = tmp_path_factory.mktemp("panels") / "panels.db"
    with nexapod.launch("panels", port=0, database=database, local_nodes=1) as fleet:
        yield fleet


@pytest.fixture(scope="module")
def sweep(fleet: Fleet) -> Sweep:
    return fleet.sweep(fold, temperature_k=[280, 300], seed=range(3)).wait(60, progress=False)


def shown(stream: Stream, is_whole: Callable[[list[Any]], bool]) -> list[Any]:
    """The stream's messages, until they are all that is wanted."""
    messages: list[Any] = []
    stream.start()
    for _ in range(3_000):
        messages += map(json.loads, stream.take())
        if is_whole(messages):
            return messages
        time.sleep(0.01)
    raise AssertionError(f"it never came: {messages}")


def framed(stream: SweepStream) -> pd.DataFrame:
    messages = shown(stream, lambda _: stream.is_over())
    columns = [m["columns"] for m in messages if m["t"] == "sweep"][-1]
    rows = {row[0]: row for m in messages if m["t"] == "sweep_rows" for row in m["rows"]}
    frame = pd.DataFrame(
        [rows[at][6] for at in sorted(rows)], columns=[column["name"] for column in columns]
    )
    for at, name in ((1, "job_id"), (2, "status"), (3, "node"), (4, "run_s"), (5, "error")):
        frame[name] = [rows[row][at] for row in sorted(rows)]
    return frame.set_index("job_id")


def check(seen: pd.DataFrame, frame: pd.DataFrame) -> None:
    assert list(seen.index) == list(frame.index)
    for name in ("temperature_k", "seed", "energy", "is_folded", "status", "node", "run_s"):
        for one, other in zip(seen[name], frame[name], strict=True):
            assert (pd.isna(one) and pd.isna(other)) or one == other, name
    told = frame["error"].fillna("")
    assert list(seen["error"]) == list(told)
    assert "path" not in seen, "a list is left to the frame"


def test_a_sweep_shows_what_its_frame_says(sweep: Sweep) -> None:
    check(framed(SweepStream(sweep)), sweep.frame)


def test_a_sweep_found_from_elsewhere_shows_the_same(fleet: Fleet, sweep: Sweep) -> None:
    other = nexapod.connect(fleet.url, fleet.token)
    try:
        found = other.sweeps[sweep.name]
        check(framed(SweepStream(found)), found.frame)
    finally:
        other.stop()


def test_a_fleet_is_told_the_same_from_here_and_from_elsewhere(fleet: Fleet, sweep: Sweep) -> None:
    other = nexapod.connect(fleet.url, fleet.token)
    told = []
    try:
        for link in (fleet._link, other._link):
            stream = FleetStream(link, "")
            messages = shown(stream, _is_ready)
            jobs = [row for m in messages if m["t"] == "jobs" for row in m["rows"]]
            told.append((messages[0]["name"], jobs))
            stream.stop()
    finally:
        other.stop()
    assert told[0] == told[1]
    assert {row[1] for row in told[0][1]} == set(fleet.jobs.index)


def _is_ready(messages: list[Any]) -> bool:
    return any(message["t"] == "ready" for message in messages)
