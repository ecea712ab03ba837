"""Rows as REST shows them: the store's columns, with the result as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from nexapod.coordinator.service import Service
from nexapod.core.records import Value
from nexapod.wire.messages import NULL, JobRow, NodeRow

ROW_FIELDS = tuple(field.name for field in msgspec.structs.fields(JobRow))


def _result(value: Value | None) -> msgspec.Raw:
    """A JSON result as it came. A sealed one is described: nobody here may open it."""
    if value is None:
        return NULL
    if value.format == "json" and value.data is not None:
        return msgspec.Raw(value.data)
    described: dict[str, str | int] = {"format": value.format, "size": value.size}
    if value.blob is not None:
        described["blob"] = value.blob
    return msgspec.Raw(msgspec.json.encode(described))


def job_row(row: tuple[Any, ...], value: Value | None) -> JobRow:
    """One row of `JOB_COLUMNS` as a message."""
    (_seq, job_id, status, node, kind, name, sweep, params, epoch, priority, created_at,
     started_at, finished_at, run_s, error, retry_of) = row  # fmt: skip
    return JobRow(
        job_id,
        status,
        node,
        _result(value),
        kind,
        name,
        sweep,
        msgspec.Raw(params.encode()),
        epoch,
        priority,
        created_at,
        started_at,
        finished_at,
        run_s,
        NULL if error is None else msgspec.Raw(error.encode()),
        retry_of,
    )


def job_rows_json(
    rows: Sequence[tuple[Any, ...]], values: Mapping[str, Value], fields: tuple[str, ...]
) -> list[bytes]:
    """Each row as JSON, with these fields only (all, when none are named)."""
    encode = msgspec.json.encode
    messages = [job_row(row, values.get(row[1])) for row in rows]
    if not fields:
        return [encode(message) for message in messages]
    return [encode({name: getattr(message, name) for name in fields}) for message in messages]


def node_rows(service: Service) -> list[NodeRow]:
    """Every node as a message."""
    rows = []
    for view in service.board.node_views(service.now().mono_s):
        record, capacity = view.record, view.record.capacity
        rows.append(
            NodeRow(
                record.id,
                msgspec.Raw(record.profile),
                view.state,
                capacity.slots,
                capacity.cpus,
                capacity.memory_bytes,
                capacity.gpus,
                capacity.tags,
                view.leases,
                view.running,
                view.completed,
                view.failed,
                record.registered_at,
                view.last_seen_at,
                view.unmatched,
                view.lost,
            )
        )
    return rows
