"""What a job prints: its last lines for the report, and how much of it a node keeps."""

from __future__ import annotations

#: The last lines that a report carries.
TAIL_BYTES = 16 << 10
#: What a runner hands its agent of a long output, and what of it stays on file.
KEPT_BYTES = 1 << 20


def tail(printed: bytes) -> str:
    """The last lines as text; a character of which the beginning is cut off is left out."""
    last = printed[-TAIL_BYTES:]
    if len(last) < len(printed):
        last = last.lstrip(bytes(range(0x80, 0xC0)))
    return last.decode(errors="replace")


def is_all(text: str, printed: bytes, size: int) -> bool:
    """Whether `text` is all of an output of `size` bytes, the last of which are `printed`."""
    return size == len(printed) and text.encode() == printed
