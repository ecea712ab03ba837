from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from nexapod.views.frames import attempts_frame
from nexapod.views.lanes import lanes, merge, occupied, spans
from tests.unit.views.builders import NOW, attempts


@pytest.mark.parametrize("seed", range(20))
def test_lanes_never_overlap_and_are_as_few_as_can_be(seed: int) -> None:
    dice = np.random.default_rng(seed)
    start = dice.integers(0, 50, 200).astype(float)  # whole seconds: many ties
    end = start + dice.integers(0, 20, 200).astype(float)
    lane = lanes(start, end)
    for own in range(int(lane.max()) + 1):
        chosen = lane == own
        order = np.lexsort((end[chosen], start[chosen]))
        assert (start[chosen][order][1:] >= end[chosen][order][:-1]).all()
    worst = max(int(((start <= at) & (end > at)).sum()) for at in np.unique(start))
    assert int(lane.max()) + 1 <= max(worst + 1, 1)


def test_touching_intervals_share_a_lane() -> None:
    assert lanes(np.array([0.0, 1.0, 0.5]), np.array([1.0, 2.0, 1.5])).tolist() == [0, 0, 1]


def test_spans_trust_the_node_about_how_long_it_ran() -> None:
    frame = attempts_frame(
        {
            "job_id": ["queued", "running", "seed"],
            "started_at": [NOW, NOW, NOW],
            "ended_at": [NOW + 10, None, NOW + 4],
            "run_s": [2.0, None, None],
        }
    )
    start, end = spans(frame, NOW + 7)
    assert (start - NOW).tolist() == [8.0, 0.0, 0.0]
    assert (end - NOW).tolist() == [10.0, 7.0, 4.0]


def test_spans_are_never_negative() -> None:
    start, end = spans(attempts(200))
    assert (end >= start).all()


def test_merge_joins_only_like_neighbours_without_a_visible_gap() -> None:
    start = np.array([0.0, 1.1, 2.2, 5.0, 0.0])
    end = np.array([1.0, 2.0, 3.0, 6.0, 9.0])
    lane = np.array([0, 0, 0, 0, 1])
    group = np.array([0, 0, 1, 1, 0])
    first, last, at, of, number, index = merge(start, end, lane, group, 0.5)
    assert first.tolist() == [0.0, 2.2, 5.0, 0.0]
    assert last.tolist() == [2.0, 3.0, 6.0, 9.0]
    assert at.tolist() == [0, 0, 0, 1]
    assert of.tolist() == [0, 1, 1, 0]
    assert number.tolist() == [2, 1, 1, 1]
    assert index.tolist() == [0, 2, 3, 4]


@pytest.mark.parametrize("seed", range(5))
def test_occupied_is_the_mean_number_of_intervals_in_each_bin(seed: int) -> None:
    dice = np.random.default_rng(seed)
    row = dice.integers(0, 3, 60)
    start = dice.uniform(100, 150, 60)
    end = start + dice.uniform(0, 10, 60)
    edges = np.linspace(100, 160, 13)
    seen = occupied(row, start, end, 3, edges)
    for own in range(3):
        for at, (left, right) in enumerate(pairwise(edges)):
            overlap = np.minimum(end, right) - np.maximum(start, left)
            filled = overlap[row == own].clip(min=0).sum()
            assert seen[own, at] == pytest.approx(filled / (right - left), abs=1e-9)


def test_a_whole_bin_of_one_interval_is_one() -> None:
    whole = occupied(np.array([0]), np.array([0.0]), np.array([2.0]), 2, np.array([0.0, 1.0, 2.0]))
    assert whole.tolist() == [[1.0, 1.0], [0.0, 0.0]]
