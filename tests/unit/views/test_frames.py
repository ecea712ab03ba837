from __future__ import annotations

from typing import Any

import msgspec
import pandas as pd
import pytest

from nexapod.errors import JobFailed
from nexapod.views.columns import ATTEMPT_ENDS, ATTEMPTS, JOB_STATES, JOBS, NODE_STATES, NODES
from nexapod.views.frames import attempts_frame, jobs_frame, nodes_frame
from nexapod.wire.messages import JobRow
from tests.unit.views.builders import NOW, attempts, node_row

JOB_COLUMNS: dict[str, list[Any]] = {
    "job_id": ["a", "b", "c"],
    "status": ["completed", "pending", "failed"],
    "name": ["fold", "fold", ""],
    "sweep": ["s", None, None],
    "kind": ["function", "data", "function"],
    "assigned_to": ["gpu-1", None, "gpu-2"],
    "epoch": [1, 0, 3],
    "priority": [0, 5, 0],
    "created_at": [NOW, NOW, NOW],
    "started_at": [NOW + 0.25, None, NOW + 1],
    "finished_at": [NOW + 2.25, None, NOW + 4],
    "run_s": [1.75, None, None],
    "error": [None, b"null", b'{"type":"exception","message":"boo"}'],
}


@pytest.mark.parametrize(
    ("frame", "table"),
    [
        (nodes_frame([]), NODES),
        (nodes_frame([node_row()]), NODES),
        (jobs_frame({}), JOBS),
        (jobs_frame(JOB_COLUMNS), JOBS),
        (attempts_frame({}), ATTEMPTS),
        (attempts(5), ATTEMPTS),
    ],
    ids=["no nodes", "nodes", "no jobs", "jobs", "no attempts", "attempts"],
)
def test_frames_have_the_documented_columns_and_dtypes(frame: pd.DataFrame, table: Any) -> None:
    found = [(str(name), str(dtype)) for name, dtype in frame.dtypes.items()]
    assert found == [(column.name, column.dtype) for column in table]


def test_categories_are_all_states_even_without_rows() -> None:
    assert tuple(nodes_frame([])["status"].cat.categories) == NODE_STATES
    assert tuple(jobs_frame({})["status"].cat.categories) == JOB_STATES
    assert tuple(attempts_frame({})["end"].cat.categories) == ATTEMPT_ENDS


def test_index_names() -> None:
    assert nodes_frame([]).index.name == "id"
    assert jobs_frame({}).index.name == "job_id"
    assert list(jobs_frame(JOB_COLUMNS).index) == ["a", "b", "c"]


def test_job_times_are_utc_and_durations_seconds() -> None:
    frame: Any = jobs_frame(JOB_COLUMNS)
    assert frame.loc["a", "created_at"] == pd.Timestamp(NOW, unit="s", tz="UTC")
    assert frame.loc["a", "started_at"] - frame.loc["a", "created_at"] == pd.Timedelta("250ms")
    assert pd.isna(frame.loc["b", "started_at"])
    assert frame.loc["a", "wait_s"] == 0.25
    assert frame.loc["a", "run_s"] == 1.75, "the node's own clock is believed first"
    assert frame.loc["c", "run_s"] == 3.0, "a seed node's lease is the next best"
    assert frame["wait_s"].isna().tolist() == [False, True, False]


def test_job_error_is_its_sentence() -> None:
    frame: Any = jobs_frame(JOB_COLUMNS)
    assert frame["error"].isna().tolist() == [True, True, False]
    assert frame.loc["c", "error"] == "boo"


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        ("plain", "plain"),
        ('{"message":"json text"}', "json text"),
        ("{no json", "{no json"),
        ({"message": "m"}, "m"),
        ({"type": "signal"}, "signal"),
        (b"not json", "not json"),
        (msgspec.Raw(b'{"message":"raw"}'), "raw"),
        (JobFailed("object"), "object"),
    ],
)
def test_errors_of_any_shape(error: Any, sentence: str) -> None:
    assert jobs_frame({"job_id": ["a"], "error": [error]})["error"].tolist() == [sentence]


def test_an_unknown_state_is_kept_not_dropped() -> None:
    frame: Any = jobs_frame({"job_id": ["a"], "status": ["validating"]})
    assert frame["status"].tolist() == ["validating"]
    assert list(frame["status"].cat.categories) == [*JOB_STATES, "validating"]


def test_jobs_frame_takes_the_fields_of_job_row() -> None:
    names = set(JobRow.__struct_fields__)
    renamed = {"attempts": "epoch", "wait_s": "created_at"}
    assert {renamed.get(column.name, column.name) for column in JOBS} <= names


def test_a_hundred_thousand_jobs() -> None:
    rows = 100_000
    frame: Any = jobs_frame(
        {
            "job_id": [f"job-{at}" for at in range(rows)],
            "status": ["completed", "pending"] * (rows // 2),
            "created_at": [NOW + at for at in range(rows)],
            "started_at": [NOW + at + 1 if at % 2 == 0 else None for at in range(rows)],
        }
    )
    assert len(frame) == rows
    assert frame["wait_s"].sum() == rows / 2
    assert frame["status"].value_counts()["pending"] == rows // 2


def test_nodes() -> None:
    odd = node_row("odd", slots=None, profile=["not", "an", "object"], unmatched=("no GPU", "old"))
    frame: Any = nodes_frame([node_row(), odd])
    assert frame.loc["gpu-1", "memory_gb"] == 64.0
    assert frame.loc["gpu-1", "tags"] == "lab cuda"
    assert frame.loc["gpu-1", "hashes"] == "runner=ab"
    assert frame.loc["gpu-1", "last_seen_at"] == pd.Timestamp(NOW - 3, unit="s", tz="UTC")
    assert pd.isna(frame.loc["odd", "slots"])
    assert frame.loc["odd", "gpu"] == ""
    assert frame.loc["odd", "unmatched"] == "no GPU; old"


def test_attempts() -> None:
    frame: Any = attempts(4)
    assert frame["end"].tolist()[-1] == "running"
    assert pd.isna(frame["ended_at"].iloc[-1])
    assert frame["params"].tolist()[2] == "seed=2"
    assert frame["peak_memory_gb"].tolist() == [1.0] * 4
    assert frame["node"].tolist()[:3] == ["node-0", "node-1", "node-2"]
    span = (frame["ended_at"] - frame["started_at"]).dt.total_seconds()
    assert frame["run_s"].iloc[0] == pytest.approx(span.iloc[0], abs=1e-5)


def test_docstrings_tell_every_column() -> None:
    for build, table in ((nodes_frame, NODES), (jobs_frame, JOBS), (attempts_frame, ATTEMPTS)):
        text = build.__doc__ or ""
        assert [column.name for column in table if column.name not in text] == []
