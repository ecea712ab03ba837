"""Handlers for the fleet's owner: tokens, invitations, the audit."""

from __future__ import annotations

import math
import time

import msgspec

from nexapod.api.answers import Ready, answer
from nexapod.api.request import Request
from nexapod.core.credentials import SCOPES, Credential
from nexapod.wire import messages as m


def token_row(credential: Credential) -> m.TokenRow:
    """A credential as a message."""
    return m.TokenRow(
        credential.id,
        [scope for scope in SCOPES if scope in credential.scopes],
        credential.label,
        credential.trusted,
        credential.created_at,
        credential.expires_at,
        credential.revoked_at,
    )


async def tokens(request: Request, body: None) -> Ready:
    """``GET /tokens``"""
    return answer([token_row(credential) for credential in request.service.keyring.all()])


async def make_token(request: Request, body: m.NewToken) -> Ready:
    """``POST /tokens``"""
    expires_in_s = body.expires_in_s
    mine = request.credential.expires_at
    if mine is not None:  # nobody makes a token that outlives their own
        expires_in_s = min(mine - time.time(), expires_in_s or math.inf)
    made, secret = await request.service.keyring.make(
        body.scopes,
        body.label,
        expires_in_s=expires_in_s,
        trusted=body.trusted,
        by=lambda made: request.note(
            "token.make", made.id, {"scopes": body.scopes, "label": made.label}
        ),
    )
    row = token_row(made)
    return answer(m.MadeToken(made.id, secret, row.scopes, made.expires_at), request.content_type)


async def revoke_token(request: Request, body: None) -> Ready:
    """``DELETE /tokens/{token_id}``"""
    ended = await request.service.revoke(
        request.names["token_id"],
        lambda ended: request.note("token.revoke", ended.id, {"label": ended.label}),
    )
    return answer(token_row(ended))


async def invitation(request: Request, body: None) -> Ready:
    """``POST /invitation``"""
    secret = await request.service.keyring.node_token()
    await request.audit("invite")
    return answer(m.Invitation(secret))


async def audit(request: Request, body: None) -> Ready:
    """``GET /audit``"""
    cursor = int(request.number("cursor", 0, 0, 2**53) or 0)
    limit = int(request.number("limit", 1000, 1, 10_000) or 0)
    rows = await request.service.read(request.service.store.audit_rows, cursor, limit)
    return answer(
        [
            m.AuditRow(seq, at, actor, address, action, subject, msgspec.Raw(detail.encode()))
            for seq, at, actor, address, action, subject, detail in rows
        ]
    )
