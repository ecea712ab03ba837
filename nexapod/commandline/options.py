"""The options that several commands share."""

from __future__ import annotations

import click

name = click.option("--name", default="default", help="The fleet's name.")
database = click.option(
    "--database", default=None, help="The database file.  [default: per user, by name]"
)
token = click.option(
    "--token",
    envvar="NEXAPOD_TOKEN",
    default=None,
    show_default=False,
    help="The fleet's token; NEXAPOD_TOKEN works too.",
)
fingerprint = click.option(
    "--fingerprint",
    envvar="NEXAPOD_FINGERPRINT",
    default=None,
    show_default=False,
    help="The coordinator's certificate, as its invitation names it.  [NEXAPOD_FINGERPRINT]",
)
log_format = click.option("--log-format", type=click.Choice(["text", "json"]), default="text")
