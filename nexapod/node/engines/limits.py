"""What one job may use of this machine, and whether it has used more."""

from __future__ import annotations

from typing import Protocol

import msgspec

from nexapod.core.records import Failure
from nexapod.node.attempt import Attempt
from nexapod.node.engines.groups import resident_bytes, tree
from nexapod.node.engines.verdict import size


class Used(Protocol):
    """A runner process, as far as its use of the machine goes."""

    pid: int
    own_processes: int

    def printed_bytes(self) -> int:
        """What the attempt that runs has written to stdout and stderr."""

    def disk_bytes(self) -> int:
        """What lies in the folders that only this process has."""


class Limits(msgspec.Struct, frozen=True):
    """The node's own limits; time and memory are limited by each job's lease.

    Attributes
    ----------
    processes
        Processes that one job may have started and that run at the same time.
    output_bytes
        Bytes one job may write to stdout and stderr, of which only the end is kept.
    disk_bytes
        Bytes of files in the folders of one job, where it has folders of its own (a sandbox).
    """

    processes: int = 256
    output_bytes: int = 1 << 30
    disk_bytes: int | None = None

    def exceeded(self, runner: Used, attempt: Attempt) -> Failure | None:
        """Which limit the attempt is over, if any."""
        pids = tree(runner.pid)
        limit_bytes = attempt.lease.memory_bytes
        if limit_bytes:
            attempt.peak_bytes = max(attempt.peak_bytes, resident_bytes(pids))
            if attempt.peak_bytes > limit_bytes:
                used = size(attempt.peak_bytes)
                return Failure(
                    "memory", f"used {used} of memory, more than its {size(limit_bytes)}"
                )
        count = len(pids) - runner.own_processes
        if count > self.processes:
            return Failure(
                "processes",
                f"started {count:,} processes that ran at once, more than this node's "
                f"{self.processes:,} (--max-processes)",
            )
        used_bytes = runner.printed_bytes()
        if used_bytes > self.output_bytes:
            return Failure(
                "output",
                f"printed {size(used_bytes)}, more than this node's {size(self.output_bytes)} "
                "(--max-output)",
            )
        if self.disk_bytes is not None and (used_bytes := runner.disk_bytes()) > self.disk_bytes:
            return Failure(
                "disk",
                f"wrote {size(used_bytes)} of files, more than this node's "
                f"{size(self.disk_bytes)} (--max-disk)",
            )
        return None
