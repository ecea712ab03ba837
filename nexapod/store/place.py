"""Where a database must not lie: on a network file system, or in a folder that is synchronised.

SQLite trusts locks and fsync. A network file system may keep neither, and a program that copies
the folder to a cloud copies the database and its log at different moments, and back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from nexapod import errors

#: Types of file systems, as Linux names them, whose disk is another machine's (9p: WSL's drives).
NETWORK = frozenset(
    {
        "9p", "acfs", "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "gfs2", "glusterfs", "gpfs",
        "lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "orangefs", "panfs", "pvfs2", "smb2", "smb3",
        "smbfs", "wekafs",
    }
)  # fmt: skip
#: What of FUSE reaches another machine; the rest (ntfs-3g, gocryptfs …) is a disk of this one.
NETWORK_FUSE = frozenset(
    {
        "ceph", "ceph-fuse", "curlftpfs", "davfs", "gcsfuse", "glusterfs", "goofys",
        "google-drive-ocamlfuse", "gvfsd-fuse", "hdfs", "juicefs", "mfs", "onedriver", "rclone",
        "s3fs", "seaweedfs", "sshfs",
    }
)  # fmt: skip
#: What a synchronised folder is called; Google's and Microsoft's add an account after a dash.
CLOUD_NAMES = {
    r"dropbox( \(.+\))?": "Dropbox",
    r"onedrive( - .+)?": "OneDrive",
    r"google ?drive|googledrive-.+": "Google Drive",
    r"onedrive-.+": "OneDrive",
    r"mobile documents|iclouddrive|icloud drive": "iCloud",
    r"nextcloud": "Nextcloud",
    r"owncloud": "ownCloud",
}
#: Files by which a program knows the folders that it synchronises.
CLOUD_MARKERS = {
    ".dropbox": "Dropbox",
    ".dropbox.cache": "Dropbox",
    ".849C9593-D756-4E56-8D6E-42412F2A707B": "OneDrive",
    ".tmp.drivedownload": "Google Drive",
    ".nextcloudsync.log": "Nextcloud",
    ".owncloudsync.log": "ownCloud",
    ".stfolder": "Syncthing",
}
_MOUNTS = Path("/proc/self/mountinfo")
_OCTAL = re.compile(r"\\([0-7]{3})")


def check_place(database: Path, mounts: Path = _MOUNTS) -> None:
    """Refuse a place where a database cannot be kept safe.

    Parameters
    ----------
    database
        The file; neither it nor its folder need exist.
    mounts
        What is mounted where, in the form of Linux's ``/proc/self/mountinfo``. Where there is no
        such file, only synchronised folders are noticed.

    Raises
    ------
    Invalid
        When it lies on a network file system, or in a synchronised folder.
    """
    folder = database.parent.resolve()
    found = network_type(folder, mounts)
    if found is not None:
        raise errors.Invalid(
            f"the database {database} is on a network file system ({found}), which keeps neither "
            "its locks nor its writes safe; name a file on a disk of this machine"
        )
    cloud = cloud_of(folder)
    if cloud is not None:
        raise errors.Invalid(
            f"the database {database} is in a folder that {cloud} synchronises, which would damage "
            "it; name a file in another folder"
        )


def network_type(folder: Path, mounts: Path = _MOUNTS) -> str | None:
    """The type of the network file system that `folder` is on; None when it is on none."""
    if not mounts.exists():
        return None
    best, found = -1, ""
    for place, kind in _mounted(mounts.read_text(errors="surrogateescape")):
        # What was mounted last over the longest part of the path is what is seen there.
        if folder.is_relative_to(place) and len(place.parts) >= best:
            best, found = len(place.parts), kind
    kind, _, fuse = found.partition(".")
    is_network = fuse in NETWORK_FUSE if kind in ("fuse", "fuseblk") else kind in NETWORK
    return found if is_network else None


def _mounted(text: str) -> Iterator[tuple[Path, str]]:
    """Where each file system is mounted, and its type."""
    for line in text.splitlines():
        seen, dash, type_and_source = line.partition(" - ")
        fields = seen.split(" ")
        if dash and len(fields) > 4:
            place = _OCTAL.sub(lambda octal: chr(int(octal[1], 8)), fields[4])
            yield Path(place), type_and_source.split(" ")[0].lower()


def cloud_of(folder: Path) -> str | None:
    """The program that synchronises `folder`; None when none is known to."""
    for place in (folder, *folder.parents):
        for pattern, program in CLOUD_NAMES.items():
            if re.fullmatch(pattern, place.name, re.IGNORECASE):
                return program
        for marker, program in CLOUD_MARKERS.items():
            if (place / marker).exists():
                return program
    return None
