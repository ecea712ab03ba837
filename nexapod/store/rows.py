"""A batch of events as rows to be written: each row once, however often the batch changed it."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from nexapod.core import events as e
from nexapod.core.records import Demand

_encode = msgspec.json.encode


@functools.lru_cache(maxsize=4096)
def _json_text(record: Demand) -> str:
    return _encode(record).decode()


class Rows:
    """A batch of events folded into rows. What a later event overwrites is not written twice."""

    def __init__(self, events: Sequence[e.Event]) -> None:
        self.queued: list[tuple[Any, ...]] = []
        self.payloads: list[tuple[Any, ...]] = []
        self.leased: list[tuple[Any, ...]] = []
        self.placed: dict[int, tuple[Any, ...]] = {}
        self.setbacks: dict[int, tuple[Any, ...]] = {}
        self.ended: list[tuple[Any, ...]] = []
        self.closed: list[tuple[Any, ...]] = []
        self.results: list[tuple[Any, ...]] = []
        self.nodes: dict[str, tuple[Any, ...]] = {}
        self.drains: dict[str, None] = {}
        self.tallies: Counter[str] = Counter()
        self.audits: list[tuple[Any, ...]] = []
        for event in events:
            add = _FOLD.get(type(event))
            if add is not None:
                add(self, event)

    def _queue(self, event: e.JobQueued) -> None:
        spec, order = event.spec, event.order
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
            )
        )
        self.payloads.append((spec.seq, order.payload, order.blob))

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
        self.ended.append(
            (
                event.seq,
                event.epoch,
                event.end.value,
                event.at,
                event.run_s,
                event.peak_memory_bytes,
                _encode(event.failure).decode() if event.failure else None,
                event.output or None,
            )
        )
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
            self.results.append(
                (event.seq, v.format, v.size, v.data, v.blob, event.digest, int(v.trusted))
            )

    def _register(self, event: e.NodeRegistered) -> None:
        r = event.record
        self.nodes[r.id] = (
            r.id, r.profile.decode(), _encode(r.capacity).decode(), r.boot_id, r.registered_at,
            r.address, r.credential,
        )  # fmt: skip

        self.drains.pop(r.id, None)

    def _leave(self, event: e.NodeLeft) -> None:
        self.drains[event.node_id] = None

    def _audit(self, event: e.Audited) -> None:
        self.audits.append(
            (event.at, event.actor, event.address, event.action, event.subject, event.detail)
        )

    def statements(self) -> Iterable[tuple[str, Sequence[tuple[Any, ...]]]]:
        """The statements, in the order that is right for any batch: a final state comes last."""
        yield "insert_jobs", self.queued
        yield "insert_payloads", self.payloads
        yield "insert_attempts", self.leased
        yield "end_attempts", self.ended
        yield "place_jobs", tuple(self.placed.values())
        yield "set_back_jobs", tuple(self.setbacks.values())
        yield "close_jobs", self.closed
        yield "insert_results", self.results
        yield "upsert_nodes", tuple(self.nodes.values())
        yield "drain_nodes", [(node_id,) for node_id in self.drains]
        yield "add_tallies", tuple(self.tallies.items())
        yield "insert_audit", self.audits


_FOLD: dict[type[e.Event], Any] = {
    e.JobQueued: Rows._queue,
    e.JobLeased: Rows._lease,
    e.AttemptEnded: Rows._end,
    e.JobRequeued: Rows._requeue,
    e.JobClosed: Rows._close,
    e.NodeRegistered: Rows._register,
    e.NodeLeft: Rows._leave,
    e.Audited: Rows._audit,
}
