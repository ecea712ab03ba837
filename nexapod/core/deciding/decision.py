"""What a decider answers with."""

from __future__ import annotations

from typing import Any

import msgspec

from nexapod import errors
from nexapod.core import events as e
from nexapod.core.records import LeasedJob
from nexapod.core.states import JobState


class Decision(msgspec.Struct, frozen=True):
    """What would happen, and what to answer.

    `reply` is one value per item for commands of many items (see each decider). `wait` False
    means that the reply depends on nothing that may not be on disk yet.
    """

    events: list[e.Event]
    reply: Any = None
    wait: bool = True


class Grant(msgspec.Struct, frozen=True):
    """The reply to `Acquire`."""

    jobs: list[LeasedJob]
    lease_s: float


class Verdict(msgspec.Struct, frozen=True):
    """The reply to one report or cancel: `error` is None when it took effect (or had before)."""

    job_id: str
    state: JobState | None = None
    was: JobState | None = None
    node_id: str | None = None
    error: errors.NexapodError | None = None


def once(events: list[e.Event]) -> list[e.Event]:
    """Drop the second end of a job that two others, ending at once, both bring down with them."""
    closed: set[str] = set()
    kept: list[e.Event] = []
    for event in events:
        if isinstance(event, e.JobClosed):
            if event.job_id in closed:
                continue
            closed.add(event.job_id)
        kept.append(event)
    return kept
