"""The command line: ``nexapod serve``, ``nexapod node``, ``nexapod status``."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import click

from nexapod import __version__, errors


@click.group(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.version_option(__version__, prog_name="nexapod")
def cli() -> None:
    """Your lab's compute, in a notebook cell."""


@cli.command()
@click.option("--name", default="default", help="The fleet's name.")
@click.option("--host", default="127.0.0.1", help="The address to listen on.")
@click.option("--port", default=8000, help="The port; a busy one moves to the next free one.")
@click.option("--database", default=None, help="The database file.  [default: per user, by name]")
@click.option(
    "--token",
    envvar="NEXAPOD_TOKEN",
    default=None,
    show_default=False,
    help="The secret.  [default: the fleet's own, made at its first start]",
)
@click.option("--open", "open_", is_flag=True, help="No token; loopback only.")
@click.option("--insecure", is_flag=True, help="Plain HTTP beyond loopback, on a trusted network.")
def serve(**given: Any) -> None:
    """Run a coordinator as its own process."""
    from nexapod.coordinator.host import Host
    from nexapod.coordinator.options import HostOptions

    _log_to_stderr()
    given["open"] = given.pop("open_")
    if given["open"]:
        given["token"] = None
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    host = Host(HostOptions(**given), in_kernel=False)
    for note in host.notes:
        click.echo(f"note: {note}", err=True)
    if given["insecure"]:
        click.echo("warning: plain HTTP; anyone on this network can read tokens and data", err=True)
    click.echo(f"nexapod coordinator '{host.options.name}' listens on {host.url}")
    click.echo(f"database: {host.files.database}")
    if host.token is None:
        click.echo("open: no token is asked for; every program on this machine can submit jobs")
    else:
        click.echo(f"token: in {host.files.beside('.token')}")
    sys.stdout.flush()
    while not stop.wait(1.0):
        if not host.is_running:
            raise errors.Unavailable("the coordinator ended unexpectedly; see the log above")
    click.echo("stopping")
    host.stop()


@cli.command()
@click.argument("url")
@click.option(
    "--token",
    envvar="NEXAPOD_TOKEN",
    default=None,
    show_default=False,
    help="The fleet's token; NEXAPOD_TOKEN works too.",
)
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
@click.option("--fleet-id", default=None, hidden=True, help="Work for no other fleet.")
@click.option("--verbose", is_flag=True, help="One line per job, however short.")
def node(url: str, verbose: bool, **given: Any) -> None:
    """Run a node: it dials out to URL, asks for jobs and runs them."""
    from nexapod.node.agent import run
    from nexapod.node.options import NodeOptions

    _log_to_stderr(logging.DEBUG if verbose else logging.INFO)
    options = {key: value for key, value in given.items() if value is not None}
    raise SystemExit(run(NodeOptions(url=url, **options)))


@cli.command()
@click.argument("url")
@click.option(
    "--token",
    envvar="NEXAPOD_TOKEN",
    default=None,
    show_default=False,
    help="The fleet's token; NEXAPOD_TOKEN works too.",
)
@click.option("--watch", is_flag=True, help="Refresh until interrupted.")
def status(url: str, token: str | None, watch: bool) -> None:
    """Show nodes and jobs in the terminal."""
    from nexapod.views.console import show_status

    show_status(url, token, watch=watch)


def _log_to_stderr(level: int = logging.INFO) -> None:
    logging.basicConfig(
        level=level, stream=sys.stderr, format="%(asctime)s %(message)s", datefmt="%H:%M:%S"
    )


def main() -> None:
    """Run the command line; an error that nexapod foresaw is one sentence, not a traceback."""
    try:
        cli(standalone_mode=True)
    except errors.NexapodError as error:
        click.echo(f"nexapod: {error}", err=True)
        sys.stderr.flush()
        os._exit(2) if threading.active_count() > 1 else sys.exit(2)
