"""Where a fleet keeps its things: the database, and its neighbours with the same name.

=================  ==================================================================
``NAME.db``        the database (and SQLite's ``-wal`` while it runs)
``NAME.blobs/``    large values
``NAME.backups/``  copies of the database
``NAME.lock``      held by the process that runs the coordinator; names it
``NAME.token``     the fleet's own token, readable by its owner alone
``NAME.node-token``  the token that invitations carry, likewise
``NAME.cert.pem``  the certificate that was made for it, and ``NAME.key.pem``, its key
``NAME.run``       where the running coordinator is: url, pid, since when
=================  ==================================================================

In a folder where others may write (``/tmp``) they could put any of these there first: only what
is ours, and what nobody else can have written, is believed.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from pathlib import Path

import msgspec
import platformdirs

from nexapod import errors
from nexapod.ids import is_id, new_secret
from nexapod.store.place import check_place


class RunFile(msgspec.Struct, frozen=True):
    """What a running coordinator tells other programs of the same user."""

    name: str
    url: str
    pid: int
    started_at: float
    open: bool = False
    in_kernel: bool = False
    fingerprint: str | None = None


class FleetFiles:
    """The files of one fleet.

    Parameters
    ----------
    name
        The fleet's name; the default database is named after it.
    database
        Another place for the database.

    Raises
    ------
    Invalid
        When the name cannot be a file's, the folder cannot be made, no database is safe there, or
        the one that is there may be somebody else's.
    """

    def __init__(self, name: str, database: str | os.PathLike[str] | None = None) -> None:
        if not is_id(name):
            raise errors.Invalid(
                "a fleet's name is 1 to 128 letters, digits, '.', '_' or '-', and begins with a "
                "letter or digit"
            )
        self.name = name
        if database is None:
            folder = Path(platformdirs.user_data_dir("nexapod", appauthor=False))
            self.database = folder / f"{name}.db"
        else:
            # Where links lead to: one file has one lock, one token and one folder of blobs.
            self.database = Path(database).expanduser().resolve()
        check_place(self.database)
        try:
            self.database.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise errors.Invalid(
                f"the folder of the database {self.database} cannot be made: {error.strerror}"
            ) from None
        if self.database.is_dir():
            raise errors.Invalid(f"the database {self.database} is a folder; name a file")
        _check_folder(self.database.parent)
        for ending in ("", "-wal", "-shm", "-journal"):  # SQLite believes all of them
            path = self.database.with_name(self.database.name + ending)
            with contextlib.suppress(FileNotFoundError):
                _check_own(path, path.lstat())

    def beside(self, suffix: str) -> Path:
        """The neighbour with this suffix."""
        # Only the usual ending is dropped: `fleet.db` and `fleet.sqlite3` share nothing.
        return self.database.with_name(self.database.name.removesuffix(".db") + suffix)

    @property
    def blobs(self) -> Path:
        """The folder of large values."""
        return self.beside(".blobs")

    @property
    def backups(self) -> Path:
        """The folder of the database's copies."""
        return self.beside(".backups")

    @property
    def nodes(self) -> Path:
        """The folder of the local nodes' scratch files and logs."""
        return self.beside(".nodes")

    @property
    def lock(self) -> Path:
        """The lock file."""
        return self.beside(".lock")

    @property
    def node_token(self) -> PrivateFile:
        """The file of the token that invitations carry."""
        return PrivateFile(self.beside(".node-token"))

    @property
    def certificate(self) -> PrivateFile:
        """The file of the certificate that was made for this fleet."""
        return PrivateFile(self.beside(".cert.pem"))

    @property
    def key(self) -> PrivateFile:
        """The file of that certificate's key."""
        return PrivateFile(self.beside(".key.pem"))

    def read_token(self) -> str | None:
        """The fleet's token, None when there is none on file."""
        return PrivateFile(self.beside(".token")).read()

    def token(self, wanted: str | None = None) -> str:
        """The fleet's token: `wanted`, else the one on file, else a new one. Kept in a 0600 file.

        Raises
        ------
        Invalid
            When `wanted` could not be sent in a header.
        """
        if wanted is None:
            if found := self.read_token():
                return found
            wanted = new_secret()
        elif not (
            wanted.isascii() and wanted.isprintable() and wanted.strip() == wanted and wanted
        ):
            raise errors.Invalid("a token is printable ASCII without spaces around it")
        PrivateFile(self.beside(".token")).write(wanted)
        return wanted

    def write_run(self, run: RunFile) -> None:
        """Say where the coordinator is."""
        write_private(self.beside(".run"), msgspec.json.encode(run).decode())

    def read_run(self) -> RunFile | None:
        """Where the coordinator is, or was last."""
        try:
            found = read_own(self.beside(".run"))  # the token is sent to where it says
            return None if found is None else msgspec.json.decode(found, type=RunFile)
        except msgspec.DecodeError:
            return None

    def url_of(self, pid: int) -> str | None:
        """Where the coordinator that runs in this process listens, if it said so."""
        run = self.read_run()
        return run.url if run is not None and run.pid == pid else None


class PrivateFile:
    """A secret in a file that nobody but its owner can read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> str | None:
        """The secret, None when there is none.

        Raises
        ------
        Invalid
            When somebody else may have put it there.
        """
        found = (read_own(self.path) or b"").decode().strip()
        if found:
            self.path.chmod(0o600)
        return found or None

    def write(self, secret: str) -> None:
        """Put this one in its place."""
        write_private(self.path, secret + "\n")


def read_own(path: Path) -> bytes | None:
    """What is in a file of ours, None when there is no such file.

    Raises
    ------
    Invalid
        When somebody else may have put it there, or it cannot be read.
    """
    # Neither a link to elsewhere, nor a pipe that is waited for.
    flags = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        handle = os.open(path, os.O_RDONLY | flags)
    except FileNotFoundError:
        return None
    except OSError as error:
        if path.is_symlink():
            raise errors.Invalid(f"{path} is a link; put the file itself there") from None
        raise errors.Invalid(f"the file {path} cannot be read: {error.strerror}") from None
    with os.fdopen(handle, "rb") as file:
        _check_own(path, os.fstat(handle))
        return file.read()


def _check_own(path: Path, found: os.stat_result) -> None:
    """Refuse a file that somebody else made or can have written."""
    if not hasattr(os, "geteuid"):
        return
    if not stat.S_ISREG(found.st_mode):
        raise errors.Invalid(f"{path} is no plain file; remove it")
    if found.st_uid != os.geteuid():
        raise errors.Invalid(
            f"the file {path} belongs to another user; remove it, or name a database in a folder "
            "of your own"
        )
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise errors.Invalid(
            f"others can have written the file {path}; remove it, or `chmod go-w` it when you know "
            "that what it holds is yours"
        )


def _check_folder(folder: Path) -> None:
    """Refuse a folder in which anybody can replace our files; in a sticky one nobody can."""
    mode = folder.stat().st_mode
    if hasattr(os, "geteuid") and mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
        raise errors.Invalid(
            f"everybody can replace the files in {folder}; `chmod o-w` it, or name a database in a "
            "folder of your own"
        )


def write_private(path: Path, text: str) -> None:
    """Replace the file at once; nobody but its owner ever can read it.

    Raises
    ------
    Invalid
        When it cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(handle, text.encode())
        finally:
            os.close(handle)
        temporary.replace(path)
    except OSError as error:
        raise errors.Invalid(f"the file {path} cannot be written: {error.strerror}") from error
