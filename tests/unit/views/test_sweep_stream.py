"""A sweep's stream: its messages, put together, say what the sweep's frame says."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest

from nexapod.client.connection import Connection
from nexapod.client.futures import JobFuture
from nexapod.client.sweep import Sweep
from nexapod.client.transport import Change
from nexapod.core.records import Failure, Value
from nexapod.core.states import JobState
from nexapod.views.panel import sweep as module
from nexapod.views.panel.sweep import SweepStream
from nexapod.views.panel.table import SweepTable, scalar
from nexapod.views.sweeps import sweep_frame
from nexapod.wire import sealed
from tests.unit.views.links import Link

DONE = JobState.COMPLETED


@pytest.fixture
def link() -> Iterator[Link]:
    link = Link()
    yield link
    link.transport.close()


def boxed(result: Any) -> Value:
    data = sealed.seal(result)
    return Value(format="pickle", size=len(data), data=data, trusted=True)


def sweep_of(link: Link, number: int, **params: Any) -> Sweep:
    connection = cast(Connection, link)
    futures = [
        JobFuture(connection, f"j{at}", "fold", {"seed": at, **params}) for at in range(number)
    ]
    return Sweep(connection, "fold", futures, futures[0].submitted_at)


def move(future: JobFuture, state: JobState = DONE, result: Any = None, **more: Any) -> None:
    value = None if result is None else boxed(result)
    future._move(Change(future.job_id, state, "gpu-1", value, **more))


class Reader:
    """Puts a stream's messages together."""

    def __init__(self, stream: SweepStream) -> None:
        self.stream = stream
        self.sweep: dict[str, Any] = {}
        self.rows: dict[int, list[Any]] = {}
        self.tick: dict[str, Any] = {}
        self.kinds: list[str] = []
        self.told: list[int] = []
        stream.start()

    def look(self) -> Reader:
        self.kinds, self.told = [], []
        for message in map(json.loads, self.stream.take()):
            self.kinds.append(message["t"])
            if message["t"] == "hello":
                self.sweep, self.rows = {}, {}
            elif message["t"] == "sweep":
                self.sweep = message
            elif message["t"] == "sweep_rows":
                self.rows.update({row[0]: row for row in message["rows"]})
                self.told += [row[0] for row in message["rows"]]
            elif message["t"] == "tick":
                self.tick = message
        return self

    def until(self, true: Callable[[], Any]) -> Reader:
        for _ in range(2_000):
            if true():
                return self
            self.look()
            time.sleep(0.005)
        raise AssertionError(f"it never came: {self.rows}")

    @property
    def columns(self) -> list[tuple[str, str, str]]:
        return [(c["name"], c["role"], c["type"]) for c in self.sweep["columns"]]

    @property
    def cells(self) -> list[list[Any]]:
        return [self.rows[at][6] for at in sorted(self.rows)]


def test_a_snapshot_says_all_there_is(link: Link) -> None:
    reader = Reader(SweepStream(sweep_of(link, 3, model="small"))).look()
    assert reader.kinds == ["hello", "sweep", "sweep_rows", "tick", "ready"]
    assert reader.columns == [("seed", "param", "number"), ("model", "param", "text")]
    assert reader.sweep["total"] == 3
    assert reader.rows[1] == [1, "j1", "pending", None, None, "", [1, "small"]]
    assert reader.tick["counts"]["pending"] == 3


def test_only_rows_that_changed_are_told_again(link: Link) -> None:
    sweep = sweep_of(link, 5)
    reader = Reader(SweepStream(sweep)).look()
    assert reader.look().told == []
    move(sweep[3], JobState.ASSIGNED)
    assert reader.look().told == [3]
    move(sweep[3], DONE, 1.5)
    assert reader.look().told == [0, 1, 2, 3, 4], "a column came, and every row has a cell there"
    move(sweep[2], DONE, 2.5)
    assert reader.look().told == [2]
    assert reader.rows[3][2:4] == ["completed", "gpu-1"]
    assert reader.rows[3][4] >= 0, "how long it ran, as far as that is known here"
    assert reader.columns[-1] == ("result", "result", "number")
    assert reader.tick["counts"] == {
        "pending": 3, "assigned": 0, "completed": 2, "failed": 0, "cancelled": 0,
    }  # fmt: skip


def test_the_messages_come_to_what_the_frame_says(link: Link) -> None:
    sweep = sweep_of(link, 6, node="a")
    results = [
        {"energy": -1.5, "steps": 10, "ok": True, "path": np.zeros(9), "seed": 7},
        {"energy": float("nan"), "steps": np.int64(11), "ok": False, "label": "x"},
        {"energy": np.float32(2.5), "steps": 12, "ok": None},
        {"energy": -3.5, "steps": 13, "ok": True, "status": "fine"},
        2.25,
    ]
    reader = Reader(SweepStream(sweep)).look()
    for at, result in enumerate(results):
        move(sweep[at], JobState.ASSIGNED)
        move(sweep[at], DONE, result)
        reader.look()
    move(sweep[5], JobState.FAILED, failure=Failure(message="ValueError: far away"))
    reader.look()
    jobs = {
        "job_id": [future.job_id for future in sweep],
        "status": [future.status for future in sweep],
        "assigned_to": [future.node for future in sweep],
    }
    frame = sweep_frame([f.params for f in sweep], [*results, None], framed(jobs))
    shown = pd.DataFrame(reader.cells, columns=[c["name"] for c in reader.sweep["columns"]])
    assert set(shown) <= set(frame)
    assert {"seed", "energy", "steps", "ok", "label", "seed_result", "result"} <= set(shown)
    for name in shown:
        for seen, true in zip(shown[name], frame[name], strict=True):
            if seen is None or seen != seen:
                assert pd.isna(true)
            else:
                assert seen == true, name
    assert [reader.rows[at][2] for at in range(6)] == list(frame["status"])
    assert reader.rows[5][5] == "ValueError: far away"


def framed(jobs: dict[str, list[Any]]) -> dict[str, list[Any]]:
    from nexapod.store.base import JOB_COLUMNS

    number = len(jobs["job_id"])
    filled: dict[str, list[Any]] = {name: [None] * number for name in JOB_COLUMNS}
    filled |= {
        "created_at": [0.0] * number,
        "params": ["{}"] * number,
        "kind": ["function"] * number,
    }
    filled |= {"name": ["fold"] * number, "priority": [0] * number, "epoch": [1] * number}
    return filled | jobs


def test_a_column_of_numbers_and_texts_is_told_as_text(link: Link) -> None:
    sweep = sweep_of(link, 3)
    reader = Reader(SweepStream(sweep)).look()
    move(sweep[0], DONE, 1)
    reader.look()
    assert reader.columns[1] == ("result", "result", "number")
    move(sweep[1], DONE, "none found")
    reader.look()
    assert reader.columns[1] == ("result", "result", "text")
    assert reader.cells == [[0, "1"], [1, "none found"], [2, None]]


@pytest.mark.parametrize(
    ("item", "told"),
    [
        (float("inf"), None),
        (float("nan"), None),
        (np.float64("nan"), None),
        (np.bool_(True), True),
        (1.5, 1.5),
        ("x" * 900, "x" * 200),
        (b"abc", "bytes of 3 B"),
        ("half \ud83d", "half ?"),
        (10**25, 1e25),
        (None, None),
    ],
)
def test_a_cell_is_something_json_can_hold(item: Any, told: Any) -> None:
    assert scalar(item) == told
    json.dumps(scalar(item), allow_nan=False).encode()


def test_columns_beyond_the_hundredth_are_left_to_the_frame() -> None:
    table = SweepTable([{"seed": 1}])
    table.put_result(0, {f"x{at}": at for at in range(500)})
    assert len(table.columns) == len(table.cells(0)) == 100


def test_small_results_elsewhere_are_fetched_and_large_ones_are_not(link: Link) -> None:
    sweep = sweep_of(link, 2)
    link.transport.values = {"j0": boxed({"energy": -1.5}), "j1": boxed(b"x" * 100_000)}
    reader = Reader(SweepStream(sweep)).look()
    for future in sweep:
        move(future, JobState.ASSIGNED)
        move(future, DONE)
    reader.until(lambda: ("energy", "result", "number") in reader.columns)
    reader.until(lambda: reader.stream.is_over())
    assert reader.cells == [[0, -1.5], [1, None]]
    assert link.transport.asked.count("j1") == 1


def test_run_times_and_errors_come_from_the_coordinator(link: Link) -> None:
    sweep = sweep_of(link, 2)
    error = json.dumps({"message": "ValueError: far away"})
    link.transport.jobs = [
        {"seq": 1, "job_id": "j0", "status": "completed", "run_s": 12.5},
        {"seq": 2, "job_id": "j1", "status": "failed", "run_s": 2.5, "error": error},
    ]
    reader = Reader(SweepStream(sweep)).look()
    move(sweep[0], DONE, 1)
    move(sweep[1], JobState.FAILED)
    reader.until(lambda: reader.stream.is_over())
    assert [reader.rows[at][4:6] for at in range(2)] == [[12.5, ""], [2.5, "ValueError: far away"]]


def test_a_job_that_is_submitted_again_takes_its_place(link: Link) -> None:
    sweep = sweep_of(link, 2)
    reader = Reader(SweepStream(sweep)).look()
    move(sweep[0], DONE, 1)
    move(sweep[1], JobState.FAILED, failure=Failure(message="no"))
    reader.until(lambda: reader.stream.is_over())
    sweep.futures[1] = JobFuture(cast(Connection, link), "j9", "fold", {"seed": 1})
    reader.look()
    assert reader.rows[1] == [1, "j9", "pending", None, None, "", [1, None]]
    assert reader.tick["counts"]["failed"] == 0
    assert not reader.stream.is_over()


def test_a_sweep_of_a_stopped_fleet_says_how_to_go_on(link: Link) -> None:
    sweep = sweep_of(link, 2)
    reader = Reader(SweepStream(sweep)).look()
    move(sweep[0], DONE, 1)
    link.transport.close()
    sweep[1]._let_go()
    reader.until(lambda: reader.stream.is_over())
    assert reader.stream.state[0] == "closed"
    assert "fleet.sweeps['fold']" in reader.stream.state[1]
    assert reader.rows[0][2] == "completed"


def test_who_starts_anew_gets_everything_again(link: Link) -> None:
    sweep = sweep_of(link, 3)
    reader = Reader(SweepStream(sweep)).look()
    move(sweep[0], DONE, 1)
    reader.look()
    reader.stream.stop()
    assert reader.stream.take() == []
    reader.stream.start()
    reader.look()
    assert reader.kinds[0] == "hello"
    assert reader.told == [0, 1, 2]
    assert reader.cells[0] == [0, 1]


def test_the_stream_does_not_hold_the_sweep(link: Link) -> None:
    stream = SweepStream(sweep_of(link, 1))
    status, body = stream.ask("POST", "/sweep/cancel", None)
    assert status == 410
    assert "fleet.sweeps['fold']" in body["error"]["message"]


def test_a_sweep_can_be_cancelled_and_nothing_else_is_known(
    link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = sweep_of(link, 1)
    stream = SweepStream(sweep)
    monkeypatch.setattr(Sweep, "cancel", lambda sweep: 3)
    told = {"text": "Cancelled 3 jobs; those that ran were killed"}
    assert stream.ask("POST", "/sweep/cancel", None) == (200, told)
    assert stream.ask("POST", "/sweep/delete", None)[0] == 404
    link.transport.answers["/jobs/j0"] = b'{"job_id":"j0"}'
    assert stream.ask("GET", "/jobs/j0", None) == (200, {"job_id": "j0"})


def test_ten_thousand_rows_come_in_pieces(link: Link) -> None:
    stream = SweepStream(sweep_of(link, 10_000))
    stream.start()
    messages = stream.take()
    assert len(messages) == 3 + 10_000 // module.CHUNK + 1
    assert max(map(len, messages)) < 1_000_000


def found_again(sweep: Sweep) -> Sweep:
    """As `fleet.sweeps` gives it: nobody has said yet whose jobs these are."""
    for future in sweep:
        future._is_own = False
    return sweep


def test_a_look_opens_ones_own_pickles_of_a_sweep_found_again_and_nobody_elses(link: Link) -> None:
    sweep = found_again(sweep_of(link, 4))
    link.transport.values = {
        "j0": boxed({"energy": -1.5}),
        "j1": boxed(Trap()),
        "j2": Value(format="json", size=14, data=b'{"energy":2.5}'),
    }
    link.transport.strangers = {"j1", "j2", "j3"}
    for at in range(3):
        move(sweep[at])
    move(sweep[3], DONE, Trap())  # its bytes came along by themselves
    reader = Reader(SweepStream(sweep))
    reader.until(
        lambda: reader.rows and reader.cells == [[0, -1.5], [1, None], [2, 2.5], [3, None]]
    )
    reader.until(lambda: reader.stream._known._results.is_resting)
    reader.look()
    assert Trap.opened == 0


class Trap:
    """Counts how often it is unpickled."""

    opened = 0

    def __reduce__(self) -> Any:
        return _spring, ()


def _spring() -> None:
    Trap.opened += 1
