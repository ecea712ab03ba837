"""What the coordinator writes in its log: what somebody who runs a fleet wants to know later."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

from nexapod.core import events as e
from nexapod.core.records import NodeView
from nexapod.core.states import AttemptEnd, JobState, NodeState

logger = logging.getLogger("nexapod.coordinator")

#: Refused tokens are one line in so long, with their number: a log is no place to fill a disk from.
REFUSALS_EVERY_S = 60.0


class Chronicle:
    """Turns committed events, and what the coordinator notices of itself, into records."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._lost: set[str] = set()
        self._refused = 0
        self._refused_s = float("-inf")

    def started(self, url: str, **said: Any) -> None:
        """The coordinator listens."""
        _say("started", f"the coordinator is up at {url}", **said)

    def stopped(self) -> None:
        """The coordinator ends as it should."""
        _say("stopped", "the coordinator stopped")

    def note(self, events: Sequence[e.Event]) -> None:
        """These are on disk."""
        for event in events:
            say = _SAY.get(type(event))
            if say is not None:
                say(event)

    def look(self, views: Sequence[NodeView]) -> None:
        """Say which nodes have not been heard of for long, once."""
        lost = {view.record.id: view for view in views if view.state is NodeState.LOST}
        for node_id in lost.keys() - self._lost:
            away_s = time.time() - lost[node_id].last_seen_at
            _say("node_lost", f"node {node_id} is lost: last heard of {away_s:.0f} s ago",
                 node_id=node_id)  # fmt: skip
        self._lost = set(lost)

    def stalled(self, gap_s: float) -> None:
        """The coordinator was away."""
        _say(
            "stall",
            f"the coordinator was away for {gap_s:.1f} s (a cell that held the interpreter, or "
            "sleep); every lease was extended by that",
        )

    def refused(self, endpoint: str, address: str) -> None:
        """Somebody came without a valid token."""
        self._refused += 1
        if self._now_s() - self._refused_s < REFUSALS_EVERY_S:
            return
        said = f"{self._refused} requests were" if self._refused > 1 else "a request was"
        _say(
            "token_refused",
            f"{said} refused for want of a valid token, the last from {address} to {endpoint}",
            level=logging.WARNING,
            address=address,
            endpoint=endpoint,
            count=self._refused,
        )
        self._refused, self._refused_s = 0, self._now_s()


def _say(event: str, message: str, level: int = logging.INFO, **said: Any) -> None:
    logger.log(level, "%s", message, extra={"event": event, **said})


def _registered(event: e.NodeRegistered) -> None:
    record = event.record
    _say("node_registered", f"node {record.id} registered from {record.address or 'here'}",
         node_id=record.id, credential_id=record.credential, address=record.address)  # fmt: skip


def _left(event: e.NodeLeft) -> None:
    _say("node_left", f"node {event.node_id} left", node_id=event.node_id)


def _ended(event: e.AttemptEnded) -> None:
    if event.end is AttemptEnd.LOST:
        reason = event.failure.message if event.failure is not None else "its lease ran out"
        _say("lease_lost", f"node {event.node_id} lost job {event.job_id}: {reason}",
             job_id=event.job_id, node_id=event.node_id, epoch=event.epoch)  # fmt: skip


def _closed(event: e.JobClosed) -> None:
    if event.state is JobState.FAILED:
        reason = event.failure.type if event.failure is not None else "error"
        _say("job_failed", f"job {event.job_id} failed for good ({reason})", job_id=event.job_id,
             node_id=event.node_id, epoch=event.epoch, reason=reason)  # fmt: skip


_SAY: dict[type[e.Event], Callable[[Any], None]] = {
    e.NodeRegistered: _registered,
    e.NodeLeft: _left,
    e.AttemptEnded: _ended,
    e.JobClosed: _closed,
}
