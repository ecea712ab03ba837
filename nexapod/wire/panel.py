"""What a panel may ask of the coordinator: the one list that every relay goes by.

A relay (the kernel, or the Jupyter server) has the fleet's own token, and a browser in front of it.
What is not here is refused, whatever that token could do.
"""

from __future__ import annotations

import re

_ID = r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}"
_ALLOWED = {
    "GET": re.compile(rf"/jobs/{_ID}|/jobs/{_ID}/log\?after=[0-9]{{1,16}}(&epoch=[0-9]{{1,16}})?"),
    "POST": re.compile(rf"/jobs/cancel|/jobs/{_ID}/retry|/nodes/{_ID}/drain"),
}


def allowed(method: str, path: str) -> bool:
    """Whether a relay forwards this request. `path` is as it is sent, with its query."""
    pattern = _ALLOWED.get(method)
    return pattern is not None and pattern.fullmatch(path) is not None
