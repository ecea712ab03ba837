"""What the panel may ask of a coordinator. Anything else stays at the relay."""

from __future__ import annotations

import re

_ID = r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}"
_ALLOWED = tuple(
    (method, re.compile(path))
    for method, path in (
        ("GET", rf"/jobs/{_ID}"),
        ("GET", rf"/jobs/{_ID}/log\?after=\d{{1,18}}(&epoch=\d{{1,9}})?"),
        ("POST", r"/jobs/cancel"),
        ("POST", rf"/jobs/{_ID}/retry"),
        ("POST", rf"/nodes/{_ID}/drain"),
    )
)


def is_allowed(method: str, target: str) -> bool:
    """Whether the panel may make this request: a method, and a path with its query."""
    return any(method == known and path.fullmatch(target) for known, path in _ALLOWED)
