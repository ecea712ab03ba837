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
    looking: asyncio.Task[None] | None = None
    while True:
        began_s = time.monotonic()
        await asyncio.sleep(PERIOD_S)
        # Only the sleep is measured: a slow disk is no absence.
        gap_s = max(0.0, time.monotonic() - began_s - PERIOD_S)
        with contextlib.suppress(errors.Unavailable):
            await service.execute(Tick(gap_s))
        if looking is None or looking.done():
            looking = asyncio.create_task(_look(service))


async def _look(service: Service) -> None:
    with contextlib.suppress(OSError, errors.NexapodError):
        await service.read(service.room.look)
