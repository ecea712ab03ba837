"""A line of the table."""

from __future__ import annotations

import msgspec


class Row(msgspec.Struct, frozen=True):
    """One line of the table. `ratio` is ours against the peer's, the larger the better."""

    what: str
    ours: str
    peer: str
    ratio: float | None
    goal: str
