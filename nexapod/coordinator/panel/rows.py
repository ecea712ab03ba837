"""Rows of the panel's messages: cells in a fixed order, as ``docs/protocol.md`` tells."""

from __future__ import annotations

from typing import Any

import msgspec

from nexapod.core import events as e
from nexapod.core.records import Failure, NodeView
from nexapod.core.states import JobState
from nexapod.store.base import WHY_CHARACTERS

Row = list[Any]

#: Cells of a job's row that change, as they stand in a patch after its `seq`.
STATE, NODE, EPOCH, STARTED_AT, FINISHED_AT, RUN_S, ERROR = 2, 3, 6, 8, 9, 10, 13
_PATCHED = (STATE, NODE, EPOCH, STARTED_AT, FINISHED_AT, RUN_S, ERROR)
#: Places in a node's row.
SEEN_AT, PROFILE = 7, 13


def queued_row(event: e.JobQueued) -> Row:
    """A new job."""
    spec = event.spec
    return [
        spec.seq, spec.id, JobState.PENDING, None, spec.sweep, spec.name, spec.first_epoch,
        spec.created_at, None, None, None, spec.priority, spec.retry_of, "",
    ]  # fmt: skip


def patch_of(row: tuple[Any, ...]) -> Row:
    """What of a job's row can change."""
    return [row[0], *(row[at] for at in _PATCHED)]


def patched(row: Row, patch: Row) -> None:
    """Bring a job's row up to date."""
    for at, cell in zip(_PATCHED, patch[1:], strict=True):
        row[at] = cell


def why(failure: Failure | None) -> str:
    """A failure in one line, as the store tells it too."""
    return "" if failure is None else (failure.message or failure.type)[:WHY_CHARACTERS]


def node_row(view: NodeView) -> Row:
    """A node, with its profile."""
    record, capacity = view.record, view.record.capacity
    return [
        record.id, view.state, capacity.slots, view.leases, view.running, view.completed,
        view.failed, view.last_seen_at, capacity.cpus, capacity.memory_bytes, capacity.gpus,
        capacity.tags, view.unmatched, profile_of(record.profile), record.registered_at,
        view.lost,
    ]  # fmt: skip


def profile_of(profile: bytes) -> msgspec.Raw:
    """A node's profile as it came, on one line: in JSON a line break is mere space."""
    return msgspec.Raw(profile.replace(b"\n", b" ").replace(b"\r", b" "))
