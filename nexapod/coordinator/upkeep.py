"""Upkeep: what goes on beside serving, as long as the coordinator runs: backups, log, pulse."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import NoReturn

from nexapod.coordinator.backups import Backups
from nexapod.coordinator.service import Service

#: How often the loop's lag is felt.
BEAT_S = 0.5
#: How often nodes are looked at for the log.
LOOK_S = 10.0
#: A beat this late is a stall: the sweeper extends every lease then.
STALL_S = 5.0


class Upkeep:
    """Starts and ends what runs beside a service.

    Parameters
    ----------
    service
        Whose meter and chronicle are kept.
    backups
        Made hourly, and when somebody asks through the service.
    database
        The file, for its size.
    """

    def __init__(self, service: Service, backups: Backups, database: Path) -> None:
        self._service = service
        self._backups = backups
        service.backups = backups
        service.meter.database = database
        self._unlisten = service.feed.listen(service.chronicle.note)
        loop = asyncio.get_running_loop()
        self._running = [loop.create_task(backups.run()), loop.create_task(self._beat())]

    def stop(self) -> None:
        """End it. A backup that is being made is given up."""
        for running in self._running:
            running.cancel()
        self._unlisten()
        self._service.chronicle.stopped()

    async def _beat(self) -> NoReturn:
        """Feel how late the loop is, and look which nodes are lost."""
        meter, chronicle = self._service.meter, self._service.chronicle
        looked_s = due_s = time.monotonic()
        while True:
            due_s += BEAT_S
            await asyncio.sleep(max(0.0, due_s - time.monotonic()))
            now_s = time.monotonic()
            meter.lag_s = max(0.0, now_s - due_s)
            if meter.lag_s > STALL_S:
                meter.gap_s += meter.lag_s
                chronicle.stalled(meter.lag_s)
            due_s = now_s
            if now_s - looked_s >= LOOK_S:
                looked_s = now_s
                chronicle.look(self._service.board.node_views(now_s))
