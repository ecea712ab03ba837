"""An open job, and the lease by which a node holds it."""

from __future__ import annotations

from typing import NamedTuple, Self

import msgspec

from nexapod.core.records import JobSpec, OpenJob
from nexapod.core.states import AttemptEnd, JobState


class Lease(msgspec.Struct, eq=False, gc=False):
    """A job in a node's hands. A job without one is pending: there is no third way to write it."""

    node_id: str
    epoch: int
    deadline_s: float
    lease_s: float
    request_id: str | None
    elapsed_s: float = 0.0


class Ended(NamedTuple):
    """An attempt that is over, by which a repeated or late report is judged."""

    node_id: str
    epoch: int
    end: AttemptEnd


class Job(msgspec.Struct, eq=False, gc=False):
    """An open job. The garbage collector does not know it: it refers to nothing that refers to it.

    `ended` is its last attempt that is over.
    """

    spec: JobSpec
    submission: bytes
    after: tuple[str, ...]
    epoch: int = 0
    failures: int = 0
    lost_on: tuple[str, ...] = ()
    ended: Ended | None = None
    lease: Lease | None = None
    queued: bool = False
    waits_on: set[str] | None = None

    @classmethod
    def restored(cls, stored: OpenJob) -> Self:
        """The job as the store remembers it, in nobody's hands yet."""
        job = cls(
            stored.spec,
            stored.submission,
            stored.after,
            stored.epoch,
            stored.failures,
            stored.lost_on,
        )
        if stored.former is not None and stored.end is not None:
            job.ended = Ended(stored.former, stored.epoch, stored.end)
        return job

    @property
    def state(self) -> JobState:
        """Pending or assigned."""
        return JobState.PENDING if self.lease is None else JobState.ASSIGNED

    @property
    def former(self) -> str | None:
        """The node that lost it last, while nobody had it since: that one may save its work."""
        ended = self.ended
        if self.lease is not None or ended is None or ended.epoch != self.epoch:
            return None
        return ended.node_id if ended.end is AttemptEnd.LOST else None
