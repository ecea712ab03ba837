"""What fleets, nodes, sweeps and futures show of themselves, and what they leave alone."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest

import nexapod
from nexapod import errors
from nexapod.client.connection import Connection
from nexapod.client.face import changed
from nexapod.client.fleet import Fleet
from nexapod.client.futures import JobFuture
from nexapod.client.invitation import Invitation
from nexapod.client.node import Node
from nexapod.client.sweep import Sweep
from nexapod.client.transport import Change, Columns
from nexapod.core.records import Failure, Value
from nexapod.core.states import JobState
from nexapod.store.base import JOB_COLUMNS, JobFilter
from nexapod.views import portraits, readings
from nexapod.views.panel.panel import Panel
from nexapod.views.previews import OPENED_BYTES, cell, long_text
from nexapod.wire import sealed
from nexapod.wire.messages import NodeRow
from tests.unit.views import links
from tests.unit.views.builders import node_row

DONE = JobState.COMPLETED


class Wire(links.Wire):
    """A transport that answers what it is told to, and keeps what it was asked."""

    token = None

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[NodeRow] = []
        self.error: errors.NexapodError | None = None

    async def nodes(self) -> list[NodeRow]:
        return cast(list[NodeRow], self._answer("nodes", self.rows))

    async def counts(self) -> Any:
        return self._answer("counts", ({"completed": 2}, 0.0))

    async def job_columns(self, which: JobFilter) -> Columns:
        jobs = [job for job in self.jobs if not which.status or job["status"] in which.status]
        rows = [tuple(job.get(name) for name in JOB_COLUMNS) for job in jobs]
        return cast(Columns, self._answer("job_columns", Columns(JOB_COLUMNS, rows)))

    async def value(self, job_id: str, most_bytes: int | None = None) -> Value:
        return cast(Value, self._answer("value", boxed(1)))

    async def failure(self, job_id: str) -> Failure:
        return cast(Failure, self._answer("failure", Failure(message="ValueError: far away")))

    def _answer(self, verb: str, answer: Any) -> Any:
        self.asked.append(verb)
        if self.error is not None:
            raise self.error
        return answer


class Link(links.Link):
    """What of a connection the views use."""

    transport: Wire

    def __init__(self) -> None:
        self.transport = Wire()

    def stop(self) -> None:
        self.transport.close()


@pytest.fixture
def link() -> Iterator[Link]:
    link = Link()
    yield link
    link.stop()


def boxed(result: Any) -> Value:
    data = sealed.seal(result)
    return Value(format="pickle", size=len(data), data=data, trusted=True)


def future(
    link: Link, value: Value | None = None, state: JobState = DONE, *, at: int = 0, **more: Any
) -> JobFuture:
    made = JobFuture(cast(Connection, link), f"j{at}", "fold", {"seed": at})
    if state is not JobState.PENDING:
        made._move(Change(made.job_id, state, "gpu-1", value, **more))
    return made


def sweep(link: Link, *values: Value | None) -> Sweep:
    futures = [future(link, value, at=at) for at, value in enumerate(values)]
    return Sweep(cast(Connection, link), "fold", futures, futures[0].submitted_at)


def shown(thing: Any) -> list[str]:
    """Its text and its HTML."""
    data, _ = portraits.bundle(thing)
    assert data["text/plain"]
    return [data["text/plain"], data["text/html"]]


class Traced:
    """Leaves a folder behind when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> Any:
        return (os.mkdir, (str(self.folder),))


class Rude:
    """Raises whatever is asked of it."""

    def __repr__(self) -> str:
        raise ValueError("no")

    __str__ = __repr__

    def __getattr__(self, name: str) -> Any:
        raise ValueError(name)


def of_a_lost_class() -> Value:
    """A result whose class was there when it was pickled and is gone now."""
    data = b"cgone\nMolecule\n."
    frame = (1).to_bytes(4, "little") + len(data).to_bytes(8, "little") + data
    return Value(format="pickle", size=len(frame), data=frame, trusted=True)


# ── results are opened by those who ask for them ─────────────────────────────────────────────────


def test_a_result_found_again_is_neither_fetched_nor_opened(link: Link) -> None:
    found = sweep(link, None, None)
    for drawn in shown(found):
        assert "results in sweep.frame" in drawn
    for drawn in shown(found[0]):
        assert "Result in future.result()" in drawn
    assert link.transport.asked == []


def test_a_large_result_is_not_opened_and_its_size_is_told(link: Link, tmp_path: Path) -> None:
    trace = tmp_path / "opened"
    large = boxed((Traced(trace), b"x" * OPENED_BYTES))
    elsewhere = Value(format="pickle", size=8_000_000, blob="0" * 64)
    for drawn in shown(sweep(link, large, elsewhere)):
        assert "66 kB" in drawn
        assert "8 MB" in drawn
        assert "results in sweep.frame" in drawn
    for drawn in shown(future(link, elsewhere)):
        assert "Result of 8 MB in future.result()" in drawn
    assert not trace.exists()
    assert link.transport.asked == []


def test_a_small_result_that_came_along_is_shown(link: Link) -> None:
    for drawn in shown(sweep(link, boxed({"energy": -1.5}), boxed({"energy": -2.5}))):
        assert "energy" in drawn
        assert "-2.5" in drawn
        assert "sweep.frame" not in drawn.replace("the sweep's frame", "")
    for drawn in shown(future(link, boxed({"energy": -1.5}))):
        assert "-1.5" in drawn


def test_what_the_user_has_opened_is_shown(link: Link) -> None:
    found = sweep(link, None, None)
    found[0].result()
    link.transport.asked.clear()
    header, rows = readings.sweep_summary(found).header, readings.sweep_summary(found).rows
    assert header == ("seed", "result", "node")
    assert [row.cells for row in rows] == [(0, 1, "gpu-1"), (1, None, "gpu-1")]
    assert link.transport.asked == []


def test_one_result_that_cannot_be_opened_spoils_no_other(link: Link) -> None:
    for drawn in shown(sweep(link, boxed({"energy": -1.5}), of_a_lost_class())):
        assert "-1.5" in drawn
        assert "ModuleNotFoundError" in drawn
    for drawn in shown(future(link, of_a_lost_class())):
        assert "The result cannot be opened here: ModuleNotFoundError: " in drawn


def test_an_exception_that_travelled_is_not_opened(link: Link, tmp_path: Path) -> None:
    trace = tmp_path / "opened"
    pickled = pickle.dumps(Traced(trace))
    failure = Failure("exception", "ValueError: far away", "line 3", exception=pickled)
    link.transport.log_text = "said before it fell"
    for drawn in shown(future(link, state=JobState.FAILED, failure=failure)):
        assert "ValueError: far away" in drawn
        assert "line 3" in drawn
        assert "said before it fell" in drawn
    assert not trace.exists()


def test_results_of_nothing_but_arrays_are_described(link: Link) -> None:
    result = {"x": np.zeros(50), "y": np.zeros((50, 3)), "z": [0.0] * 50, "more": np.zeros(2)}
    summary = readings.sweep_summary(sweep(link, boxed(result)))
    assert summary.header == ("seed", "x", "y", "z", "node")
    assert summary.rows[0].cells[1:3] == ("array(50,)", "array(50, 3)")


def test_beside_a_number_an_array_is_left_to_the_frame(link: Link) -> None:
    summary = readings.sweep_summary(sweep(link, boxed({"x": np.zeros(50), "energy": np.int64(3)})))
    assert summary.header == ("seed", "energy", "node")
    assert summary.rows[0].cells[1] == 3


@pytest.mark.parametrize(
    ("item", "told"),
    [
        (None, None),
        (True, True),
        (3, 3),
        (1.5, 1.5),
        (np.float32(1.5), 1.5),
        (np.bool_(True), True),
        (np.longdouble(1), "longdouble()"),
        (np.zeros(50), "array(50,)"),
        (pd.DataFrame({"a": [1, 2]}), "DataFrame(2, 1)"),
        (b"x" * 2000, "bytes of 2 kB"),
        ("x" * 1000, "x" * 500),
        ([1, 2], "[1, 2]"),
        pytest.param(Rude(), "<Rude>", id="rude"),
    ],
)
def test_a_cell_is_short_and_never_raises(item: Any, told: Any) -> None:
    assert cell(item) == told


@pytest.mark.parametrize("at", range(5))
def test_whatever_a_result_is_its_text_is_short(at: int) -> None:
    item = [Rude(), 10**5000, [10**5000], list(range(10**5)), b"x" * 10**6][at]
    assert len(str(cell(item))) < 200
    assert len(long_text(item)) < 1000


# ── why a job waits ──────────────────────────────────────────────────────────────────────────────


def test_a_waiting_job_says_that_there_are_no_nodes(link: Link) -> None:
    waiting = future(link, state=JobState.PENDING)
    for drawn in shown(waiting):
        assert "No node has joined yet." in drawn
    link.transport.rows = [node_row("a", status="left")]
    for drawn in shown(waiting):
        assert "No node is there now." in drawn


def test_a_waiting_job_says_what_every_node_lacks(link: Link) -> None:
    why = ("2 waiting jobs: needs the tag a100",)
    link.transport.rows = [node_row("a", unmatched=why), node_row("b", status="lost")]
    waiting = future(link, state=JobState.PENDING)
    for drawn in shown(waiting):
        assert "a: 2 waiting jobs: needs the tag a100" in drawn
    link.transport.rows = [node_row("a", unmatched=why), node_row("b")]
    for drawn in shown(waiting):
        assert "a100" not in drawn


def test_only_waiting_jobs_ask_about_nodes(link: Link) -> None:
    shown(future(link, state=JobState.ASSIGNED))
    shown(future(link, boxed(1)))
    assert link.transport.asked == []


# ── nodes ────────────────────────────────────────────────────────────────────────────────────────


def job(job_id: str, status: str, node: str | None) -> dict[str, Any]:
    return {"job_id": job_id, "name": job_id, "status": status, "assigned_to": node}


def test_a_node_shows_what_it_holds_and_did_last(link: Link) -> None:
    link.transport.rows = [node_row("gpu-1"), node_row("gpu-2")]
    link.transport.jobs = [
        job("held", "assigned", "gpu-1"),
        job("ended", "completed", "gpu-1"),
        job("elsewhere", "completed", "gpu-2"),
        job("nowhere", "pending", None),
    ]
    node = Node(cast(Connection, link), "gpu-1")
    for drawn in shown(node):
        assert "RTX 3080" in drawn
        assert "held" in drawn
        assert "ended" in drawn
        assert "elsewhere" not in drawn
        assert "nowhere" not in drawn
    summary = readings.node_summary(node)
    assert [line.job_id for line in summary.holding] == ["held"]
    assert [line.job_id for line in summary.recent] == ["ended"]


def test_a_node_that_has_not_registered_is_starting(link: Link) -> None:
    node = Node(cast(Connection, link), "local-1")
    assert portraits.text(node) == "Node local-1 · starting"
    link.transport.rows = [node_row("local-1")]
    assert "Node local-1 · online" in portraits.text(node)


# ── after the end ────────────────────────────────────────────────────────────────────────────────


def test_a_fleet_first_shown_after_its_end_says_how_to_go_on(tmp_path: Path) -> None:
    fleet = nexapod.launch("villin", port=0, database=tmp_path / "villin.db")
    waiting = fleet.submit_data(1)
    several = fleet.options(sweep="fold").sweep(len, obj=["a", "b"])
    node = fleet.node("local-1")
    fleet.stop()
    for drawn in shown(fleet):
        assert "villin" in drawn
        assert fleet.url in drawn
        assert "stopped" in drawn
        assert "goes on where it ended" in drawn
    assert "nexapod.launch('villin')" in portraits.text(fleet)
    for drawn in shown(waiting):
        assert "the fleet was stopped while job" in drawn
    for drawn in shown(several):
        assert "pending" in drawn
        assert "Stopped;" in drawn
    assert portraits.text(node) == "Node local-1 · fleet stopped"


def test_what_was_seen_last_stays_and_is_said_to_be_that(link: Link) -> None:
    fleet = Fleet("villin", cast(Connection, link))
    link.transport.rows = [node_row("gpu-1")]
    assert "gpu-1" in portraits.text(fleet)
    link.stop()
    for drawn in shown(fleet):
        assert "gpu-1" in drawn
        assert "stopped" in drawn
        assert "This is what was seen last." in drawn
    assert "nexapod.connect(" in portraits.text(fleet)


def test_a_coordinator_that_does_not_answer_now_is_not_taken_for_stopped(link: Link) -> None:
    fleet = Fleet("villin", cast(Connection, link))
    link.transport.error = errors.Unreachable("no coordinator answers")
    portraits.bundle(fleet)
    panel = cast(Panel, portraits._displays[fleet])
    assert not panel._stream.is_over()
    assert "unreachable" in portraits.text(fleet)
    link.transport.error = None
    assert "unreachable" not in portraits.text(fleet)
    link.stop()
    assert panel._stream.is_over()


def test_a_finished_sweep_of_a_stopped_fleet_is_drawn_whole(link: Link) -> None:
    whole = sweep(link, boxed(1.5), boxed(2.5))
    link.stop()
    for drawn in shown(whole):
        assert "2.5" in drawn
        assert "Stopped" not in drawn


def test_a_failed_job_of_a_stopped_fleet_is_drawn_as_far_as_it_is_known(link: Link) -> None:
    fallen = future(link, state=JobState.FAILED)
    link.stop()
    for drawn in shown(fallen):
        assert "Failed on gpu-1" in drawn


def test_a_sweep_that_is_submitted_again_wakes_its_display(
    link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    fallen = sweep(link, None)
    woken: list[str] = []
    changed(fallen)
    shown(fallen)
    monkeypatch.setattr(portraits._displays[fallen], "wake", lambda: woken.append("sweep"))
    changed(fallen)
    assert woken == ["sweep"]


# ── invitations ──────────────────────────────────────────────────────────────────────────────────


def test_what_is_saved_of_an_invitation_keeps_no_secret() -> None:
    invitation = Invitation("http://127.0.0.1:8000", "s3cret")
    for drawn in shown(invitation):
        assert "nexapod node http://127.0.0.1:8000" in drawn
        assert "s3cret" not in drawn
    assert "s3cret" in readings.invitation_summary(invitation).command
