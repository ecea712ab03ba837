"""Holes in files: bytes that nobody needs any more give their room back, and keep their numbers."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import sys
from collections.abc import Callable

_KEEP_SIZE, _PUNCH_HOLE = 1, 2


@functools.cache
def _fallocate() -> Callable[[int, int, int, int], int] | None:
    if sys.platform != "linux":
        return None
    function = ctypes.CDLL(None).fallocate
    function.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
    return function


def make_hole(descriptor: int, size: int) -> None:
    """Give back the room of a file's first `size` bytes, where the system can."""
    with contextlib.suppress(AttributeError):
        fallocate = _fallocate()
        if fallocate is not None:
            fallocate(descriptor, _KEEP_SIZE | _PUNCH_HOLE, 0, size)
