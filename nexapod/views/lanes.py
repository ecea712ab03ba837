"""Attempts packed into lanes: on each node as many as it ran jobs at once, none overlapping."""

from __future__ import annotations

from heapq import heappop, heappush

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def seconds(times: pd.Series[pd.Timestamp]) -> Floats:
    """UTC times as Unix seconds, missing as NaN."""
    values = times.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy(dtype="datetime64[ns]")
    known = ~np.isnat(values)
    out = np.full(len(values), np.nan)
    out[known] = values[known].astype(np.int64) / 1e9
    return out


def spans(attempts: pd.DataFrame, now_s: float | None = None) -> tuple[Floats, Floats]:
    """When each attempt ran: (start, end) in Unix seconds.

    The coordinator's `started_at` is when the lease was given; a job may then have queued on the
    node. Where the node told how long it ran, the bar is that long and ends when the attempt did.

    Parameters
    ----------
    attempts
        As made by `attempts_frame`.
    now_s
        Where attempts that still run end; None: at the last time known in the frame.
    """
    start, end = seconds(attempts["started_at"]), seconds(attempts["ended_at"])
    if now_s is None:
        known = np.concatenate([start, end])
        now_s = float(np.nanmax(known)) if np.isfinite(known).any() else 0.0
    end = np.where(np.isnan(end), np.maximum(now_s, start), end)
    run_s = attempts["run_s"].to_numpy(dtype=float)
    told = np.where(np.isnan(run_s), start, end - run_s)
    start = np.fmin(np.fmax(start, told), end)
    return start, end


def lanes(start: Floats, end: Floats) -> Ints:
    """The lane of each interval of one node: the lowest that is free when it starts.

    Parameters
    ----------
    start, end
        Seconds, ``start <= end``. An interval that ends when another starts does not overlap it.

    Returns
    -------
    numpy.ndarray of int64
        0 for the first lane. As many lanes are used as intervals overlap at the worst moment.
    """
    out = np.zeros(len(start), dtype=np.int64)
    free: list[int] = []
    ends: list[tuple[float, int]] = []
    used = 0
    for at in np.lexsort((end, start)):
        while ends and ends[0][0] <= start[at]:
            heappush(free, heappop(ends)[1])
        if free:
            lane = heappop(free)
        else:
            lane, used = used, used + 1
        out[at] = lane
        heappush(ends, (float(end[at]), lane))
    return out


def merge(
    start: Floats, end: Floats, lane: Ints, group: Ints, gap_s: float
) -> tuple[Floats, Floats, Ints, Ints, Ints, Ints]:
    """Neighbours between which nobody could see a gap on a screen become one bar.

    Two bars of one lane and one group, with nothing else between them, are joined when less than
    `gap_s` lies between them.

    Returns
    -------
    tuple of arrays
        start, end, lane, group, how many attempts each bar stands for, and the first of them.
    """
    order = np.lexsort((start, lane))
    start, end, lane, group = start[order], end[order], lane[order], group[order]
    joined = (lane[1:] == lane[:-1]) & (group[1:] == group[:-1]) & (start[1:] - end[:-1] < gap_s)
    first = np.flatnonzero(np.concatenate([[True], ~joined]))
    last = np.concatenate([first[1:], [len(start)]]) - 1
    return start[first], end[last], lane[first], group[first], last - first + 1, order[first]


def occupied(row: Ints, start: Floats, end: Floats, rows: int, edges: Floats) -> Floats:
    """How many intervals of each row lie in each bin, on average over the bin.

    Parameters
    ----------
    row
        The row of each interval, 0 to `rows` - 1.
    start, end
        Seconds, ``start <= end``.
    edges
        The bins' edges in seconds, evenly spaced.

    Returns
    -------
    numpy.ndarray of float64, shape (rows, bins)
        1.0 where one interval lies over the whole bin.
    """
    # Up to an edge t, the intervals that began before it have filled sum(t - start), and those
    # that ended before it must give back sum(t - end): two running sums for all rows at once.
    filled = np.zeros((rows, len(edges)))
    for times, sign in ((start, 1.0), (end, -1.0)):
        at = row * len(edges) + np.searchsorted(edges, times, side="left").clip(0, len(edges) - 1)
        size = rows * len(edges)
        number = np.bincount(at, minlength=size).reshape(rows, -1).cumsum(axis=1)
        total = np.bincount(at, weights=times - edges[0], minlength=size)
        total = total.reshape(rows, -1).cumsum(axis=1)
        filled += sign * ((edges - edges[0]) * number - total)
    occupied: Floats = np.diff(filled, axis=1) / np.diff(edges)
    return occupied.clip(min=0)
