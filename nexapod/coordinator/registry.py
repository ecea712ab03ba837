"""The registry: which coordinators of this user run on this machine, wherever their databases lie.

One file each in a folder that is the user's alone. It never holds a token: that stays beside the
database, and whoever finds a coordinator here reads it there. An entry is worth what its lock is:
a coordinator that is gone, however it went, holds none.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import socket
import stat
from pathlib import Path

import msgspec
import platformdirs
import psutil

from nexapod import errors
from nexapod.coordinator.files import FleetFiles, RunFile, read_own, write_private
from nexapod.coordinator.lock import holder_of, is_locked, vacant

logger = logging.getLogger(__name__)


class Running(RunFile, frozen=True, kw_only=True):
    """A coordinator that runs, or ran until its process died.

    Attributes
    ----------
    id
        The same for every run on one database, and no other's on this machine.
    database
        Its file.
    machine
        Where: a home folder can be on several.
    notebook
        The notebook whose kernel started it, None when none did.
    """

    id: str
    database: str
    machine: str
    notebook: str | None = None

    @property
    def files(self) -> FleetFiles:
        """Its files."""
        return FleetFiles(self.name, self.database)

    @property
    def token(self) -> str | None:
        """The fleet's token, from the file beside the database; None for an open coordinator."""
        return None if self.open else self.files.read_token()

    @property
    def is_alive(self) -> bool:
        """Whether that process still runs it."""
        lock = self.files.lock
        if holder_of(lock) != self.pid:
            return False
        return is_locked(lock) if os.name == "posix" else psutil.pid_exists(self.pid)


def folder() -> Path:
    """Where the entries are."""
    return Path(platformdirs.user_data_dir("nexapod", appauthor=False)) / "running"


def enter(run: RunFile, files: FleetFiles) -> Path | None:
    """Tell other programs of this user that this coordinator runs; None when that is impossible.

    Nothing depends on it but being found by name, so a coordinator runs without.
    """
    digest = hashlib.sha256(os.fsencode(files.database)).hexdigest()
    entry = Running(
        **msgspec.structs.asdict(run),
        id=f"{run.name[:100]}-{digest[:12]}",
        database=str(files.database),
        machine=socket.gethostname(),
        notebook=os.environ.get("JPY_SESSION_NAME") or None,
    )
    path = folder() / f"{entry.id}.json"
    try:
        folder().mkdir(parents=True, exist_ok=True, mode=0o700)
        _check(folder())
        write_private(path, msgspec.json.encode(entry).decode())
    except (OSError, errors.Invalid) as error:
        logger.warning("other programs will not find this coordinator by its name: %s", error)
        return None
    return path


def leave(path: Path | None) -> None:
    """Take the entry back, while the database's lock is still held: later it may be another's."""
    if path is not None:
        with contextlib.suppress(OSError):
            path.unlink()


def running() -> list[Running]:
    """The coordinators of this user that run on this machine, by name.

    Entries of those that died are removed.
    """
    try:
        _check(folder())
        paths = sorted(folder().glob("*.json"))
    except (OSError, errors.Invalid):
        return []
    found = [entry for path in paths if (entry := _read(path)) is not None]
    return sorted(found, key=lambda entry: (entry.name, entry.started_at))


def _read(path: Path) -> Running | None:
    """The coordinator of this entry, None when it is not ours, not here or not running."""
    try:
        entry = msgspec.json.decode(read_own(path) or b"", type=Running)
        if entry.machine != socket.gethostname() or path.stem != entry.id:
            return None
        if not Path(entry.database).parent.is_dir():
            leave(path)  # nor is its folder made anew by looking for its lock
            return None
        if entry.is_alive:
            return entry
        with vacant(entry.files.lock) as free:  # a new run enters only once it has the lock
            if free:
                leave(path)
    except (OSError, errors.Invalid, msgspec.DecodeError) as error:
        logger.debug("%s is left out: %s", path, error)
    return None


def _check(place: Path) -> None:
    """Refuse a folder that is another's, or in which others can write.

    Raises
    ------
    Invalid
        When it is.
    """
    found = place.stat()
    if not hasattr(os, "geteuid"):
        return
    if found.st_uid != os.geteuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise errors.Invalid(
            f"others can write in {place}; `chmod go-w` it, or remove it when it is not yours"
        )


def named(name: str) -> Running:
    """The coordinator of this name.

    Raises
    ------
    Unreachable
        When none of this name runs; says which ones do.
    Invalid
        When several do.
    """
    everyone = running()
    found = [entry for entry in everyone if entry.name == name]
    if not found:
        names = ", ".join(sorted({entry.name for entry in everyone}))
        raise errors.Unreachable(
            f"no coordinator of yours named {name} runs on this machine; "
            + (f"these do: {names}" if names else "none does, so launch it first")
        )
    if len(found) > 1:
        places = ", ".join(
            f"{entry.url} ({entry.database})"
            for entry in sorted(found, key=lambda entry: entry.url)
        )
        raise errors.Invalid(
            f"several coordinators are named {name}; connect to one by its url: {places}"
        )
    return found[0]


def at(url: str) -> Running | None:
    """The coordinator of this user that listens at exactly this address; None when none does."""
    return next((entry for entry in running() if entry.url == url), None)
