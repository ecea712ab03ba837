"""Sends what running jobs print, and how far they say they are, to the coordinator.

Nobody waits for it: a lease, a heartbeat and a result go their own ways, and what cannot be sent
is still on file for the next time. A node on which nothing runs, or nothing prints, sends nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Protocol

from nexapod.errors import NexapodError
from nexapod.node.attempt import Attempt, Key
from nexapod.node.backoff import Backoff
from nexapod.wire import messages as m

#: Between two messages.
EVERY_S = 0.5
#: Attempts that run for less are told of by their report alone.
_YOUNG_S = 0.2
#: Most bytes in one message: of one attempt that runs, of all that run, and as much again of those
#: that are over; of those that are over and wait.
CHUNK_BYTES = 64 << 10
_BODY_BYTES = 3 << 20
_OVER_BYTES = 8 << 20
_REFUSED_S = 30.0
_NEVER = 1 << 62

#: A fraction and a message.
Word = tuple[float, str]


class Running(Protocol):
    """A runner process, as far as what its job prints goes."""

    def printed(self, attempt: Attempt, after: int, most_bytes: int) -> tuple[int, bytes]:
        """Where the attempt's output from byte `after` on begins, and its last bytes."""

    def said(self, attempt: Attempt) -> tuple[float, bytes] | None:
        """How far the attempt says it is."""


class Sender(Protocol):
    """The way to the coordinator."""

    async def logs(self, body: m.Logs) -> m.LogsReply:
        """``POST /logs``, once."""


class _Told:
    """What the coordinator knows of an attempt: its output up to `end`, and its last word."""

    __slots__ = ("end", "word")

    def __init__(self) -> None:
        self.end = 0
        self.word: Word | None = None


class LogStream:
    """The log of a node's attempts, a message at a time.

    Parameters
    ----------
    running
        What runs now, on which process, and for how many seconds.
    """

    def __init__(
        self, node_id: str, link: Sender,
        running: Callable[[], Iterable[tuple[Running, Attempt, float]]],
    ) -> None:  # fmt: skip
        self._node_id = node_id
        self._link = link
        self._running = running
        self._told: dict[Key, _Told] = {}
        self._over: dict[Key, tuple[m.LogChunk, asyncio.Future[None]]] = {}
        self._sending: asyncio.Task[None] | None = None
        self._retry: asyncio.TimerHandle | None = None
        self._not_before_s = 0.0
        self._is_failing = False
        self._backoff = Backoff(cap_s=10.0)

    # ── what the agent tells ─────────────────────────────────────────────────────────────────────

    def look(self) -> None:
        """Send what is new, unless that was done a moment ago."""
        now_s = time.monotonic()
        if now_s >= self._not_before_s:
            self._not_before_s = now_s + EVERY_S
            self._begin()

    def ended(self, attempt: Attempt) -> asyncio.Future[None] | None:
        """The attempt is over: what is left of its output goes at once.

        Returns
        -------
        Future or None
            Done when that was sent, or could not be. None: there is nothing to wait for.
        """
        if attempt.printed is None and not self._told:
            return None
        told = self._told.pop(attempt.key, None)
        if attempt.printed is None or attempt.intent == "lost":
            return None
        end, data = attempt.printed
        start = end - len(data)
        if told is not None and told.end > start:
            start, data = told.end, data[told.end - start :]
        if not data:
            return None
        chunk = m.LogChunk(*attempt.key, start, data)
        sent: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._over[attempt.key] = chunk, sent
        self._bound()
        if self._is_failing:
            self._try_later()
            return None
        self._begin()
        return sent

    def forget(self, is_another: bool) -> None:
        """The coordinator may know no progress any more; another fleet's is told of no job."""
        for told in self._told.values():
            told.word = None
        if is_another:
            self._over.clear()

    async def drained(self, patience_s: float) -> None:
        """Wait until what is over was sent, or could not be."""
        if self._sending is not None:
            await asyncio.wait({self._sending}, timeout=patience_s)

    def close(self) -> None:
        """Send nothing more."""
        self._not_before_s = float("inf")
        if self._retry is not None:
            self._retry.cancel()
        if self._sending is not None:
            self._sending.cancel()

    # ── sending ──────────────────────────────────────────────────────────────────────────────────

    def _begin(self) -> None:
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        if self._sending is None and (body := self._body()) is not None:
            self._sending = asyncio.create_task(self._send(body))

    async def _send(self, body: m.Logs | None) -> None:
        try:
            while body is not None:
                here = {id(chunk) for chunk in body.chunks}
                over = [sent for chunk, sent in self._over.values() if id(chunk) in here]
                try:
                    reply = await self._link.logs(body)
                except NexapodError as error:
                    self._failed(error)
                    return
                finally:
                    for sent in over:
                        if not sent.done():
                            sent.set_result(None)
                self._took(body, reply)
                body = self._body() if self._over else None
            self._not_before_s = time.monotonic() + EVERY_S
        finally:
            self._sending = None

    def _body(self) -> m.Logs | None:
        """Everything that is new, within bounds; None when nothing is."""
        chunks, words = list[m.LogChunk](), list[m.Progress]()
        left = _BODY_BYTES
        for chunk, _ in self._over.values():
            if chunks and len(chunk.data) > left:
                break
            chunks.append(chunk)
            left -= len(chunk.data)
        running = [r for r in self._running() if r[2] >= _YOUNG_S and r[1].intent != "lost"]
        most_bytes = min(CHUNK_BYTES, _BODY_BYTES // max(1, len(running)))
        for runner, attempt, _ in running:
            told = self._told.get(attempt.key) or _Told()
            if told.end == _NEVER:
                continue
            start, data = runner.printed(attempt, told.end, most_bytes)
            if start > told.end and (line := data.find(b"\n") + 1) < len(data):
                start, data = start + line, data[line:]  # after a gap, with a whole line
            if data:
                chunks.append(m.LogChunk(*attempt.key, start, data))
            word = _text(runner.said(attempt))
            if word is not None and word != told.word:
                words.append(m.Progress(*attempt.key, *word))
            if data or word != told.word:
                self._told[attempt.key] = told
        return m.Logs(self._node_id, chunks, words) if chunks or words else None

    def _took(self, body: m.Logs, reply: m.LogsReply) -> None:
        self._is_failing = False
        self._backoff.reset()
        for chunk in body.chunks:
            key = chunk.job_id, chunk.epoch
            if key in self._over and self._over[key][0] is chunk:
                del self._over[key]
            elif (told := self._told.get(key)) is not None:
                told.end = chunk.start + len(chunk.data)
        for word in body.progress:
            if (told := self._told.get((word.job_id, word.epoch))) is not None:
                told.word = word.fraction, word.message
        for key in reply.dropped:
            if (told := self._told.get(key)) is not None:
                told.end = _NEVER

    def _failed(self, error: NexapodError) -> None:
        """Later then; what a coordinator does not want is not offered again."""
        delay_s = self._backoff.next_s()
        if not error.retryable and error.details.get("action") != "register":
            delay_s = _REFUSED_S
            self._over.clear()
        self._is_failing = True
        self._not_before_s = time.monotonic() + delay_s
        self._try_later()

    def _try_later(self) -> None:
        """Nobody looks while nothing runs, and what is over shall not wait for that."""
        if self._over and self._retry is None:
            delay_s = max(0.0, self._not_before_s - time.monotonic())
            self._retry = asyncio.get_running_loop().call_later(delay_s, self._begin)

    def _bound(self) -> None:
        """Of what waits, the newest is kept."""
        while sum(len(chunk.data) for chunk, _ in self._over.values()) > _OVER_BYTES:
            del self._over[next(iter(self._over))]


def _text(word: tuple[float, bytes] | None) -> Word | None:
    """A word as it may be sent: a job can write what it likes on its card."""
    if word is None or not 0.0 <= word[0] <= 1.0:
        return None
    return word[0], word[1].decode(errors="replace")
