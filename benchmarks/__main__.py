"""``python -m benchmarks [ROW …] [--quick] [--json FILE]``: one row after another, never two."""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import time
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

import nexapod
from benchmarks.row import Row
from benchmarks.rows import ROWS

_PAGE = """# How fast

Written by `python -m benchmarks --page docs/performance.md`; `make bench` prints the same table.
Only the ratios count: each figure was measured beside its peer, in one run, on one machine, the
load generator and the server sharing its cores.

{title}

{table}
Where the time goes, measured on the same machine:

- **Seed API.** Each cycle is two durable changes. With 64 clients the coordinator's process spends
  about twice the processor time of the bare application per cycle (some 165 µs against 80 µs), a
  fifth of it in the store's thread. With few clients the latency of the commits counts as well.
- **Functions.** A call passes through two commits and two HTTP requests, which many short calls
  share. `ProcessPoolExecutor` has neither a network nor a disk to wait for.
- **One call.** Two commits of about half a millisecond each, and the way to the node and back.
"""


def _page(title: str, rows: list[Row]) -> str:
    cells = [["what", "nexapod", "beside", "ratio", "goal"], ["---"] * 5]
    for row in rows:
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        cells.append([row.what, row.ours, row.peer, ratio, row.goal])
    table = "".join(f"| {' | '.join(line)} |\n" for line in cells)
    return _PAGE.format(title=title, table=table)


def main() -> None:
    """Measure and print the table: ours, the peer's, the ratio, the goal."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("rows", nargs="*", help=f"some of: {', '.join(ROWS)}")
    parser.add_argument("--quick", action="store_true", help="under three minutes")
    parser.add_argument("--json", type=Path, help="also write the rows here")
    parser.add_argument("--page", type=Path, help="also write the table here, as Markdown")
    given = parser.parse_args()
    unknown = set(given.rows) - set(ROWS)
    if unknown:
        parser.error(f"there is no row {', '.join(sorted(unknown))}")
    console = Console(width=160 if not os.isatty(1) else None)
    table = Table(title=f"nexapod {nexapod.__version__}, {time.strftime('%Y-%m-%d')}, "
                  f"{os.cpu_count()} cores, Python {platform.python_version()}")  # fmt: skip
    for heading in ("what", "nexapod", "beside", "ratio", "goal"):
        table.add_column(heading)
    found: list[Row] = []
    for name in given.rows or ROWS:
        with tempfile.TemporaryDirectory(prefix="nexapod-bench-") as folder:
            for row in ROWS[name](Path(folder), given.quick):
                found.append(row)
                ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
                table.add_row(row.what, row.ours, row.peer, ratio, row.goal)
                console.print(f"[dim]{row.what}: {row.ours}[/dim]")
    console.print(table)
    if given.page is not None:
        given.page.write_text(_page(str(table.title), found))
    if given.json is not None:
        given.json.write_bytes(msgspec.json.format(msgspec.json.encode(found)))


if __name__ == "__main__":
    main()
