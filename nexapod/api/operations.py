"""Handlers for whoever runs the fleet: metrics and backups."""

from __future__ import annotations

from nexapod import errors
from nexapod.api.answers import Ready, answer, raw
from nexapod.api.request import Request
from nexapod.coordinator.backups import Backups


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
