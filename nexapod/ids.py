"""Identifiers: time-ordered job ids, and the one pattern every id obeys."""

from __future__ import annotations

import os
import re
import secrets
import time

# Ends in a look-ahead and not in $: that would let a last line break pass, here though not in the
# JSON schemas that also carry this pattern.
ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}(?![\s\S])"
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def is_id(text: str) -> bool:
    """Whether `text` may name a job or a node."""
    return _ID.fullmatch(text) is not None


def new_job_id() -> str:
    """A version 7 UUID (RFC 9562): unique, and sorted by creation time.

    Written out because ``uuid.uuid7`` exists only from Python 3.14 on.
    """
    millis = time.time_ns() // 1_000_000
    raw = bytearray(millis.to_bytes(6, "big") + os.urandom(10))
    raw[6] = (raw[6] & 0x0F) | 0x70
    raw[8] = (raw[8] & 0x3F) | 0x80
    text = raw.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def new_secret() -> str:
    """A 256-bit secret, safe to put in a header or an environment variable."""
    return secrets.token_urlsafe(32)


def new_boot_id() -> str:
    """An id for one run of one process."""
    return secrets.token_hex(8)
