"""The pieces of the text reprs: what a terminal, a log or a plain Python prompt shows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from nexapod.views.human import clip, count
from nexapod.views.reprs.markup import ordered
from nexapod.views.theme import label_of

WIDTH = 32
#: A number, with or without its unit: ``1,240``, ``-3.5e-07``, ``3 min 12 s``, ``2/4``.
_NUMBER = re.compile(r"[-+]?[\d,]+(\.\d+)?(e[-+]?\d+)?(/\d+)?( (ms|s|min|h|d)( \d+ (s|min|h))?)?|–")


def counts_line(counts: Mapping[str, int]) -> str:
    """``980 completed · 12 running · 240 pending``."""
    items = [f"{count(amount)} {label_of(state)}" for state, amount in ordered(counts)]
    return " · ".join(items) or "no jobs yet"


def bar_line(counts: Mapping[str, int]) -> str:
    """A bar of `WIDTH` characters: full for done, crossed for failed, light for open."""
    total = sum(counts.values())
    if not total:
        return "░" * WIDTH
    failed = sum(counts.get(state, 0) for state in ("failed", "cancelled"))
    ended = counts.get("completed", 0) + failed
    whole = ended * WIDTH // total
    bad = min(whole, -(-failed * WIDTH // total)) if failed else 0
    busy = min(WIDTH - whole, -(-counts.get("assigned", 0) * WIDTH // total))
    return "█" * (whole - bad) + "x" * bad + "▒" * busy + "░" * (WIDTH - whole - busy)


def rows(header: Sequence[str], cells: Sequence[Sequence[str]], width: int = 24) -> list[str]:
    """An aligned table, two spaces between columns; numbers to the right."""
    lines = [[clip(cell, width) for cell in line] for line in cells]
    sizes = [max(len(line[at]) for line in [list(header), *lines]) for at in range(len(header))]
    right = [
        bool(lines) and all(_is_number(line[at]) for line in lines) for at in range(len(header))
    ]

    def join(line: Sequence[str]) -> str:
        parts = [
            cell.rjust(size) if to_right else cell.ljust(size)
            for cell, size, to_right in zip(line, sizes, right, strict=True)
        ]
        return "  ".join(parts).rstrip()

    return [join(header), *(join(line) for line in lines)]


def _is_number(cell: str) -> bool:
    return not cell or _NUMBER.fullmatch(cell) is not None


def indent(lines: Sequence[str], by: str = "  ") -> list[str]:
    """Each line moved to the right; empty ones stay empty."""
    return [f"{by}{line}" if line else line for line in lines]
