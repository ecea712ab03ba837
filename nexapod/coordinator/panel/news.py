"""The news: what the feed told since the last tick, the latest word on each job and attempt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from nexapod.coordinator.panel.rows import Row, patched, queued_row, why
from nexapod.core import events as e
from nexapod.core.states import JobState


class News:
    """Rows to be told, by key.

    Parameters
    ----------
    leased_at
        When each live attempt that was heard of began, by `seq`; the same for all ticks.
    """

    def __init__(self, leased_at: dict[int, float]) -> None:
        self.jobs: dict[int, Row] = {}
        self.patches: dict[int, Row] = {}
        self.attempts: dict[tuple[int, int], Row] = {}
        #: Jobs with an attempt that began before anybody listened: when, only the store knows.
        self.unclear: set[int] = set()
        #: Whether a token ended: who reads with it is to be sent something, and found out.
        self.is_revoking = False
        self._leased_at = leased_at
        self._over: dict[int, tuple[int, float | None]] = {}

    def hear(self, events: Sequence[e.Event]) -> None:
        """Take in a batch."""
        for event in events:
            take = _TAKE.get(type(event))
            if take is not None:
                take(self, event)
        self._over.clear()

    def _queued(self, event: e.JobQueued) -> None:
        self.jobs[event.spec.seq] = queued_row(event)

    def _leased(self, event: e.JobLeased) -> None:
        seq, epoch, node_id, at = event.seq, event.epoch, event.node_id, event.at
        self._leased_at[seq] = at
        self.attempts[seq, epoch] = [seq, epoch, node_id, at, None, None, None]
        self._patch([seq, JobState.ASSIGNED, node_id, epoch, at, None, None, ""])

    def _ended(self, event: e.AttemptEnded) -> None:
        seq, epoch, run_s = event.seq, event.epoch, event.run_s
        leased_at = self._leased_at.pop(seq, None)
        if leased_at is None:
            self.unclear.add(seq)
        started_at = None if run_s is None else event.at - run_s
        self.attempts[seq, epoch] = [
            seq, epoch, event.node_id, leased_at, started_at, event.at, event.end,
        ]  # fmt: skip
        # What becomes of the job follows in the same batch.
        self._over[seq] = epoch, leased_at

    def _requeued(self, event: e.JobRequeued) -> None:
        seq = event.seq
        epoch, _ = self._over.pop(seq, (0, None))
        if not epoch:
            self.unclear.add(seq)
        self._patch([seq, JobState.PENDING, None, epoch, None, None, None, ""])

    def _closed(self, event: e.JobClosed) -> None:
        seq, at, run_s = event.seq, event.at, event.run_s
        _, started_at = self._over.pop(seq, (0, None))  # a job that waited had not started
        if run_s is not None:
            started_at = at - run_s
        self._patch(
            [seq, event.state, event.node_id, event.epoch, started_at, at, run_s,
             why(event.failure)]
        )  # fmt: skip

    def _patch(self, patch: Row) -> None:
        row = self.jobs.get(patch[0])
        if row is None:
            self.patches[patch[0]] = patch
        else:
            patched(row, patch)

    def _revoked(self, event: e.TokenRevoked) -> None:
        self.is_revoking = True


_TAKE: dict[type[e.Event], Callable[[News, Any], None]] = {
    e.JobQueued: News._queued,
    e.JobLeased: News._leased,
    e.AttemptEnded: News._ended,
    e.JobRequeued: News._requeued,
    e.JobClosed: News._closed,
    e.TokenRevoked: News._revoked,
}
