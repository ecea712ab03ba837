"""The panel's stream: a snapshot for whoever comes, then twice a second what changed.

While nobody reads, nothing is gathered and no timer runs; only the pace counts on.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from nexapod import errors
from nexapod.coordinator.panel.news import News
from nexapod.coordinator.panel.pace import WIDTH_S, Pace
from nexapod.coordinator.panel.reader import Reader
from nexapod.coordinator.panel.roster import Roster
from nexapod.coordinator.panel.rows import node_row, patch_of
from nexapod.core import events as e
from nexapod.core.records import NodeView
from nexapod.core.states import JobState

if TYPE_CHECKING:
    from nexapod.coordinator.service import Service

T = TypeVar("T")
logger = logging.getLogger(__name__)

VERSION = 1
TICK_S = 0.5
#: The newest jobs, and the attempts of the newest, that a reader is told of when it comes.
WINDOW = 100_000
ATTEMPTS = 5_000
#: Rows read at once: nothing is committed meanwhile.
PAGE = 1_000
#: Rows in one message.
CHUNK = 5_000
#: Nodes in one message of a snapshot: a profile may be large.
NODES = 500
#: A reader with more than this unread begins anew with a snapshot.
UNREAD_BYTES = 8 * 1024 * 1024
#: A reader hears at least so often that all is well.
QUIET_S = 5.0

_encode = msgspec.json.encode


class Panel:
    """What a service tells those who watch it. Used on the coordinator's loop only."""

    def __init__(self, service: Service) -> None:
        self.pace = Pace(self._gauges)
        self.clock = time.time
        self._service = service
        self._readers: dict[Reader, None] = {}
        self._progress: dict[int, tuple[float | None, str]] = {}
        self._ticking: asyncio.Task[None] | None = None
        self._deaf: Callable[[], None] | None = None
        self._forget()
        service.feed.listen(self._count)

    def _forget(self) -> None:
        """Know nothing of what anybody was told."""
        self._leased_at: dict[int, float] = {}
        self._news = News(self._leased_at)
        self._roster = Roster()
        self._progressed: set[int] = set()
        self._told: tuple[Any, ...] = ()
        self._told_at = 0.0
        self._paced_at = 0.0

    def begin(self, jobs: int) -> None:
        """The board was read from the store, with so many open jobs: nobody knows what it lost."""
        self.pace.begin(jobs, self.clock())
        self._begin_anew()

    def _begin_anew(self) -> None:
        for reader in self._readers:
            reader.fall_behind()

    # ── what it hears ────────────────────────────────────────────────────────────────────────────

    def _count(self, events: Sequence[e.Event]) -> None:
        """At all times."""
        self.pace.hear(events, self.clock())
        if self._progress:
            for event in events:
                if type(event) is e.AttemptEnded:
                    self._progress.pop(event.seq, None)

    def _hear(self, events: Sequence[e.Event]) -> None:
        """While somebody reads."""
        self._news.hear(events)

    def progressed(self, seq: int, fraction: float | None, message: str) -> None:
        """A job's attempt told how far it is. Kept until that attempt ends."""
        self._progress[seq] = fraction, message
        if self._readers:
            self._progressed.add(seq)

    def progress(self, seq: int) -> tuple[float | None, str] | None:
        """How far the job's attempt is, by its last word."""
        return self._progress.get(seq)

    # ── who reads ────────────────────────────────────────────────────────────────────────────────

    @property
    def readers(self) -> int:
        """How many there are."""
        return len(self._readers)

    async def follow(self, keepalive_s: float = 60.0) -> AsyncGenerator[list[bytes], None]:
        """All messages for one reader, as they come; an empty list after a while without any.

        A reader that does not keep up is given a snapshot again. Ends when the coordinator does.
        """
        reader = Reader(UNREAD_BYTES)
        self._join(reader)
        try:
            while not reader.is_done:
                reader.begin()
                async with contextlib.aclosing(self._snapshot()) as snapshot:
                    async for message in snapshot:
                        yield [message]
                while (news := await reader.take(keepalive_s)) is not None:
                    yield news
        finally:
            self._leave(reader)

    def end(self) -> None:
        """Let every reader go."""
        for reader in self._readers:
            reader.end()

    def _join(self, reader: Reader) -> None:
        self._readers[reader] = None
        if self._service.is_stopping:
            reader.end()
        elif self._ticking is None:
            self._paced_at = max((bucket.at for bucket in self.pace.buckets), default=0.0)
            self._deaf = self._service.feed.listen(self._hear)
            self._ticking = asyncio.get_running_loop().create_task(self._keep_telling())

    def _leave(self, reader: Reader) -> None:
        del self._readers[reader]
        if not self._readers and self._ticking is not None and self._deaf is not None:
            self._ticking.cancel()
            self._deaf()
            self._ticking = self._deaf = None
            self._forget()

    # ── the snapshot ─────────────────────────────────────────────────────────────────────────────

    async def _snapshot(self) -> AsyncGenerator[bytes, None]:
        """How everything stands. What changes meanwhile is told after it, perhaps once more."""
        yield _encode(self._hello())
        yield _encode({"t": "tick", **self._standing(self.clock())})
        views = self._views()
        if not len(self._roster):  # the first reader: what it hears now is not told again
            self._roster.tell(views)
        for nodes in _chunks([node_row(view) for view in views], NODES):
            yield _encode({"t": "nodes", "rows": nodes})
        async for jobs in self._jobs():
            yield _encode({"t": "jobs", "rows": jobs})
        for attempts in _chunks(await self._attempts()):
            yield _encode({"t": "attempts", "rows": attempts})
        for progress in _chunks([[seq, *told] for seq, told in self._progress.items()]):
            yield _encode({"t": "progress", "rows": progress})
        yield _encode({"t": "pace", "width_s": WIDTH_S, "rows": list(self.pace.buckets)})
        yield b'{"t":"ready"}'

    def _gauges(self) -> tuple[int, int] | None:
        counts = self._service.board.counts
        return (counts[JobState.PENDING], counts[JobState.ASSIGNED]) if self._readers else None

    def _hello(self) -> dict[str, Any]:
        service = self._service
        return {
            "t": "hello", "v": VERSION, "run": service.feed.run, "name": service.name,
            "url": service.url, "fleet_id": service.fleet_id, "started_at": service.started_at,
            "now": self.clock(), "window": WINDOW,
        }  # fmt: skip

    async def _jobs(self) -> AsyncGenerator[list[tuple[Any, ...]], None]:
        """The newest, in pages: commits come between them."""
        service = self._service
        last_seq = service.board.next_seq - 1
        after_seq = max(0, last_seq - WINDOW)
        while after_seq < last_seq:
            page = await service.read(service.store.job_briefs, after_seq, PAGE)
            if not page:
                return
            yield page
            after_seq = page[-1][0]

    async def _attempts(self) -> list[tuple[Any, ...]]:
        """Those of the newest jobs, and of all that run."""
        service = self._service
        store, live = service.store, list(service.board.leased.values())
        rows = {row[:2]: row for row in await service.read(store.attempt_briefs, ATTEMPTS)}
        for page in _chunks([(job.spec.seq, job.epoch) for job in live], PAGE):
            found = await service.read(store.attempt_briefs_of, page)
            rows.update({row[:2]: row for row in found})
        return sorted(rows.values(), key=lambda row: row[:2])

    def _views(self) -> list[NodeView]:
        service = self._service
        return self._roster.look(service.board, service.now().mono_s)

    def _standing(self, now: float) -> dict[str, Any]:
        """What is counted over all jobs."""
        counts = self._service.board.counts
        left = counts[JobState.PENDING] + counts[JobState.ASSIGNED]
        return {
            "now": now,
            "counts": {state.value: counts[state] for state in JobState},
            "rate_per_s": self.pace.rate_per_s(now),
            "eta_s": self.pace.eta_s(now, left),
        }

    # ── ticks ────────────────────────────────────────────────────────────────────────────────────

    async def _keep_telling(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            await self.tick()

    async def tick(self) -> None:
        """Tell every reader what changed since the last time."""
        try:
            messages = await self._changes()
        except Exception as error:  # what was to be told is lost
            if isinstance(error, errors.NexapodError):
                logger.warning("a tick of the panel was left out: %s", error)
            else:
                logger.exception("a tick of the panel failed")
            self._begin_anew()
            return
        for reader in self._readers:
            reader.tell(messages)

    async def _changes(self) -> list[bytes]:
        """What changed since the last tick, each message encoded once for all readers."""
        now = self.clock()
        self.pace.roll(now)
        closed = self.pace.since(self._paced_at)
        self._paced_at = closed[-1].at if closed else self._paced_at
        news, self._news = self._news, News(self._leased_at)
        if news.unclear:
            await self._clear_up(news)
        progressed = [[seq, *told] for seq in self._progressed if (told := self.progress(seq))]
        self._progressed.clear()
        return [
            *_messages("jobs", news.jobs.values()),
            *_messages("patch", news.patches.values()),
            *_messages("attempts", news.attempts.values()),
            *_messages("progress", progressed),
            *_messages("nodes", self._roster.tell(self._views())),
            *_messages("pace", closed, width_s=WIDTH_S),
            *self._tick_message(now, must=news.is_revoking),
        ]

    async def _clear_up(self, news: News) -> None:
        """Read what the news could not know: of attempts that began before anybody listened."""
        service = self._service
        for seqs in _chunks(sorted(news.unclear), PAGE):
            for row in await service.read(service.store.job_briefs_of, seqs):
                news.patches[row[0]] = patch_of(row)
        unclear = [key for key in news.attempts if key[0] in news.unclear]
        for keys in _chunks(unclear, PAGE):
            for row in await service.read(service.store.attempt_briefs_of, keys):
                news.attempts[row[:2]] = list(row)

    def _tick_message(self, now: float, *, must: bool) -> list[bytes]:
        standing = self._standing(now)
        told = (*standing["counts"].values(), standing["rate_per_s"], standing["eta_s"])
        if told == self._told and now - self._told_at < QUIET_S and not must:
            return []
        self._told, self._told_at = told, now
        return [_encode({"t": "tick", **standing})]


def _chunks(rows: Sequence[T], size: int = CHUNK) -> Iterator[Sequence[T]]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def _messages(kind: str, rows: Iterable[Any], **more: Any) -> Iterator[bytes]:
    for chunk in _chunks(list(rows)):
        yield _encode({"t": kind, **more, "rows": chunk})
