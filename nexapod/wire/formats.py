"""Values in formats that run nobody's code when they are opened: JSON, bytes, npy, Arrow.

They are what may come from a node without a trusted credential. A pickle is opened only when the
coordinator says that it came from a trusted one.
"""

from __future__ import annotations

import importlib
import io
import json
import math
import sys
from typing import Any

import msgspec

from nexapod import errors
from nexapod.core.records import Format, Value
from nexapod.wire import sealed
from nexapod.wire.arrow import read_plain

_DEPTH = 60  # what the coordinator takes is 64 deep
_WHOLE = range(-(2**63), 2**64)
_ARROW = (14, 0, 1)  # before that, opening a file could run code
_HEADER_CHARS = 10_000


def pack(result: Any) -> tuple[Format, bytes] | None:
    """The result in the first of these formats that gives it back as it is. None: there is none."""
    if type(result) is bytes:
        return "bytes", result
    if _is_json(result, 0):
        text = json.dumps(result, ensure_ascii=False, separators=(",", ":"))
        return "json", text.encode()
    raw = _as_npy(result)
    if raw is not None:
        return "npy", raw
    raw = _as_arrow(result)
    return None if raw is None else ("arrow", raw)


def unpack(value: Value, raw: bytes | memoryview) -> Any:
    """What the bytes of `value` stand for. Unpickles only what is trusted.

    Raises
    ------
    UntrustedResult
        A pickle from a node without a trusted credential.
    JobError
        The package that the format needs is not installed here.
    ValueError
        The bytes are not of that format.
    """
    if value.format == "json":
        return msgspec.json.decode(raw)
    if value.format == "bytes":
        return bytes(raw)
    if value.format == "npy":
        return _from_npy(raw)
    if value.format == "arrow":
        return _from_arrow(raw, value.trusted)
    if not value.trusted:
        raise errors.UntrustedResult(
            "the result came as a pickle from a node without a trusted credential and is not "
            "opened: opening a pickle runs its sender's code"
        )
    return sealed.unseal(raw)


def _is_json(value: Any, depth: int) -> bool:
    """Whether JSON gives back the same value, of the same types."""
    kind = type(value)
    if value is None or kind is bool:
        return True
    if kind is int:
        return value in _WHOLE
    if kind is float:
        return math.isfinite(value)
    if kind is str:
        return _is_text(value)
    if depth == _DEPTH:
        return False
    if kind is list:
        return all(_is_json(item, depth + 1) for item in value)
    if kind is dict:
        return all(
            type(name) is str and _is_text(name) and _is_json(item, depth + 1)
            for name, item in value.items()
        )
    return False


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    return True


def _as_npy(value: Any) -> bytes | None:
    """An array, or one of numpy's numbers, which is an array without dimensions."""
    numpy = sys.modules.get("numpy")
    if numpy is None or not (type(value) is numpy.ndarray or isinstance(value, numpy.generic)):
        return None
    array = numpy.asarray(value)
    if array.dtype.hasobject:
        return None
    file = io.BytesIO()
    try:
        numpy.lib.format.write_array(file, array, version=(1, 0), allow_pickle=False)
    except ValueError:  # names of fields that this version cannot hold
        return None
    return file.getvalue()


def _from_npy(raw: bytes | memoryview) -> Any:
    try:
        import numpy
    except ModuleNotFoundError:
        raise errors.JobError(
            "the result is an array, and numpy is not installed here: pip install numpy"
        ) from None
    file = io.BytesIO(raw)
    if numpy.lib.format.read_magic(file) != (1, 0):
        raise ValueError("the array is of a version of npy that nexapod does not send")
    shape, by_columns, dtype = numpy.lib.format.read_array_header_1_0(
        file, max_header_size=_HEADER_CHARS
    )
    # Never more memory than arrived: the header is its sender's word.
    if dtype.hasobject or math.prod(shape) * dtype.itemsize != len(raw) - file.tell():
        raise ValueError("the array's header and its bytes do not fit together")
    if not dtype.itemsize:
        return numpy.empty(shape, dtype)
    array = numpy.frombuffer(raw, dtype, offset=file.tell()).copy()
    array = array.reshape(shape, order="F" if by_columns else "C")
    return array if shape else array[()]


def _as_arrow(value: Any) -> bytes | None:
    """A data frame, where pyarrow is installed and holds it as it is."""
    pandas = sys.modules.get("pandas")
    if pandas is None or type(value) is not pandas.DataFrame or (arrow := _pyarrow()) is None:
        return None
    try:
        table = arrow.Table.from_pandas(value)
        sink = io.BytesIO()
        with arrow.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table)
        raw = sink.getvalue()
        return raw if _from_arrow(raw, trusted=False).equals(value) else None
    except (arrow.ArrowException, TypeError, ValueError):
        return None


def _from_arrow(raw: bytes | memoryview, trusted: bool) -> Any:
    arrow = _pyarrow()
    if arrow is None:
        raise errors.JobError(
            "the result is an Arrow table, and pyarrow 14.0.1 or newer is not installed here: "
            "pip install pyarrow"
        )
    try:
        if not trusted:
            return read_plain(arrow, raw).to_pandas()
        with arrow.ipc.open_stream(arrow.py_buffer(raw)) as stream:
            return stream.read_all().to_pandas()
    except (arrow.ArrowException, OSError) as error:
        raise ValueError(f"the table cannot be read: {error}") from None


def _pyarrow() -> Any:
    """The package, if it is one that opens nothing but data."""
    try:
        arrow = importlib.import_module("pyarrow")
        importlib.import_module("pyarrow.ipc")
    except ModuleNotFoundError:
        return None
    version = tuple(int(part) for part in arrow.__version__.split(".")[:3] if part.isdecimal())
    return arrow if version >= _ARROW else None
