"""Room on the disk: below a reserve only submissions are refused, so that results always fit."""

from __future__ import annotations

import shutil
from pathlib import Path

from nexapod import errors

#: The reserve when none is given: so much, or this part of the disk when that is less.
RESERVE_BYTES = 512 * 1024 * 1024
RESERVE_PART = 0.05
#: What a job takes beside its payload: its row, its attempt, their entries in indices.
JOB_BYTES = 1024


class DiskRoom:
    """How much room is left, judged anew now and then and counted down in between.

    Parameters
    ----------
    folder
        Where the database lies; None for one in memory.
    reserve_bytes
        What is kept for results; None for the default.
    """

    def __init__(self, folder: Path | None, reserve_bytes: int | None = None) -> None:
        self._folder = folder
        self.reserve_bytes = reserve_bytes or 0
        self.free_bytes: float = float("inf")
        if folder is not None:
            usage = shutil.disk_usage(folder)
            self.free_bytes = usage.free
            if reserve_bytes is None:
                self.reserve_bytes = min(RESERVE_BYTES, int(usage.total * RESERVE_PART))

    def look(self) -> None:
        """Ask the disk. Called off the loop: a disk in trouble may be slow to say."""
        if self._folder is not None:
            self.free_bytes = shutil.disk_usage(self._folder).free

    def take(self, payload_bytes: int, jobs: int = 0) -> None:
        """Count this in.

        Raises
        ------
        StorageFull
            When it would reach into the reserve; nothing is counted then.
        """
        left_bytes = self.free_bytes - payload_bytes - jobs * JOB_BYTES
        if left_bytes < self.reserve_bytes:
            raise errors.StorageFull(
                f"the coordinator's disk has under {self.reserve_bytes / 1e6:,.0f} MB left, which "
                "are kept for results; free some space, then submit again"
            )
        self.free_bytes = left_bytes
