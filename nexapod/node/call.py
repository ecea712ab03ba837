"""A sealed call's label: what may be read of it without unpickling anything."""

from __future__ import annotations

import mmap
import os
import sys
from pathlib import Path

import msgspec

from nexapod.core.records import Failure

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


class OpenCall(msgspec.Struct, frozen=True, array_like=True):
    """`sealed.Call`, with the arguments left where they lie."""

    function: str
    arguments: memoryview
    python: str


_DECODE = msgspec.msgpack.Decoder(OpenCall).decode


def decode_call(payload: bytes | memoryview) -> OpenCall:
    """Read a call's payload. Raises `msgspec.MsgspecError` when it is none."""
    call: OpenCall = _DECODE(payload)
    return call


def map_file(path: Path) -> memoryview:
    """A file's bytes without reading it: arrays in it become views of the page cache."""
    with path.open("rb") as file:
        if not os.fstat(file.fileno()).st_size:
            return memoryview(b"")
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def fits(python: str) -> bool:
    """Whether a call sealed by that Python can be opened by this one."""
    return python == PYTHON or python.startswith(PYTHON + ".")


def mismatch(python: str) -> Failure:
    """What to say when it cannot."""
    return Failure(
        type="mismatch",
        message=f"the call was made with Python {python} and this node runs Python {PYTHON}: "
        "a function's bytecode fits one minor version only",
    )
