"""``nexapod status``"""

from __future__ import annotations

import click

from nexapod.commandline import options


@click.command()
@click.argument("url")
@options.token
@options.fingerprint
@click.option("--watch", is_flag=True, help="Refresh until interrupted.")
def status(url: str, token: str | None, fingerprint: str | None, watch: bool) -> None:
    """Show nodes and jobs in the terminal."""
    from nexapod.views.console import show_status

    show_status(url, token, watch=watch, fingerprint=fingerprint)
