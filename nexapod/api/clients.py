"""Handlers for clients: submit, cancel, and everything that reads."""

from __future__ import annotations

import hashlib
import re
from email.utils import formatdate
from typing import Any

import msgspec
from aiohttp import web

from nexapod import errors
from nexapod.api.answers import Ready, answer, raw
from nexapod.api.openapi import document
from nexapod.api.ownership import check_jobs
from nexapod.api.request import Request
from nexapod.api.rows import ROW_FIELDS, job_row, job_rows_json, node_rows
from nexapod.coordinator.orders import order_of, own_key
from nexapod.core.decide import Verdict
from nexapod.core.states import JobState
from nexapod.ids import is_id
from nexapod.store.base import ATTEMPT_COLUMNS, ATTEMPT_PAGE, JOB_COLUMNS, JobFilter
from nexapod.wire import codec
from nexapod.wire import messages as m
from nexapod.wire.codec import JSON, MSGPACK

_PAGE = 1000
#: Results in one piece of a streamed list.
_PIECE_BYTES = 4 * 1024 * 1024
#: Rows in one MessagePack page: our own client reads frames of 100,000 rows.
_COLUMN_PAGE = 10_000


async def submit(request: Request, body: m.NewJob | list[m.NewJob]) -> Ready:
    """``POST /jobs``"""
    jobs = body if isinstance(body, list) else [body]
    if len(jobs) > 10_000:
        raise errors.TooLarge("at most 10,000 jobs in one request; send them in several")
    key = _idempotency_key(request)
    orders = []
    owner, touches = request.credential.owner, request.credential.touches
    await check_jobs(request, [job.retry_of for job in jobs if job.retry_of], touches)
    for at, job in enumerate(jobs):
        own = key if key is None or not at else f"{key}#{at}"
        order = order_of(job, request.content_type, own, owner, touches)
        if key is not None:  # a shorter, a longer or no list under the same key is no repeat
            shape = b"one" if job is body else b"%d" % len(jobs)
            whole = hashlib.sha256(order.submission + shape).digest()
            order = msgspec.structs.replace(order, submission=whole)
        orders.append(order)
    blobs = {order.blob for order in orders if order.blob is not None}
    for blob in blobs:
        if not request.service.blobs.has(blob):
            raise errors.Invalid("'blob' names one that was never uploaded; PUT it first")
    detail = {"jobs": len(orders), "first": orders[0].id} if orders else {}
    note = request.note("submit", orders[0].sweep or "" if orders else "", detail)
    made = await request.service.submit(orders, note)
    replies = [m.Submitted(job_id, state) for job_id, state in made]
    return answer(replies if isinstance(body, list) else replies[0], request.content_type)


def _idempotency_key(request: Request) -> str | None:
    key = request.header("Idempotency-Key")
    if key is not None and not (1 <= len(key) <= 150 and key.isascii() and key.isprintable()):
        raise errors.Invalid("the Idempotency-Key is 1 to 150 printable ASCII characters")
    return key


def _cancelled(verdict: Verdict) -> m.Cancelled:
    if verdict.error is not None:
        raise verdict.error
    return m.Cancelled(
        verdict.job_id, str(verdict.state), str(verdict.was), verdict.node_id
    )  # fmt: skip


async def cancel(request: Request, body: None) -> Ready:
    """``POST /jobs/{job_id}/cancel``"""
    job_id = _job_id(request)
    await check_jobs(request, [job_id], request.credential.touches)
    verdicts = await request.service.cancel([job_id], request.note("cancel", job_id))
    return answer(_cancelled(verdicts[0]))


async def cancel_many(request: Request, body: m.JobIds) -> Ready:
    """``POST /jobs/cancel``"""
    await check_jobs(request, body.job_ids, request.credential.touches)
    note = request.note("cancel", detail={"jobs": len(body.job_ids), "first": body.job_ids[:1]})
    verdicts = await request.service.cancel(body.job_ids, note)
    return answer([_cancelled(v) for v in verdicts if v.error is None], request.content_type)


async def job_states(request: Request, body: m.JobIds) -> Ready:
    """``POST /jobs/states``"""
    await check_jobs(request, body.job_ids, request.credential.sees)
    service, caller = request.service, request.credential
    rows = await service.read(service.store.states, tuple(body.job_ids))
    # Who sees its own jobs only was given no others.
    owners = await service.owners(body.job_ids) if caller.sees is None else {}
    patches = [
        m.JobPatch(job_id, state, node, foreign=owners.get(job_id, caller.owner) != caller.owner)
        for job_id, state, node in rows
    ]
    return answer(patches, request.content_type)


async def retry(request: Request, body: None) -> Ready:
    """``POST /jobs/{job_id}/retry``"""
    job_id = _job_id(request)
    await check_jobs(request, [job_id], request.credential.touches)
    key = own_key(_idempotency_key(request), request.credential.owner)
    again = await request.service.retry(job_id, key, request.note("retry", job_id))
    return answer(m.Submitted(*again))


def _job_id(request: Request) -> str:
    job_id = request.names["job_id"]
    if not is_id(job_id):
        raise errors.NotFound("there is no job with this id")
    return job_id


async def nodes(request: Request, body: None) -> Ready:
    """``GET /nodes``"""
    return answer(node_rows(request.service), MSGPACK if request.wants(MSGPACK) else JSON)


async def jobs(request: Request, body: None) -> web.StreamResponse | Ready:
    """``GET /jobs``"""
    status = tuple(filter(None, (request.text("status") or "").split(",")))
    if not set(status) <= set(JobState):
        raise errors.Invalid(f"'status' is one or more of {', '.join(JobState)}")
    limit = request.number("limit", None, 1, 10_000)
    cursor = int(request.number("cursor", 0, 0, 2**53) or 0)
    fields = tuple(filter(None, (request.text("fields") or "").split(",")))
    if not set(fields) <= set(ROW_FIELDS):
        raise errors.Invalid(f"'fields' is one or more of {', '.join(ROW_FIELDS)}")
    newest = bool(request.number("newest", 0, 0, 1))
    if newest and limit is None:
        raise errors.Invalid("'newest' goes with 'limit'")
    owner = request.credential.sees
    which = JobFilter(status, request.text("sweep"), None, cursor, _PAGE, newest, owner)
    if request.wants(MSGPACK):
        return await _columns(request, which, int(limit or _COLUMN_PAGE))
    return await _stream(request, which, None if limit is None else int(limit), fields)


async def _columns(request: Request, which: JobFilter, limit: int) -> Ready:
    which = msgspec.structs.replace(which, limit=min(limit, _COLUMN_PAGE))
    rows = await request.service.read(request.service.store.job_rows, which)
    return answer({"columns": JOB_COLUMNS, "rows": rows}, MSGPACK)


async def _stream(
    request: Request, which: JobFilter, limit: int | None, fields: tuple[str, ...]
) -> web.StreamResponse:
    """The list piece by piece, so that neither memory nor the loop feels a million rows."""
    response = web.StreamResponse(
        headers={"Content-Type": JSON, "X-Content-Type-Options": "nosniff"}
    )
    service = request.service
    which = msgspec.structs.replace(which, limit=limit or _PAGE)
    rows = await service.read(service.store.job_rows, which)
    if limit is not None:
        response.headers["X-Next-Cursor"] = str(rows[-1][0] if rows else which.after_seq)
    await response.prepare(request.http)
    await response.write(b"[")
    first = True
    while rows:
        more = len(rows) == which.limit and limit is None
        last = rows[-1][0]
        while rows:
            piece, rows = await _piece(request, rows, fields)
            await response.write((b"" if first else b",") + b",".join(piece))
            first = False
        if more:
            request.check_still()
            which = msgspec.structs.replace(which, after_seq=last)
            rows = await service.read(service.store.job_rows, which)
    await response.write(b"]")
    await response.write_eof()
    return response


async def _piece(
    request: Request, rows: list[tuple[Any, ...]], fields: tuple[str, ...]
) -> tuple[list[bytes], list[tuple[Any, ...]]]:
    """As many of the rows as have results of a few MiB together, and the rows that are left."""
    if fields and "result" not in fields:
        return job_rows_json(rows, {}, fields), []
    store = request.service.store
    done = [row[1] for row in rows if row[2] == JobState.COMPLETED]
    values = await request.service.read(store.shown_values, done, _PIECE_BYTES)
    cut = next(
        (
            at
            for at, row in enumerate(rows)
            if row[2] == JobState.COMPLETED and row[1] not in values
        ),
        len(rows),
    )
    return job_rows_json(rows[:cut], values, fields), rows[cut:]


async def job_detail(request: Request, body: None) -> Ready:
    """``GET /jobs/{job_id}``"""
    job_id = _job_id(request)
    await check_jobs(request, [job_id], request.credential.sees)
    service = request.service
    rows = await service.read(service.store.job_rows, JobFilter(job_ids=(job_id,), limit=1))
    if not rows:
        raise errors.NotFound("there is no job with this id")
    value = (await service.read(service.store.shown_values, [job_id], 0)).get(job_id)
    payload = (await service.read(service.store.payloads, [rows[0][0]])).get(rows[0][0])
    attempts = await service.read(service.store.attempt_rows, [job_id])
    detail: dict[str, Any] = msgspec.structs.asdict(job_row(rows[0], value))
    detail["data"] = None
    if rows[0][4] == "data" and payload is not None and payload.data is not None:
        detail["data"] = msgspec.Raw(payload.data)
    detail["attempts"] = [
        {
            k: (msgspec.Raw(v.encode()) if k in ("error", "params") and v else v)
            for k, v in zip(ATTEMPT_COLUMNS, row, strict=True)
            if k not in ("job_id", "name", "sweep", "params", "seq")
        }
        for row in attempts
    ]
    detail["waiting"] = service.waiting(job_id)
    detail["progress"] = service.progress.of(job_id)
    detail["output"] = await service.read(service.store.output, job_id)
    return answer(detail)


async def job_result(request: Request, body: None) -> Ready:
    """``GET /jobs/{job_id}/result``"""
    job_id = _job_id(request)
    await check_jobs(request, [job_id], request.credential.sees)
    value = (await request.service.read(request.service.store.values, [job_id])).get(job_id)
    if value is None:
        raise errors.NotFound("this job has no result")
    return answer(value, MSGPACK)


async def attempts(request: Request, body: None) -> Ready:
    """``GET /attempts``"""
    store, owner = request.service.store, request.credential.sees
    cursor = request.text("cursor") or "0.0"
    if re.fullmatch(r"[0-9]{1,16}\.[0-9]{1,16}", cursor) is None:
        raise errors.Invalid("'cursor' is what the header X-Next-Cursor of the page before says")
    seq, epoch = map(int, cursor.split("."))
    limit = int(request.number("limit", None, 1, ATTEMPT_PAGE) or ATTEMPT_PAGE)
    rows = await request.service.read(store.attempt_rows, None, owner, (seq, epoch), limit)
    following = f"{rows[-1][-1]}.{rows[-1][1]}" if rows else cursor
    extra = f"X-Next-Cursor: {following}\r\n"
    if request.wants(MSGPACK):
        page: Any = {"columns": ATTEMPT_COLUMNS, "rows": rows}
        return Ready(codec.encode(page, MSGPACK), MSGPACK, extra=extra)
    page = [dict(zip(ATTEMPT_COLUMNS, row, strict=True)) for row in rows]
    return Ready(codec.encode(page, JSON), JSON, extra=extra)


async def sweeps(request: Request, body: None) -> Ready:
    """``GET /sweeps``"""
    found = await request.service.read(request.service.store.sweeps, request.credential.sees)
    return answer([m.SweepRow(name, count) for name, count in found])


async def status(request: Request, body: None) -> Ready:
    """``GET /status``"""
    service = request.service
    counts = {str(state): service.board.counts[state] for state in JobState}
    return answer(m.Status(counts, service.started_at, service.fleet_id))


async def health(request: Request, body: None) -> Ready:
    """``GET /health``"""
    date = f"Date: {formatdate(usegmt=True)}\r\n"  # by which others see how wrong their clocks are
    return Ready(codec.encode(m.Health("ok"), JSON), JSON, extra=date)


async def openapi(request: Request, body: None) -> Ready:
    """``GET /openapi.json``"""
    return raw(document())
