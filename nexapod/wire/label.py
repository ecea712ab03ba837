"""What stands on a sealed call's envelope: which function it is for. Nothing is opened for that."""

from __future__ import annotations

import re

#: MessagePack of `sealed.Call`: an array of three, and first in it a string of 64 hex digits.
_HEAD = re.compile(rb"\x93\xd9\x40([0-9a-f]{64})")
HEAD_BYTES = 67


def function_of(head: bytes) -> str | None:
    """The sha256 of the function's bytes, by the first `HEAD_BYTES` of a sealed call."""
    found = _HEAD.match(head)
    return None if found is None else found[1].decode()
