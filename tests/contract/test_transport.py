"""One suite for both ways to a coordinator: in this process, and over HTTP."""

from __future__ import annotations

import asyncio
import concurrent.futures
import hashlib
import itertools
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import nexapod
from nexapod import errors
from nexapod.client.fleet import Fleet
from nexapod.client.futures import JobFuture, RemoteTraceback
from nexapod.client.sweep import grid
from nexapod.core.records import Failure
from nexapod.store.base import ATTEMPT_COLUMNS, JOB_COLUMNS, JobFilter
from nexapod.wire.messages import JobLog
from tests.contract import calls

#: How long a test waits for what must come. Nothing is measured by it.
SOON_S = 60.0
#: How long a test waits for what, today, never comes.
NEVER_S = 2.0


@pytest.fixture(scope="module")
def launched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    folder = tmp_path_factory.mktemp("fleet")
    with nexapod.launch("contract", port=0, database=folder / "contract.db") as fleet:
        fleet.start_nodes(1, slots=2)
        yield fleet


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """A file for which jobs wait."""
    return tmp_path / "gate"


def results(futures: Any) -> list[Any]:
    return [future.result(SOON_S) for future in futures]


def ask(fleet: Fleet, verb: str, *args: Any) -> Any:
    return fleet._link.ask(getattr(fleet._link.transport, verb)(*args))


def until_running(future: JobFuture) -> None:
    """Wait for a node to hold it."""
    looked = threading.Event()
    for _ in range(int(SOON_S * 100)):
        if future.running():
            return
        looked.wait(0.01)
    raise AssertionError(f"{future!r} never ran")


# ── calls and what comes back ────────────────────────────────────────────────────────────────────


def test_a_call_gives_what_the_function_returns(fleet: Fleet) -> None:
    future = fleet.submit(calls.add, 2, right=3)
    assert isinstance(future, concurrent.futures.Future)
    assert future.result(SOON_S) == 5
    assert future.exception(SOON_S) is None
    assert (future.done(), future.cancelled(), future.running()) == (True, False, False)
    assert (future.status, future.node) == ("completed", "local-1")


@pytest.mark.parametrize("value", [None, 0, "", b"", [], {}, False, "é\x00", 2**100, 1.5, {1, 2}])
def test_any_value_comes_back_as_it_went(fleet: Fleet, value: Any) -> None:
    assert fleet.submit(calls.same, value).result(SOON_S) == value


def test_positional_only_submit_leaves_every_keyword_to_the_function(fleet: Fleet) -> None:
    future = fleet.submit(calls.many, 1, self=2, fn=3, timeout=4)
    assert future.result(SOON_S) == ((1,), {"self": 2, "fn": 3, "timeout": 4})


def test_closures_and_lambdas_travel(fleet: Fleet) -> None:
    factor = 7
    assert fleet.submit(lambda n: n * factor, 6).result(SOON_S) == 42


def test_arrays_and_frames_come_back_whole(fleet: Fleet) -> None:
    array = np.arange(100_000, dtype=np.float32).reshape(100, 1000)
    frame = pd.DataFrame({"t": [300.0, 310.0], "name": ["a", "b"]})
    back, back_frame = fleet.submit(calls.same, (array, frame)).result(SOON_S)
    assert back.dtype == array.dtype
    np.testing.assert_array_equal(back, array)
    pd.testing.assert_frame_equal(back_frame, frame)


@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")
def test_values_beyond_the_inline_limit_go_through_blobs(fleet: Fleet) -> None:
    array = np.random.default_rng(0).integers(0, 256, 17 * 2**20, dtype=np.uint8)
    future = fleet.submit(calls.same, array)
    np.testing.assert_array_equal(future.result(SOON_S), array)


def test_a_large_value_is_sent_over_http_without_a_warning(connected: Fleet) -> None:
    ask(connected, "put_blob", bytes(2**20 + 1))


def test_an_exception_keeps_its_type_and_shows_the_remote_traceback(fleet: Fleet) -> None:
    future = fleet.submit(calls.fail, "by zero")
    with pytest.raises(ZeroDivisionError, match="by zero") as caught:
        future.result(SOON_S)
    assert isinstance(caught.value.__cause__, RemoteTraceback)
    assert "in fail" in str(caught.value.__cause__)
    assert type(future.exception(SOON_S)) is ZeroDivisionError
    assert future.status == "failed"


def test_an_exception_of_ones_own_keeps_its_attributes(fleet: Fleet) -> None:
    with pytest.raises(Exception, match="not today") as caught:
        fleet.submit(calls.refuse).result(SOON_S)
    assert type(caught.value).__name__ == "Refused"
    assert vars(caught.value) == {"code": 7}


def test_what_a_job_printed_is_kept(fleet: Fleet) -> None:
    future = fleet.submit(calls.speak, "hello from afar")
    future.result(SOON_S)
    assert "hello from afar" in future.log


def until(look: Any, what: str) -> Any:
    looked = threading.Event()
    for _ in range(int(SOON_S * 20)):
        if found := look():
            return found
        looked.wait(0.05)
    raise AssertionError(f"never: {what}")


def test_a_job_is_read_and_says_how_far_it_is_while_it_runs(fleet: Fleet, gate: Path) -> None:
    future = fleet.submit(calls.speak_and_wait, str(gate), "hello", "wörld")
    until(lambda: future.log == "hello\nwörld\n", "its lines")
    assert until(lambda: future.progress, "its progress") == (0.5, "half of it")
    assert not future.done()
    part = ask(fleet, "log", future.job_id, 1, 6)
    assert part == JobLog(1, 6, 13, "wörld\n", True)
    gate.touch()
    future.result(SOON_S)
    assert future.log == "hello\nwörld\nbye\n"
    assert ask(fleet, "log", future.job_id, None, 13) == JobLog(1, 13, 17, "bye\n", False)
    assert future.progress is None


def test_a_log_longer_than_the_last_lines_is_whole_at_once(fleet: Fleet) -> None:
    future = fleet.submit(calls.count_aloud, 20_000)
    future.result(SOON_S)
    assert future.log == "".join(f"{n}\n" for n in range(20_000))


def test_each_attempt_has_a_log(fleet: Fleet, tmp_path: Path) -> None:
    future = fleet.options(retries=1).submit(calls.fail_first, str(tmp_path))
    future.result(SOON_S)
    assert "attempt 1" in ask(fleet, "log", future.job_id, 1, 0).text
    assert future.log == ""
    for epoch, job_id in ((3, future.job_id), (None, "no-such-job")):
        with pytest.raises(errors.NotFound):
            ask(fleet, "log", job_id, epoch, 0)


def test_what_cannot_be_pickled_is_a_type_error_in_one_sentence(fleet: Fleet) -> None:
    lock = threading.Lock()
    with pytest.raises(TypeError, match="an argument of same cannot be sent to a node"):
        fleet.submit(calls.same, lock)
    with pytest.raises(TypeError, match="cannot be sent to a node"):
        fleet.submit(lambda: lock)
    with pytest.raises(TypeError, match="int is no function"):
        fleet.submit(3)  # type: ignore[arg-type]


def test_data_that_is_not_json_is_a_type_error(fleet: Fleet) -> None:
    with pytest.raises(TypeError, match="plain JSON"):
        fleet.submit_data(object())


def test_a_data_job_waits_for_a_node_with_a_runner_and_can_be_cancelled(fleet: Fleet) -> None:
    future = fleet.submit_data({"protein": "villin"})
    fleet.flush()
    assert future.status == "pending"
    assert future.cancel()
    with pytest.raises(nexapod.JobCancelled):
        future.result(SOON_S)


# ── futures ──────────────────────────────────────────────────────────────────────────────────────


def test_the_standard_ways_to_wait_work(fleet: Fleet) -> None:
    futures = [fleet.submit(calls.add, n) for n in range(8)]
    assert {f.result() for f in concurrent.futures.as_completed(futures, SOON_S)} == set(
        range(1, 9)
    )
    done, pending = concurrent.futures.wait(futures, SOON_S)
    assert (len(done), pending) == (8, set())


def test_waiting_for_the_first_does_not_wait_for_the_rest(fleet: Fleet, gate: Path) -> None:
    slow, fast = fleet.submit(calls.wait_for, str(gate)), fleet.submit(calls.add, 1)
    done, pending = concurrent.futures.wait(
        [slow, fast], SOON_S, concurrent.futures.FIRST_COMPLETED
    )
    assert (done, pending) == ({fast}, {slow})
    gate.touch()
    assert slow.result(SOON_S) == str(gate)


def test_a_callback_is_called_once_and_at_once_when_it_is_late(fleet: Fleet) -> None:
    future = fleet.submit(calls.add, 1)
    seen: list[Any] = []
    told = threading.Event()

    def note(ended: Any) -> None:
        seen.append(ended)
        told.set()

    future.add_done_callback(note)
    assert told.wait(SOON_S)
    future.result(SOON_S)
    future.add_done_callback(seen.append)
    assert seen == [future, future]


def in_callback(fleet: Fleet, value: Any) -> Any:
    """What `result` gives inside a callback."""
    seen: list[Any] = []
    told = threading.Event()

    def look(future: Any) -> None:
        try:
            seen.append(future.result(0))
        except BaseException as error:
            seen.append(error)
        told.set()

    fleet.submit(calls.same, value).add_done_callback(look)
    assert told.wait(SOON_S)
    return seen[0]


def test_a_callback_may_ask_for_the_result_in_process(launched: Fleet) -> None:
    assert in_callback(launched, 5) == 5


def test_a_callback_may_ask_for_the_result_over_http(connected: Fleet) -> None:
    assert in_callback(connected, 5) == 5


def test_a_future_can_be_awaited_and_wrapped(fleet: Fleet) -> None:
    async def cell() -> tuple[Any, Any, Any]:
        first = await fleet.submit(calls.add, 1)
        second = await asyncio.wrap_future(fleet.submit(calls.add, 2))
        both = await asyncio.gather(
            *(asyncio.wrap_future(fleet.submit(calls.add, n)) for n in (3, 4))
        )
        return first, second, both

    assert asyncio.run(cell()) == (2, 3, [4, 5])


def test_awaiting_a_failed_job_raises_what_it_raised(fleet: Fleet) -> None:
    async def cell() -> None:
        await fleet.submit(calls.fail)

    with pytest.raises(ZeroDivisionError):
        asyncio.run(cell())


def test_giving_up_waiting_does_not_end_the_job(fleet: Fleet, gate: Path) -> None:
    future = fleet.submit(calls.wait_for, str(gate))
    with pytest.raises(TimeoutError):
        future.result(0.01)
    with pytest.raises(TimeoutError):
        future.exception(0.01)
    with pytest.raises(TimeoutError, match="they go on"):
        fleet.wait([future], 0.01, progress=False)
    gate.touch()
    assert future.result(SOON_S) == str(gate)


def test_futures_among_the_arguments_are_replaced_by_their_results(fleet: Fleet) -> None:
    one, two = fleet.submit(calls.add, 0), fleet.submit(calls.add, 1)
    nested = fleet.submit(calls.many, [one, {"deep": (two, one)}], last=two)
    assert nested.result(SOON_S) == (([1, {"deep": (2, 1)}],), {"last": 2})


def test_a_job_whose_argument_failed_fails_and_says_which(fleet: Fleet) -> None:
    bad = fleet.submit(calls.fail)
    child = fleet.submit(calls.add, bad)
    with pytest.raises(nexapod.JobFailed, match=bad.job_id):
        child.result(SOON_S)


def test_a_future_cannot_be_pickled_by_itself(fleet: Fleet) -> None:
    import pickle

    with pytest.raises(TypeError, match="pass it as an argument"):
        pickle.dumps(fleet.submit(calls.add, 1))


def test_any_job_is_found_again_by_its_id(fleet: Fleet) -> None:
    first = fleet.submit(calls.add, 41)
    first.result(SOON_S)
    again = fleet.future(first.job_id)
    assert again.result(SOON_S) == 42
    assert again.node == "local-1"
    bad = fleet.submit(calls.fail)
    bad.exception(SOON_S)
    with pytest.raises(ZeroDivisionError):
        fleet.future(bad.job_id).result(SOON_S)
    for unknown in ("no-such-job", "not an id!"):
        with pytest.raises(errors.NotFound):
            fleet.future(unknown)


def test_jobs_of_ones_own_are_not_foreign(fleet: Fleet) -> None:
    future = fleet.submit(calls.add, 1)
    future.result(SOON_S)
    link = fleet._link
    assert link.ask(link.transport.foreign([future.job_id, "never-was"])) == set()


def test_two_futures_of_one_job_both_end(fleet: Fleet, gate: Path) -> None:
    first = fleet.submit(calls.wait_for, str(gate))
    fleet.flush()
    second = fleet.future(first.job_id)
    gate.touch()
    assert second.result(SOON_S) == str(gate)
    assert first.result(NEVER_S) == str(gate)


# ── cancel and retry ─────────────────────────────────────────────────────────────────────────────


def test_a_running_job_is_cancelled_and_says_where(fleet: Fleet, gate: Path) -> None:
    future = fleet.submit(calls.wait_for, str(gate))
    until_running(future)
    assert future.cancel() is True
    assert (future.cancelled(), future.done(), future.status) == (True, True, "cancelled")
    with pytest.raises(nexapod.JobCancelled, match="its process was killed"):
        future.result(SOON_S)
    with pytest.raises(concurrent.futures.CancelledError):
        future.exception(SOON_S)
    assert future.cancel() is True


def test_a_finished_job_cannot_be_cancelled(fleet: Fleet) -> None:
    future = fleet.submit(calls.add, 1)
    future.result(SOON_S)
    assert future.cancel() is False
    assert future.result(SOON_S) == 2


def test_a_job_is_tried_again_as_often_as_was_said(fleet: Fleet, tmp_path: Path) -> None:
    assert fleet.options(retries=1).submit(calls.fail_first, str(tmp_path)).result(SOON_S) == 2
    with pytest.raises(ValueError, match="attempt 1"):
        (tmp_path / "other").mkdir()
        fleet.submit(calls.fail_first, str(tmp_path / "other")).result(SOON_S)


def test_a_finished_job_is_retried_as_a_new_one(fleet: Fleet) -> None:
    first = fleet.submit(calls.add, 1)
    first.result(SOON_S)
    made = ask(fleet, "retry", first.job_id)
    assert made.job_id != first.job_id
    assert fleet.future(made.job_id).result(SOON_S) == 2
    with pytest.raises(errors.NotFound):
        ask(fleet, "retry", "no-such-job")


def test_a_retry_follows_the_retry_of_what_it_needs(fleet: Fleet, tmp_path: Path) -> None:
    first = fleet.submit(calls.fail_until, str(tmp_path / "flag"))
    second = fleet.submit(calls.add, first)
    with pytest.raises(errors.JobFailed):
        second.result(SOON_S)
    with pytest.raises(errors.Conflict, match="retry that job first"):
        ask(fleet, "retry", second.job_id)
    (tmp_path / "flag").touch()
    assert fleet.future(ask(fleet, "retry", first.job_id).job_id).result(SOON_S) == 21
    assert fleet.future(ask(fleet, "retry", second.job_id).job_id).result(SOON_S) == 22


def test_a_job_that_has_not_ended_cannot_be_retried(fleet: Fleet) -> None:
    future = fleet.submit_data(1)
    fleet.flush()
    with pytest.raises(errors.Conflict, match="has not ended"):
        ask(fleet, "retry", future.job_id)
    future.cancel()


# ── keys ─────────────────────────────────────────────────────────────────────────────────────────


def test_the_same_key_runs_once(fleet: Fleet, tmp_path: Path) -> None:
    keyed = fleet.options(key=f"once {tmp_path}")
    first = keyed.submit(calls.count, str(tmp_path))
    assert first.result(SOON_S) == 1
    second = keyed.submit(calls.count, str(tmp_path))
    assert second.job_id == first.job_id
    assert second.result(SOON_S) == 1


def test_the_same_key_for_another_call_is_a_conflict(fleet: Fleet, tmp_path: Path) -> None:
    keyed = fleet.options(key=f"call {tmp_path}")
    keyed.submit(calls.add, 1).result(SOON_S)
    with pytest.raises(errors.Conflict):
        keyed.submit(calls.add, 2)
    with pytest.raises(errors.Conflict):
        keyed.submit(calls.same, 1)


def test_both_futures_of_a_key_end_when_it_is_repeated_early(fleet: Fleet, gate: Path) -> None:
    keyed = fleet.options(key=f"early {gate}")
    first = keyed.submit(calls.wait_for, str(gate))
    second = keyed.submit(calls.wait_for, str(gate))
    gate.touch()
    assert second.result(SOON_S) == str(gate)
    assert first.result(NEVER_S) == str(gate)


# ── options ──────────────────────────────────────────────────────────────────────────────────────


def test_options_make_a_view_and_leave_the_fleet_as_it_was(fleet: Fleet) -> None:
    before = fleet._options
    view = fleet.options(priority=3, name="named")
    assert fleet._options is before
    assert view.options(retries=2)._options.priority == 3
    future = view.submit(calls.add, 1)
    future.result(SOON_S)
    page = ask(fleet, "job_columns", JobFilter(sweep=None, newest=True, limit=1))
    row = dict(zip(page.columns, page.rows[0], strict=True))
    assert (row["job_id"], row["name"], row["priority"]) == (future.job_id, "named", 3)


def test_a_job_that_no_node_can_run_waits_and_the_node_says_why(fleet: Fleet) -> None:
    future = fleet.options(tags="moon").submit(calls.add, 1)
    fleet.flush()
    [node] = ask(fleet, "nodes")
    assert any("needs the tag 'moon'" in reason for reason in node.unmatched)
    assert future.cancel()


def test_a_timeout_ends_the_attempt(fleet: Fleet, gate: Path) -> None:
    future = fleet.options(timeout_s=0.3).submit(calls.wait_for, str(gate))
    with pytest.raises(nexapod.JobTimedOut):
        future.result(SOON_S)


# ── map ──────────────────────────────────────────────────────────────────────────────────────────


def test_map_gives_results_in_order_and_stops_at_the_shortest(fleet: Fleet) -> None:
    assert list(fleet.map(calls.add, range(6), range(10, 20))) == [10, 12, 14, 16, 18, 20]
    assert list(fleet.map(calls.add, itertools.count(), [1, 2])) == [1, 3]
    assert list(fleet.map(calls.add, [])) == []


@pytest.mark.parametrize("chunksize", [1, 2, 3, 100])
def test_map_in_chunks_gives_the_same(fleet: Fleet, chunksize: int) -> None:
    found = fleet.map(calls.add, range(7), [1] * 7, chunksize=chunksize)
    assert list(found) == list(range(1, 8))


def test_map_takes_no_chunk_below_one(fleet: Fleet) -> None:
    with pytest.raises(ValueError, match="chunksize must be >= 1"):
        fleet.map(calls.add, [1], chunksize=0)


def test_map_raises_what_a_call_raised_when_it_is_its_turn(fleet: Fleet) -> None:
    found = fleet.map(calls.only_even, [0, 1, 2])
    assert next(found) == 0
    with pytest.raises(ValueError, match="1 is odd"):
        next(found)


def test_map_gives_up_after_its_timeout_and_cancels_the_rest(fleet: Fleet, gate: Path) -> None:
    found = fleet.map(calls.wait_for, [str(gate)], timeout=0.05)
    with pytest.raises(TimeoutError):
        next(found)
    page = ask(fleet, "job_columns", JobFilter(newest=True, limit=1))
    assert page.rows[0][page.columns.index("status")] == "cancelled"


def test_map_raises_a_calls_own_timeout_error_as_it_is(fleet: Fleet) -> None:
    with pytest.raises(TimeoutError, match="the instrument did not answer"):
        list(fleet.map(lambda _: calls.time_out(), [1]))


# ── sweeps ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("axes", "points"),
    [
        ({"t": [1, 2], "s": range(2)}, [(1, 0), (1, 1), (2, 0), (2, 1)]),
        ({"t": 5, "s": (1, 2)}, [(5, 1), (5, 2)]),
        ({"t": "text", "s": {"a": 1}}, [("text", {"a": 1})]),
        ({"t": np.array([0.5, 1.5]), "s": np.int64(3)}, [(0.5, 3), (1.5, 3)]),
        ({"t": pd.Series([1, 2]), "s": None}, [(1, None), (2, None)]),
        ({"t": (n for n in (1, 2)), "s": b"raw"}, [(1, b"raw"), (2, b"raw")]),
    ],
)
def test_a_grid_is_every_combination_the_last_axis_fastest(
    axes: dict[str, Any], points: list[tuple[Any, ...]]
) -> None:
    assert [tuple(point.values()) for point in grid(axes)] == points


def test_a_grid_without_axes_is_one_point() -> None:
    assert grid({}) == [{}]


def test_an_array_of_two_dimensions_is_one_value() -> None:
    matrix = np.eye(2)
    assert grid({"m": matrix})[0]["m"] is matrix


def test_numpy_numbers_on_an_axis_become_pythons_own() -> None:
    values = [point["t"] for point in grid({"t": np.array([1, 2])})]
    assert [type(value) for value in values] == [int, int]


@pytest.mark.parametrize("empty", [[], (), range(0), np.array([])])
def test_an_empty_axis_is_refused_and_named(fleet: Fleet, empty: Any) -> None:
    with pytest.raises(errors.Invalid, match="'seed'"):
        fleet.sweep(calls.measure, temperature_k=300, seed=empty)


def test_a_sweep_runs_its_grid_and_shows_it_as_a_frame(fleet: Fleet) -> None:
    sweep = fleet.sweep(calls.measure, temperature_k=[300.0, 310.0], seed=range(2))
    assert len(sweep) == 4
    assert [future.params for future in sweep][1] == {"temperature_k": 300.0, "seed": 1}
    found = sweep.results(SOON_S)
    assert [r["energy"] for r in found] == [600.0, 600.0, 620.0, 620.0]
    assert sweep.counts == {"completed": 4}
    frame = sweep.frame
    assert len(frame) == 4
    assert list(frame["energy"]) == [600.0, 600.0, 620.0, 620.0]
    assert list(frame["seed"]) == [0, 1, 0, 1]


def test_a_sweep_is_found_again_by_name(fleet: Fleet) -> None:
    sweep = fleet.sweep(calls.measure, temperature_k=[300.0, 310.0])
    sweep.wait(SOON_S, progress=False)
    assert sweep.name in fleet.sweeps
    again = fleet.sweeps[sweep.name]
    assert [f.params for f in again] == [f.params for f in sweep]
    assert again.results(SOON_S) == sweep.results(SOON_S)
    assert list(again.frame["energy"]) == [600.0, 620.0]
    with pytest.raises(KeyError):
        fleet.sweeps["never made"]


def test_a_sweep_whose_name_is_taken_gets_a_number(fleet: Fleet) -> None:
    named = fleet.options(sweep="taken")
    first, second = named.sweep(calls.add, left=[1]), named.sweep(calls.add, left=[1])
    assert first.name.startswith("taken")
    assert second.name.startswith("taken-")
    assert second.name != first.name


def test_a_sweep_is_cancelled_as_a_whole(fleet: Fleet, gate: Path) -> None:
    sweep = fleet.sweep(calls.wait_for, path=[f"{gate}{n}" for n in range(5)])
    assert sweep.cancel() == 5
    sweep.wait(SOON_S, progress=False)
    assert sweep.counts == {"cancelled": 5}
    assert sweep.cancel() == 0


def test_what_failed_in_a_sweep_is_tried_again_in_its_place(fleet: Fleet, tmp_path: Path) -> None:
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
    (folders[1] / "earlier").touch()
    sweep = fleet.sweep(calls.fail_first, folder=[str(f) for f in folders])
    sweep.wait(SOON_S, progress=False)
    assert sweep.counts == {"completed": 1, "failed": 1}
    assert sweep.retry_failed() == 1
    assert sweep.results(SOON_S) == [2, 2]
    assert sweep.retry_failed() == 0
    assert fleet.sweeps[sweep.name].results(SOON_S) == [2, 2]


def test_finding_a_running_sweep_by_name_leaves_the_first_one_alive(
    fleet: Fleet, gate: Path
) -> None:
    sweep = fleet.sweep(calls.wait_for, path=[str(gate)])
    again = fleet.sweeps[sweep.name]
    gate.touch()
    assert again.results(SOON_S) == [str(gate)]
    assert sweep.results(NEVER_S) == [str(gate)]


# ── the verbs below ──────────────────────────────────────────────────────────────────────────────


def test_everything_submitted_is_stored_after_a_flush(fleet: Fleet) -> None:
    futures = [fleet.submit_data(n) for n in range(50)]
    fleet.flush()
    changes = ask(fleet, "changes", [f.job_id for f in futures])
    assert {change.job_id for change in changes} == {f.job_id for f in futures}
    assert ask(fleet, "changes", ["no-such-job"]) == []
    told = ask(fleet, "cancel", [*(f.job_id for f in futures), "no-such-job"])
    assert {t.status for t in told} == {"cancelled"}
    assert len(told) == 50
    concurrent.futures.wait(futures, SOON_S)
    assert all(f.cancelled() for f in futures)


def test_blobs_are_stored_under_their_hash(fleet: Fleet) -> None:
    data = b"large" * 1000
    sha256 = ask(fleet, "put_blob", data)
    assert sha256 == hashlib.sha256(data).hexdigest()
    assert ask(fleet, "get_blob", sha256) == data
    assert ask(fleet, "put_blob", data) == sha256
    assert ask(fleet, "get_blob", ask(fleet, "put_blob", b"")) == b""
    with pytest.raises(errors.NotFound):
        ask(fleet, "get_blob", "0" * 64)


def test_columns_counts_and_sweeps_are_the_same_both_ways(
    launched: Fleet, connected: Fleet
) -> None:
    results([launched.submit(calls.add, 1), connected.submit(calls.add, 1)])
    for verb, args in [
        ("job_columns", (JobFilter(limit=10_000),)),
        ("job_columns", (JobFilter(status=("completed",), limit=3, newest=True),)),
        ("attempt_columns", ()),
        ("counts", ()),
        ("sweeps", ()),
    ]:
        assert ask(launched, verb, *args) == ask(connected, verb, *args), verb
    assert ask(connected, "job_columns", JobFilter()).columns == JOB_COLUMNS
    assert ask(connected, "attempt_columns").columns == ATTEMPT_COLUMNS
    assert [n.id for n in ask(launched, "nodes")] == [n.id for n in ask(connected, "nodes")]


def test_failure_value_and_output_of_jobs_without_any_are_empty(fleet: Fleet) -> None:
    good, bad = fleet.submit(calls.add, 1), fleet.submit(calls.fail)
    good.result(SOON_S)
    bad.exception(SOON_S)
    assert ask(fleet, "failure", good.job_id) is None
    assert isinstance(ask(fleet, "failure", bad.job_id), Failure)
    assert ask(fleet, "value", bad.job_id) is None
    assert ask(fleet, "value", good.job_id).format == "pickle"
    assert ask(fleet, "output", good.job_id) == ""


def test_the_frames_know_every_job_node_and_attempt(fleet: Fleet) -> None:
    future = fleet.submit(calls.add, 1)
    future.result(SOON_S)
    assert future.job_id in set(fleet.jobs.reset_index().astype(str).to_numpy().ravel())
    assert future.job_id in set(fleet.attempts.reset_index().astype(str).to_numpy().ravel())
    assert "local-1" in set(fleet.nodes.reset_index().astype(str).to_numpy().ravel())


def test_attempts_come_page_after_page_and_oldest_first(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    results([fleet.submit(calls.add, n) for n in range(7)])
    whole = fleet.attempts
    monkeypatch.setattr("nexapod.api.clients.ATTEMPT_PAGE", 3)
    monkeypatch.setattr("nexapod.client.in_process.ATTEMPT_PAGE", 3)
    first = ask(fleet, "attempt_columns")
    second = ask(fleet, "attempt_columns", (first.rows[-1][-1], first.rows[-1][1]))
    assert len(first.rows) == len(second.rows) == 3
    assert not {row[0] for row in first.rows} & {row[0] for row in second.rows}
    pd.testing.assert_frame_equal(fleet.attempts, whole)
    assert len(whole) >= 7


def test_several_threads_may_submit_at_once(fleet: Fleet) -> None:
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        futures = list(pool.map(lambda n: fleet.submit(calls.add, n), range(80)))
    assert results(futures) == list(range(1, 81))


def test_a_call_on_the_transports_own_loop_is_refused_and_not_a_deadlock(fleet: Fleet) -> None:
    async def on_the_loop() -> None:
        fleet._link.ask(fleet._link.transport.counts())

    with pytest.raises(errors.Invalid, match="another thread"):
        fleet._link.transport.post(on_the_loop()).result(SOON_S)


def test_a_wrong_token_or_address_is_said_at_once(launched: Fleet) -> None:
    with pytest.raises(errors.Unauthorized):
        nexapod.connect(launched.url, "wrong")
    with pytest.raises(errors.Unreachable):
        nexapod.connect("http://127.0.0.1:9")
    with pytest.raises(errors.Invalid, match="http://"):
        nexapod.connect("127.0.0.1:8000")


# ── what a hostile user found ────────────────────────────────────────────────────────────────────


def test_equal_points_of_a_sweep_are_all_found_again(fleet: Fleet) -> None:
    sweep = fleet.options(sweep=f"equal-{fleet.url[:5]}-{id(fleet)}").sweep(
        calls.fail_on_one, x=[1, 1, 2]
    )
    sweep.wait(SOON_S, progress=False)
    again = fleet.sweeps[sweep.name]
    assert sorted(f.job_id for f in again) == sorted(f.job_id for f in sweep)
    assert sweep.retry_failed() == 2
    sweep.wait(SOON_S, progress=False)
    found = fleet.sweeps[sweep.name]
    assert [f.job_id for f in found] == [f.job_id for f in sweep], "retries take their places"


def test_a_callback_that_waits_for_another_job_is_refused_and_harms_nobody(
    fleet: Fleet, gate: Path
) -> None:
    said: list[BaseException] = []
    waiting = fleet.submit(calls.wait_for, str(gate))

    def callback(_: Any) -> None:
        try:
            waiting.result()
        except BaseException as error:
            said.append(error)

    first = fleet.submit(calls.add, 1)
    first.add_done_callback(callback)
    assert first.result(SOON_S) == 2
    assert fleet.submit(calls.add, 2).result(SOON_S) == 3
    gate.touch()
    assert waiting.result(SOON_S) == str(gate)
    assert [type(error) for error in said] in ([errors.Invalid], [])  # or it was done by then


def test_an_interrupted_map_stops_waiting_and_cancels_nothing(
    fleet: Fleet, gate: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = fleet.map(calls.wait_and_add, [str(gate)] * 3, range(3))
    before = ask(fleet, "counts")[0]
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        list(found)
    assert "Stopped waiting; 3 jobs go on" in capsys.readouterr().out
    gate.touch()
    fleet.flush()

    def completed() -> int:
        count: int = ask(fleet, "counts")[0]["completed"]
        return count

    for _ in range(int(SOON_S * 20)):
        if completed() >= before["completed"] + 3:
            break
        threading.Event().wait(0.05)
    assert completed() >= before["completed"] + 3


def test_a_sweep_with_a_point_that_cannot_be_sent_submits_nothing(fleet: Fleet) -> None:
    before = len(fleet.jobs)
    with pytest.raises(TypeError, match="an argument of same cannot be sent"):
        fleet.sweep(calls.same, value=[1, 2, threading.Lock()])
    assert len(fleet.jobs) == before


def test_a_parameter_beyond_64_bits_is_one_like_any_other(fleet: Fleet) -> None:
    sweep = fleet.sweep(calls.same, value=[1, 2**70])
    assert sweep.results(SOON_S) == [1, 2**70]


@pytest.mark.parametrize("data", [float("nan"), {1, 2}, {"x": b"y"}, object()])
def test_data_that_is_not_json_is_refused_and_not_bent(fleet: Fleet, data: Any) -> None:
    with pytest.raises(TypeError, match="plain JSON"):
        fleet.submit_data(data)


def test_a_fleet_in_a_job_is_refused_in_one_sentence(fleet: Fleet) -> None:
    with pytest.raises(TypeError, match=r"use nexapod\.connect"):
        fleet.submit(calls.same, fleet)


def test_one_result_that_cannot_be_opened_does_not_hide_the_others(fleet: Fleet) -> None:
    sweep = fleet.sweep(calls.give_unopenable, x=[0, 1, 2])
    sweep.wait(SOON_S, progress=False)
    frame = sweep.frame
    assert frame["result"].tolist()[0] == 0
    assert frame["result"].tolist()[2] == 2
    assert "its class is gone" in frame["error"].tolist()[1]


def test_what_was_certainly_not_stored_is_submitted_again(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit, refusals = fleet._link.transport.submit, [errors.Unavailable("recovering")] * 2

    async def once(jobs: Any) -> Any:
        if refusals:
            raise refusals.pop()
        return await submit(jobs)

    monkeypatch.setattr(fleet._link.transport, "submit", once)
    assert fleet.submit(calls.add, 1).result(SOON_S) == 2
    assert not refusals


def test_a_result_can_be_changed_in_place(fleet: Fleet) -> None:
    back = fleet.submit(calls.same, np.zeros(1000)).result(SOON_S)
    back += 1
    assert back.sum() == 1000


def test_a_callback_that_waits_for_a_sweep_is_refused_too(fleet: Fleet, gate: Path) -> None:
    said: list[BaseException] = []
    waiting = fleet.sweep(calls.wait_for, path=[str(gate)])

    def callback(_: Any) -> None:
        try:
            waiting.wait(progress=False)
        except BaseException as error:
            said.append(error)

    first = fleet.submit(calls.add, 1)
    first.add_done_callback(callback)
    assert first.result(SOON_S) == 2
    assert fleet.submit(calls.add, 2).result(SOON_S) == 3
    gate.touch()
    assert waiting.results(SOON_S) == [str(gate)]
    assert [type(error) for error in said] == [errors.Invalid]
