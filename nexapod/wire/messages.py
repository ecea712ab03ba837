"""Every body that crosses the wire, as a `msgspec.Struct`. The OpenAPI document is made from these.

JSON and MessagePack carry the same structs; bytes are base64 in JSON. `msgspec.Raw` fields hold
the caller's JSON untouched: what went in comes out byte for byte.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from nexapod.core.credentials import Scope
from nexapod.core.records import AttemptReport, Failure, JobKind, Value
from nexapod.ids import ID_PATTERN

Id = Annotated[str, Meta(pattern=ID_PATTERN, description="1 to 128 letters, digits, '.', '_', '-'")]
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}(?![\s\S])")]
Label = Annotated[str, Meta(max_length=200)]
Tag = Annotated[str, Meta(min_length=1, max_length=100)]
Epoch = Annotated[int, Meta(ge=0, le=2**53)]
WaitSeconds = Annotated[float, Meta(ge=0, le=60)]
Bytes = Annotated[int, Meta(ge=0, le=2**53)]


# ── nodes ────────────────────────────────────────────────────────────────────────────────────────


class Register(Struct, frozen=True):
    """``POST /register``. The seed sends `node_id` and `profile`; the rest is the agent's.

    Resources are read from the profile's own keys (``cores``, ``memory_bytes``, ``gpus``,
    ``python``, ``hashes``), so that what people see and what jobs are matched on is one thing.
    """

    node_id: Id
    profile: Raw
    boot_id: Id | None = None
    slots: Annotated[int, Meta(ge=1, le=4096)] | None = None
    prefetch: Annotated[int, Meta(ge=0, le=4096)] = 0
    kinds: tuple[JobKind, ...] = ("data",)
    tags: tuple[Tag, ...] = ()
    holding: tuple[tuple[Id, Epoch], ...] | None = None


class Registered(Struct, frozen=True):
    """The answer to `Register`. `lost` are leases in `holding` no longer the node's.

    `fleet_id` names the coordinator's database: an agent that finds another one behind the same
    address (the port was taken over) keeps its results for its own. `trusted`: whether pickles
    from this node will be opened; one that is not seals its results in plainer formats.
    """

    status: Literal["registered"]
    node_id: str
    lease_s: float
    lost: tuple[tuple[str, int], ...] = ()
    fleet_id: str = ""
    trusted: bool = True


class Assignment(Struct, frozen=True, gc=False):
    """``GET /job`` with a job: the seed's four keys, then the lease."""

    job_id: str
    status: Literal["assigned"]
    data: Raw
    assigned_to: str
    epoch: int
    lease_s: float


class NoJob(Struct, frozen=True):
    """``GET /job`` without one."""

    status: Literal["no_job_available"] = "no_job_available"


class LeaseRequest(Struct, frozen=True):
    """``POST /lease``: up to `max` jobs at once. The same `request_id` gets the same leases."""

    node_id: Id
    max: Annotated[int, Meta(ge=1, le=4096)] = 1
    wait_s: WaitSeconds = 0.0
    request_id: Id | None = None


class Leased(Struct, frozen=True, omit_defaults=True, gc=False):
    """One leased job. `payload` is the sealed call, or the data as JSON bytes; or `blob` names it.

    `inputs` maps the id of each job this one depends on to that job's result.
    """

    job_id: str
    epoch: int
    kind: JobKind
    name: str = ""
    payload: bytes | None = None
    blob: str | None = None
    cpus: float = 1.0
    memory_bytes: int = 0
    gpus: int = 0
    timeout_s: float | None = None
    inputs: dict[str, Value] = {}


class LeaseReply(Struct, frozen=True):
    """The answer to `LeaseRequest`: possibly no jobs, when the wait was in vain."""

    lease_s: float
    jobs: list[Leased] = []


class Holding(Struct, frozen=True, array_like=True, gc=False):
    """One lease in a heartbeat. `elapsed_s` is negative while the job only queues on the node."""

    job_id: Id
    epoch: Epoch
    elapsed_s: float = -1.0


class Heartbeat(Struct, frozen=True):
    """``POST /heartbeat``: renews at once, then waits up to `wait_s` for something to say.

    It returns early when a lease of this node is cancelled, so that a cancel arrives in
    milliseconds rather than at the next beat.
    """

    node_id: Id
    leases: tuple[Holding, ...] = ()
    boot_id: Id | None = None
    wait_s: WaitSeconds = 0.0


class LeaseStatus(Struct, frozen=True, array_like=True, gc=False):
    """The coordinator's word on one lease."""

    job_id: str
    epoch: int
    status: Literal["ok", "cancel", "lost"]


class HeartbeatReply(Struct, frozen=True):
    """The answer to `Heartbeat`, one entry per lease in it."""

    lease_s: float
    leases: list[LeaseStatus] = []


class SeedResult(Struct, frozen=True, gc=False):
    """``POST /result``. The seed sends `job_id`, `result`, `node_id`.

    ``{"status": "failed", "error": {…}}`` instead of `result` reports a failure.
    """

    job_id: Id
    node_id: Id
    result: Raw | UnsetType = UNSET
    epoch: Epoch | None = None
    status: Literal["completed", "failed"] = "completed"
    error: Failure | None = None


class ResultReceived(Struct, frozen=True, gc=False):
    """The answer to `SeedResult`."""

    status: Literal["result_received"]
    job_id: str


class Results(Struct, frozen=True):
    """``POST /results``: how many attempts ended, in one body."""

    node_id: Id
    reports: Annotated[list[AttemptReport], Meta(max_length=10_000)]


class ReportStatus(Struct, frozen=True, array_like=True, gc=False):
    """What became of one report: ``recorded``, or the code and sentence of the refusal."""

    job_id: str
    status: str
    message: str = ""


class ResultsReply(Struct, frozen=True):
    """The answer to `Results`, in the same order. A refused item never spoils its neighbours."""

    reports: list[ReportStatus]


class LogChunk(Struct, frozen=True, gc=False):
    """Something that an attempt printed: `data` is what came from its byte `start` on."""

    job_id: Id
    epoch: Epoch
    start: Bytes
    data: Annotated[bytes, Meta(max_length=4 * 1024 * 1024)]


class Progress(Struct, frozen=True, gc=False):
    """How far an attempt says it is: `fraction` of the whole, and a few words."""

    job_id: Id
    epoch: Epoch
    fraction: Annotated[float, Meta(ge=0, le=1)]
    message: Label = ""


class Logs(Struct, frozen=True):
    """``POST /logs``: what the node's attempts printed and how far they are, since the last one.

    The chunks of one attempt come in order; where one begins after the end of the one before,
    something in between is lost.
    """

    node_id: Id
    chunks: Annotated[list[LogChunk], Meta(max_length=10_000)] = []
    progress: Annotated[list[Progress], Meta(max_length=10_000)] = []


class LogsReply(Struct, frozen=True):
    """The answer to `Logs`. `dropped`: attempts that are not the node's; none of it is kept."""

    dropped: list[tuple[str, int]] = []


class Leave(Struct, frozen=True):
    """``POST /leave``: the node drains. Its listed leases (all, when None) go back at once."""

    node_id: Id
    release: tuple[tuple[Id, Epoch], ...] | None = None


class Left(Struct, frozen=True):
    """The answer to `Leave`: how many leases went back."""

    status: Literal["left", "draining"]
    node_id: str
    released: int


class Draining(Struct, frozen=True):
    """The answer to ``POST /nodes/{node_id}/drain``: `running` leases are still to finish there."""

    node_id: str
    status: Literal["left", "draining"]
    running: int


class Stopping(Struct, frozen=True):
    """The answer to ``POST /stop``."""

    status: Literal["stopping"]


# ── clients ──────────────────────────────────────────────────────────────────────────────────────


class NewJob(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """One job in ``POST /jobs``.

    ``{"data": …}`` alone is a whole request. A function job carries `payload` (the sealed call)
    or `blob` (where it lies) instead of `data`. A key that is not here is refused: a misspelt
    ``timout_s`` must not be ignored. `identity` stands for the payload when a repeat
    is compared: the same call, pickled again, need not give the same bytes.
    """

    data: Raw | UnsetType = UNSET
    job_id: Id | None = None
    kind: JobKind = "data"
    payload: bytes | None = None
    blob: Sha256 | None = None
    name: Label = ""
    sweep: Label | None = None
    params: Raw | UnsetType = UNSET
    cpus: Annotated[float, Meta(gt=0, le=100_000)] = 1.0
    memory_bytes: Bytes = 0
    gpus: Annotated[int, Meta(ge=0, le=1000)] = 0
    tags: tuple[Tag, ...] = ()
    hashes: dict[Label, Sha256] = {}
    python: Annotated[str, Meta(max_length=20)] = ""
    priority: Annotated[int, Meta(ge=-1_000_000, le=1_000_000)] = 0
    retries: Annotated[int, Meta(ge=0, le=1000)] = 0
    timeout_s: Annotated[float, Meta(gt=0, le=10 * 365 * 86_400)] | None = None
    key: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    after: Annotated[tuple[Id, ...], Meta(max_length=10_000)] = ()
    retry_of: Id | None = None
    identity: Annotated[str, Meta(max_length=300)] | None = None
    deadline_s: Annotated[float, Meta(gt=0, le=10 * 365 * 86_400)] | None = None


class Submitted(Struct, frozen=True, gc=False):
    """The answer for one submitted job: its id and where it is (a repeat tells how far it got)."""

    job_id: str
    status: str


class JobLog(Struct, frozen=True):
    """``GET /jobs/{job_id}/log``: what is kept of what an attempt printed, from a byte on.

    `text` tells of the bytes from `start` to `end`; what of them is not kept is one line that says
    how much that is. `is_open`: the attempt runs (or is still to come, as `epoch` 0), so that
    asking again from `end` on may give more.
    """

    epoch: int
    start: int
    end: int
    text: str
    is_open: bool


class Cancelled(Struct, frozen=True):
    """The answer to a cancel: the state now, and the node that was told to kill it, if any."""

    job_id: str
    status: str
    was: str
    node_id: str | None = None


class JobIds(Struct, frozen=True):
    """``POST /jobs/cancel`` and ``POST /jobs/states``."""

    job_ids: Annotated[list[Id], Meta(max_length=100_000)]


class JobRow(Struct, frozen=True, gc=False):
    """One job as REST, pandas and the browser see it. Times are Unix seconds."""

    job_id: str
    status: str
    assigned_to: str | None
    result: Raw
    kind: str
    name: str
    sweep: str | None
    params: Raw
    epoch: int
    priority: int
    created_at: float
    started_at: float | None
    finished_at: float | None
    run_s: float | None
    error: Raw
    retry_of: str | None


class NodeRow(Struct, frozen=True):
    """One node as REST, pandas and the browser see it."""

    id: str
    profile: Raw
    status: str
    slots: int | None
    cpus: float
    memory_bytes: int
    gpus: int
    tags: tuple[str, ...]
    leases: int
    running: int
    completed: int
    failed: int
    registered_at: float
    last_seen_at: float
    unmatched: tuple[str, ...]
    lost: int = 0


class JobPatch(Struct, frozen=True, omit_defaults=True, gc=False):
    """What changed of one job, in ``GET /events``, or where it is, in ``POST /jobs/states``.

    `foreign`, in the latter only: it was submitted with another token than the caller's.
    """

    job_id: str
    status: str
    assigned_to: str | None = None
    epoch: int | None = None
    sweep: str | None = None
    foreign: bool = False


class SweepRow(Struct, frozen=True):
    """One sweep."""

    name: str
    jobs: int


class Status(Struct, frozen=True):
    """``GET /status``: jobs by state, and since when (Unix seconds) this coordinator runs."""

    jobs: dict[str, int]
    started_at: float
    fleet_id: str


class Health(Struct, frozen=True):
    """``GET /health``: open to all, and silent about everything else."""

    status: Literal["ok"]


class NewToken(Struct, frozen=True, forbid_unknown_fields=True):
    """``POST /tokens``. `trusted`: whether kernels open pickles that its nodes send."""

    scopes: Annotated[list[Scope], Meta(min_length=1, max_length=4)]
    label: Label = ""
    expires_in_s: Annotated[float, Meta(gt=0, le=10 * 365 * 86_400)] | None = None
    trusted: bool = True


class MadeToken(Struct, frozen=True):
    """The answer to `NewToken`: the only time that the secret is shown."""

    id: str
    token: str
    scopes: list[Scope]
    expires_at: float | None = None


class TokenRow(Struct, frozen=True):
    """One token, without its secret. Times are Unix seconds."""

    id: str
    scopes: list[Scope]
    label: str
    trusted: bool
    created_at: float
    expires_at: float | None
    revoked_at: float | None


class Invitation(Struct, frozen=True):
    """The answer to ``POST /invitation``: a node token; null when nobody needs one."""

    token: str | None


class AuditRow(Struct, frozen=True):
    """Somebody did something. `actor` is the id of a token."""

    seq: int
    at: float
    actor: str
    address: str
    action: str
    subject: str
    detail: Raw


class BlobStored(Struct, frozen=True):
    """The answer to ``PUT /blobs/{sha256}``."""

    sha256: str
    size: int


class ErrorBody(Struct, frozen=True):
    """What is inside every refusal."""

    code: str
    message: str
    details: dict[str, Any] = {}


class ErrorReply(Struct, frozen=True):
    """Every 4xx and 5xx."""

    error: ErrorBody


NULL = msgspec.Raw(b"null")
