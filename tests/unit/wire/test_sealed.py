"""Sealed calls and values: frames, buffers, futures left out, and when a function is the same."""

from __future__ import annotations

import os
import types
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nexapod.wire import sealed


class Ticket:
    """As a future, for the sealing."""

    def __init__(self, job_id: str) -> None:
        self.job_id = job_id

    def __nexapod_job_id__(self) -> str:
        return self.job_id


# ── frames ───────────────────────────────────────────────────────────────────────────────────────


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
        | st.binary() | st.complex_numbers(allow_nan=False),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
        | st.tuples(inner, inner),
        max_leaves=10,
    )
)  # fmt: skip
def test_any_value_comes_back(value: Any) -> None:
    assert sealed.unseal(sealed.seal(value)) == value


@pytest.mark.parametrize(
    "value", [5, "text", [1, 2, 3], np.arange(10), {"a": np.ones(3), "b": (np.zeros(2), "x")}]
)
def test_a_frame_cut_anywhere_is_refused(value: Any) -> None:
    frame = sealed.seal(value)
    for end in range(len(frame)):
        with pytest.raises(ValueError, match="cut short"):
            sealed.unseal(frame[:end])
    for more in (b"\x00", b"more"):
        with pytest.raises(ValueError, match="cut short"):
            sealed.unseal(frame + more)


def test_a_frame_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="cut short"):
        sealed.unseal(b"\x00\x00\x00\x00")


def test_a_frame_that_claims_many_buffers_is_refused_before_they_are_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no_more_than_the_frame(count: int) -> range:
        assert count <= 8, "reads lengths that are not there"
        return range(count)

    monkeypatch.setattr(sealed, "range", no_more_than_the_frame, raising=False)
    with pytest.raises(ValueError, match="cut short"):
        sealed.unseal(b"\xff\xff\xff\xff\x00")


@settings(max_examples=200)
@given(st.binary(max_size=64).filter(lambda b: len(b) < 4 or b[1:4] == b"\x00\x00\x00"))
def test_bytes_that_are_no_frame_are_refused_before_anything_is_unpickled(frame: bytes) -> None:
    with pytest.MonkeyPatch.context() as patch:
        opened: list[Any] = []
        patch.setattr("pickle.loads", lambda *args, **_: opened.append(args))
        try:
            sealed.unseal(frame)
        except ValueError:
            assert not opened


def test_an_array_that_could_be_written_to_still_can() -> None:
    writable, constant = np.arange(10.0), np.arange(10.0)
    constant.flags.writeable = False
    first, second = sealed.unseal(sealed.seal([writable, constant]))
    first += 1
    np.testing.assert_array_equal(first, writable + 1)
    assert not second.flags.writeable


def test_arrays_are_laid_beside_the_pickle_and_read_in_place() -> None:
    array = np.arange(1_000_000, dtype=np.float64)
    array.flags.writeable = False
    frame = sealed.seal([array])
    assert len(frame) < array.nbytes + 2000
    [back] = sealed.unseal(frame)
    whole = np.frombuffer(frame, dtype=np.uint8)
    assert np.shares_memory(back, whole)
    assert not back.flags.writeable
    np.testing.assert_array_equal(back, array)


def test_several_buffers_keep_their_order_and_their_lengths() -> None:
    arrays = [np.full(n, n, dtype=np.int16) for n in (0, 1, 7, 1000)]
    for back, array in zip(sealed.unseal(sealed.seal(arrays)), arrays, strict=True):
        np.testing.assert_array_equal(back, array)


def test_a_frame_may_be_a_view() -> None:
    frame = b"head" + sealed.seal({"a": np.ones(3)}) + b"tail"
    back = sealed.unseal(memoryview(frame)[4:-4])
    np.testing.assert_array_equal(back["a"], np.ones(3))


# ── futures ──────────────────────────────────────────────────────────────────────────────────────


def test_futures_at_any_depth_are_left_as_references_and_filled_in() -> None:
    one, two = Ticket("j1"), Ticket("j2")
    frame, needed = sealed.seal_with_jobs([one, {"deep": (two, one)}])
    assert needed == ["j1", "j2"]
    assert sealed.unseal(frame, {"j1": 10, "j2": 20}) == [10, {"deep": (20, 10)}]


def test_arguments_name_their_jobs_in_order_and_once() -> None:
    frame, needed = sealed.seal_arguments((Ticket("b"),), {"x": [Ticket("a"), Ticket("b")]})
    assert needed == ["b", "a"]
    assert sealed.unseal(frame, {"a": 1, "b": 2}) == ((2,), {"x": [1, 2]})


def test_a_reference_without_its_value_is_an_error() -> None:
    frame, _ = sealed.seal_with_jobs([Ticket("j1")])
    with pytest.raises(Exception, match=r"persistent|j1"):
        sealed.unseal(frame)
    with pytest.raises(KeyError):
        sealed.unseal(frame, {"other": 1})


def test_plain_arguments_need_no_jobs() -> None:
    frame, needed = sealed.seal_arguments((1, "a"), {"b": None})
    assert needed == []
    assert sealed.unseal(frame) == ((1, "a"), {"b": None})


# ── functions ────────────────────────────────────────────────────────────────────────────────────


def made(source: str, **scope: Any) -> Any:
    """The function `f` of a cell."""
    names: dict[str, Any] = {"__name__": "__main__", **scope}
    exec(source, names)
    return names["f"]


def test_the_same_function_has_the_same_fingerprint() -> None:
    source = "def f(x, y=2, *, z=3):\n    return x + y + z"
    assert sealed.fingerprint(made(source)) == sealed.fingerprint(made(source))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("def f(x):\n    return x", "def f(x):\n    return -x"),
        ("def f(x, y=1):\n    return x", "def f(x, y=2):\n    return x"),
        ("def f(x, y=1):\n    return x", "def f(x, y=True):\n    return x"),
        ("def f(x, *, y=1):\n    return x", "def f(x, *, y=1.0):\n    return x"),
        ("def f(x):\n    return 1", "def f(x):\n    return 1.0"),
    ],
)
def test_an_edited_function_has_another_fingerprint(before: str, after: str) -> None:
    assert sealed.fingerprint(made(before)) != sealed.fingerprint(made(after))


def test_a_rebound_global_changes_the_fingerprint() -> None:
    fn = made("k = 1\ndef f(x):\n    return x * k")
    before = sealed.fingerprint(fn)
    fn.__globals__["k"] = 2
    assert sealed.fingerprint(fn) != before
    fn.__globals__["k"] = True
    assert sealed.fingerprint(fn) != before


def test_a_rebound_module_changes_the_fingerprint() -> None:
    fn = made("def f(x):\n    return lib.getpid()", lib=os)
    before = sealed.fingerprint(fn)
    assert before is not None
    fn.__globals__["lib"] = types
    assert sealed.fingerprint(fn) != before


@pytest.mark.parametrize("value", [[], {}, np.ones(2), object(), (1, [2]), made])
def test_a_global_that_may_change_in_place_gives_no_fingerprint(value: Any) -> None:
    assert sealed.fingerprint(made("def f(x):\n    return x, k", k=value)) is None


def test_closures_count_by_what_they_hold() -> None:
    def outer(k: Any) -> Any:
        def inner(x: int) -> Any:
            return x, k

        return inner

    assert sealed.fingerprint(outer(1)) == sealed.fingerprint(outer(1))
    assert sealed.fingerprint(outer(1)) != sealed.fingerprint(outer(2))
    assert sealed.fingerprint(outer([])) is None


def test_what_is_no_plain_function_gives_no_fingerprint() -> None:
    marked = made("def f(x):\n    return x")
    marked.note = "changed"
    nested = made("def f(x):\n    return [lambda: x, len]\n")
    for fn in (len, print, Ticket, Ticket("x").__nexapod_job_id__, marked, nested):
        assert sealed.fingerprint(fn) is None


def test_a_closure_over_a_name_that_is_not_set_yet_gives_no_fingerprint() -> None:
    def outer() -> Any:
        def inner() -> Any:
            return later

        found = sealed.fingerprint(inner)
        later = 1
        return found, later

    assert outer()[0] is None


def test_a_default_that_moves_to_another_argument_changes_the_fingerprint() -> None:
    before = made("def f(*, a=1, b):\n    return a, b")
    after = made("def f(*, a, b=1):\n    return a, b")
    assert sealed.fingerprint(before) != sealed.fingerprint(after)


def test_a_zero_that_changes_its_sign_changes_the_fingerprint() -> None:
    source = "def f(x):\n    return x / k"
    assert sealed.fingerprint(made(source, k=0.0)) != sealed.fingerprint(made(source, k=-0.0))
