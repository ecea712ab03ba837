"""Which lines a node can run, by their first jobs.

A queue may hold tens of thousands of lines (each tag of one's own makes one). A node that polls
looks at those that are new since it last asked, and at as many first jobs as it takes.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Container, Generator, Iterator
from typing import TYPE_CHECKING

from nexapod.core.records import Demand
from nexapod.core.schedule import Line, Queue, Rank, rank_of

if TYPE_CHECKING:
    from nexapod.core.job import Job


class Runnable:
    """The lines that one node can run; a cache, which decides nothing that the queue does not say.

    Each line stands here under the rank of its first job, or of one that was first and has left: a
    line only ever seems better than it is, and is put where it belongs when its turn comes. A
    line that gets a better first job is among the queue's news.
    """

    __slots__ = ("_heap", "_lines", "_news", "_read")

    def __init__(self) -> None:
        self._news: list[Line] | None = None
        self.forget()

    def forget(self) -> None:
        """Begin anew: the node can run other jobs than before."""
        self._heap: list[Rank] = []
        self._lines: dict[Rank, Line] = {}
        self._news = None
        self._read = 0

    def first(
        self, queue: Queue, kinds: Container[str], can_run: Callable[[Demand], bool]
    ) -> Generator[Job, None, None]:
        """Waiting jobs of these kinds that the node can run: by priority, then creation.

        Close it before the queue changes.
        """
        self._follow(queue, can_run)
        taken: dict[Line, None] = {}
        opened: list[tuple[Rank, Job, Iterator[Job]]] = []
        try:
            while True:
                self._settle()
                if opened and not (self._heap and self._heap[0] < opened[0][0]):
                    _, job, rest = heapq.heappop(opened)
                    yield job
                elif self._heap:
                    line = self._lines.pop(heapq.heappop(self._heap))
                    is_wanted = line not in taken and line.demand.kind in kinds
                    taken[line] = None  # it may stand under an older rank, too
                    if not is_wanted:
                        continue
                    rest = iter(line)
                else:
                    return
                following = next(rest, None)
                if following is not None:
                    heapq.heappush(opened, (rank_of(following), following, rest))
        finally:
            for line in taken:
                self._put(line)

    def _follow(self, queue: Queue, can_run: Callable[[Demand], bool]) -> None:
        if self._news is not queue.news:
            self.forget()
            self._news = queue.news
        for at in range(self._read, len(queue.news)):
            line = queue.news[at]
            if line.priorities and can_run(line.demand):
                self._put(line)
        self._read = len(queue.news)

    def _settle(self) -> None:
        """Have a line on top that stands where it belongs."""
        while self._heap:
            rank = self._heap[0]
            line = self._lines[rank]
            first = next(iter(line), None)
            if first is not None and rank_of(first) == rank:
                return
            heapq.heappop(self._heap)
            del self._lines[rank]
            self._put(line)

    def _put(self, line: Line) -> None:
        first = next(iter(line), None)
        if first is None:
            return
        rank = rank_of(first)
        if rank not in self._lines:
            heapq.heappush(self._heap, rank)
        self._lines[rank] = line  # also where a line of the same job has ended and begun anew
