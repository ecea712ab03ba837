"""The table of a run: in the terminal, and as the page ``docs/reliability.md``."""

from __future__ import annotations

import os
import platform
import sqlite3
import textwrap
import time
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from tests.torture.rows import ROWS

_WORDS = {"passed": "reached", "failed": "**MISSED**", "skipped": "not run here"}


class Line(NamedTuple):
    """What the tests of one row reached together."""

    row: str
    reached: str
    outcome: str
    seconds: float

    def and_also(self, other: Line) -> Line:
        """This and another test of the same row."""
        worst = max(self.outcome, other.outcome, key=("passed", "skipped", "failed").index)
        said = "; ".join(filter(None, (self.reached, other.reached)))
        return Line(self.row, said, worst, self.seconds + other.seconds)


def table(lines: Mapping[str, Line]) -> Iterator[str]:
    """The table for the terminal."""
    for row, promise in ROWS.items():
        if row not in lines:
            continue
        line = lines[row]
        verdict = _WORDS[line.outcome].strip("*")
        yield f"{row:<18} {verdict:<12} {line.seconds:>8.1f} s"
        for name, text in (("goal", promise.goal), ("reached", line.reached)):
            yield from textwrap.wrap(
                text, 100, initial_indent=f"    {name:<8} ", subsequent_indent=" " * 13
            )


def rows_of(text: str) -> dict[str, str]:
    """The rows of a page that was written before."""
    return {
        row: line for line in text.splitlines() for row in ROWS if line.startswith(f"| `{row}`")
    }


def page(
    lines: Mapping[str, Line], tier: str, seed: int, at: time.struct_time, before: Mapping[str, str]
) -> str:
    """The page. Rows that this run left out stay as they were `before`."""
    rows = "\n".join(
        f"| `{row}` | {promise.title} | {promise.goal} | {_WORDS[lines[row].outcome]}: "
        f"{lines[row].reached or '–'} | {lines[row].seconds:,.1f} | {tier}, {seed} |"
        if row in lines
        else before[row]
        for row, promise in ROWS.items()
    )
    return _PAGE.format(
        date=time.strftime("%Y-%m-%d", at),
        cores=os.cpu_count(),
        python=platform.python_version(),
        sqlite=sqlite3.sqlite_version,
        system=platform.system(),
        rows=rows,
    )


_PAGE = """\
# Reliability: what is promised, and the proof

<!-- Written by `make torture`; do not edit. -->

What nexapod promises is in [protocol.md](protocol.md). Here is how each promise was put to the
proof, and what it reached when it was last run, on {date} or before: {cores} cores, {system},
Python {python}, SQLite {sqlite}. A row is replayed with `make torture TIER=… SEED=…`.

Nothing here trusts the coordinator's own word: what clients were told is compared with what a
separate program reads in the database. A suite that cannot fail proves nothing, so the last row
breaks the product in fourteen ways, one at a time, and counts how many of them the tests notice.

| row | what happens | goal | last run | seconds | tier, seed |
|---|---|---|---|---|---|
{rows}

The same tests run smaller in `make test` (`--tier commit`) and larger with
`make torture TIER=nightly`.
"""
