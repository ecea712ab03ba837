"""What can be asked of the board. Each command is frozen and carries every fact it is judged by."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from nexapod.core.records import (
    AttemptReport,
    ClosedJob,
    Demand,
    NodeRecord,
)


class Instant(msgspec.Struct, frozen=True, gc=False):
    """A moment: `mono_s` for deadlines (monotonic seconds), `at` for people (Unix seconds)."""

    mono_s: float
    at: float


class Order(msgspec.Struct, frozen=True, gc=False):
    """One job to be submitted. `submission` is a digest of everything in it, for repeats.

    `payload` or `blob` is what the node gets, `params` JSON for people; the board reads neither.
    `deadline_s`: how long after its submission the job may still end well. `sees`: the owner whose
    jobs alone it may wait for, since it gets their results; None when all.
    """

    id: str
    demand: Demand
    submission: bytes
    payload: bytes | None = None
    blob: str | None = None
    params: bytes = b"null"
    name: str = ""
    sweep: str | None = None
    priority: int = 0
    retries: int = 0
    timeout_s: float | None = None
    key: str | None = None
    after: tuple[str, ...] = ()
    retry_of: str | None = None
    owner: str = ""
    deadline_s: float | None = None
    sees: str | None = None


class Command(msgspec.Struct, frozen=True, gc=False):
    """Base of the commands."""


class Submit(Command, frozen=True):
    """Submit jobs, all or none.

    `closed` holds the finished jobs among the ids, keys and dependencies named (by id, and by
    ``key:…``), looked up by the shell because the board only knows open jobs.
    """

    orders: tuple[Order, ...]
    closed: Mapping[str, ClosedJob] = {}


class Register(Command, frozen=True):
    """A node presents itself. `holding`: leases it still works on; None when it did not say.

    `takes_over`: the node's id may pass to another credential (the old one has ended).
    """

    record: NodeRecord
    holding: tuple[tuple[str, int], ...] | None = None
    lease_s: float = 60.0
    takes_over: bool = False


class Acquire(Command, frozen=True):
    """A node asks for up to `max` jobs of `kinds`. The same `request_id` gets the same leases.

    `lease_s` None: the job's ``timeout_s``, else `default_lease_s`.
    """

    node_id: str
    max: int
    kinds: tuple[str, ...]
    request_id: str | None = None
    lease_s: float | None = None
    default_lease_s: float = 3600.0


class Renew(Command, frozen=True):
    """A node's heartbeat: (job id, epoch, seconds the job has run, negative when only queued)."""

    node_id: str
    leases: tuple[tuple[str, int, float], ...]
    lease_s: float


class Report(Command, frozen=True):
    """A node reports how attempts ended. `digests` holds the sha256 of each result's bytes."""

    node_id: str
    reports: tuple[AttemptReport, ...]
    digests: tuple[bytes, ...]
    closed: Mapping[str, ClosedJob] = {}


class Leave(Command, frozen=True):
    """A node drains; `release` are the leases it gives back at once (None: all)."""

    node_id: str
    release: tuple[tuple[str, int], ...] | None = None


class Cancel(Command, frozen=True):
    """Cancel jobs."""

    job_ids: tuple[str, ...]
    closed: Mapping[str, ClosedJob] = {}


class Tick(Command, frozen=True):
    """Time passed. `gap_s`: how much longer than it should the shell was away (0 when on time)."""

    gap_s: float = 0.0
