"""The nasty corpus: input that parsers are known to disagree about, choke on, or be fooled by.

It only grows: whoever finds another one adds it, and nobody takes one out. Everything in it is
refused with a 4xx, and nothing of it is stored.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

SYNTAX = frozenset({400})
TYPES = frozenset({422})
EITHER = frozenset({400, 422})
MEDIA = frozenset({415})
PATHS = frozenset({404, 422})

#: A body of each endpoint that takes one: it fits, but its ids name nothing there is.
BODIES: dict[str, tuple[str, Any]] = {
    "register": ("/register", {"node_id": "corpus", "profile": {}}),
    "result": ("/result", {"job_id": "corpus", "node_id": "corpus", "result": 1}),
    "lease": ("/lease", {"node_id": "corpus"}),
    "heartbeat": ("/heartbeat", {"node_id": "corpus"}),
    "results": ("/results", {"node_id": "corpus", "reports": []}),
    "leave": ("/leave", {"node_id": "corpus"}),
    "submit": ("/jobs", {"data": 1}),
    "cancel_many": ("/jobs/cancel", {"job_ids": ["corpus"]}),
    "job_states": ("/jobs/states", {"job_ids": ["corpus"]}),
}


def with_member(body: dict[str, Any], value: bytes) -> bytes:
    """The body as JSON, with one more member."""
    return json.dumps(body).encode()[:-1] + b', "zebra": ' + value + b"}"


def with_field(body: dict[str, Any], place: str, value: Any) -> dict[str, Any]:
    """The body with `value` in a field, or inside the list or the pairs that the field holds."""
    name, _, inside = place.partition("[]")
    if inside:
        value = [[value, 1] if inside == "[id]" else ["corpus", value]]
    elif place.endswith("[]"):
        value = [value]
    return {**body, name: value}


class Bad(NamedTuple):
    """One request that must be refused."""

    name: str
    path: str
    body: bytes
    headers: dict[str, str]
    codes: frozenset[int]
