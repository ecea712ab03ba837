"""Functions and large values, fetched once and kept by their hash."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import secrets
from collections import Counter, OrderedDict
from pathlib import Path

from nexapod.errors import BadRequest, NotFound
from nexapod.node.link import Link
from nexapod.node.registration import REFUSALS, Registration

_MEMORY_BYTES = 64 << 20
_DISK_BYTES = 8 << 30
_DISK_COUNT = 10_000
_TRANSFERS = 8


class Blobs:
    """Blobs of this node: functions in memory and on disk, large values on disk only.

    Parameters
    ----------
    link
        Where they come from.
    registration
        What a refusal of the node's token is told to.
    directory
        Where they are kept, one file per blob, named by its sha256.
    """

    def __init__(self, link: Link, registration: Registration, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.directory = directory
        self._link = link
        self._registration = registration
        self._memory: OrderedDict[str, bytes] = OrderedDict()
        self._memory_bytes = 0
        self._disk: OrderedDict[str, int] = OrderedDict()
        self._disk_bytes = 0
        self._turns = asyncio.Semaphore(_TRANSFERS)
        self._pins: Counter[str] = Counter()
        self._waiting: Counter[str] = Counter()
        self._fetching: dict[str, asyncio.Task[None]] = {}
        self._look_around()

    def function(self, sha256: str) -> bytes | None:
        """A function's bytes when they are in memory."""
        found = self._memory.get(sha256)
        if found is not None:
            self._memory.move_to_end(sha256)
        return found

    async def fetch_function(self, sha256: str) -> bytes:
        """A function's bytes, from memory, disk, or the coordinator."""
        found = self.function(sha256)
        if found is None:
            await self.fetch(sha256)
            found = (self.directory / sha256).read_bytes()
            if hashlib.sha256(found).hexdigest() != sha256:  # the disk lied: ask again
                self.drop(sha256)
                await self.fetch(sha256)
                found = (self.directory / sha256).read_bytes()
            self._remember(sha256, found)
        return found

    async def fetch(self, sha256: str) -> None:
        """Have the blob on disk. Several who want the same one wait for one transfer."""
        if sha256 in self._disk and (self.directory / sha256).exists():
            self._disk.move_to_end(sha256)
            return
        transfer = self._fetching.get(sha256)
        if transfer is None:
            transfer = asyncio.create_task(self._transfer(sha256))
            self._fetching[sha256] = transfer
        self._waiting[sha256] += 1
        try:
            await asyncio.shield(transfer)
        finally:
            self._waiting[sha256] -= 1
            if not self._waiting[sha256]:  # its jobs were ended: nobody wants it any more
                del self._waiting[sha256], self._fetching[sha256]
                transfer.cancel()

    def pin(self, sha256: str) -> None:
        """Keep the blob until `unpin`."""
        self._pins[sha256] += 1

    def unpin(self, sha256: str) -> None:
        """Undo one `pin`."""
        self._pins[sha256] -= 1
        if self._pins[sha256] <= 0:
            del self._pins[sha256]

    def drop(self, sha256: str) -> None:
        """Delete the blob from the disk."""
        self._disk_bytes -= self._disk.pop(sha256, 0)
        (self.directory / sha256).unlink(missing_ok=True)

    async def _transfer(self, sha256: str) -> None:
        path = self.directory / sha256
        part = path.with_name(f"{sha256}.{secrets.token_hex(4)}")
        is_sure = False
        try:
            while True:
                try:
                    size = await self._link.repeat(lambda: self._read_into(sha256, part))
                    break
                except REFUSALS as error:  # as for reports: the token may be let in again
                    await self._registration.refused(error)
                except NotFound:  # another fleet may answer; registering again tells
                    if is_sure:
                        raise
                    is_sure = await self._registration.renew("the coordinator misses a blob")
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        self._note(sha256, size)
        self._make_room()

    def _note(self, sha256: str, size: int) -> None:
        self._disk_bytes += size - self._disk.get(sha256, 0)
        self._disk[sha256] = size

    async def _read_into(self, sha256: str, part: Path) -> int:
        digest = hashlib.sha256()
        size = 0
        async with self._turns:
            with part.open("wb") as file:

                def keep(piece: bytes) -> None:
                    nonlocal size
                    digest.update(piece)
                    file.write(piece)
                    size += len(piece)

                await self._link.get_blob(sha256, keep)
        if digest.hexdigest() != sha256:
            raise BadRequest("the coordinator sent other bytes than the hash says")
        return size

    def _remember(self, sha256: str, pickled: bytes) -> None:
        self._memory[sha256] = pickled
        self._memory_bytes += len(pickled)
        while self._memory_bytes > _MEMORY_BYTES and len(self._memory) > 1:
            self._memory_bytes -= len(self._memory.popitem(last=False)[1])

    def _make_room(self) -> None:
        if self._disk_bytes <= _DISK_BYTES and len(self._disk) <= _DISK_COUNT:
            return
        # Down to nine tenths, so that this is not done again for the next blob.
        for sha256 in list(self._disk):
            if self._disk_bytes <= 0.9 * _DISK_BYTES and len(self._disk) <= 0.9 * _DISK_COUNT:
                return
            if sha256 not in self._pins:
                self.drop(sha256)

    def _look_around(self) -> None:
        """What an earlier run left: whole blobs are kept, torn ones deleted."""
        found: list[tuple[float, Path, int]] = []
        with contextlib.suppress(OSError):
            for path in self.directory.iterdir():
                facts = path.stat()
                if len(path.name) == 64:
                    found.append((facts.st_mtime, path, facts.st_size))
                else:
                    path.unlink(missing_ok=True)
        for _, path, size in sorted(found):
            self._note(path.name, size)
        self._make_room()
