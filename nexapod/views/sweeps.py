"""The frame of a sweep: one row per job, its parameters, its result, and how it went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from nexapod.core.states import JobState
from nexapod.views.columns import SWEEP
from nexapod.views.frames import jobs_frame

_SCALARS = (str, bool, int, float, complex, np.generic)


def sweep_frame(
    params: Sequence[Mapping[str, Any]],
    results: Sequence[Any],
    jobs: pd.DataFrame | Mapping[str, Sequence[Any]],
) -> pd.DataFrame:
    """One row per job of a sweep, in the order of `params`.

    Parameters
    ----------
    params
        The parameters of each job.
    results
        The result of each job. It counts only where the job's status is ``completed``, so
        anything may stand in for the others.
    jobs
        The jobs, one per entry of `params` and in the same order: a frame made by `jobs_frame`,
        or the columns it takes.

    Returns
    -------
    pandas.DataFrame
        Index ``job_id`` (str). Columns, in this order:

        - one per parameter, under its own name;
        - the results: a result that is a mapping gives one column per key, anything else goes to
          ``result``; a name that is taken gets the suffix ``_result``;
        - ``status`` (category), ``node`` (str), ``wait_s`` (float64, s), ``run_s`` (float64, s),
          ``finished_at`` (datetime64[ns, UTC]), ``error`` (str); where a parameter has such a
          name, the column is called ``job_status`` and so on.

        Where there is no result yet, numbers are NaN (so a column of whole numbers is float64
        until the sweep is complete), truth values ``NA`` (dtype boolean), text and objects missing.
    """
    frame = jobs if isinstance(jobs, pd.DataFrame) else jobs_frame(jobs)
    if not len(params) == len(results) == len(frame):
        raise ValueError(
            f"{len(params)} parameter sets, {len(results)} results and {len(frame)} jobs "
            "do not belong together: there must be one of each per job"
        )
    index = frame.index
    everywhere = np.arange(len(frame))
    data: dict[str, pd.Series[Any]] = {}
    for name, rows, values in _split(params, everywhere):
        data[name] = _infer(name, rows, values, index)
    taken = set(data)
    done = np.flatnonzero((frame["status"] == JobState.COMPLETED.value).to_numpy())
    own = {column.name for column in SWEEP}
    for name, rows, values in _results(results, done):
        free = name
        while free in taken or free in own:
            free += "_result"
        taken.add(free)
        data[free] = _infer(free, rows, values, index)
    for column in SWEEP:
        name = f"job_{column.name}" if column.name in taken else column.name
        data[name] = frame["assigned_to" if column.name == "node" else column.name].rename(name)
    return pd.DataFrame(data, index=index)


def _split(
    mappings: Sequence[Mapping[Any, Any]], rows: Sequence[int] | np.ndarray[Any, Any]
) -> list[tuple[str, list[int], list[Any]]]:
    """Mappings to columns (name, rows that have it, values), names in order of appearance."""
    columns: dict[str, tuple[list[int], list[Any]]] = {}
    for row, mapping in zip(rows, mappings, strict=True):
        for key, value in mapping.items():
            at, values = columns.setdefault(str(key), ([], []))
            at.append(int(row))
            values.append(value)
    return [(name, at, values) for name, (at, values) in columns.items()]


def _results(
    results: Sequence[Any], done: np.ndarray[Any, Any]
) -> list[tuple[str, list[int], list[Any]]]:
    rows = [int(row) for row in done]
    mappings = [row for row in rows if isinstance(results[row], Mapping)]
    # None is what a missing result is, and gives no column where there are others.
    plain = [
        row for row in rows if results[row] is not None and not isinstance(results[row], Mapping)
    ]
    columns = _split([results[row] for row in mappings], mappings)
    if plain or not columns:
        columns.append(("result", plain, [results[row] for row in plain]))
    return columns


def _infer(name: str, rows: list[int], values: list[Any], index: pd.Index[Any]) -> pd.Series[Any]:
    """The values at `rows`, missing elsewhere, in the dtype they are of."""
    complete = len(rows) == len(index)
    known = [value for value in values if value is not None]
    if not known:
        # Nothing is known of it yet: floats, which is what most results turn out to be.
        return pd.Series(np.full(len(index), np.nan), index=index, name=name)
    if all(isinstance(value, bool | np.bool_) for value in known):
        truth = np.full(len(index), None, dtype=object)
        truth[rows] = values
        flags = pd.Series(truth, index=index, name=name)
        return flags.astype("bool" if complete and len(known) == len(values) else "boolean")
    if all(isinstance(value, _SCALARS) for value in known):
        part = pd.Series(values, index=rows, name=name)
        whole = part if complete else part.reindex(range(len(index)))
        return whole.sort_index().set_axis(index)
    # Anything else (arrays, lists, molecules) stays the object it is, one per cell.
    cells = np.full(len(index), None, dtype=object)
    for row, value in zip(rows, values, strict=True):
        cells[row] = value
    return pd.Series(cells, index=index, name=name)
