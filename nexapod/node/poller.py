"""Asks for leases: as many as the slots can use soon, and never more."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable

from nexapod.errors import NexapodError
from nexapod.node.link import Link
from nexapod.node.registration import Registration
from nexapod.wire import messages as m

WAIT_S = 20.0


class Poller:
    """One ``POST /lease`` at a time.

    Parameters
    ----------
    wanted
        How many leases the node could use now.
    take
        Called with the leases.
    """

    def __init__(
        self, node_id: str, link: Link, registration: Registration,
        wanted: Callable[[], int], take: Callable[[list[m.Leased]], None],
    ) -> None:  # fmt: skip
        self._node_id = node_id
        self._link = link
        self._registration = registration
        self._wanted = wanted
        self._take = take
        self._room = asyncio.Event()
        self._waits = False
        self.is_open = True

    def room(self) -> None:
        """The node may want more now."""
        if self._waits and self.is_open and self._wanted() > 0:
            self._room.set()

    async def run(self) -> None:
        """Ask until closed."""
        await self._registration.wait()
        while self.is_open:
            count = self._wanted()
            if count <= 0:
                self._room.clear()
                self._waits = True
                await self._room.wait()
                self._waits = False
                continue
            await self._ask(count)

    def close(self) -> None:
        """Ask no more; an answer that is on its way is still taken."""
        self.is_open = False
        self._room.set()

    async def _ask(self, count: int) -> None:
        # The link repeats the request until it is answered, under the same id: an answer that
        # got lost on the way orphans no lease.
        request = m.LeaseRequest(
            self._node_id, min(count, 4096), WAIT_S, request_id=secrets.token_hex(8)
        )
        asked_at = time.monotonic()
        try:
            reply = await self._link.lease(request)
        except NexapodError as error:
            await self._registration.after(error)
            return
        self._registration.worked()
        self._registration.lease_s = reply.lease_s
        if reply.jobs:
            self._take(reply.jobs)
        elif time.monotonic() - asked_at < WAIT_S / 2:
            await asyncio.sleep(0.2)  # told "nothing" early, as a draining node is: do not spin
