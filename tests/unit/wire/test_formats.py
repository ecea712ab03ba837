"""Values that are opened without running anybody's code."""

from __future__ import annotations

import io
import math
import pickle
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest

from nexapod import errors
from nexapod.core.records import Value
from nexapod.wire import formats, sealed


def opened(packed: Any) -> Any:
    form, raw = packed
    return formats.unpack(Value(form, len(raw)), raw)


@pytest.mark.parametrize(
    "value",
    [None, True, 7, -(2**63), 2**64 - 1, 0.1, -0.0, "é\u2028", [], {}, [1, [2.5, None]], {"a": {}}],
)
def test_plain_values_travel_as_json_and_come_back_the_same(value: Any):
    form, raw = formats.pack(value)
    assert form == "json"
    back = opened((form, raw))
    assert type(back) is type(value)
    assert repr(back) == repr(value)


def nested(depth: int) -> Any:
    return [] if not depth else [nested(depth - 1)]


@pytest.mark.parametrize(
    "value",
    [
        (1, 2), [(1, 2)], {1: "a"}, {"a": {2}}, 1j, math.nan, [math.inf], 2**64, "\ud800",
        {"\ud800": 1}, object(), len, nested(80), np.array([object()]), np.ma.masked_array([1]),
        bytearray(b"x"), type("Text", (str,), {})("x"),
    ],
)  # fmt: skip
def test_what_none_of_the_formats_gives_back_as_it_is_is_not_packed(value: Any):
    assert formats.pack(value) is None


def test_bytes_travel_as_they_are():
    assert formats.pack(b"\x00\xff") == ("bytes", b"\x00\xff")
    assert opened(("bytes", b"\x00\xff")) == b"\x00\xff"


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6.0).reshape(2, 3),
        np.asfortranarray(np.arange(6).reshape(2, 3)),
        np.arange(10)[::3],
        np.zeros((0, 4)),
        np.array(["a", "bc"]),
        np.array(["2026-01-01"], "datetime64[D]"),
        np.array([(1, 2.0)], [("n", "i4"), ("x", "f8")]),
        np.array([1, 2], ">i4"),
        np.array(["", ""], "U0"),
    ],
)
def test_arrays_travel_as_npy_and_can_be_written_to(array: np.ndarray):
    form, raw = formats.pack(array)
    back = opened((form, raw))
    assert form == "npy"
    assert (back.dtype, back.shape) == (array.dtype, array.shape)
    assert (back == array).all()
    assert back.flags.writeable


def test_a_number_of_numpy_stays_one():
    back = opened(formats.pack(np.float32(1.5)))
    assert type(back) is np.float32
    assert back == 1.5


def npy(array: np.ndarray, **options: Any) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, array, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    "raw",
    [
        npy(np.array([print], object), allow_pickle=True),
        npy(np.arange(4)).replace(b"(4,)", b"(9,)"),
        npy(np.arange(4)).replace(b"(4,), }", b"(4000000000000,), }"),
        npy(np.arange(4)) + b"more",
        npy(np.arange(4))[:-1],
        npy(np.arange(4), version=(2, 0)),
        b"\x93NUMPY\x01\x00\x05\x00print",
        b"no array at all",
        b"",
    ],
)
def test_an_array_that_lies_is_refused(raw: bytes):
    with pytest.raises(ValueError, match=r"\w"):
        opened(("npy", raw))


def test_a_pickle_is_opened_only_when_it_is_trusted():
    raw = sealed.seal({1, 2})
    assert formats.unpack(Value("pickle", len(raw), trusted=True), raw) == {1, 2}
    with pytest.raises(errors.UntrustedResult, match="without a trusted credential"):
        formats.unpack(Value("pickle", len(raw)), raw)


@pytest.mark.parametrize("form", ["json", "bytes", "npy", "arrow"])
def test_no_other_format_opens_a_pickle(form: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pickle, "loads", None)
    monkeypatch.setattr(pickle, "load", None)
    raw = sealed.seal({1, 2})
    try:
        assert formats.unpack(Value(form, len(raw)), raw) == raw
    except (ValueError, errors.JobError):
        assert form != "bytes"


def test_a_table_that_cannot_be_read_here_is_told_in_a_sentence(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert formats.pack(pd.DataFrame({"x": [1]})) is None
    with pytest.raises(errors.JobError, match="pip install pyarrow"):
        opened(("arrow", b""))


def test_an_old_arrow_which_can_run_code_is_not_used(monkeypatch: pytest.MonkeyPatch):
    old: Any = type(sys)("pyarrow")
    old.__version__ = "14.0.0"
    monkeypatch.setitem(sys.modules, "pyarrow", old)
    monkeypatch.setitem(sys.modules, "pyarrow.ipc", type(sys)("pyarrow.ipc"))
    with pytest.raises(errors.JobError, match=r"14\.0\.1 or newer"):
        opened(("arrow", b""))


def test_data_frames_travel_as_arrow():
    pytest.importorskip("pyarrow", "14.0.1", reason="pyarrow is not installed")
    frame = pd.DataFrame({"x": [1, 2], "y": ["a", None]}, index=["p", "q"])
    form, raw = formats.pack(frame)
    assert form == "arrow"
    pd.testing.assert_frame_equal(opened((form, raw)), frame)
    assert formats.pack(pd.DataFrame({"x": [object(), 1]})) is None


def stream(column: Any, **options: Any) -> bytes:
    """A table of one column, of anything that pyarrow can write."""
    arrow: Any = pytest.importorskip("pyarrow", "14.0.1", reason="pyarrow is not installed")
    table, sink = arrow.table({"x": column(arrow)}), io.BytesIO()
    chosen = arrow.ipc.IpcWriteOptions(**options)
    with arrow.ipc.new_stream(sink, table.schema, options=chosen) as opened_stream:
        opened_stream.write_table(table)
    return sink.getvalue()


BOMBS: dict[str, tuple[Any, dict[str, Any]]] = {
    "nulls": (lambda arrow: arrow.nulls(30_000_000), {}),
    "a dictionary": (lambda arrow: arrow.array(["x" * 1000] * 1000).dictionary_encode(), {}),
    "runs": (
        lambda arrow: arrow.RunEndEncodedArray.from_arrays(arrow.array([10**6]), arrow.array([1])),
        {},
    ),
    "views": (lambda arrow: arrow.array(["x" * 1000], arrow.string_view()), {}),
    "values without a width": (lambda arrow: arrow.array([b""] * 9, arrow.binary(0)), {}),
    "structs": (lambda arrow: arrow.array([{"a": True}] * 9), {}),
    "nulls in lists": (lambda arrow: arrow.array([[None] * 9]), {}),
    "zeros, compressed": (
        lambda arrow: arrow.array([0] * 1_000_000, arrow.int64()),
        {"compression": "zstd"},
    ),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_table_that_could_grow_is_opened_only_when_it_is_trusted(bomb: str):
    column, options = BOMBS[bomb]
    raw = stream(column, **options)
    with pytest.raises(ValueError, match="only taken from trusted nodes"):
        formats.unpack(Value("arrow", len(raw)), raw)
    if bomb not in ("nulls", "runs", "views"):  # large, or not for pandas
        assert len(formats.unpack(Value("arrow", len(raw), trusted=True), raw))


def test_a_table_whose_columns_share_their_bytes_is_refused(monkeypatch: pytest.MonkeyPatch):
    arrow: Any = pytest.importorskip("pyarrow", "14.0.1", reason="pyarrow is not installed")
    raw = stream(lambda arrow: arrow.array(range(100_000)))
    batch = arrow.RecordBatch.from_arrays([arrow.array(range(100_000))] * 6, list("uvwxyz"))
    monkeypatch.setattr(arrow.ipc, "read_record_batch", lambda message, schema: batch)
    with pytest.raises(ValueError, match="many times larger"):
        formats.unpack(Value("arrow", len(raw)), raw)


@pytest.mark.parametrize("trusted", [True, False])
@pytest.mark.parametrize("size", [0, 8, 40, 200, 10_000])
def test_a_table_that_is_cut_off_or_garbled_is_told_as_such(size: int, trusted: bool):
    raw = stream(lambda arrow: arrow.array(range(10_000)))
    for bad in (raw[:size], b"\xff" * size, raw[: size // 2] + b"\xff" * 8 + raw[size // 2 + 8 :]):
        try:
            formats.unpack(Value("arrow", len(bad), trusted=trusted), bad)
        except ValueError as error:
            assert str(error)


def test_offsets_that_go_back_are_refused_from_untrusted_nodes():
    raw = stream(lambda arrow: arrow.array(["ab", "cd"]))
    ends = np.array([0, 2, 4], "<i4").tobytes()
    assert raw.count(ends) == 1
    raw = raw.replace(ends, np.array([0, 4, 2], "<i4").tobytes())
    with pytest.raises(ValueError, match="cannot be read"):
        formats.unpack(Value("arrow", len(raw)), raw)
