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
from benchmarks.rows import ROWS, Row


def main() -> None:
    """Measure and print the table: ours, the peer's, the ratio, the goal."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("rows", nargs="*", help=f"some of: {', '.join(ROWS)}")
    parser.add_argument("--quick", action="store_true", help="under three minutes")
    parser.add_argument("--json", type=Path, help="also write the rows here")
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
    if given.json is not None:
        given.json.write_bytes(msgspec.json.format(msgspec.json.encode(found)))


if __name__ == "__main__":
    main()
