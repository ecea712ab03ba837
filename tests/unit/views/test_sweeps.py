from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from nexapod.views.columns import SWEEP
from nexapod.views.frames import jobs_frame
from nexapod.views.sweeps import sweep_frame


def jobs(*states: str) -> dict[str, list[Any]]:
    return {"job_id": [f"j{at}" for at in range(len(states))], "status": list(states)}


DONE, OPEN = "completed", "pending"


def test_columns_are_parameters_then_results_then_jobs() -> None:
    frame: Any = sweep_frame([{"t": 300}, {"t": 310}], [{"e": 1.5}, {"e": 2.5}], jobs(DONE, DONE))
    assert list(frame.columns) == ["t", "e", *(column.name for column in SWEEP)]
    assert frame.index.name == "job_id"
    assert frame["e"].tolist() == [1.5, 2.5]


def test_an_empty_sweep_has_the_same_job_columns() -> None:
    frame: Any = sweep_frame([], [], {})
    assert frame.empty
    found = {str(name): str(dtype) for name, dtype in frame.dtypes.items()}
    assert found.items() >= {column.name: column.dtype for column in SWEEP}.items()


@pytest.mark.parametrize(
    ("values", "whole", "partial"),
    [
        ([1, 2], "int64", "float64"),
        ([1.5, 2.5], "float64", "float64"),
        ([np.float32(1), np.float32(2)], "float32", "float32"),
        ([True, False], "bool", "boolean"),
        (["a", "b"], "str", "str"),
        ([[1], [2]], "object", "object"),
    ],
)
def test_result_dtypes_complete_and_not(values: list[Any], whole: str, partial: str) -> None:
    params = [{"t": 1}, {"t": 2}]
    complete: Any = sweep_frame(params, values, jobs(DONE, DONE))["result"]
    assert str(complete.dtype) == whole
    assert complete.tolist() == values
    half: Any = sweep_frame(params, values, jobs(DONE, OPEN))["result"]
    assert half.isna().tolist() == [False, True]
    assert half.iloc[0] == values[0]
    if partial != "float32":  # numpy decides how far a float32 is widened
        assert str(half.dtype) == partial


def test_nothing_known_yet_is_float() -> None:
    frame: Any = sweep_frame([{"t": 1}], [object()], jobs(OPEN))
    assert str(frame["result"].dtype) == "float64"
    assert frame["result"].isna().all()


def test_collisions() -> None:
    frame: Any = sweep_frame(
        [{"t": 1, "node": 7}], [{"t": 2, "status": "fine", "node": 3}], jobs(DONE)
    )
    row = frame.iloc[0]
    assert (row["t"], row["t_result"]) == (1, 2)
    assert (row["node"], row["node_result"]) == (7, 3)
    assert row["status_result"] == "fine"
    assert row["status"] == DONE
    assert "job_node" in frame.columns
    assert frame.columns.is_unique


def test_a_suffix_that_is_taken_is_added_again() -> None:
    frame: Any = sweep_frame([{"e": 1, "e_result": 2}], [{"e": 3}], jobs(DONE))
    assert frame.loc["j0", "e_result_result"] == 3


def test_mixed_results() -> None:
    frame: Any = sweep_frame([{"t": 1}, {"t": 2}], [{"e": 1.0}, 5.0], jobs(DONE, DONE))
    assert frame["e"].isna().tolist() == [False, True]
    assert frame["result"].isna().tolist() == [True, False]


def test_a_result_that_could_not_be_opened_adds_no_column() -> None:
    columns = jobs(DONE, DONE) | {"error": [None, "the result cannot be opened: KeyError: 'x'"]}
    frame: Any = sweep_frame([{"t": 1}, {"t": 2}], [{"e": 1.0}, None], columns)
    assert list(frame.columns) == ["t", "e", *(column.name for column in SWEEP)]
    assert frame["e"].isna().tolist() == [False, True]
    assert frame["error"].iloc[1] == "the result cannot be opened: KeyError: 'x'"


def test_arrays_stay_whole() -> None:
    frame: Any = sweep_frame(
        [{"t": 1}, {"t": 2}], [np.arange(3), np.arange(3) + 1], jobs(DONE, DONE)
    )
    assert frame["result"].iloc[1].tolist() == [1, 2, 3]


def test_ragged_parameters() -> None:
    frame: Any = sweep_frame([{"t": 1}, {"u": "x"}], [None, None], jobs(DONE, DONE))
    assert frame["t"].isna().tolist() == [False, True]
    assert frame["u"].isna().tolist() == [True, False]


def test_a_frame_of_jobs_works_too() -> None:
    columns = jobs(DONE, OPEN) | {"assigned_to": ["gpu-1", None]}
    frame: Any = sweep_frame([{"t": 1}, {"t": 2}], [1, None], jobs_frame(columns))
    assert frame.loc["j0", "node"] == "gpu-1"
    pd.testing.assert_frame_equal(frame, sweep_frame([{"t": 1}, {"t": 2}], [1, None], columns))


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match="2 parameter sets, 1 results and 2 jobs"):
        sweep_frame([{"t": 1}, {"t": 2}], [1], jobs(DONE, OPEN))
