"""A fleet's stream: the coordinator's own messages, read on the transport's loop."""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
import threading
import time
import weakref
from collections import deque
from typing import Any

from nexapod import errors
from nexapod.client.connection import Connection
from nexapod.client.transport import Transport
from nexapod.views.human import coarse
from nexapod.views.pace import hear
from nexapod.views.panel.asks import forwarded, invited
from nexapod.views.panel.streams import LIVE, Answer, State
from nexapod.views.readings import is_stopped

#: More than this is not read ahead of whoever takes it.
AHEAD_BYTES = 32_000_000
#: A coordinator says something every 5 s.
SILENCE_S = 15.0


class Reading:
    """One reader of ``GET /panel``, from its hello on. It reads on the loop; others take."""

    def __init__(self) -> None:
        self._state: State = ("waiting", "for the coordinator")
        self._heard_at_s = math.inf
        self._messages: deque[bytes] = deque()
        self._bytes = 0
        self._lock = threading.Lock()

    def take(self) -> list[bytes]:
        """What was read since the last call."""
        with self._lock:
            messages = list(self._messages)
            self._messages.clear()
            self._bytes = 0
        return messages

    @property
    def state(self) -> State:
        """How it goes; one that has said nothing for long may have lost its coordinator."""
        silent_s = time.monotonic() - self._heard_at_s
        if silent_s > SILENCE_S and self._state == LIVE:
            return "waiting", f"for the coordinator, which has said nothing for {coarse(silent_s)}"
        return self._state

    def fail(self, words: str) -> None:
        """Say that nothing will come, and why."""
        self._state = ("closed", words)

    async def read(self, transport: Transport) -> None:
        """Read until cancelled; come back where it broke off."""
        delay_s = 0.1
        while True:
            try:
                async with contextlib.aclosing(transport.panel()) as messages:
                    async for message in messages:
                        delay_s = 0.1
                        self._state, self._heard_at_s = LIVE, time.monotonic()
                        self._put(message)
                        while self._bytes > AHEAD_BYTES:
                            await asyncio.sleep(0.1)
                words = "the coordinator ended the stream"
            except errors.NexapodError as error:
                words = str(error)
                if not (error.retryable or isinstance(error, errors.Unreachable)):
                    return self.fail(words)
            self._state = ("waiting", words)
            await asyncio.sleep(delay_s * random.uniform(0.5, 1.0))
            delay_s = min(10.0, delay_s * 2)

    def _put(self, message: bytes) -> None:
        with self._lock:
            self._messages.append(message)
            self._bytes += len(message)


class FleetStream:
    """See `Stream`.

    Parameters
    ----------
    link
        The fleet's connection.
    again
        How the fleet is had again once it was stopped: ``nexapod.launch('villin')``.
    """

    view = "fleet"

    def __init__(self, link: Connection, again: str) -> None:
        self._link = link
        self._again = again
        self._lock = threading.Lock()
        self._reading: Reading | None = None
        self._ending: weakref.finalize[[], FleetStream] | None = None

    def start(self) -> None:
        """See `Stream`."""
        with self._lock:
            if self._reading is not None or is_stopped(self._link):
                return
            self._reading = reading = Reading()
            try:
                reader = self._link.transport.post(reading.read(self._link.transport))
            except errors.NexapodError as error:
                reading.fail(str(error))
                return
            # Whoever drops the stream without a word ends the reader, too.
            self._ending = weakref.finalize(self, reader.cancel)
            self._ending.atexit = False

    def stop(self) -> None:
        """See `Stream`."""
        with self._lock:
            ending, self._ending, self._reading = self._ending, None, None
        if ending is not None:
            ending()

    def take(self) -> list[bytes]:
        """See `Stream`."""
        with self._lock:
            reading = self._reading
        messages = [] if reading is None else reading.take()
        for message in messages:
            hear(self._link, message)
        return messages

    @property
    def state(self) -> State:
        """See `Stream`."""
        if is_stopped(self._link):
            return "closed", f"Stopped; {self._again} goes on where it ended."
        with self._lock:
            return ("waiting", "") if self._reading is None else self._reading.state

    def is_over(self) -> bool:
        """See `Stream`. Never while the coordinator runs: nodes come and go by themselves."""
        return is_stopped(self._link)

    def ask(self, method: str, path: str, body: Any) -> Answer:
        """See `Stream`."""
        if (method, path) == ("POST", "/invite"):
            return invited(self._link)
        return forwarded(self._link, method, path, body)
