"""An open job, and the lease by which a node holds it."""

from __future__ import annotations

from typing import NamedTuple, Self

from nexapod.core.records import JobSpec, OpenJob
from nexapod.core.states import AttemptEnd, JobState


class Lease:
    """A job in a node's hands. A job without one is pending: there is no third way to write it."""

    __slots__ = ("deadline_s", "elapsed_s", "epoch", "lease_s", "node_id", "request_id")

    def __init__(
        self, node_id: str, epoch: int, deadline_s: float, lease_s: float, request_id: str | None
    ) -> None:
        self.node_id = node_id
        self.epoch = epoch
        self.deadline_s = deadline_s
        self.lease_s = lease_s
        self.request_id = request_id
        self.elapsed_s: float = 0.0


class Ended(NamedTuple):
    """An attempt that is over, by which a repeated or late report is judged."""

    node_id: str
    epoch: int
    end: AttemptEnd


class Job:
    """An open job."""

    __slots__ = (
        "after",
        "ended",
        "epoch",
        "failures",
        "lease",
        "lost_on",
        "queued",
        "spec",
        "submission",
        "waits_on",
    )

    def __init__(self, spec: JobSpec, submission: bytes, after: tuple[str, ...]) -> None:
        self.spec = spec
        self.submission = submission
        self.after = after
        self.waits_on: set[str] | None = None
        self.epoch = spec.first_epoch
        self.failures = 0
        self.lost_on: tuple[str, ...] = ()
        self.ended: Ended | None = None  # its last attempt that is over
        self.lease: Lease | None = None
        self.queued = False

    @classmethod
    def restored(cls, stored: OpenJob) -> Self:
        """The job as the store remembers it, in nobody's hands yet."""
        job = cls(stored.spec, stored.submission, stored.after)
        job.epoch, job.failures, job.lost_on = stored.epoch, stored.failures, stored.lost_on
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
