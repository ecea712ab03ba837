"""Being known to the coordinator: the first time, and again when it has forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from nexapod.errors import Forbidden, NexapodError, NotFound, Unauthorized
from nexapod.node.attempt import Key
from nexapod.node.backoff import Backoff
from nexapod.node.chronicle import Chronicle
from nexapod.node.link import Link
from nexapod.wire import messages as m


class Registration:
    """Registers one node, one request at a time, however many loops ask for it.

    Parameters
    ----------
    body
        Makes the request; its ``holding`` differs each time.
    lost
        Called with the leases that are no longer the node's.
    fleet
        Called with the id of the fleet that has answered, before anything else is done about it.
    """

    def __init__(
        self, link: Link, chronicle: Chronicle, body: Callable[[], m.Register],
        lost: Callable[[Key], None], fleet: Callable[[str], None],
    ) -> None:  # fmt: skip
        self._link = link
        self._chronicle = chronicle
        self._body = body
        self._lost = lost
        self._fleet = fleet
        self._lock = asyncio.Lock()
        self._known = asyncio.Event()
        self._patience = Backoff(first_s=2.0)
        self._round = 0
        self.lease_s = 60.0
        self.is_trusted = True

    async def first(self) -> None:
        """Register. A refusal of the token is final, and raised."""
        reply = await self._link.register(self._body())
        self._took(reply)

    async def wait(self) -> None:
        """Wait until the node is registered."""
        await self._known.wait()

    async def renew(self, why: str = "the coordinator does not know this node") -> bool:
        """Register again. False when that was refused."""
        before = self._round
        async with self._lock:
            if self._round != before:
                return True  # another loop has just done it
            self._chronicle.say(f"{why}; registering again")
            try:
                self._took(await self._link.register(self._body()))
            except NexapodError as error:
                await self.refused(error)
                return False
            except OSError as error:
                await self._full(error)
                return False
            return True

    async def refused(self, error: NexapodError) -> None:
        """Wait after a refusal in mid-life.

        A token that has worked before may work again (the coordinator may have been started with
        another for a moment), and jobs may be running: the node stays, and asks ever more rarely.
        """
        delay_s = self._patience.next_s(1.0)
        self._chronicle.warn(f"the coordinator refuses: {error}; asking again in {delay_s:.0f} s")
        await asyncio.sleep(delay_s)

    async def _full(self, error: OSError) -> None:
        """Wait: which fleet has answered could not be noted, and reports must not be mixed."""
        self._chronicle.warn(f"the node's disk takes no results: {error.strerror}; make room")
        await asyncio.sleep(self._patience.next_s(1.0))

    async def after(self, error: NexapodError) -> None:
        """What any loop does about a refusal of its request."""
        if isinstance(error, NotFound) and error.details.get("action") == "register":
            await self.renew()
        else:
            await self.refused(error)

    def worked(self) -> None:
        """A request was accepted."""
        self._patience.reset()

    def _took(self, reply: m.Registered) -> None:
        self._fleet(reply.fleet_id)
        self._round += 1
        self.lease_s = reply.lease_s
        self.is_trusted = reply.trusted
        self._known.set()
        for job_id, epoch in reply.lost:
            self._lost((job_id, epoch))


REFUSALS = (Unauthorized, Forbidden)
