"""MessagePack that is none, or that holds what JSON cannot."""

from __future__ import annotations

from typing import Any

import msgspec


def _msgpack_deep(levels: int) -> bytes:
    return b"\x91" * levels + b"\xc0"


#: MessagePack values, each put as one more member into every body.
VALUES: dict[str, bytes] = {
    "a list of 2**32 - 1": b"\xdd\xff\xff\xff\xff",
    "a map of 2**32 - 1": b"\xdf\xff\xff\xff\xff",
    "bytes of 2**32 - 1": b"\xc6\xff\xff\xff\xff",
    "a text of 2**32 - 1": b"\xdb\xff\xff\xff\xff",
    "an extension of 2**32 - 1": b"\xc9\xff\xff\xff\xff\x01",
    "a list of 2**16 - 1": b"\xdc\xff\xff",
    "a text that is too short": b"\xa5abc",
    "a number that is too short": b"\xcf\x00",
    "no value": b"",
    "the byte that is never used": b"\xc1",
    "text that is not UTF-8": b"\xa2\xff\xfe",
    "overlong text": b"\xa2\xc0\xaf",
    "text with half a pair": b"\xa3\xed\xa0\x80",
    "10,000 levels": _msgpack_deep(10_000),
    "100,000 levels": _msgpack_deep(100_000),
    "100,000 levels of maps": b"\x81\xa1a" * 100_000 + b"\xc0",
    "a map as a key": b"\x81\x80\x01",
}

#: MessagePack values that JSON cannot hold; they are refused where JSON is kept (`profile` …).
UNSAYABLE: dict[str, bytes] = {
    "NaN": b"\xcb\x7f\xf8" + bytes(6),
    "Infinity": b"\xcb\x7f\xf0" + bytes(6),
    "NaN in four bytes": b"\xca\x7f\xc0\x00\x00",
    "bytes": b"\xc4\x02ab",
    "bytes as a key": b"\x81\xc4\x01a\x01",
    "an extension": b"\xd4\x05\x00",
    "a timestamp in four bytes": b"\xd6\xff\x00\x00\x00\x01",
    "a timestamp in eight bytes": b"\xd7\xff" + bytes(8),
    "a timestamp in twelve bytes": b"\xc7\x0c\xff" + bytes(12),
    "a timestamp of no time": b"\xd7\xff" + b"\xff" * 8,
    "65 levels": _msgpack_deep(65),
    "a list as a key": b"\x81\x90\x01",
    "half a pair": b"\xa3\xed\xa0\x80",
}

#: Whole MessagePack bodies.
WHOLE: dict[str, bytes] = {
    "nothing": b"",
    "a list of 2**32 - 1": b"\xdd\xff\xff\xff\xff",
    "a map of 2**32 - 1": b"\xdf\xff\xff\xff\xff",
    "JSON": b'{"data": 1}',
    "a number": b"\x01",
    "nil": b"\xc0",
    "bytes": b"\xc4\x01a",
    "an extension": b"\xd4\x05\x00",
    "a timestamp": b"\xd6\xff\x00\x00\x00\x01",
    "100,000 levels": b"\x91" * 100_000 + b"\xc0",
    "levels that never end": b"\x91" * 100_000,
    "0xc1": b"\xc1" * 100,
    "0xff": b"\xff" * 100,
}

#: Where MessagePack becomes JSON.
KEPT_AS_JSON = (("register", "profile"), ("submit", "data"), ("submit", "params"),
                ("result", "result"))  # fmt: skip


def with_member(body: dict[str, Any], member: str, value: bytes) -> bytes:
    """The body as MessagePack, with one more (or another) member."""
    members = {key: msgspec.msgpack.encode(held) for key, held in body.items()} | {member: value}
    return bytes([0x80 | len(members)]) + b"".join(
        msgspec.msgpack.encode(key) + held for key, held in members.items()
    )
