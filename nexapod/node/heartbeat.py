"""Renews the node's leases, and hears which of them to end."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable

from nexapod.errors import NexapodError, Unreachable
from nexapod.node.attempt import Intent, Key
from nexapod.node.backoff import Backoff
from nexapod.node.chronicle import Chronicle
from nexapod.node.link import Link
from nexapod.node.registration import Registration
from nexapod.wire import messages as m

_MARGIN = 0.9
_LEASTWAIT_S = 0.05
_LOOK_S = 5.0
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def clock_s() -> float:
    """Seconds that also pass while the machine sleeps, as they do for the coordinator."""
    return time.clock_gettime(_CLOCK)


class Heartbeat:
    """One ``POST /heartbeat`` after the other; each waits a third of a lease for news.

    Parameters
    ----------
    holdings
        Every lease of the node.
    end
        Called for each lease that the coordinator wants ended.
    cut_off
        Called when leases can no longer be renewed before they run out.
    """

    def __init__(
        self, node_id: str, boot_id: str, link: Link, registration: Registration,
        chronicle: Chronicle, holdings: Callable[[], list[m.Holding]],
        end: Callable[[Key, Intent], None], cut_off: Callable[[], None],
    ) -> None:  # fmt: skip
        self._node_id, self._boot_id = node_id, boot_id
        self._link = link
        self._registration = registration
        self._chronicle = chronicle
        self._holdings = holdings
        self._end = end
        self._cut_off = cut_off
        self.renewed_at = clock_s()

    async def run(self) -> None:
        """Beat for ever."""
        await self._registration.wait()
        self.renewed_at = clock_s()
        watch = asyncio.create_task(self._watch())
        backoff = Backoff(cap_s=5.0)
        was_away = False
        try:
            while True:
                began_at = clock_s()
                try:
                    reply = await self._link.heartbeat(self._beat())
                except NexapodError as error:
                    was_away = was_away or isinstance(error, Unreachable)
                    if error.retryable:
                        await self._link.pause(backoff.next_s())
                    else:
                        await self._registration.after(error)
                    continue
                backoff.reset()
                self._heard(began_at, reply)
                if was_away:
                    # Another fleet may answer in its place, and know a node of this name too.
                    was_away = not await self._registration.renew("the coordinator was away")
                await asyncio.sleep(max(0.0, _LEASTWAIT_S - (clock_s() - began_at)))
        finally:
            watch.cancel()

    def _beat(self) -> m.Heartbeat:
        third_s = self._registration.lease_s / 3
        wait_s = min(60.0, third_s * random.uniform(0.9, 1.1))
        return m.Heartbeat(self._node_id, tuple(self._holdings()), self._boot_id, wait_s)

    def _heard(self, began_at: float, reply: m.HeartbeatReply) -> None:
        self._registration.worked()
        self._registration.lease_s = reply.lease_s
        # The leases were renewed when the request arrived, which was after it was sent.
        self.renewed_at = began_at
        for told in reply.leases:
            if told.status != "ok":
                self._end((told.job_id, told.epoch), told.status)

    async def _watch(self) -> None:
        """End what runs before its lease is given to another node.

        Not when the coordinator's port is closed: then it is down, gives nothing away, and will
        start every lease afresh when it is back.
        """
        while True:
            lease_s = self._registration.lease_s
            left_s = self.renewed_at + lease_s * _MARGIN - clock_s()
            if left_s > 0:
                # Not all of it at once: the loop's own clock stands still in a machine that sleeps.
                await asyncio.sleep(min(_LOOK_S, max(0.05, left_s)))
            elif self._link.refused:
                await asyncio.sleep(1.0)
            else:
                if self._holdings():
                    self._chronicle.warn(
                        f"no contact with the coordinator for {lease_s * _MARGIN:.0f} s: "
                        "ending what runs, for other nodes may be given it now"
                    )
                    self._cut_off()
                self.renewed_at = clock_s()
