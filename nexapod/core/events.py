"""What happened. Events are facts: `Board.apply` obeys them, the store records them.

Those marked *memory* are not stored: they concern deadlines, which start anew after a restart.
"""

from __future__ import annotations

import msgspec

from nexapod.core.commands import Order
from nexapod.core.credentials import Credential
from nexapod.core.records import Failure, JobSpec, NodeRecord, Value
from nexapod.core.states import AttemptEnd, JobState


class Event(msgspec.Struct, frozen=True, gc=False):
    """Base of the events."""


class JobQueued(Event, frozen=True):
    """A job was accepted. `waits_on` are the open jobs whose results it needs.

    `deadline_s` is the job's own deadline in monotonic seconds; what is stored is the spec's.
    """

    spec: JobSpec
    order: Order
    waits_on: tuple[str, ...]
    deadline_s: float | None = None


class JobLeased(Event, frozen=True):
    """An attempt began."""

    job_id: str
    seq: int
    epoch: int
    node_id: str
    at: float
    lease_s: float
    deadline_s: float
    request_id: str | None


class AttemptEnded(Event, frozen=True):
    """The attempt is over; what becomes of the job follows in the same decision."""

    job_id: str
    seq: int
    epoch: int
    node_id: str
    end: AttemptEnd
    at: float
    run_s: float | None = None
    failure: Failure | None = None
    output: str = ""
    peak_memory_bytes: int | None = None
    tell_node: bool = False
    printed_bytes: int | None = None


class JobRequeued(Event, frozen=True):
    """The job waits again, at its old place, not before `not_before_s` (monotonic; 0: now)."""

    job_id: str
    seq: int
    failures: int
    lost_on: tuple[str, ...]
    not_before_s: float = 0.0
    not_before_at: float | None = None


class JobClosed(Event, frozen=True):
    """The job reached a final state."""

    job_id: str
    seq: int
    state: JobState
    epoch: int
    at: float
    node_id: str | None = None
    run_s: float | None = None
    value: Value | None = None
    digest: bytes = b""
    failure: Failure | None = None
    sweep: str | None = None


class JobsDue(Event, frozen=True):
    """The back-off of these jobs is over (*memory*)."""

    job_ids: tuple[str, ...]


class LeaseRenewed(Event, frozen=True):
    """The holder is alive (*memory*)."""

    job_id: str
    deadline_s: float
    elapsed_s: float


class LeasesExtended(Event, frozen=True):
    """The coordinator itself was away; nobody loses a lease for that (*memory*)."""

    gap_s: float


class NodeRegistered(Event, frozen=True):
    """A node registered, or registered again."""

    record: NodeRecord
    mono_s: float
    at: float


class NodeSeen(Event, frozen=True):
    """A node was heard of (*memory*)."""

    node_id: str
    mono_s: float
    at: float


class NodeLeft(Event, frozen=True):
    """A node drains: it gets no more jobs until it registers again."""

    node_id: str
    at: float


class CancelsTold(Event, frozen=True):
    """The node heard that these leases were cancelled (*memory*)."""

    node_id: str
    leases: tuple[tuple[str, int], ...]


class Audited(Event, frozen=True):
    """Somebody did something worth knowing later. It changes nothing on the board.

    `actor` is the id of a credential, `subject` what it was done to, `detail` JSON.
    """

    at: float
    actor: str
    address: str
    action: str
    subject: str = ""
    detail: str = "{}"


class TokenMade(Event, frozen=True):
    """A credential was made. `digest` is the sha256 of its secret. The board stays as it is."""

    credential: Credential
    digest: bytes


class TokenRevoked(Event, frozen=True):
    """A credential lets nobody in any more. Nothing on the board changes."""

    credential_id: str
    at: float


#: Events that change nothing on disk.
MEMORY = (JobsDue, LeaseRenewed, LeasesExtended, NodeSeen, CancelsTold)
