"""``nexapod backup`` and ``nexapod restore``"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nexapod import errors
from nexapod.commandline import options

if TYPE_CHECKING:
    from nexapod.coordinator.backups import Backup
    from nexapod.coordinator.files import FleetFiles

#: A large database on a slow disk.
PATIENCE_S = 3600.0


@click.command()
@click.argument("dest", required=False, type=click.Path(path_type=Path))
@options.name
@options.database
def backup(dest: Path | None, name: str, database: str | None) -> None:
    """Copy the fleet's database, also while its coordinator runs; to DEST, if it is given.

    The blobs (large inputs and results) are in a folder beside it and are not copied.
    """
    from nexapod.coordinator.backups import make_offline
    from nexapod.coordinator.files import FleetFiles
    from nexapod.coordinator.lock import is_locked

    files = FleetFiles(name, database)
    final = None if dest is None else _place(dest, files)
    made = _ask(files) if is_locked(files.lock) else make_offline(files)
    path = Path(made.path)
    if final is not None:
        _copy(path, final)
    click.echo(f"backup: {final or path} ({made.size_bytes:,} bytes)")


def _place(dest: Path, files: FleetFiles) -> Path:
    from nexapod.coordinator.backups import stamped

    final = dest / stamped(files.database.name.removesuffix(".db")) if dest.is_dir() else dest
    if final.exists():
        raise errors.Invalid(f"{final} exists already; name another file")
    if not final.parent.is_dir():
        raise errors.Invalid(f"there is no folder {final.parent}; make it first")
    return final


def _copy(source: Path, final: Path) -> None:
    """Whole or not at all, and for its owner's eyes only."""
    from nexapod.store.copies import sync

    part = final.with_name(f".{final.name}.new")
    try:
        part.touch(mode=0o600)
        shutil.copyfile(source, part)
        sync(part)
        part.replace(final)
        sync(final.parent)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise errors.Invalid(
            f"{final} cannot be written: {error.strerror}; the backup is {source}"
        ) from None


def _ask(files: FleetFiles) -> Backup:
    """Let the coordinator do it: nobody else may open its database."""
    import aiohttp
    import msgspec

    from nexapod.client.remote import Remote
    from nexapod.coordinator.backups import Backup

    run = files.read_run()
    if run is None:
        raise errors.Unavailable("the coordinator is just starting; try again in a moment")
    remote: Any = Remote(run.url, None if run.open else files.token(), run.fingerprint)
    try:
        patience = aiohttp.ClientTimeout(total=PATIENCE_S)
        asked = remote._ask("POST", "/backups", patience_s=0.0, timeout=patience)
        return msgspec.json.decode(remote.post(asked).result(), type=Backup)
    finally:
        remote.close()


@click.command()
@click.argument("backup", type=click.Path(path_type=Path))
@options.name
@options.database
def restore(backup: Path, name: str, database: str | None) -> None:
    """Go on from BACKUP. The coordinator must be stopped; the present database is kept.

    What happened after the backup is forgotten, and nodes that still work on jobs of that time are
    refused: every job that was open then runs again.
    """
    from nexapod.coordinator.files import FleetFiles
    from nexapod.coordinator.restore import restore as put_back

    done = put_back(FleetFiles(name, database), backup)
    click.echo(f"restored: {done.database}")
    if done.kept is not None:
        click.echo(f"the database that was there: {done.kept}")
    if not done.has_tokens:
        click.echo(
            "warning: the tokens could not be carried over; all but the fleet's own were revoked",
            err=True,
        )
    if done.missing_blobs:
        click.echo(
            f"warning: {done.missing_blobs} large inputs or results (blobs) are missing in "
            f"{FleetFiles(name, database).blobs}; put them back from your own copies",
            err=True,
        )
