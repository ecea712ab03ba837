"""The sweeper: once a second, leases that ran out and back-offs that are over.

If it finds that it came late, the whole coordinator was away (a cell held the interpreter, the
laptop slept, the process was stopped), and no node is blamed for that.
"""

from __future__ import annotations

import asyncio
import contextlib
import time

from nexapod import errors
from nexapod.coordinator.service import Service
from nexapod.core.commands import Tick

PERIOD_S = 1.0


async def sweep(service: Service) -> None:
    """Tick for ever."""
    last_s = time.monotonic()
    while True:
        await asyncio.sleep(PERIOD_S)
        now_s = time.monotonic()
        gap_s = max(0.0, now_s - last_s - PERIOD_S)
        last_s = now_s
        with contextlib.suppress(errors.Unavailable, OSError):
            await service.execute(Tick(gap_s))
            await service.read(service.room.look)
