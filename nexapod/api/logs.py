"""Handlers for what jobs print: nodes send it while it runs, clients read it."""

from __future__ import annotations

from nexapod import errors
from nexapod.api.answers import Ready, answer
from nexapod.api.ownership import check_jobs, check_node
from nexapod.api.request import Request
from nexapod.ids import is_id
from nexapod.wire import messages as m


async def logs(request: Request, body: m.Logs) -> Ready:
    """``POST /logs``"""
    check_node(request, body.node_id)
    return answer(m.LogsReply(await request.service.hear(body)), request.content_type)


async def job_log(request: Request, body: None) -> Ready:
    """``GET /jobs/{job_id}/log``"""
    job_id = request.names["job_id"]
    if not is_id(job_id):
        raise errors.NotFound("there is no job with this id")
    await check_jobs(request, [job_id], request.credential.sees)
    after = int(request.number("after", 0, 0, 2**53) or 0)
    epoch = request.number("epoch", None, 0, 2**53)
    which = None if epoch is None else int(epoch)
    return answer(await request.service.logs.read(job_id, which, after))
