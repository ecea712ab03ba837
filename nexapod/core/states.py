"""The life of a job, of an attempt and of a node, as tables. What is not in a table is an error.

The job's table is the one in the protocol document; `board` applies it, `decide` reads it.
"""

from __future__ import annotations

from enum import StrEnum


class JobState(StrEnum):
    """Where a job is. The last three are final. ``validating`` is reserved."""

    PENDING = "pending"
    ASSIGNED = "assigned"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


FINAL = frozenset({JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED})

#: (from, to) pairs that may happen; everything else is a bug that `Board.apply` refuses.
TRANSITIONS: frozenset[tuple[JobState | None, JobState]] = frozenset(
    {
        (None, JobState.PENDING),  # submitted
        (JobState.PENDING, JobState.ASSIGNED),  # a node's poll
        (JobState.ASSIGNED, JobState.COMPLETED),  # the holder's result
        (JobState.PENDING, JobState.COMPLETED),  # a former holder's, nobody else having the job
        (JobState.ASSIGNED, JobState.PENDING),  # lost, released, or failed with retries left
        (JobState.ASSIGNED, JobState.FAILED),  # failed for good, poison, or too late
        (JobState.PENDING, JobState.FAILED),  # a job it depends on failed, or too late
        (JobState.PENDING, JobState.CANCELLED),
        (JobState.ASSIGNED, JobState.CANCELLED),
    }
)


class AttemptEnd(StrEnum):
    """How an attempt ended."""

    COMPLETED = "completed"
    FAILED = "failed"
    LOST = "lost"
    RELEASED = "released"
    CANCELLED = "cancelled"


class NodeState(StrEnum):
    """How a node is. ``suspect``: silent for longer than a heartbeat should take."""

    ONLINE = "online"
    SUSPECT = "suspect"
    LOST = "lost"
    DRAINING = "draining"
    LEFT = "left"
