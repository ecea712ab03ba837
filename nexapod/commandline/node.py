"""``nexapod node``"""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

import click

from nexapod.commandline import options
from nexapod.logs import LogFormat, log_to_stderr

_UNITS = {"": 1, "KB": 1000, "MB": 1000**2, "GB": 1000**3, "TB": 1000**4}


def size_bytes(text: str) -> int:
    """``500MB``, ``2GB``, or bytes."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?((?:[KMGT]B)?)", text.strip().upper())
    count = 0 if found is None else int(float(found[1]) * _UNITS[found[2]])
    if count < 1:
        raise click.BadParameter(f"{text!r} is not a size; it looks like 500MB or 2GB")
    return count


@click.command()
@click.argument("url")
@options.token
@options.fingerprint
@click.option("--slots", default=1, type=click.IntRange(1, 4096), help="Jobs to run at once.")
@click.option("--name", default=None, help="The node's id.  [default: this machine's name]")
@click.option(
    "--runner",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A Python file with run(data), for data jobs.",
)
@click.option(
    "--weights",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file whose sha256 jobs may require; run() finds it in NEXAPOD_WEIGHTS.",
)
@click.option("--tag", "tags", multiple=True, help="A tag that jobs may require; repeatable.")
@click.option(
    "--scratch",
    type=click.Path(file_okay=False, path_type=Path),
    default=None,
    help="The folder for spool and job output.  [default: per user, by name]",
)
@click.option(
    "--give-up-s",
    type=float,
    default=None,
    show_default=False,
    help="End when idle and no coordinator has answered for so long.  [default: never]",
)
@click.option("--sandbox", is_flag=True, help="Shut jobs in with bubblewrap: no network, no files.")
@click.option(
    "--readable",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    help="With --sandbox: a file or folder that jobs may read; repeatable.",
)
@click.option(
    "--max-processes", default=256, type=click.IntRange(1), help="Processes one job may run."
)
@click.option(
    "--max-output",
    "max_output_bytes",
    default="1GB",
    type=size_bytes,
    help="What one job may print, of which the last lines are kept.",
)
@click.option(
    "--max-disk",
    "max_disk_bytes",
    default=None,
    type=size_bytes,
    show_default=False,
    help="With --sandbox: files that one job may write.  [default: no limit]",
)
@click.option("--fleet-id", default=None, hidden=True, help="Work for no other fleet.")
@click.option("--verbose", is_flag=True, help="One line per job, however short.")
@options.log_format
def node(url: str, verbose: bool, log_format: LogFormat, **given: Any) -> None:
    """Run a node: it dials out to URL, asks for jobs and runs them."""
    from nexapod.node.agent import run
    from nexapod.node.options import NodeOptions

    log_to_stderr(logging.DEBUG if verbose else logging.INFO, log_format, [given["token"]])
    chosen = {key: value for key, value in given.items() if value is not None}
    raise SystemExit(run(NodeOptions(url=url, **chosen)))
