"""pandas frames of nodes, jobs and attempts: pure functions of rows or columns.

Every frame has the columns of its table in `nexapod.views.columns`, in that order and with those
dtypes, whether it has rows or not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import pandas as pd

from nexapod.core.records import RESTORE_EPOCHS
from nexapod.views.columns import ATTEMPTS, AUDIT, JOBS, NODES, TOKENS
from nexapod.views.series import (
    floats,
    message_of,
    node_status,
    params_text,
    series,
)
from nexapod.wire.messages import NodeRow, TokenRow

GB = 1_000_000_000


def nodes_frame(rows: Sequence[NodeRow]) -> pd.DataFrame:
    """One row per node, in the order given.

    Parameters
    ----------
    rows
        As the coordinator lists them.

    Returns
    -------
    pandas.DataFrame
        Index ``id`` (str). Columns:

        ============= ==================== =====================================================
        status        category             online, suspect, lost, draining, left
        slots         Int64                jobs it runs at once; missing when it never said
        leases        int64                jobs it holds, running or queued on it
        running       int64                jobs it runs now
        completed     int64                attempts it completed
        failed        int64                attempts that failed on it
        lost          int64                attempts that nothing more was heard of
        cpus          float64              cores it offers
        memory_gb     float64, GB          memory it offers, in units of 10**9 bytes
        gpus          int64                graphics processors it offers
        os, cpu, gpu  str                  as in its profile
        python        str                  Python version of its runner
        tags          str                  separated by spaces
        registered_at datetime64[ns, UTC]  when it registered
        last_seen_at  datetime64[ns, UTC]  when it was last heard
        unmatched     str                  why pending jobs cannot run on it; empty if they can
        hashes        str                  ``name=sha256``, separated by spaces
        ============= ==================== =====================================================
    """
    profiles = [_profile(row) for row in rows]
    columns: dict[str, list[Any]] = {
        name: [getattr(row, name) for row in rows]
        for name in ("slots", "leases", "running", "completed", "failed", "lost", "cpus", "gpus")
    }
    for name in ("os", "cpu", "gpu", "python"):
        columns[name] = [_text(profile.get(name)) for profile in profiles]
    columns["memory_gb"] = [row.memory_bytes / GB for row in rows]
    columns["tags"] = [" ".join(row.tags) for row in rows]
    columns["registered_at"] = [row.registered_at for row in rows]
    columns["last_seen_at"] = [row.last_seen_at for row in rows]
    columns["unmatched"] = ["; ".join(row.unmatched) for row in rows]
    columns["hashes"] = [_pairs(profile.get("hashes")) for profile in profiles]
    index = pd.Index([row.id for row in rows], dtype="str", name="id")
    data = {"status": node_status((row.status for row in rows), index)}
    for column in NODES[1:]:
        data[column.name] = series(column, columns[column.name], index)
    return pd.DataFrame(data, index=index)


def jobs_frame(columns: Mapping[str, Sequence[Any]]) -> pd.DataFrame:
    """One row per job, in the order given.

    Parameters
    ----------
    columns
        The fields of `nexapod.wire.messages.JobRow`, each a sequence with one entry per job;
        times are Unix seconds or None. ``job_id`` must be there; what else is left out is missing
        in every row. ``error`` may be text, JSON bytes, a mapping with ``message``, or None.

    Returns
    -------
    pandas.DataFrame
        Index ``job_id`` (str). Columns:

        =========== ==================== ======================================================
        status      category             pending, assigned, completed, failed, cancelled
        name        str                  the function's name, or what the job was called
        sweep       str                  the sweep it belongs to; missing for a single job
        kind        category             function, data
        assigned_to str                  the node that has it, or had it last
        attempts    int64                how often it was handed to a node (its epoch)
        priority    int64                higher goes first
        created_at  datetime64[ns, UTC]  when it was submitted
        started_at  datetime64[ns, UTC]  when its last attempt started
        finished_at datetime64[ns, UTC]  when it became final
        wait_s      float64, s           from created_at to started_at
        run_s       float64, s           how long the last attempt ran, by the node's clock
        error       str                  why it failed; missing unless it did
        =========== ==================== ======================================================
    """
    ids = columns.get("job_id", ())
    rows = len(ids)
    source = {name: columns.get(name, [None] * rows) for name in _JOB_SOURCES}
    created, started = floats(source["created_at"]), floats(source["started_at"])
    run_s = floats(source["run_s"])
    # A node that speaks only the seed's protocol tells no run time: its lease is the best there is.
    lease_s = floats(source["finished_at"]) - started
    values: dict[str, Any] = {
        **source,
        "attempts": [(epoch or 0) % RESTORE_EPOCHS for epoch in source["epoch"]],
        "wait_s": started - created,
        "run_s": np.where(np.isnan(run_s), lease_s, run_s),
        "error": [None if error is None else message_of(error) for error in source["error"]],
    }
    index = pd.Index(list(ids), dtype="str", name="job_id")
    return pd.DataFrame(
        {column.name: series(column, values[column.name], index) for column in JOBS}, index=index
    )


def attempts_frame(columns: Mapping[str, Sequence[Any]]) -> pd.DataFrame:
    """One row per attempt, in the order given.

    Parameters
    ----------
    columns
        ``job_id``, ``epoch``, ``node`` (or ``node_id``), ``name``, ``sweep``, ``params`` (JSON or
        a mapping), ``started_at``, ``ended_at`` (Unix seconds or None), ``end`` (None while it
        runs), ``run_s``, ``peak_memory_bytes``, ``error``. Only ``job_id`` must be there.

    Returns
    -------
    pandas.DataFrame
        A plain index. Columns:

        =============== ==================== ==================================================
        job_id          str                  the job
        epoch           int64                1 for the job's first attempt, 2 for the next, …
        node            str                  the node it ran on
        name, sweep     str                  the job's
        params          str                  ``temperature_k=300, seed=1``; empty if unknown
        started_at      datetime64[ns, UTC]  when the node got the job
        ended_at        datetime64[ns, UTC]  when the attempt ended; missing while it runs
        end             category             running, completed, failed, lost, released, cancelled
        run_s           float64, s           how long it ran, by the node's clock
        peak_memory_gb float64, GB           largest resident memory seen
        error           str                  why it failed; missing unless it did
        =============== ==================== ==================================================
    """
    rows = len(columns.get("job_id", ()))
    source = {name: columns.get(name, [None] * rows) for name in _ATTEMPT_SOURCES}
    run_s = floats(source["run_s"])
    lease_s = floats(source["ended_at"]) - floats(source["started_at"])
    values: dict[str, Any] = {
        **source,
        "job_id": columns.get("job_id", ()),
        "node": columns.get("node", source["node_id"]),
        "params": [params_text(params) for params in source["params"]],
        "end": ["running" if end is None else str(end) for end in source["end"]],
        "run_s": np.where(np.isnan(run_s), lease_s, run_s),
        "peak_memory_gb": floats(source["peak_memory_bytes"]) / GB,
        "error": [None if error is None else message_of(error) for error in source["error"]],
    }
    index = pd.RangeIndex(rows)
    return pd.DataFrame(
        {column.name: series(column, values[column.name], index) for column in ATTEMPTS},
        index=index,
    )


def tokens_frame(rows: Sequence[TokenRow]) -> pd.DataFrame:
    """One row per token, in the order given.

    Parameters
    ----------
    rows
        As the coordinator lists them.

    Returns
    -------
    pandas.DataFrame
        Index ``id`` (str). Columns:

        =========== ==================== ====================================================
        scopes      str                  what it lets its holder do, separated by spaces
        label       str                  whom it is for
        trusted     bool                 whether pickles from its nodes are opened
        created_at  datetime64[ns, UTC]  when it was made; missing for the fleet's own
        expires_at  datetime64[ns, UTC]  when it ends by itself; missing for never
        revoked_at  datetime64[ns, UTC]  when it was revoked; missing unless it was
        =========== ==================== ====================================================
    """
    values: dict[str, list[Any]] = {
        "scopes": [" ".join(row.scopes) for row in rows],
        "label": [row.label for row in rows],
        "trusted": [row.trusted for row in rows],
        "created_at": [row.created_at or None for row in rows],
        "expires_at": [row.expires_at for row in rows],
        "revoked_at": [row.revoked_at for row in rows],
    }
    index = pd.Index([row.id for row in rows], dtype="str", name="id")
    return pd.DataFrame(
        {column.name: series(column, values[column.name], index) for column in TOKENS}, index=index
    )


def audit_frame(columns: Mapping[str, Sequence[Any]]) -> pd.DataFrame:
    """One row per thing that somebody did, oldest first.

    Parameters
    ----------
    columns
        ``seq`` and the columns below; times are Unix seconds.

    Returns
    -------
    pandas.DataFrame
        Index ``seq`` (int64). Columns:

        ======= ==================== ========================================================
        at      datetime64[ns, UTC]  when
        actor   str                  the id of the token that was used
        address str                  where the request came from; empty for this process
        action  str                  what was done: submit, cancel, retry, token.make, …
        subject str                  what it was done to: a job, a node, a token, a sweep
        detail  str                  more of it, as JSON
        ======= ==================== ========================================================
    """
    index = pd.Index(list(columns.get("seq", ())), dtype="int64", name="seq")
    return pd.DataFrame(
        {column.name: series(column, columns.get(column.name, ()), index) for column in AUDIT},
        index=index,
    )


_JOB_SOURCES = (
    "status", "name", "sweep", "kind", "assigned_to", "epoch", "priority", "created_at",
    "started_at", "finished_at", "run_s", "error",
)  # fmt: skip

_ATTEMPT_SOURCES = (
    "epoch", "node_id", "name", "sweep", "params", "started_at", "ended_at", "end", "run_s",
    "peak_memory_bytes", "error",
)  # fmt: skip


def _profile(row: NodeRow) -> Mapping[str, Any]:
    """The node's profile; empty where it is no JSON object (a seed node may send anything)."""
    try:
        profile = msgspec.json.decode(row.profile)
    except msgspec.DecodeError:
        return {}
    return profile if isinstance(profile, dict) else {}


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _pairs(value: Any) -> str:
    if not isinstance(value, Mapping):
        return _text(value)
    return " ".join(f"{name}={digest}" for name, digest in value.items())
