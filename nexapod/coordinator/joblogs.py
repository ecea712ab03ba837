"""What attempts print, on its way to the store and back."""

from __future__ import annotations

import time
from collections.abc import Sequence

from nexapod import errors
from nexapod.coordinator.room import DiskRoom
from nexapod.store.base import Store
from nexapod.store.thread import StoreThread
from nexapod.wire.messages import JobLog, LogChunk

#: What is kept of each attempt, unless the options say otherwise.
LOG_BYTES = 1024 * 1024
#: A node may still send what an attempt printed so long after its end: a job that was cancelled is
#: over before its process is.
LATE_S = 600.0


class JobLogs:
    """The logs of all attempts.

    Parameters
    ----------
    store, thread
        Where they are kept, and the thread on which that is used.
    room
        What the disk has left: logs take none of what is kept for results.
    """

    def __init__(self, store: Store, thread: StoreThread, room: DiskRoom) -> None:
        self._store = store
        self._thread = thread
        self._room = room
        self.most_bytes = LOG_BYTES

    async def append(self, node_id: str, chunks: Sequence[LogChunk]) -> set[tuple[str, int]]:
        """Keep what attempts of this node printed. Returns those that are not this node's.

        Raises
        ------
        StorageFull
            The disk has no room for logs; nothing was kept.
        """
        self._room.take(sum(len(chunk.data) for chunk in chunks))
        ended_after = time.time() - LATE_S
        return await self._thread.call(
            self._store.append_logs, node_id, chunks, self.most_bytes, ended_after
        )

    async def read(self, job_id: str, epoch: int | None = None, after: int = 0) -> JobLog:
        """What is kept of what an attempt (None: the latest) printed, from byte `after` on.

        Raises
        ------
        NotFound
            No such job, or attempt.
        """
        found = await self._thread.call(self._store.log, job_id, epoch, after)
        if found is None:
            which = "job" if epoch is None else "job, or it has no such attempt"
            raise errors.NotFound(f"there is no such {which}")
        return found
