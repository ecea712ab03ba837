"""``nexapod token create | list | revoke``"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from nexapod import errors
from nexapod.commandline import options
from nexapod.core.credentials import SCOPES

if TYPE_CHECKING:
    from nexapod.client.fleet import Fleet


def _reaching(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say which fleet is meant."""
    for option in (
        options.fingerprint,
        click.option("--token", envvar="NEXAPOD_TOKEN", default=None, show_default=False,
                     help="An admin's token, with --url; NEXAPOD_TOKEN works too."),
        click.option("--url", default=None, show_default=False,
                     help="A coordinator elsewhere.  [default: the one that runs here]"),
        options.database,
        options.name,
    ):  # fmt: skip
        command = option(command)
    return command


def _fleet(
    name: str, database: str | None, url: str | None, token: str | None, fingerprint: str | None
) -> Fleet:
    from nexapod.client.launch import connect
    from nexapod.coordinator.files import FleetFiles
    from nexapod.coordinator.lock import is_locked

    if url is None:
        files = FleetFiles(name, database)
        run = files.read_run()
        if run is None or not is_locked(files.lock):
            raise errors.Invalid(
                f"no coordinator of the fleet '{name}' runs here; start it, or give --url"
            )
        url, token = run.url, None if run.open else files.token()
        fingerprint = run.fingerprint
    return connect(url, token, fingerprint=fingerprint)


@click.group()
def token() -> None:
    """Make, list and revoke the tokens of a fleet."""


@token.command()
@click.argument("scopes", nargs=-1, required=True, type=click.Choice(SCOPES))
@click.option("--label", default="", help="Whom it is for.")
@click.option(
    "--expires-days",
    type=click.FloatRange(min=0, min_open=True),
    default=None,
    show_default=False,
    help="It ends by itself after so many days.  [default: never]",
)
@click.option("--untrusted", is_flag=True,
              help="Pickles from nodes that join with it are never opened.")  # fmt: skip
@_reaching
def create(
    scopes: tuple[Any, ...], label: str, expires_days: float | None, untrusted: bool, **where: Any
) -> None:
    """Make a token with these SCOPES. Its secret is printed alone on the last line, this once."""
    expires_in_s = None if expires_days is None else expires_days * 86_400
    with _fleet(**where) as fleet:
        made = fleet.tokens.create(
            *scopes, label=label, expires_in_s=expires_in_s, trusted=not untrusted
        )
    click.echo(f"token {made.id} ({' '.join(made.scopes)}); it is not shown again:", err=True)
    click.echo(made.secret)


@token.command("list")
@_reaching
def list_(**where: Any) -> None:
    """Show every token, without its secret."""
    with _fleet(**where) as fleet:
        rows = fleet.tokens.rows()
    for row in rows:
        ended = row.revoked_at or row.expires_at
        word = "revoked" if row.revoked_at else "expires"
        when = "" if ended is None else f"{word} {datetime.fromtimestamp(ended, UTC):%Y-%m-%d}"
        trust = "" if row.trusted else "untrusted"
        cells = (row.id, " ".join(row.scopes), trust, when, row.label)
        click.echo("  ".join(filter(None, cells)))


@token.command()
@click.argument("token_id")
@_reaching
def revoke(token_id: str, **where: Any) -> None:
    """Let nobody in with the token TOKEN_ID from now on."""
    with _fleet(**where) as fleet:
        fleet.tokens.revoke(token_id)
    click.echo(f"token {token_id} is revoked")
