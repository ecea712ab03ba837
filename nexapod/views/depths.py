"""How many jobs ran and how many waited, at every moment: a pure function of frames."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from nexapod.views.lanes import Floats, seconds

#: A line of more points than this is thinned; each point that is left is the largest near it.
POINTS = 600


class Depth(NamedTuple):
    """Step functions: from each moment until the next, so many.

    Attributes
    ----------
    at
        Unix seconds, rising.
    running, waiting
        How many jobs from then on.
    """

    at: Floats
    running: Floats
    waiting: Floats


def queue(jobs: pd.DataFrame, attempts: pd.DataFrame) -> Depth:
    """Running: attempts that a node held. Waiting: every other job that had not ended.

    A job whose attempt was lost or released waits again from then on.

    Parameters
    ----------
    jobs, attempts
        As made by `jobs_frame` and `attempts_frame`; at least one job.
    """
    started = attempts["started_at"].notna()
    left = ((jobs["created_at"], 1, 0), (jobs["finished_at"], -1, 0))
    held = (
        (attempts["started_at"][started], 0, 1),
        (attempts["ended_at"][started], 0, -1),
    )
    at, unended, running = (
        np.concatenate(parts)
        for parts in zip(*(_steps(times, *by) for times, *by in (*left, *held)), strict=True)
    )
    order = np.argsort(at, kind="stable")
    at, unended, running = at[order], np.cumsum(unended[order]), np.cumsum(running[order])
    last = np.append(np.flatnonzero(np.diff(at)), len(at) - 1)  # what holds after all of a moment
    depth = Depth(at[last], running[last], np.maximum(unended - running, 0)[last])
    return depth if len(depth.at) <= POINTS else _thinned(depth)


def _steps(
    times: pd.Series[pd.Timestamp], unended: int, running: int
) -> tuple[Floats, Floats, Floats]:
    at = seconds(times)
    at = at[np.isfinite(at)]
    return at, np.full(len(at), float(unended)), np.full(len(at), float(running))


def _thinned(depth: Depth) -> Depth:
    """At most `POINTS` points at even distances; each is the largest value until the next."""
    grid = np.linspace(depth.at[0], depth.at[-1], POINTS)
    begin = np.clip(np.searchsorted(depth.at, grid, side="right") - 1, 0, None)
    starts, index = np.unique(begin, return_index=True)
    running, waiting = (
        np.maximum.reduceat(values, starts) for values in (depth.running, depth.waiting)
    )
    running[-1], waiting[-1] = depth.running[-1], depth.waiting[-1]
    return Depth(grid[index], running, waiting)
