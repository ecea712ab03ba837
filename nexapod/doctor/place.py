"""The kind of place a database lies in: SQLite's locks and syncs hold on local disks only."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil

from nexapod.doctor.finding import Finding, fail, ok, warn
from nexapod.store.place import cloud_of, network_type

#: Gone after the next start of the machine.
FLEETING = ("tmpfs", "ramfs")

_MEND = "put it on a local disk: --database, or `database=` of launch()"


def place(folder: Path) -> Iterator[Finding]:
    """What kind of file system `folder` is on, and whether something syncs it."""
    path = folder.resolve()
    network, cloud, kind = network_type(path), cloud_of(path), file_system(path)
    if network is not None:
        yield fail("place", f"{folder} is on a network file system ({network})", _MEND)
    elif cloud is not None:
        yield fail("place", f"{folder} is synchronised by {cloud}", _MEND)
    elif kind in FLEETING:
        yield warn("place", f"{folder} is in memory ({kind}) and gone after a restart", _MEND)
    else:
        yield ok("place", f"{folder} is on a local disk ({kind or 'of unknown kind'})")


def file_system(path: Path) -> str:
    """The kind of the file system that `path` is on, empty when nobody knows."""
    mounts = {Path(part.mountpoint): part.fstype for part in psutil.disk_partitions(all=True)}
    for folder in (path, *path.parents):
        if folder in mounts:
            return mounts[folder].lower()
    return ""
