"""The label on a sealed call."""

from __future__ import annotations

import msgspec

from nexapod.wire.label import HEAD_BYTES, function_of
from nexapod.wire.sealed import Call, seal_arguments

SHA256 = "ab" * 32


def test_the_label_names_the_function_and_needs_only_the_head():
    arguments, _ = seal_arguments((1, "x"), {"k": [1.5]})
    call = msgspec.msgpack.encode(Call(SHA256, arguments, "3.11"))
    assert function_of(call) == function_of(call[:HEAD_BYTES]) == SHA256


def test_what_is_no_call_has_no_label():
    for junk in (b"", b"null", b'{"a": 1}', b"\x93\xd9\x40" + b"zz" * 32, b"\x93\xd9\x40abc"):
        assert function_of(junk) is None
