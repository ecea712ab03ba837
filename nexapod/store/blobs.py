"""Large values as files named by the sha256 of their bytes, in a folder beside the database."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from pathlib import Path

from nexapod import errors
from nexapod.store.copies import sync

_SHA256 = re.compile(r"[0-9a-f]{64}")


class BlobStore:
    """A folder of blobs. Whatever has its final name is whole and on disk.

    Parameters
    ----------
    folder
        Created when the first blob comes.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def tidy(self) -> None:
        """Remove what an earlier coordinator was receiving when it was killed."""
        for path in self.folder.glob("incoming-*"):
            path.unlink(missing_ok=True)

    def path(self, sha256: str) -> Path:
        """Where the blob is or would be.

        Raises
        ------
        Invalid
            When `sha256` is not 64 lower-case hex digits.
        """
        if not _SHA256.fullmatch(sha256):
            raise errors.Invalid("a blob is named by its sha256, 64 lower-case hex digits")
        return self.folder / sha256[:2] / sha256

    def has(self, sha256: str) -> bool:
        """Whether the blob is here, whole."""
        return self.path(sha256).is_file()

    def read(self, sha256: str, most_bytes: int = -1) -> bytes:
        """The blob's bytes, or the first of them.

        Raises
        ------
        NotFound
            When it is not here.
        """
        try:
            with self.path(sha256).open("rb") as file:
                return file.read(most_bytes)
        except FileNotFoundError:
            raise errors.NotFound("there is no blob with this hash; upload it first") from None

    def put(self, data: bytes) -> str:
        """Store `data`; returns its sha256. On disk when this returns."""
        incoming = self.incoming()
        try:
            incoming.write(data)
            return incoming.keep()
        finally:
            incoming.drop()

    def incoming(self) -> Incoming:
        """A blob that arrives in pieces.

        Raises
        ------
        StorageFull
            When its file cannot be made.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            return Incoming(self)
        except OSError as error:
            raise errors.StorageFull(
                f"the coordinator cannot store this blob ({error.strerror}); free some space"
            ) from error


class Incoming:
    """A blob on its way in: written under a temporary name, renamed when it is whole."""

    def __init__(self, store: BlobStore) -> None:
        self._store = store
        self._temporary = store.folder / f"incoming-{secrets.token_hex(8)}"
        self._file = self._temporary.open("xb")
        self._hash = hashlib.sha256()
        self.size = 0

    def write(self, piece: bytes) -> None:
        """Add a piece."""
        try:
            self._file.write(piece)
        except OSError as error:
            raise errors.StorageFull(
                f"the coordinator cannot store this blob ({error.strerror}); free some space"
            ) from error
        self._hash.update(piece)
        self.size += len(piece)

    def keep(self, expected: str | None = None) -> str:
        """Make the blob durable under its hash, and return that.

        Raises
        ------
        Invalid
            When the hash is not `expected`; nothing is kept.
        """
        sha256 = self._hash.hexdigest()
        if expected is not None and sha256 != expected:
            raise errors.Invalid("the bytes do not have the sha256 that the path names; send again")
        target = self._store.path(sha256)
        target.parent.mkdir(exist_ok=True, mode=0o700)
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._temporary.replace(target)
            sync(target.parent)  # a rename survives a power cut only once its folder is synced
            sync(self._store.folder)
        except OSError as error:
            raise errors.StorageFull(
                f"the coordinator cannot store this blob ({error.strerror}); free some space"
            ) from error
        return sha256

    def drop(self) -> None:
        """Forget what is not kept."""
        self._file.close()
        self._temporary.unlink(missing_ok=True)
