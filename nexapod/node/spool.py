"""Finished attempts that the coordinator has not acknowledged, in a file that outlives the agent.

The file is a row of frames, ``u32 length | MessagePack AttemptReport``. It is not synced to the
disk: a report that a power cut takes away costs one more run of the job, nothing else, while a
sync per report would cost every job. A ``kill -9`` of the agent loses nothing that was written.
"""

from __future__ import annotations

import contextlib
import os
import struct
from pathlib import Path

import msgspec

from nexapod.core.records import AttemptReport

_LENGTH = struct.Struct("<I")
_COMPACT_BYTES = 8 << 20
_KEEP_IN_MEMORY_BYTES = 32 << 20


class _Key(msgspec.Struct):
    job_id: str
    epoch: int | None = None


_READ_KEY = msgspec.msgpack.Decoder(_Key).decode
_WRITE = msgspec.msgpack.Encoder().encode


class Spooled:
    """One report in the spool: its bytes are in memory, or at `offset` in the file."""

    __slots__ = ("epoch", "frame", "job_id", "offset", "size")

    def __init__(self, job_id: str, epoch: int | None, offset: int, frame: bytes) -> None:
        self.job_id = job_id
        self.epoch = epoch
        self.offset = offset
        self.size = len(frame)
        self.frame: bytes | None = frame


class Spool:
    """A first-in, first-out journal of encoded reports.

    Parameters
    ----------
    path
        The file; created when missing, read when not.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._waiting: dict[int, Spooled] = {}
        self._end = 0
        self._in_memory_bytes = 0
        self._load()

    def __len__(self) -> int:
        return len(self._waiting)

    def keys(self) -> list[tuple[str, int]]:
        """(job, epoch) of all that wait."""
        return [(s.job_id, s.epoch) for s in self._waiting.values() if s.epoch is not None]

    def add(self, reports: list[tuple[str, int | None, bytes]]) -> None:
        """Append encoded reports, (job, epoch, bytes) each, in one write: all of them or none.

        Raises
        ------
        OSError
            When the disk does not take them.
        """
        _write(self._fd, [frame for _, _, frame in reports], self._end)
        for job_id, epoch, frame in reports:
            self._hold(Spooled(job_id, epoch, self._end + _LENGTH.size, frame))

    def first(self, count: int, limit_bytes: int) -> list[Spooled]:
        """The oldest waiting reports: at least one, and no more bytes than `limit_bytes`."""
        taken: list[Spooled] = []
        total = 0
        for item in self._waiting.values():
            total += item.size
            if taken and (len(taken) == count or total > limit_bytes):
                break
            taken.append(item)
        return taken

    def frame(self, item: Spooled) -> bytes:
        """The encoded report."""
        return item.frame if item.frame is not None else os.pread(self._fd, item.size, item.offset)

    def remove(self, items: list[Spooled]) -> None:
        """Forget reports that were answered."""
        for item in items:
            self._waiting.pop(item.offset, None)
            if item.frame is not None:
                self._in_memory_bytes -= item.size
        if not self._waiting:
            os.ftruncate(self._fd, 0)
            self._end = 0
        elif next(iter(self._waiting)) > _COMPACT_BYTES:
            with contextlib.suppress(OSError):  # a full disk: the file stays as long as it is
                self._compact()

    def close(self) -> None:
        """Close the file; what waits stays in it."""
        os.close(self._fd)

    def _hold(self, item: Spooled) -> None:
        self._end = item.offset + item.size
        self._waiting[item.offset] = item
        if self._in_memory_bytes + item.size > _KEEP_IN_MEMORY_BYTES:
            item.frame = None  # read back when it is sent
        else:
            self._in_memory_bytes += item.size

    def _load(self) -> None:
        size = os.fstat(self._fd).st_size
        while self._end + _LENGTH.size <= size:
            (length,) = _LENGTH.unpack(os.pread(self._fd, _LENGTH.size, self._end))
            start = self._end + _LENGTH.size
            frame = os.pread(self._fd, length, start)
            if len(frame) < length or not length:
                break
            try:
                key = _READ_KEY(frame)
            except msgspec.MsgspecError:
                break
            self._hold(Spooled(key.job_id, key.epoch, start, frame))
        # A torn last frame: the agent died while writing it, so it was never sent. Cut it off.
        os.ftruncate(self._fd, self._end)

    def _compact(self) -> None:
        """Drop the answered front of the file, so that a busy node's spool stays small."""
        held = list(self._waiting.values())
        frames = [self.frame(item) for item in held]
        fresh = self._path.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        fd = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            _write(fd, frames, 0)
            fresh.replace(self._path)
        except OSError:
            os.close(fd)
            fresh.unlink(missing_ok=True)
            raise
        os.close(self._fd)
        self._fd = fd
        self._waiting, self._end, self._in_memory_bytes = {}, 0, 0
        # The same objects go on: a batch that is on its way holds them.
        for item, frame in zip(held, frames, strict=True):
            item.offset, item.frame = self._end + _LENGTH.size, frame
            self._hold(item)


def _write(fd: int, frames: list[bytes], end: int) -> None:
    """Append `frames` to a file of `end` bytes, or leave it as it was."""
    view = memoryview(b"".join(p for frame in frames for p in (_LENGTH.pack(len(frame)), frame)))
    try:
        while view:
            view = view[os.write(fd, view) :]
    except OSError:
        os.ftruncate(fd, end)
        raise


def encode_report(report: AttemptReport) -> tuple[str, int | None, bytes]:
    """A report as `Spool.add` takes it."""
    return report.job_id, report.epoch, _WRITE(report)
