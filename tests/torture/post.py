"""Clients whose first answer always gets lost, and who then repeat themselves."""

from __future__ import annotations

import asyncio
import contextlib
import random
from typing import Any

from tests.integration.parts import Coordinator
from tests.torture.pipeline import Answer, Pipeline, Writer
from tests.torture.proxy import Fault, Proxy

_CLIENTS = 32
_BATCH = 16


class Post:
    """Sends everything twice: first where every answer gets lost, then again. Keeps what it hears.

    Now and then it sends a third time before that, and the connection is cut at once: then the
    coordinator may have done it, or be just doing it, or never have heard.
    """

    def __init__(self, coordinator: Coordinator, rng: random.Random) -> None:
        self.write = Writer(coordinator.port, coordinator.token)
        self.dropped: dict[str, int] = {}
        self._port = coordinator.port
        self._rng = rng

    async def send(self, endpoint: str, requests: list[bytes]) -> list[Any]:
        """Send all of them; what the repeats were answered, in the same order."""
        told: list[Answer | None] = [None] * len(requests)
        left = list(range(len(requests)))
        self._rng.shuffle(left)
        async with (
            Proxy(self._port, lambda: Fault.DROP_ALL, self._rng) as proxy,
            Proxy(self._port, lambda: Fault.CUT, self._rng) as hasty,
        ):

            async def client() -> None:
                async with Pipeline(self._port) as again:
                    while left:
                        most = 1 + len(left) // _CLIENTS
                        batch = [left.pop() for _ in range(min(_BATCH, most))]
                        sent = [requests[at] for at in batch]
                        if self._rng.random() < 0.1:
                            await _lose(hasty, sent)
                        await _lose(proxy, sent)
                        for at, answer in zip(batch, await again.ask(sent), strict=True):
                            assert answer.status == 200, (endpoint, answer)
                            told[at] = answer

            await asyncio.gather(*(client() for _ in range(_CLIENTS)))
            self.dropped[endpoint] = proxy.dropped
        assert self.dropped[endpoint] == len(requests), "the proxy swallowed every first answer"
        return [answer.json for answer in told]


async def _lose(proxy: Proxy, requests: list[bytes]) -> None:
    """Deliver these, and hear nothing."""
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    writer.write(b"".join(requests))
    with contextlib.suppress(ConnectionError):
        writer.write_eof()
        assert await reader.read() == b""
    writer.close()
