from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from nexapod.views.depths import POINTS, queue
from nexapod.views.frames import attempts_frame, jobs_frame
from tests.unit.views.builders import NOW, history


def depths(jobs: Mapping[str, Any], tries: Mapping[str, Any]) -> list[tuple[float, ...]]:
    depth = queue(jobs_frame(jobs), attempts_frame(tries))
    return list(zip(depth.at - NOW, depth.running, depth.waiting, strict=True))


def test_a_job_waits_then_runs_then_is_gone() -> None:
    jobs = {"job_id": ["a"], "created_at": [NOW], "finished_at": [NOW + 5]}
    tries = {"job_id": ["a"], "started_at": [NOW + 2], "ended_at": [NOW + 5]}
    assert depths(jobs, tries) == [(0, 0, 1), (2, 1, 0), (5, 0, 0)]


def test_a_job_whose_attempt_was_lost_waits_again() -> None:
    jobs = {"job_id": ["a"], "created_at": [NOW], "finished_at": [NOW + 9]}
    tries = {
        "job_id": ["a", "a"],
        "started_at": [NOW + 1, NOW + 6],
        "ended_at": [NOW + 4, NOW + 9],
        "end": ["lost", "completed"],
    }
    assert depths(jobs, tries) == [(0, 0, 1), (1, 1, 0), (4, 0, 1), (6, 1, 0), (9, 0, 0)]


def test_a_job_cancelled_while_its_attempt_still_dies_is_not_waiting() -> None:
    jobs = {"job_id": ["a"], "created_at": [NOW], "finished_at": [NOW + 3]}
    tries = {"job_id": ["a"], "started_at": [NOW + 1], "ended_at": [NOW + 4]}
    assert depths(jobs, tries) == [(0, 0, 1), (1, 1, 0), (3, 1, 0), (4, 0, 0)]


def test_long_histories_are_thinned_and_keep_their_peaks_and_their_end() -> None:
    jobs, tries = history(20_000, nodes=20)
    depth = queue(jobs, tries)
    assert len(depth.at) <= POINTS
    assert (np.diff(depth.at) > 0).all()
    assert depth.running.max() == 80
    assert depth.waiting.max() == 19_920  # all but those that started at once
    assert (depth.running[-1], depth.waiting[-1]) == (1, 0)
