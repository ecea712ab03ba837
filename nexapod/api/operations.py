"""Handlers for whoever runs the fleet: metrics, backups, draining a node, stopping."""

from __future__ import annotations

import asyncio

from nexapod import errors
from nexapod.api.answers import Ready, answer, raw
from nexapod.api.request import Request
from nexapod.coordinator.backups import Backups
from nexapod.wire import messages as m

#: How long after its answer the coordinator stops: the answer is sent by then.
_ANSWERED_S = 0.05


async def metrics(request: Request, body: None) -> Ready:
    """``GET /metrics``"""
    # Not before somebody asks: a kernel that nobody watches need not have it in memory.
    from nexapod.coordinator.metrics import CONTENT_TYPE, exposition

    return raw(exposition(request.service), CONTENT_TYPE)


def _backups(request: Request) -> Backups:
    if request.service.backups is None:
        raise errors.NotFound("this coordinator keeps nothing on disk, so there are no backups")
    return request.service.backups


async def backup(request: Request, body: None) -> Ready:
    """``POST /backups``"""
    made = await _backups(request).make()
    await request.audit("backup", detail={"size_bytes": made.size_bytes})
    return answer(made)


async def backups(request: Request, body: None) -> Ready:
    """``GET /backups``"""
    return answer(await request.in_thread(_backups(request).all))


async def drain(request: Request, body: None) -> Ready:
    """``POST /nodes/{node_id}/drain``"""
    node_id = request.names["node_id"]
    return answer(await request.service.drain_node(node_id, request.note("node.drain", node_id)))


async def stop(request: Request, body: None) -> Ready:
    """``POST /stop``"""
    await request.audit("stop")
    asyncio.get_running_loop().call_later(_ANSWERED_S, request.service.stop)
    return answer(m.Stopping("stopping"))
