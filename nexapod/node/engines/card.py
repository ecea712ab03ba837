"""The card: a page of memory that a runner and its agent share.

The runner writes which attempt it starts and when. So the agent knows, when the process has
died, which attempt it died of and how long that ran, without a message per start. The agent
writes up to which attempt the runner must not start any more. A job writes how far it is, as often
as it likes: nobody is woken by that, and the agent reads the last word when it looks.
"""

from __future__ import annotations

import mmap
import os
import struct
from pathlib import Path
from zlib import crc32

#: The environment variable that names a runner's card, for all that it starts.
MARK = "NEXAPOD_CARD"
#: The longest message of a job that says how far it is.
MESSAGE_BYTES = 200

_STARTED = struct.Struct("<QQ")
_REVOKED = struct.Struct("<Q")
_REVOKED_AT = 64
_WORD = struct.Struct(f"<QdB{MESSAGE_BYTES}s")
_CHECK = struct.Struct("<I")
_WORD_AT = 128
_SIZE = 4096


class Card:
    """One shared page in the file at `path`."""

    def __init__(self, path: Path | str, create: bool = False) -> None:
        flags = os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT | os.O_TRUNC if create else 0)
        fd = os.open(path, flags, 0o600)
        try:
            if create:
                os.ftruncate(fd, _SIZE)
            self._page = mmap.mmap(fd, _SIZE)
        finally:
            os.close(fd)

    def start(self, seq: int, started_ns: int) -> bool:
        """Runner: note that attempt `seq` starts. False when it was revoked."""
        # The note comes first and the question second, while `revoke` does it the other way
        # round: at least one side sees the other. Should both, the runner says that it did not run.
        _STARTED.pack_into(self._page, 0, seq, started_ns)
        revoked: int = _REVOKED.unpack_from(self._page, _REVOKED_AT)[0]
        return seq > revoked

    def revoke(self, seq: int) -> int:
        """Agent: forbid to start attempts up to `seq`. Returns the last one started."""
        _REVOKED.pack_into(self._page, _REVOKED_AT, seq)
        return self.started()[0]

    def started(self) -> tuple[int, int]:
        """The last attempt started, and when (``time.monotonic_ns``, common to all processes)."""
        seq, started_ns = _STARTED.unpack_from(self._page, 0)
        return seq, started_ns

    def say(self, fraction: float, message: bytes) -> None:
        """Job: note how far the attempt that runs now is."""
        # Of the attempt whose number stands here: the next one begins without a word.
        word = _WORD.pack(self.started()[0], fraction, len(message), message)
        self._page[_WORD_AT : _WORD_AT + _CHECK.size + _WORD.size] = _CHECK.pack(crc32(word)) + word

    def said(self, seq: int) -> tuple[float, bytes] | None:
        """Agent: how far attempt `seq` is; None when it has said nothing, or is saying it now."""
        raw = self._page[_WORD_AT : _WORD_AT + _CHECK.size + _WORD.size]
        word = raw[_CHECK.size :]
        spoken_by, fraction, length, message = _WORD.unpack(word)
        # Both processes touch the page when they like: what is half written does not match.
        if spoken_by != seq or _CHECK.unpack_from(raw)[0] != crc32(word):
            return None
        return fraction, message[:length]

    def close(self) -> None:
        """Unmap the page."""
        self._page.close()
