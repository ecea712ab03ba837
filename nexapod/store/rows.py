"""A batch of events as rows to be written: each row once, however often the batch changed it."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec

from nexapod.core import events as e
from nexapod.core.records import Demand

_encode = msgspec.json.encode


@functools.lru_cache(maxsize=4096)
def _json_text(record: Demand) -> str:
    return _encode(record).decode()


class Rows:
    """A batch of events folded into rows. What a later event overwrites is not written twice.

    `queued` holds rows of the view ``new_jobs``, `changes` gives those of ``changes``; both views
    are in ``batch.sql``. `large_bytes` is about the size of the cells that can be large.
    """

    def __init__(self, events: Sequence[e.Event]) -> None:
        self.large_bytes = 0
        self.queued: list[tuple[Any, ...]] = []
        self.leased: list[tuple[Any, ...]] = []
        self.placed: dict[int, tuple[Any, ...]] = {}
        self.setbacks: dict[int, tuple[Any, ...]] = {}
        self.ended: list[tuple[Any, ...]] = []
        self.printed: list[tuple[Any, ...]] = []
        self.closed: list[tuple[Any, ...]] = []
        self.results: list[tuple[Any, ...]] = []
        self.nodes: dict[str, tuple[Any, ...]] = {}
        self.drains: dict[str, None] = {}
        self.tallies: Counter[str] = Counter()
        self.audits: list[tuple[Any, ...]] = []
        self.tokens: list[tuple[Any, ...]] = []
        self.revoked: list[tuple[Any, ...]] = []
        for event in events:
            add = _FOLD.get(type(event))
            if add is not None:
                add(self, event)

    def _queue(self, event: e.JobQueued) -> None:
        spec, order = event.spec, event.order
        self.large_bytes += len(order.payload or b"") + len(order.params)
        self.queued.append(
            (
                spec.seq,
                spec.id,
                spec.demand.kind,
                spec.name,
                spec.sweep,
                order.params.decode(),
                _json_text(spec.demand),
                spec.priority,
                spec.retries,
                spec.timeout_s,
                spec.key,
                _encode(order.after).decode() if order.after else "[]",
                spec.retry_of,
                order.submission,
                spec.created_at,
                spec.owner,
                spec.deadline_at,
                spec.first_epoch,
                order.payload,
                order.blob,
            )
        )

    def _lease(self, event: e.JobLeased) -> None:
        self.leased.append(
            (
                event.seq,
                event.epoch,
                event.node_id,
                event.request_id,
                event.at,
                event.lease_s,
            )
        )  # fmt: skip
        self.placed[event.seq] = (
            event.seq, "assigned", event.epoch, event.node_id, event.at, None,
        )  # fmt: skip

    def _end(self, event: e.AttemptEnded) -> None:
        failure = _encode(event.failure).decode() if event.failure else None
        self.large_bytes += len(event.output) + (2 * len(failure) if failure else 0)
        self.ended.append(
            (
                event.seq,
                event.epoch,
                event.end.value,
                event.at,
                event.run_s,
                event.peak_memory_bytes,
                failure,
                event.output or None,
            )
        )
        if event.printed_bytes is not None:
            self.printed.append((event.seq, event.epoch, event.printed_bytes))
        self.tallies[f"node:{event.end}:{event.node_id}"] += 1

    def _requeue(self, event: e.JobRequeued) -> None:
        before = self.placed.get(event.seq)
        epoch = before[2] if before is not None else None
        self.placed[event.seq] = (event.seq, "pending", epoch, None, None, event.not_before_at)
        if event.failures or event.lost_on:
            lost_on = _encode(event.lost_on).decode()
            self.setbacks[event.seq] = (event.seq, event.failures, lost_on)

    def _close(self, event: e.JobClosed) -> None:
        failure = _encode(event.failure).decode() if event.failure else None
        self.closed.append(
            (
                event.seq,
                event.state.value,
                event.epoch,
                event.node_id,
                event.at,
                event.run_s,
                failure,
            )
        )
        self.tallies[f"state:{event.state}"] += 1
        if event.value is not None:
            v = event.value
            self.large_bytes += len(v.data or b"")
            self.results.append(
                (event.seq, v.format, v.size, v.data, v.blob, event.digest, int(v.trusted))
            )

    def _register(self, event: e.NodeRegistered) -> None:
        r = event.record
        self.large_bytes += len(r.profile)
        self.nodes[r.id] = (
            r.id, r.profile.decode(), _encode(r.capacity).decode(), r.boot_id, r.registered_at,
            r.address, r.credential,
        )  # fmt: skip

        self.drains.pop(r.id, None)

    def _leave(self, event: e.NodeLeft) -> None:
        self.drains[event.node_id] = None

    def _make_token(self, event: e.TokenMade) -> None:
        c = event.credential
        self.tokens.append(
            (
                c.id,
                event.digest,
                " ".join(sorted(c.scopes)),
                c.label,
                int(c.trusted),
                c.created_at,
                c.expires_at,
            )
        )

    def _revoke_token(self, event: e.TokenRevoked) -> None:
        self.revoked.append((event.credential_id, event.at))

    def _audit(self, event: e.Audited) -> None:
        self.audits.append(
            (event.at, event.actor, event.address, event.action, event.subject, event.detail)
        )

    def changes(self) -> list[tuple[Any, ...]]:
        """Rows of the view ``changes``, in the order right for any batch: a final state is last."""
        none = (None,)
        rows: list[tuple[Any, ...]] = [("lease", *row, None, None) for row in self.leased]
        rows += [("end", *row) for row in self.ended]
        rows += [("printed", *row, *none * 5) for row in self.printed]
        rows += [("place", *row, None, None) for row in self.placed.values()]
        rows += [("set back", *row, *none * 5) for row in self.setbacks.values()]
        rows += [("close", *row, None) for row in self.closed]
        rows += [("result", *row, None) for row in self.results]
        rows += [("node", *row, None) for row in self.nodes.values()]
        rows += [("drain", node_id, *none * 7) for node_id in self.drains]
        rows += [("tally", *row, *none * 6) for row in self.tallies.items()]
        rows += [("audit", *row, None, None) for row in self.audits]
        rows += [("token", *row, None) for row in self.tokens]
        rows += [("revoke", *row, *none * 6) for row in self.revoked]
        return rows


_FOLD: dict[type[e.Event], Any] = {
    e.JobQueued: Rows._queue,
    e.JobLeased: Rows._lease,
    e.AttemptEnded: Rows._end,
    e.JobRequeued: Rows._requeue,
    e.JobClosed: Rows._close,
    e.NodeRegistered: Rows._register,
    e.NodeLeft: Rows._leave,
    e.Audited: Rows._audit,
    e.TokenMade: Rows._make_token,
    e.TokenRevoked: Rows._revoke_token,
}
