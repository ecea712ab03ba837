"""What agent and runner say to each other through their socket.

Every frame is ``u64 length | body``. The agent's bodies are MessagePack; the runner's start with
a fixed header, so that the agent can pass the report in them on without opening it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import msgspec

from nexapod.core.records import JobKind, Value

LENGTH = struct.Struct("<Q")
DONE = struct.Struct("<QBQ")
PRINTED = struct.Struct("<QI")

#: Flags in a done frame.
COMPLETED = 1
REPLACE = 2  # the job left something behind: this process must not run another
BLOB = 4  # the result lies in the blob directory
PRINTS = 16  # before the report comes what it printed: `PRINTED` (all bytes, those here), bytes
REVOKED = 32  # it was taken back in the moment in which it started, and has not run
STALE = 8  # nothing of the job has run: a process in which no other ran may do better

READY = 0  # the sequence number of the first frame; its body is the problem, if any


class Function(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """A function's pickled bytes, sent once per runner process."""

    sha256: str
    pickled: bytes


class Run(msgspec.Struct, frozen=True, array_like=True, tag=2):
    """One attempt. `payload` None: it lies in the blob directory as `blob`.

    `may_pickle`: whether the result of a function may be sent as a pickle.
    """

    seq: int
    job_id: str
    epoch: int
    kind: JobKind
    payload: bytes | None
    blob: str | None
    inputs: dict[str, Value]
    may_pickle: bool = True


_ENCODE = msgspec.msgpack.Encoder().encode
_DECODE = msgspec.msgpack.Decoder(Function | Run).decode


def encode(message: Function | Run) -> bytes:
    """A whole frame."""
    body = _ENCODE(message)
    return LENGTH.pack(len(body)) + body


def decode(body: bytes) -> Function | Run:
    """The message in a frame's body."""
    message: Function | Run = _DECODE(body)
    return message


def encode_done(seq: int, flags: int, run_ns: int, report: bytes) -> bytes:
    """A runner's whole frame."""
    head = DONE.pack(seq, flags, run_ns)
    return b"".join((LENGTH.pack(len(head) + len(report)), head, report))


class FrameBuffer:
    """Puts frames together again from whatever pieces arrive, up to `limit_bytes` each."""

    def __init__(self, limit_bytes: int = 1 << 62) -> None:
        self._held = bytearray()
        self._limit_bytes = limit_bytes

    def feed(self, piece: bytes | memoryview) -> Iterator[bytes]:
        """Take a piece; yield each body that is now complete.

        Raises
        ------
        ValueError
            The other side announces more than `limit_bytes`.
        """
        held = self._held
        held += piece
        size = len(held)
        start = 0
        while size - start >= 8:
            (length,) = LENGTH.unpack_from(held, start)
            if length > self._limit_bytes:
                raise ValueError("a frame is larger than any that is sent")
            if size - start - 8 < length:
                break
            yield bytes(memoryview(held)[start + 8 : start + 8 + length])
            start += 8 + length
        del held[:start]
