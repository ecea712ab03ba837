"""A reader of the panel's stream, and what waits to be sent to it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence


class Reader:
    """One who watches. Used on the coordinator's loop only.

    Parameters
    ----------
    unread_bytes
        With more than this unread it falls behind.
    """

    def __init__(self, unread_bytes: int) -> None:
        self.is_done = False
        self._most_bytes = unread_bytes
        self._unread: deque[bytes] = deque()
        self._unread_bytes = 0
        self._is_behind = False
        self._more = asyncio.Event()

    def begin(self) -> None:
        """Forget what is unread: a snapshot follows, and then what is told from now on."""
        self._unread.clear()
        self._unread_bytes = 0
        self._is_behind = False
        self._more.clear()

    def tell(self, messages: Sequence[bytes]) -> None:
        """Have these to be read, unless too much is unread already."""
        if self._is_behind or self.is_done:
            return
        self._unread.extend(messages)
        self._unread_bytes += sum(map(len, messages))
        if self._unread_bytes > self._most_bytes:
            self.fall_behind()
        elif messages:
            self._more.set()

    def fall_behind(self) -> None:
        """Miss something: only a snapshot helps."""
        self.begin()
        self._is_behind = True
        self._more.set()

    def end(self) -> None:
        """There will be nothing more."""
        self.is_done = True
        self._more.set()

    async def take(self, wait_s: float) -> list[bytes] | None:
        """What is unread; empty when nothing came for so long, None when this cannot go on."""
        try:
            async with asyncio.timeout(wait_s):
                await self._more.wait()
        except TimeoutError:
            return []
        if self._is_behind or self.is_done:
            return None
        taken = list(self._unread)
        self.begin()
        return taken
