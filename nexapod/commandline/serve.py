"""``nexapod serve``"""

from __future__ import annotations

import gc
import signal
import sys
import threading
from typing import Any

import click

from nexapod import errors
from nexapod.commandline import options
from nexapod.logs import LogFormat, log_to_stderr


@click.command()
@options.name
@click.option("--host", default="127.0.0.1", help="The address to listen on.")
@click.option("--port", default=8000, help="The port; a busy one moves to the next free one.")
@options.database
@click.option(
    "--token",
    envvar="NEXAPOD_TOKEN",
    default=None,
    show_default=False,
    help="The secret.  [default: the fleet's own, made at its first start]",
)
@click.option("--open", "open_", is_flag=True, help="No token; loopback only.")
@click.option("--insecure", is_flag=True, help="Plain HTTP beyond loopback, on a trusted network.")
@click.option(
    "--tls/--no-tls",
    default=None,
    show_default=False,
    help="Speak HTTPS.  [default: beyond loopback, and with --cert]",
)
@click.option("--cert", default=None, help="A certificate of your own, in PEM.")
@click.option("--key", default=None, help="Its key.")
@click.option("--connections", default=512, help="Most connections without a token.")
@click.option(
    "--disk-reserve",
    "disk_reserve_bytes",
    type=click.IntRange(0),
    default=None,
    show_default=False,
    help="Bytes of free disk kept for results.  [default: 512 MiB, less on a small disk]",
)
@options.log_format
@click.option("--backup-every-s", default=3600.0, help="Copy the database so often; 0: never.")
@click.option("--backups-kept", default=24, help="Copies kept, beside one a day for a week.")
def serve(log_format: LogFormat, **given: Any) -> None:
    """Run a coordinator as its own process."""
    from nexapod.coordinator.host import Host
    from nexapod.coordinator.options import HostOptions, Limits

    mask = log_to_stderr(form=log_format, secrets=[given["token"]])
    given["open"] = given.pop("open_")
    if given["open"]:
        given["token"] = None
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    given["limits"] = Limits(connections=given.pop("connections"))
    host = Host(HostOptions(**given), in_kernel=False)
    mask.hide(host.token)
    for note in host.notes:
        click.echo(f"note: {note}", err=True)
    if given["insecure"]:
        click.echo("warning: plain HTTP; anyone on this network can read tokens and data", err=True)
    click.echo(f"nexapod coordinator '{host.options.name}' listens on {host.url}")
    if host.fingerprint is not None:
        click.echo(f"fingerprint: {host.fingerprint}")
    click.echo(f"database: {host.files.database}")
    if host.token is None:
        click.echo("open: no token is asked for; every program on this machine can submit jobs")
    else:
        click.echo(f"token: in {host.files.beside('.token')}")
    sys.stdout.flush()
    _collect_rarely()
    while not (stop.wait(1.0) or host.is_stopping):
        if not host.is_running:
            raise errors.Unavailable("the coordinator ended unexpectedly; see the log above")
    click.echo("stopping")
    host.stop()


def _collect_rarely() -> None:
    """Let the garbage collector look less often: hardly anything here is ever part of a cycle.

    At its usual pace it took a third of the time of a coordinator with tens of thousands of jobs.
    """
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
