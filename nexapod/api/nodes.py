"""Handlers for nodes: register, job, result, and the agent's lease, heartbeat, results, leave."""

from __future__ import annotations

import time

import msgspec

from nexapod import errors
from nexapod.api.answers import Ready, answer, raw
from nexapod.api.ownership import check_new_node, check_node
from nexapod.api.profile import capacity_of
from nexapod.api.request import Request
from nexapod.coordinator.orders import INLINE_BYTES, as_json
from nexapod.coordinator.service import LEASE_S, SEED_LEASE_S
from nexapod.core import commands as c
from nexapod.core.credentials import OWNER
from nexapod.core.decide import Grant, Verdict
from nexapod.core.records import AttemptReport, Failure, LeasedJob, NodeRecord, Value
from nexapod.core.states import AttemptEnd
from nexapod.ids import is_id
from nexapod.wire import messages as m
from nexapod.wire.codec import check_json

_NO_JOB = msgspec.json.encode(m.NoJob())
#: A profile is in every list of nodes.
PROFILE_BYTES = 64 * 1024
#: What of a failure and of a job's output is kept.
_MESSAGE, _TRACEBACK, _OUTPUT, _EXCEPTION_BYTES = 10_000, 64_000, 64_000, 1024 * 1024
#: Headroom for the frame of a reply that carries many payloads.
_REPLY_BYTES = 32 * 1024 * 1024


async def register(request: Request, body: m.Register) -> Ready:
    """``POST /register``"""
    profile = as_json(body.profile, request.content_type)
    if len(profile) > PROFILE_BYTES:
        raise errors.TooLarge(f"a node's profile is at most {PROFILE_BYTES:,} bytes of JSON")
    message = msgspec.structs.replace(body, profile=msgspec.Raw(profile))
    service, credential = request.service, request.credential
    record = NodeRecord(
        body.node_id,
        profile,
        capacity_of(message),
        body.boot_id,
        time.time(),
        request.peer,
        credential.id,
    )
    known = service.board.nodes.get(body.node_id)
    again = known is not None and known.record.credential == credential.id
    if known is None:
        check_new_node(request)
    lost = await service.execute(
        c.Register(record, body.holding, LEASE_S, _may_take_over(request, body.node_id)),
        None if again else request.note("node.register", body.node_id),
    )
    return answer(
        m.Registered(
            "registered", body.node_id, LEASE_S, lost, service.fleet_id, credential.trusted
        ),
        request.content_type,
    )


def _may_take_over(request: Request, node_id: str) -> bool:
    """Whether the id may pass to the caller: the fleet's owner, or the old token has ended."""
    known = request.service.board.nodes.get(node_id)
    if known is None or request.credential.id == OWNER:
        return True
    return not request.service.keyring.is_live(known.record.credential)


async def job(request: Request, body: None) -> Ready:
    """``GET /job``"""
    node_id = _id_header(request, "X-Node-ID", required=True)
    check_node(request, node_id or "")
    poll_id = _id_header(request, "X-Poll-ID", required=False)
    wait_s = request.number("wait_s", 0.0, 0.0, 60.0) or 0.0
    lease_s = request.number("lease_s", None, 10.0, 86_400.0)
    command = c.Acquire(node_id or "", 1, ("data",), poll_id, lease_s, SEED_LEASE_S)
    grant = await request.service.acquire(command, wait_s)
    _check_still(request, command.node_id, grant)
    if not grant.jobs:
        return raw(_NO_JOB)
    leased = grant.jobs[0]
    payload = (await request.service.payloads([leased]))[leased.seq]
    if payload.data is not None:
        data = payload.data
    else:
        data = await request.in_thread(request.service.blobs.read, payload.blob or "")
    return answer(
        m.Assignment(
            leased.id, "assigned", msgspec.Raw(data), node_id or "", leased.epoch, grant.lease_s
        )
    )


def _check_still(request: Request, node_id: str, grant: Grant) -> None:
    """Give a grant back when the token of whoever waited for it has ended meanwhile.

    Raises
    ------
    Unauthorized
    """
    try:
        request.check_still()
    except errors.Unauthorized:
        request.service.hand_back(node_id, grant.jobs)
        raise


def _id_header(request: Request, name: str, *, required: bool) -> str | None:
    value = request.header(name)
    if value is None:
        if required:
            raise errors.Invalid(f"the header {name} is missing; it says which node asks")
        return None
    if not is_id(value):
        raise errors.Invalid(f"the header {name} is not an id: 1 to 128 letters, digits, '._-'")
    return value


async def result(request: Request, body: m.SeedResult) -> Ready:
    """``POST /result``"""
    check_node(request, body.node_id)
    if body.status == "failed":
        if body.error is None:
            raise errors.Invalid("a failure needs 'error': {'message': …}")
        failure = _bounded(request, body.error)
        report = AttemptReport(body.job_id, body.epoch, AttemptEnd.FAILED, failure=failure)
    else:
        if body.result is msgspec.UNSET:
            raise errors.Invalid("'result' is missing; null is a result, nothing is not")
        if body.error is not None:
            raise errors.Invalid("'error' goes with 'status': 'failed'")
        data = as_json(body.result, request.content_type)
        if len(data) > INLINE_BYTES:
            raise errors.TooLarge("a result over 16 MiB does not travel inline; PUT it as a blob")
        value = Value("json", len(data), data, trusted=request.credential.trusted)
        report = AttemptReport(body.job_id, body.epoch, AttemptEnd.COMPLETED, value)
    verdicts = await request.service.report(body.node_id, [report])
    if verdicts[0].error is not None:
        raise verdicts[0].error
    return answer(m.ResultReceived("result_received", body.job_id), request.content_type)


async def lease(request: Request, body: m.LeaseRequest) -> Ready:
    """``POST /lease``"""
    check_node(request, body.node_id)
    service = request.service
    node = service.board.nodes.get(body.node_id)
    kinds = node.capacity.kinds if node is not None else ()
    command = c.Acquire(body.node_id, body.max, kinds, body.request_id, LEASE_S, LEASE_S)
    grant: Grant = await service.acquire(command, body.wait_s)
    _check_still(request, body.node_id, grant)
    jobs = await _with_payloads(request, body.node_id, grant.jobs)
    return answer(m.LeaseReply(LEASE_S, jobs), request.content_type)


async def _with_payloads(
    request: Request, node_id: str, granted: list[LeasedJob]
) -> list[m.Leased]:
    """The leases as the node sees them. What would make the reply too large goes back."""
    if not granted:
        return []
    service = request.service
    payloads = await service.payloads(granted)
    inputs = await service.inputs(granted)
    jobs: list[m.Leased] = []
    back: list[AttemptReport] = []
    total = 0
    for job in granted:
        payload = payloads[job.seq]
        mine = inputs.get(job.id, {})
        total += len(payload.data or b"") + sum(len(v.data or b"") for v in mine.values())
        if jobs and total > _REPLY_BYTES:
            back.append(AttemptReport(job.id, job.epoch, AttemptEnd.RELEASED))
            continue
        spec, demand = job.spec, job.spec.demand
        jobs.append(
            m.Leased(
                job.id,
                job.epoch,
                demand.kind,
                spec.name,
                payload.data,
                payload.blob,
                demand.cpus,
                demand.memory_bytes,
                demand.gpus,
                spec.timeout_s,
                mine,
            )
        )
    if back:
        await service.report(node_id, back)
    return jobs


async def heartbeat(request: Request, body: m.Heartbeat) -> Ready:
    """``POST /heartbeat``"""
    check_node(request, body.node_id)
    leases = tuple((held.job_id, held.epoch, held.elapsed_s) for held in body.leases)
    renewal = c.Renew(body.node_id, leases, LEASE_S)
    reply = await request.service.heartbeat(renewal, body.wait_s, request.check_still)
    statuses = [m.LeaseStatus(job_id, epoch, status) for job_id, epoch, status in reply]  # type: ignore[arg-type]
    return answer(m.HeartbeatReply(LEASE_S, statuses), request.content_type)


async def results(request: Request, body: m.Results) -> Ready:
    """``POST /results``"""
    check_node(request, body.node_id)
    refused: dict[int, m.ReportStatus] = {}
    good: list[AttemptReport] = []
    for at, report in enumerate(body.reports):
        try:
            good.append(_checked(request, report))
        except errors.NexapodError as error:
            refused[at] = m.ReportStatus(report.job_id, error.code, error.message)
    verdicts = iter(await request.service.report(body.node_id, good) if good else ())
    statuses = [
        refused[at] if at in refused else _status(next(verdicts)) for at in range(len(body.reports))
    ]
    return answer(m.ResultsReply(statuses), request.content_type)


def _checked(request: Request, report: AttemptReport) -> AttemptReport:
    """The report, with the coordinator's word on whether its sender is trusted.

    Raises
    ------
    NexapodError
        When it cannot be recorded.
    """
    if not is_id(report.job_id):
        raise errors.Invalid("'job_id' is not an id")
    value, failure = report.value, report.failure
    if failure is not None:
        report = msgspec.structs.replace(report, failure=_bounded(request, failure))
    if len(report.output) > _OUTPUT:
        report = msgspec.structs.replace(report, output=report.output[-_OUTPUT:])
    if value is None:
        return report
    if value.blob is not None:
        if value.data is not None:
            raise errors.Invalid("a value has 'data' or 'blob', not both")
        if not request.service.blobs.has(value.blob):
            raise errors.Invalid("the blob that holds this result was never uploaded")
    elif value.data is None:
        raise errors.Invalid("a value needs 'data' or 'blob'")
    elif len(value.data) > INLINE_BYTES:
        raise errors.TooLarge("a result over 16 MiB does not travel inline; PUT it as a blob")
    elif value.format == "json":
        check_json(value.data)
    if value.trusted is not request.credential.trusted:
        value = msgspec.structs.replace(value, trusted=request.credential.trusted)
        report = msgspec.structs.replace(report, value=value)
    return report


def _bounded(request: Request, failure: Failure) -> Failure:
    """A failure as it may be listed, without its exception object when nobody may open that."""
    exception = failure.exception
    if not request.credential.trusted or len(exception or b"") > _EXCEPTION_BYTES:
        exception = None
    traceback = failure.traceback
    return msgspec.structs.replace(
        failure,
        message=failure.message[:_MESSAGE],
        traceback=None if traceback is None else traceback[-_TRACEBACK:],
        exception=exception,
    )


def _status(verdict: Verdict) -> m.ReportStatus:
    if verdict.error is None:
        return m.ReportStatus(verdict.job_id, "recorded")
    return m.ReportStatus(verdict.job_id, verdict.error.code, verdict.error.message)


async def leave(request: Request, body: m.Leave) -> Ready:
    """``POST /leave``"""
    check_node(request, body.node_id)
    known = request.service.board.nodes.get(body.node_id)
    again = known is not None and known.left
    released = await request.service.execute(
        c.Leave(body.node_id, body.release),
        None if again else request.note("node.leave", body.node_id),
    )
    node = request.service.board.nodes.get(body.node_id)
    busy = node is not None and bool(node.leases)
    return answer(
        m.Left("draining" if busy else "left", body.node_id, released), request.content_type
    )
