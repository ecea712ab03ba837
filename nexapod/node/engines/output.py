"""What a job prints: the file it goes to, its end, and how much of it a node keeps."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import sys
from collections.abc import Callable
from pathlib import Path

#: The last lines that a report carries.
TAIL_BYTES = 16 << 10
#: What a runner hands its agent of a long output, and what of it stays on file.
KEPT_BYTES = 1 << 20

_KEEP_SIZE, _PUNCH_HOLE = 1, 2


def tail(printed: bytes) -> str:
    """The last lines as text; a character of which the beginning is cut off is left out."""
    last = printed[-TAIL_BYTES:]
    if len(last) < len(printed):
        last = last.lstrip(bytes(range(0x80, 0xC0)))
    return last.decode(errors="replace")


def is_all(text: str, printed: bytes, size: int) -> bool:
    """Whether `text` is all of an output of `size` bytes, the last of which are `printed`."""
    return size == len(printed) and text.encode() == printed


def read_end(path: Path, after: int, most_bytes: int) -> tuple[int, bytes]:
    """A file's bytes from `after` on, or the last `most_bytes` of them; and where they begin."""
    with contextlib.suppress(OSError):  # somebody has deleted it
        size = path.stat().st_size
        start = max(after, size - most_bytes)
        if start < size:
            with path.open("rb", buffering=0) as file:
                file.seek(start)
                return start, file.read(size - start)
    return after, b""


def make_hole(path: Path, size: int) -> None:
    """Give back the room of a file's first bytes, where the system can: they keep their numbers."""
    fallocate = _fallocate()
    if fallocate is not None:
        with path.open("r+b", buffering=0) as file:
            fallocate(file.fileno(), _KEEP_SIZE | _PUNCH_HOLE, 0, size)


@functools.cache
def _fallocate() -> Callable[[int, int, int, int], int] | None:
    found = getattr(ctypes.CDLL(None), "fallocate", None) if sys.platform == "linux" else None
    if found is not None:
        found.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
    return found
