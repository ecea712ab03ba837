"""The picture of one coordinator is merged from its panel's messages."""

from __future__ import annotations

from typing import Any

import pytest

from nexapod.jupyter.picture import PACE_BUCKETS, Picture

HELLO: dict[str, Any] = {"t": "hello", "v": 1, "name": "fold"}


def job(seq: int, state: str, sweep: str | None = "fold") -> list[Any]:
    return [seq, f"j{seq}", state, None, sweep, "fold", 1, 0.0, None, None, None, 0, None, ""]


def node(name: str, status: str) -> list[Any]:
    return [name, status, 1, 0, 0, 0, 0, 0.0, 1, 1, 0, [], [], {}, 0.0]


def merged(*messages: dict[str, Any]) -> Picture:
    picture = Picture()
    for message in (HELLO, *messages):
        picture.take(message)
    return picture


def test_before_its_first_message_it_is_empty() -> None:
    shown = Picture().shown()
    assert shown["nodes"] == {"online": 0, "total": 0, "lost": []}
    assert (shown["jobs"], shown["sweeps"], shown["pace"]["ended"]) == ({}, [], [])


def test_nodes_are_counted_by_what_they_are_now() -> None:
    rows = [node("a", "online"), node("b", "lost"), node("c", "left"), node("d", "draining")]
    picture = merged({"t": "nodes", "rows": rows})
    assert picture.shown()["nodes"] == {"online": 2, "total": 3, "lost": ["b"]}
    picture.take({"t": "nodes", "rows": [node("b", "online")]})
    assert picture.shown()["nodes"] == {"online": 3, "total": 3, "lost": []}


def test_a_sweep_is_open_until_its_last_job_ended() -> None:
    picture = merged(
        {"t": "jobs", "rows": [job(1, "pending"), job(2, "assigned"), job(3, "pending", None)]}
    )
    assert picture.shown()["sweeps"] == [{"name": "fold", "total": 2, "open": 2, "failed": 0}]
    picture.take({"t": "patch", "rows": [[1, "completed"], [2, "failed"], [3, "failed"]]})
    assert picture.shown()["sweeps"] == [{"name": "fold", "total": 2, "open": 0, "failed": 1}]


def test_a_row_that_comes_twice_is_counted_once() -> None:
    rows = {"t": "jobs", "rows": [job(1, "completed")]}
    assert merged(rows, rows).shown()["sweeps"][0]["total"] == 1


def test_of_jobs_that_ended_long_ago_only_the_number_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("nexapod.jupyter.picture.WINDOW", 10)
    told = merged({"t": "jobs", "rows": [job(1, "pending")]})
    for seq in range(2, 1000):
        told.take({"t": "jobs", "rows": [job(seq, "completed")]})
    assert len(told._jobs) <= 21
    assert told.shown()["sweeps"] == [{"name": "fold", "total": 999, "open": 1, "failed": 0}]
    told.take({"t": "patch", "rows": [[1, "failed"]]})
    assert told.shown()["sweeps"][0] == {"name": "fold", "total": 999, "open": 0, "failed": 1}


def test_a_job_outside_the_window_is_ignored() -> None:
    assert merged({"t": "patch", "rows": [[9, "failed"]]}).shown()["sweeps"] == []


def test_a_bucket_that_was_never_told_of_is_zero() -> None:
    rows = [[100.0, 0, 4, 0, 0, 0], [110.0, 0, 2, 1, 0, 0]]
    ended = merged({"t": "pace", "width_s": 5, "rows": rows}).shown()["pace"]["ended"]
    assert len(ended) == PACE_BUCKETS
    assert ended[-3:] == [4, 0, 2]
    assert sum(ended) == 6


def test_a_new_hello_forgets_everything() -> None:
    picture = merged({"t": "nodes", "rows": [node("a", "online")]}, {"t": "ready"})
    assert picture.is_ready
    picture.take(HELLO)
    assert not picture.is_ready
    assert picture.shown()["nodes"]["total"] == 0


def test_a_message_of_a_kind_that_is_not_known_changes_nothing() -> None:
    assert merged({"t": "weather", "rows": 7}).shown() == Picture().shown()
