"""The columns of every public DataFrame: name, dtype, unit, meaning. The docs' tables are these."""

from __future__ import annotations

from typing import NamedTuple

from nexapod.core.states import AttemptEnd, JobState, NodeState

#: Every time is timezone-aware UTC with nanosecond resolution.
TIME = "datetime64[ns, UTC]"

JOB_STATES: tuple[str, ...] = tuple(state.value for state in JobState)
NODE_STATES: tuple[str, ...] = tuple(state.value for state in NodeState)
ATTEMPT_ENDS: tuple[str, ...] = ("running", *(end.value for end in AttemptEnd))


class Column(NamedTuple):
    """One documented column.

    Attributes
    ----------
    dtype
        A pandas dtype, as its string.
    unit
        ``s``, ``GB``, ``UTC``; empty where there is none.
    """

    name: str
    dtype: str
    unit: str
    meaning: str


NODES: tuple[Column, ...] = (
    Column("status", "category", "", "online, suspect, lost, draining or left"),
    Column("slots", "Int64", "", "jobs it runs at once; missing when the node never said"),
    Column("leases", "int64", "", "jobs it holds, running or queued on it"),
    Column("running", "int64", "", "jobs it runs now"),
    Column("completed", "int64", "", "attempts it completed"),
    Column("failed", "int64", "", "attempts that failed on it"),
    Column("lost", "int64", "", "attempts that nothing more was heard of"),
    Column("cpus", "float64", "cores", "processor cores it offers"),
    Column("memory_gb", "float64", "GB", "memory it offers, in 10**9 bytes"),
    Column("gpus", "int64", "", "graphics processors it offers"),
    Column("os", "str", "", "operating system"),
    Column("cpu", "str", "", "processor model"),
    Column("gpu", "str", "", "graphics processor model; empty without one"),
    Column("python", "str", "", "Python version of its runner"),
    Column("tags", "str", "", "its tags, separated by spaces"),
    Column("registered_at", TIME, "UTC", "when it registered"),
    Column("last_seen_at", TIME, "UTC", "when it was last heard"),
    Column("unmatched", "str", "", "why pending jobs cannot run on it; empty if they can"),
    Column("hashes", "str", "", "name=sha256 of its runner, weights, …, separated by spaces"),
)

JOBS: tuple[Column, ...] = (
    Column("status", "category", "", "pending, assigned, completed, failed or cancelled"),
    Column("name", "str", "", "the function's name, or what the job was called"),
    Column("sweep", "str", "", "the sweep it belongs to; missing for a single job"),
    Column("kind", "category", "", "function (a Python call) or data (plain JSON)"),
    Column("assigned_to", "str", "", "the node that has it, or had it last"),
    Column("attempts", "int64", "", "how often it was handed to a node (its epoch)"),
    Column("priority", "int64", "", "higher goes first"),
    Column("created_at", TIME, "UTC", "when it was submitted"),
    Column("started_at", TIME, "UTC", "when its last attempt started"),
    Column("finished_at", TIME, "UTC", "when it became completed, failed or cancelled"),
    Column("wait_s", "float64", "s", "from created_at to started_at"),
    Column("run_s", "float64", "s", "how long the last attempt ran, by the node's clock"),
    Column("error", "str", "", "why it failed; missing unless it did"),
)

ATTEMPTS: tuple[Column, ...] = (
    Column("job_id", "str", "", "the job"),
    Column("epoch", "int64", "", "1 for the job's first attempt, 2 for the next, …"),
    Column("node", "str", "", "the node it ran on"),
    Column("name", "str", "", "the job's name"),
    Column("sweep", "str", "", "the job's sweep; missing for a single job"),
    Column("params", "str", "", "the job's parameters as text; empty when not recorded"),
    Column("started_at", TIME, "UTC", "when the node got the job"),
    Column("ended_at", TIME, "UTC", "when the attempt ended; missing while it runs"),
    Column("end", "category", "", "running, completed, failed, lost, released or cancelled"),
    Column("run_s", "float64", "s", "how long it ran, by the node's clock"),
    Column("peak_memory_gb", "float64", "GB", "largest resident memory seen"),
    Column("error", "str", "", "why it failed; missing unless it did"),
)

TOKENS: tuple[Column, ...] = (
    Column("scopes", "str", "", "what it lets its holder do, separated by spaces"),
    Column("label", "str", "", "whom it is for"),
    Column("trusted", "bool", "", "whether pickles from its nodes are opened"),
    Column("created_at", TIME, "UTC", "when it was made; missing for the fleet's own"),
    Column("expires_at", TIME, "UTC", "when it ends by itself; missing for never"),
    Column("revoked_at", TIME, "UTC", "when it was revoked; missing unless it was"),
)

AUDIT: tuple[Column, ...] = (
    Column("at", TIME, "UTC", "when"),
    Column("actor", "str", "", "the id of the token that was used"),
    Column("address", "str", "", "where the request came from; empty for this process"),
    Column("action", "str", "", "what was done: submit, cancel, retry, token.make, …"),
    Column("subject", "str", "", "what it was done to: a job, a node, a token, a sweep"),
    Column("detail", "str", "", "more of it, as JSON"),
)

#: The columns that follow a sweep's parameters and results.
SWEEP: tuple[Column, ...] = (
    Column("status", "category", "", "pending, assigned, completed, failed or cancelled"),
    Column("node", "str", "", "the node that has the job, or had it last"),
    Column("wait_s", "float64", "s", "from submission to the start of the last attempt"),
    Column("run_s", "float64", "s", "how long the last attempt ran, by the node's clock"),
    Column("finished_at", TIME, "UTC", "when the job became final"),
    Column("error", "str", "", "why it failed; missing unless it did"),
)
