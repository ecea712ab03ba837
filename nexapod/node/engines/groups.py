"""Process groups: killing all of one, and what it holds in memory."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

import psutil

from nexapod.node.engines.card import MARK

_LISTS_CHILDREN = Path(f"/proc/self/task/{os.getpid()}/children").exists()


def descendants(pid: int) -> list[psutil.Process]:
    """All processes below `pid`, also those that moved to groups of their own."""
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return []


def signal_group(pid: int, number: signal.Signals, others: list[psutil.Process]) -> None:
    """Send a signal to the group that `pid` leads, and to `others`."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)
    for process in others:
        with contextlib.suppress(psutil.Error):  # it knows a reused pid from the one it met
            process.send_signal(number)


def kill_leftovers(pid: int, others: list[psutil.Process]) -> None:
    """SIGKILL what is left of a group whose leader is dead."""
    signal_group(pid, signal.SIGKILL, others)


def tree(pid: int) -> list[int]:
    """`pid` and all processes below it.

    Linux lists the children of a process, which is far cheaper than a look at all there are.
    """
    found = [pid]
    for above in found:
        try:
            for thread in os.scandir(f"/proc/{above}/task"):
                with open(f"{thread.path}/children", "rb") as file:
                    found += map(int, file.read().split())
        except FileNotFoundError:
            if not _LISTS_CHILDREN:
                return [pid, *(process.pid for process in descendants(pid))]
        except OSError:
            continue  # it has ended
    return found


def resident_bytes(pids: list[int]) -> int:
    """Resident memory of processes."""
    total = 0
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            total += psutil.Process(pid).memory_info().rss
    return total


def end_leftovers(mark: Path) -> None:
    """Kill what an agent that was killed has left of a runner's group.

    Parameters
    ----------
    mark
        The runner's card, which the environment of all that it has started names.
    """
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            own = process.uids().real == os.getuid()
            if own and process.environ().get(MARK) == str(mark):
                process.kill()
