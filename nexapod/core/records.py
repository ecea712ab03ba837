"""Frozen records: what crosses the border between the core and the rest.

Every record is a `msgspec.Struct`, frozen, and unknown to the garbage collector: none can be part
of a cycle, so a million pending jobs stay small and cost the collector nothing.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from nexapod.core.states import AttemptEnd, JobState, NodeState

#: A whole number that every JSON reader and the database hold exactly.
Whole = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
#: A restored backup goes on this many epochs further, or a multiple: no job has so many attempts.
RESTORE_EPOCHS = 1_000_000
JobKind = Literal["data", "function"]
#: How a value's bytes are to be read. Only a pickle runs code when it is opened.
Format = Literal["json", "pickle", "bytes", "npy", "arrow"]

#: What a node's ``error.type`` may say.
ErrorType = Literal[
    "exception", "signal", "exit", "timeout", "memory", "mismatch", "cancelled", "dependency",
    "deadline", "lost", "poison", "rejected", "error", "processes", "output", "disk", "untrusted",
]  # fmt: skip


class Demand(msgspec.Struct, frozen=True, order=False, gc=False):
    """What a job needs from a node. Jobs with equal demands queue together.

    Attributes
    ----------
    kind
        ``"data"`` (plain JSON for the node's own runner) or ``"function"`` (a sealed call).
    cpus, memory_bytes, gpus
        Resources held while the job runs.
    tags
        Every one must be among the node's tags.
    hashes
        Pairs (name, sha256) that must equal the node's ``profile.hashes``.
    python
        ``"3.11"`` when only that minor version can open the call, else empty.
    """

    kind: JobKind = "data"
    cpus: float = 1.0
    memory_bytes: int = 0
    gpus: int = 0
    tags: tuple[str, ...] = ()
    hashes: tuple[tuple[str, str], ...] = ()
    python: str = ""

    @property
    def is_light(self) -> bool:
        """Whether it asks for no more than one slot: such jobs may queue on a node."""
        return self.cpus <= 1.0 and not self.memory_bytes and not self.gpus


class JobSpec(msgspec.Struct, frozen=True, gc=False):
    """What was submitted, less the payload (which lives in the store).

    `seq` is the place in the queue: it rises by one with each accepted job and never changes.
    `owner` is the id of the credential that submitted it, empty for the fleet's own;
    `first_epoch` the epoch it begins at (0, but more in a database that was restored).
    """

    seq: int
    id: str
    demand: Demand
    created_at: float
    name: str = ""
    sweep: str | None = None
    priority: int = 0
    retries: int = 0
    timeout_s: float | None = None
    key: str | None = None
    retry_of: str | None = None
    owner: str = ""
    deadline_at: float | None = None
    first_epoch: int = 0


class Failure(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Why an attempt or a job did not complete, as the node or the coordinator tells it.

    Attributes
    ----------
    type
        See `ErrorType`.
    message
        One sentence.
    traceback
        The remote traceback, as text.
    signal, exit_code
        How the process ended, where it did.
    exception
        The pickled exception object, opened only by the client that submitted the job.
    retryable
        False when another attempt cannot help.
    """

    type: ErrorType = "error"
    message: str = ""
    traceback: str | None = None
    signal: str | None = None
    exit_code: int | None = None
    exception: bytes | None = None
    retryable: bool = True


class Value(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A result or an input as bytes the coordinator never opens.

    Either `data` holds the bytes, or `blob` names the blob (its sha256, hex) that does.
    `trusted`: the coordinator's word, never the sender's, that it came from a node whose
    credential is trusted. Nobody opens a pickle without it.
    """

    format: Format = "json"
    size: Whole = 0
    data: bytes | None = None
    blob: str | None = None
    trusted: bool = False


class Capacity(msgspec.Struct, frozen=True, gc=False):
    """What a node can give. `slots` None: the node never said, so its leases are not capped.

    `prefetch` is how many leases beyond `slots` it may hold queued.
    """

    slots: int | None = None
    prefetch: int = 0
    cpus: float = 1.0
    memory_bytes: int = 0
    gpus: int = 0
    tags: tuple[str, ...] = ()
    hashes: tuple[tuple[str, str], ...] = ()
    python: str = ""
    kinds: tuple[JobKind, ...] = ("data",)


class NodeRecord(msgspec.Struct, frozen=True, gc=False):
    """A registered node. `profile` is the JSON it sent, byte for byte.

    `credential` is the id of the one it is bound to, empty while it is bound to none.
    """

    id: str
    profile: bytes
    capacity: Capacity
    boot_id: str | None
    registered_at: float
    address: str = ""
    credential: str = ""


class ClosedJob(msgspec.Struct, frozen=True, gc=False):
    """A finished job, as much of it as a late or repeated request is judged by.

    `digest` is the sha256 of the recorded result's bytes, empty unless completed.
    """

    id: str
    state: JobState
    epoch: int
    node_id: str | None
    digest: bytes = b""
    submission: bytes = b""
    key: str | None = None
    owner: str = ""


class LeasedJob(msgspec.Struct, frozen=True, gc=False):
    """One job handed to a node by one decision; the shell adds the payload."""

    seq: int
    id: str
    epoch: int
    spec: JobSpec
    after: tuple[str, ...] = ()


class OpenJob(msgspec.Struct, frozen=True, gc=False):
    """An unfinished job as the store remembers it across a restart.

    `request_id`, `lease_s` and `leased_at` are those of its live lease; `former` is the node that
    had its last attempt if that is over, and `end` how it ended.
    """

    spec: JobSpec
    epoch: int
    node_id: str | None
    failures: int
    lost_on: tuple[str, ...]
    after: tuple[str, ...]
    submission: bytes
    not_before_at: float | None = None
    request_id: str | None = None
    lease_s: float | None = None
    former: str | None = None
    end: AttemptEnd | None = None
    leased_at: float | None = None


class Snapshot(msgspec.Struct, frozen=True):
    """Everything a board is restored from: what is open, who is known, and how much there was.

    Attributes
    ----------
    jobs
        Open jobs, in order of `seq`.
    draining
        The nodes that left and have not registered since.
    counts
        How many jobs are in each final state.
    tallies
        Node id to (completed, failed, lost) attempts.
    fleet_id
        The database's own id.
    first_epoch
        The epoch that new jobs begin at; each restore of a backup raises it.
    """

    jobs: list[OpenJob]
    nodes: list[NodeRecord]
    draining: frozenset[str]
    counts: dict[JobState, int]
    tallies: dict[str, tuple[int, int, int]]
    next_seq: int
    fleet_id: str = ""
    first_epoch: int = 0


class NodeView(msgspec.Struct, frozen=True, gc=False):
    """A node as people see it now."""

    record: NodeRecord
    state: NodeState
    leases: int
    running: int
    last_seen_at: float
    completed: int
    failed: int
    unmatched: tuple[str, ...]
    lost: int = 0


class AttemptReport(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """How a node says one attempt ended.

    Attributes
    ----------
    end
        ``completed``, ``failed``, ``released`` (given back unstarted or drained) or ``cancelled``.
    run_s
        Seconds the attempt ran, by the node's clock.
    output
        The last lines of stdout and stderr.
    peak_memory_bytes
        The largest resident size seen.
    printed_bytes
        All that it printed, of which `output` is the end. None: `output` is all.
    """

    job_id: str
    epoch: Whole | None = None
    end: AttemptEnd = AttemptEnd.COMPLETED
    value: Value | None = None
    failure: Failure | None = None
    run_s: Annotated[float, msgspec.Meta(ge=0, le=1e9)] | None = None
    output: str = ""
    peak_memory_bytes: Whole | None = None
    printed_bytes: Whole | None = None
