"""Arrow tables from senders that nobody vouches for: never much more memory than what arrived.

A few hundred bytes can stand for a billion rows: nulls, dictionaries, runs, views and compression
cost their sender nothing. Such a table is refused before it is built.
"""

from __future__ import annotations

import struct
from typing import Any

_SLACK_BYTES = 1024 * 1024
_TIMES = 4  # buffers may be shared, by a little
# Places in Arrow's Message and RecordBatch, which are flatbuffers.
_HEADER, _COMPRESSION = 2, 3


def read_plain(arrow: Any, raw: bytes | memoryview) -> Any:
    """The table in `raw`, built batch by batch while it stays near the size of `raw`.

    Parameters
    ----------
    arrow
        The package.
    raw
        A stream in Arrow's format.

    Raises
    ------
    ValueError
        It is none, or it would take much more memory than it has bytes.
    """
    messages = iter(arrow.ipc.MessageReader.open_stream(arrow.py_buffer(raw)))
    first = next(messages, None)
    if first is None:
        raise ValueError("there is no table in it")
    schema = arrow.ipc.read_schema(first)
    for field in schema:
        if not _is_plain(arrow.types, field.type):
            raise ValueError(f"a column of {str(field.type)[:40]} is only taken from trusted nodes")
    batches = []
    left_bytes = _TIMES * len(raw) + _SLACK_BYTES
    for message in messages:
        if message.type != "record batch" or _is_compressed(message.metadata.to_pybytes()):
            raise ValueError("compressed tables are only taken from trusted nodes")
        batch = arrow.ipc.read_record_batch(message, schema)
        left_bytes -= batch.nbytes
        if left_bytes < 0:
            raise ValueError("the table is many times larger than what was sent")
        batch.validate(full=True)
        batches.append(batch)
    return arrow.Table.from_batches(batches, schema)


def _is_plain(types: Any, kind: Any) -> bool:
    """Whether each value takes room of its own in the stream."""
    if types.is_list(kind) or types.is_large_list(kind):
        return _is_plain(types, kind.value_type)
    if types.is_fixed_size_binary(kind):
        return bool(kind.byte_width > 0)
    has_room = (
        types.is_primitive, types.is_decimal, types.is_string, types.is_large_string,
        types.is_binary, types.is_large_binary,
    )  # fmt: skip
    return any(is_such(kind) for is_such in has_room)


def _is_compressed(message: bytes) -> bool:
    """Whether the buffers of a record batch are; pyarrow tells only once it has unpacked them."""
    try:
        (root,) = struct.unpack_from("<I", message)
        at = _place(message, root, _HEADER)
        return bool(_place(message, at + struct.unpack_from("<I", message, at)[0], _COMPRESSION))
    except struct.error:
        return True


def _place(message: bytes, table: int, field: int) -> int:
    """Where a field of a flatbuffer's table begins; 0 when it is left out."""
    fields = table - struct.unpack_from("<i", message, table)[0]
    size, _ = struct.unpack_from("<HH", message, fields)
    if 4 + 2 * field >= size:
        return 0
    (offset,) = struct.unpack_from("<H", message, fields + 4 + 2 * field)
    return table + offset if offset else 0
