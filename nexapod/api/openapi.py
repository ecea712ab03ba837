"""The OpenAPI document, generated from the table of routes and the message types."""

from __future__ import annotations

import functools
import re
from typing import Any

import msgspec

from nexapod.wire.messages import ErrorReply
from nexapod.wire.routes import ROUTES, Route

_REF = "#/components/schemas/{name}"


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
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"\{(\w+)\}", route.path)
    ]
    parameters += [
        {"name": name, "in": "query", "schema": {"type": "string"}} for name in route.query
    ]
    parameters += [
        {
            "name": name,
            "in": "header",
            "required": name == "X-Node-ID",
            "schema": {"type": "string"},
        }
        for name in route.headers
    ]
    refused = {
        "description": "Refused; nothing changed.",
        "content": {"application/json": {"schema": known[repr(ErrorReply)]}},
    }
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
        "responses": {"200": done, "4XX": refused},
    }
    if route.body is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": known[repr(route.body)]}},
        }
    if not route.scopes:
        operation["security"] = []
    return operation
