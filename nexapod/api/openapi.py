"""The OpenAPI document, generated from the table of routes and the message types."""

from __future__ import annotations

import functools
import re
from typing import Any

import msgspec

from nexapod.ids import ID_PATTERN
from nexapod.wire.codec import JSON, MSGPACK
from nexapod.wire.messages import ErrorReply
from nexapod.wire.routes import ROUTES, Route

_REF = "#/components/schemas/{name}"
_TEXT = {"type": "string"}
_ID = {"type": "string", "pattern": ID_PATTERN}
_WHOLE = {"type": "integer", "minimum": 0, "maximum": 2**53}
#: What the parameters of paths, queries and headers look like; the rest is any text.
_PARAMETERS: dict[str, dict[str, Any]] = {
    "job_id": _ID,
    "token_id": _ID,
    "X-Node-ID": _ID,
    "X-Poll-ID": _ID,
    "sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
    "wait_s": {"type": "number", "minimum": 0, "maximum": 60},
    "lease_s": {"type": "number", "minimum": 10, "maximum": 86_400},
    "limit": {"type": "integer", "minimum": 1, "maximum": 10_000},
    "cursor": _WHOLE,
    "attempts.cursor": {"type": "string", "pattern": r"^[0-9]{1,16}\.[0-9]{1,16}$"},
    "newest": {"type": "integer", "minimum": 0, "maximum": 1},
    "Idempotency-Key": {"type": "string", "minLength": 1, "maxLength": 150, "pattern": "^[ -~]+$"},
}


@functools.cache
def document() -> bytes:
    """The document as JSON."""
    from nexapod import __version__

    types = [t for route in ROUTES for t in (route.body, *_replies(route)) if t is not None]
    schemas, components = msgspec.json.schema_components([*types, ErrorReply], ref_template=_REF)
    known = {repr(t): s for t, s in zip([*types, ErrorReply], schemas, strict=True)}
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, known)
    return msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "info": {"title": "nexapod", "version": __version__},
            "paths": paths,
            "components": {
                "schemas": components,
                "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            },
            "security": [{"token": []}],
        }
    )


def _replies(route: Route) -> tuple[Any, ...]:
    if route.reply is None:
        return ()
    return route.reply if isinstance(route.reply, tuple) else (route.reply,)


def _operation(route: Route, known: dict[str, dict[str, Any]]) -> dict[str, Any]:
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": _PARAMETERS.get(name, _TEXT)}
        for name in re.findall(r"\{(\w+)\}", route.path)
    ]
    parameters += [
        {
            "name": name,
            "in": "query",
            "schema": _PARAMETERS.get(f"{route.name}.{name}") or _PARAMETERS.get(name, _TEXT),
        }
        for name in route.query
    ]
    parameters += [
        {
            "name": name,
            "in": "header",
            "required": name == "X-Node-ID",
            "schema": _PARAMETERS.get(name, _TEXT),
        }
        for name in route.headers
    ]
    refused = {
        "description": "Refused; nothing changed.",
        "content": {"application/json": {"schema": known[repr(ErrorReply)]}},
    }
    later = {**refused, "description": "Certainly not stored; the same request may be repeated."}
    done: dict[str, Any] = {"description": "Done."}
    replies = [known[repr(reply)] for reply in _replies(route)]
    if replies:
        schema = replies[0] if len(replies) == 1 else {"oneOf": replies}
        done["content"] = {"application/json": {"schema": schema}}
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "tags": list(route.scopes) or ["open"],
        "parameters": parameters,
        "responses": {"200": done, "4XX": refused, "503": later, "507": later},
    }
    if route.body is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {kind: {"schema": known[repr(route.body)]} for kind in (JSON, MSGPACK)},
        }
    if route.name == "put_blob":
        octets = {"schema": {"type": "string", "format": "binary"}}
        operation["requestBody"] = {
            "required": True,
            "content": {"application/octet-stream": octets},
        }
    if not route.scopes:
        operation["security"] = []
    return operation
