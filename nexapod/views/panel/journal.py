"""What a page that comes late must be told: every message since the last hello, while it is little.

A message of rows is an upsert by its key, so the messages one after another are the state, and
nothing has to be merged, or even read, here. Where they grow too many they are dropped, and a page
that comes late asks for the stream from its beginning instead.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

#: A state of more bytes is not kept: it would be a message of its own that is too large to send.
LIMIT_BYTES = 4_000_000


class _Kind(msgspec.Struct):
    t: str = ""


def kind(message: bytes) -> str:
    """Which message it is; empty where it cannot be read."""
    try:
        return msgspec.json.decode(message, type=_Kind).t
    except msgspec.MsgspecError:
        return ""


class Journal:
    """The messages since the last hello.

    Parameters
    ----------
    limit_bytes
        Beyond this, the journal is dropped until the next hello.
    """

    def __init__(self, limit_bytes: int = LIMIT_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self._messages: list[bytes] | None = None
        self._tick = b""
        self.size_bytes = 0

    def add(self, messages: Sequence[bytes]) -> None:
        """Note what was sent."""
        for message in messages:
            name = kind(message)
            if name == "hello":
                self._messages, self._tick, self.size_bytes = [], b"", 0
            if self._messages is None:
                continue
            if name == "tick":  # only the last one says anything
                self._tick = message
                continue
            self.size_bytes += len(message) + 1
            self._messages.append(message)
            if self.size_bytes > self._limit_bytes:
                self.drop()

    def drop(self) -> None:
        """Keep nothing until the next hello."""
        self._messages, self._tick, self.size_bytes = None, b"", 0

    @property
    def snapshot(self) -> bytes:
        """A JSON array of messages; empty where the state is not known."""
        if not self._messages:
            return b""
        tick = [self._tick] if self._tick else []
        return b"[" + b",".join([*self._messages, *tick]) + b"]"
