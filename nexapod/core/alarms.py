"""Jobs by the moment at which something is due, soonest first.

An alarm is a plain heap of (monotonic second, seq, job), so that looking costs only what is due,
and changes nothing.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from nexapod.core.job import Job

Alarms: TypeAlias = "list[tuple[float, int, Job]]"


def due(alarms: Alarms, now_s: float) -> list[Job]:
    """The jobs whose moment has come, soonest first: O(due · log due), the heap stays as it is."""
    found: Alarms = []
    places = [0]
    while places:
        at = places.pop()
        if at < len(alarms) and alarms[at][0] <= now_s:
            found.append(alarms[at])
            places += (2 * at + 1, 2 * at + 2)
    return [job for _, _, job in sorted(found)]


def sweep_out(alarms: Alarms, live: int, is_live: Callable[[Job], bool]) -> None:
    """Drop dead entries: from the top at once, from within when they outnumber the `live` ones.

    O(log n) amortised over the jobs that died.
    """
    while alarms and not is_live(alarms[0][2]):
        heapq.heappop(alarms)
    if len(alarms) > 2 * live + 64:
        alarms[:] = [alarm for alarm in alarms if is_live(alarm[2])]
        heapq.heapify(alarms)
