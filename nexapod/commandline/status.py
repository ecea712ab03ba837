"""``nexapod status``"""

from __future__ import annotations

import click


@click.command()
@click.argument("url")
@click.option(
    "--token",
    envvar="NEXAPOD_TOKEN",
    default=None,
    show_default=False,
    help="The fleet's token; NEXAPOD_TOKEN works too.",
)
@click.option(
    "--fingerprint",
    envvar="NEXAPOD_FINGERPRINT",
    default=None,
    show_default=False,
    help="The coordinator's certificate, as its invitation names it.  [NEXAPOD_FINGERPRINT]",
)
@click.option("--watch", is_flag=True, help="Refresh until interrupted.")
def status(url: str, token: str | None, fingerprint: str | None, watch: bool) -> None:
    """Show nodes and jobs in the terminal."""
    from nexapod.views.console import show_status

    show_status(url, token, watch=watch, fingerprint=fingerprint)
