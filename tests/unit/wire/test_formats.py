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
