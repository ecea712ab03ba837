"""``nexapod doctor``"""

from __future__ import annotations

import click

from nexapod.commandline import options


@click.command()
@click.argument("url", required=False)
@click.option("--name", default=None, help="The fleet's name.  [default: default, without a URL]")
@options.database
@click.option(
    "--token",
    envvar="NEXAPOD_TOKEN",
    default=None,
    show_default=False,
    help="A token for URL; NEXAPOD_TOKEN works too.  [default: the fleet's own]",
)
@options.fingerprint
@click.option("--json", "as_json_", is_flag=True, help="For programs.")
def doctor(
    url: str | None,
    name: str | None,
    database: str | None,
    token: str | None,
    fingerprint: str | None,
    as_json_: bool,
) -> None:
    """Look at this set-up and say how to mend what is wrong.

    With URL the way to that coordinator, else the fleet on this machine and the way to it. Ends
    with 1 when something does not work.
    """
    from rich.console import Console

    from nexapod.doctor.examination import examination
    from nexapod.doctor.report import as_json, show

    found = examination(url, name, database, token, fingerprint)
    if as_json_:
        findings = list(found)
        click.echo(as_json(findings))
    else:
        findings = show(found, Console(highlight=False))
    raise SystemExit(any(finding.level == "FAIL" for finding in findings))
