"""What attempts print: kept in pieces, and put together again with the last lines."""

from __future__ import annotations

import codecs
import sqlite3
from collections.abc import Iterable, Iterator

#: Pieces that follow each other are put into one up to this size.
PIECE_BYTES = 16 << 10
#: What a piece counts beside its bytes, so that very many small ones are limited too.
OVERHEAD_BYTES = 256

#: Bytes inside a character of UTF-8: after a gap they have lost their beginning.
_CONTINUES = bytes(range(0x80, 0xC0))

#: Where a piece begins, and its bytes.
Piece = tuple[int, bytes]

_PUT = "INSERT OR REPLACE INTO printed (seq, epoch, start, data) VALUES (?, ?, ?, ?)"
_PIECE = "SELECT data FROM printed WHERE seq = ? AND epoch = ? AND start = ?"
_DROP = "DELETE FROM printed WHERE seq = ? AND epoch = ? AND start < ?"


class Pieces:
    """One attempt's log in the database, while it grows.

    Parameters
    ----------
    attempt
        Its (seq, epoch).
    sizes
        Where each piece begins, and its size.
    """

    def __init__(
        self, db: sqlite3.Connection, attempt: tuple[int, int], sizes: list[tuple[int, int]]
    ) -> None:
        self._db = db
        self._attempt = attempt
        self._sizes = sizes
        self._total = sum(size + OVERHEAD_BYTES for _, size in sizes)

    @property
    def end(self) -> int:
        """The byte after the last one."""
        return sum(self._sizes[-1]) if self._sizes else 0

    def append(self, piece: Piece, most_bytes: int) -> int:
        """Add a piece; beyond `most_bytes` the oldest go. Returns the bytes that were written.

        What is there already (the answer to an earlier request was lost) is not added again.
        """
        start, data = piece
        after = start + len(data)
        data = data[max(0, self.end - start, len(data) - most_bytes) :]
        start = after - len(data)
        if not data:
            return 0
        if start == self.end and self._sizes and self._sizes[-1][1] + len(data) <= PIECE_BYTES:
            start, size = self._sizes.pop()
            self._total -= size + OVERHEAD_BYTES
            data = self._db.execute(_PIECE, (*self._attempt, start)).fetchone()[0] + data
        self._db.execute(_PUT, (*self._attempt, start, data))
        self._sizes.append((start, len(data)))
        self._total += len(data) + OVERHEAD_BYTES
        self._trim(most_bytes)
        return len(data)

    def _trim(self, most_bytes: int) -> None:
        count = 0
        while self._total > most_bytes and count < len(self._sizes) - 1:
            self._total -= self._sizes[count][1] + OVERHEAD_BYTES
            count += 1
        if count:
            del self._sizes[:count]
            self._db.execute(_DROP, (*self._attempt, self._sizes[0][0]))


def together(
    pieces: Iterable[Piece], output: str, printed_bytes: int | None, after: int, is_open: bool
) -> tuple[int, int, str]:
    """A log from byte `after` on: where it begins and ends, and its text.

    Parameters
    ----------
    output, printed_bytes
        The attempt's last lines, and how much it printed in all if that is more.
    is_open
        More may come: the first bytes of a character wait for the others.
    """
    kept = [*pieces]
    last = output.encode()
    end = kept[-1][0] + len(kept[-1][1]) if kept else 0
    total = max(end, len(last) if printed_bytes is None else printed_bytes)
    if total > end and last:
        begin = total - len(last)
        kept.append((max(begin, end), last[max(0, end - begin) :]))
    start = min(after, total)
    text, end = _text(_runs(kept, start), start, total, is_open)
    return start, end, text


def _runs(pieces: Iterable[Piece], after: int) -> Iterator[Piece]:
    """The bytes from `after` on, with pieces that touch put into one."""
    begin, parts, end = after, list[bytes](), after
    for start, data in pieces:
        data = data[max(0, after - start) :]
        start = max(start, after)
        if not data:
            continue
        if start > end and parts:
            yield begin, b"".join(parts)
            parts = []
        if not parts:
            begin = start
        parts.append(data)
        end = start + len(data)
    if parts:
        yield begin, b"".join(parts)


def _text(runs: Iterable[Piece], after: int, total: int, is_open: bool) -> tuple[str, int]:
    """Runs of bytes as text, with a line for each gap; and where it ends."""
    text, end = list[str](), after
    for start, data in runs:
        text.append(_gap(text, start - end))
        end = start + len(data)
        if start > after:
            data = data.lstrip(_CONTINUES)
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        is_last = end >= total
        text.append(decoder.decode(data, final=not (is_open and is_last)))
        end -= len(decoder.getstate()[0])
    if total > end and not is_open:
        text.append(_gap(text, total - end))
        end = total
    return "".join(text), end


def _gap(text: list[str], size: int) -> str:
    if size <= 0:
        return ""
    breaks = bool(text) and not text[-1].endswith("\n")
    return f"{chr(10) * breaks}[… {size:,} byte{'s' * (size > 1)} not kept …]\n"
