"""The command line: ``nexapod serve``, ``node``, ``status``; the commands are in `commandline`."""

from __future__ import annotations

import os
import sys
import threading

import click

from nexapod import __version__, errors
from nexapod.commandline.backup import backup, restore
from nexapod.commandline.doctor import doctor
from nexapod.commandline.node import node
from nexapod.commandline.serve import serve
from nexapod.commandline.status import status
from nexapod.commandline.token import token


@click.group(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.version_option(__version__, prog_name="nexapod")
def cli() -> None:
    """Your lab's compute, in a notebook cell."""


for command in (serve, node, status, backup, restore, token, doctor):
    cli.add_command(command)


def main() -> None:
    """Run the command line; an error that nexapod foresaw is one sentence, not a traceback."""
    try:
        cli(standalone_mode=True)
    except errors.NexapodError as error:
        click.echo(f"nexapod: {error}", err=True)
        sys.stderr.flush()
        os._exit(2) if threading.active_count() > 1 else sys.exit(2)
