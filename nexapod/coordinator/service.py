"""The coordinator's shell: one command at a time, one commit for many, answers after the commit.

``execute`` decides and applies at once, so the next command sees the effect; the answer waits
until the batch with these events is on disk. While one batch is being written the next one
gathers: group commit without a timer. If a commit fails, everything that waited for it is
refused and the board is read anew from the store, which alone says what is true.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from nexapod import errors
from nexapod.coordinator.feed import Feed
from nexapod.coordinator.keyring import Author, Keyring
from nexapod.coordinator.logs import Chronicle
from nexapod.coordinator.meter import Meter
from nexapod.coordinator.panel import Panel
from nexapod.coordinator.room import DiskRoom
from nexapod.core import commands as c
from nexapod.core import events as e
from nexapod.core.board import Board
from nexapod.core.credentials import Credential
from nexapod.core.decide import Decision, Grant, Verdict, decide, dependencies
from nexapod.core.records import AttemptReport, ClosedJob, LeasedJob, Value
from nexapod.core.states import AttemptEnd
from nexapod.core.waiting import reasons
from nexapod.ids import new_job_id
from nexapod.store.base import Payload, Store
from nexapod.store.blobs import BlobStore
from nexapod.store.thread import StoreThread
from nexapod.wire.messages import Draining

if TYPE_CHECKING:
    from nexapod.coordinator.backups import Backups

logger = logging.getLogger(__name__)

#: What a heartbeating node's lease lasts.
LEASE_S = 60.0
#: What a plain node's lease lasts when neither the job nor the node says.
SEED_LEASE_S = 3600.0
#: Payloads of waiting jobs kept in memory, so that most leases need no read.
CACHE_BYTES = 64 * 1024 * 1024

#: A batch is written at this size even while more commands keep coming: what comes while it is
#: written is the next one.
BATCH_EVENTS = 32

# Sets, asked with the exact type: this is asked for every event of every request.
_WAKING = frozenset(
    {e.JobQueued, e.JobRequeued, e.JobsDue, e.AttemptEnded, e.JobClosed, e.NodeRegistered}
)
_MEMORY = frozenset(e.MEMORY)


class Batch:
    """Events that share a commit, and who waits for it."""

    __slots__ = ("began_s", "error", "events", "is_settled", "waiters")

    def __init__(self) -> None:
        self.events: list[e.Event] = []
        self.began_s = 0.0
        self.waiters: list[asyncio.Future[None]] = []
        self.is_settled = False
        self.error: BaseException | None = None

    def settle(self, error: BaseException | None) -> None:
        """Let everybody go on, or refuse them; who asks later hears the same."""
        self.is_settled, self.error = True, error
        for waiter in self.waiters:
            if waiter.done():
                continue
            if error is None:
                waiter.set_result(None)
            else:
                waiter.set_exception(error)


class Poll:
    """A node that waits for jobs."""

    __slots__ = ("batch", "command", "grant")

    def __init__(self, command: c.Acquire, grant: asyncio.Future[Grant]) -> None:
        self.command = command
        self.grant = grant
        self.batch: Batch | None = None  # the one that its grant is written with

    @property
    def key(self) -> tuple[str, str | None]:
        """What makes two polls the same one."""
        return self.command.node_id, self.command.request_id


class Service:
    """Everything the coordinator does, less the wire. Used on one event loop.

    Parameters
    ----------
    store, blobs
        Where the truth lies.
    thread
        The thread on which `store` is used.
    keyring
        Who is let in; everybody, when there is none.
    room
        What the disk has left; no limit, when it is None.
    """

    def __init__(
        self,
        store: Store,
        blobs: BlobStore,
        thread: StoreThread,
        keyring: Keyring | None = None,
        room: DiskRoom | None = None,
    ) -> None:
        self.store = store
        self.blobs = blobs
        self.keyring = keyring or Keyring(store, thread, None)
        self.keyring.write = self.write
        self.room = room or DiskRoom(None)
        self.board = Board()
        self.feed = Feed()
        self.panel = Panel(self)
        self.meter = Meter()
        self.chronicle = Chronicle()
        self.backups: Backups | None = None
        self.fleet_id = ""
        self.name = ""
        self.url = ""
        #: Stops the coordinator; whoever runs it puts its own way here.
        self.stop: Callable[[], None] = lambda: None
        self.started_at = time.time()
        self._thread = thread
        self._gathering: Batch | None = None
        self._writing: Batch | None = None
        self._polls: dict[Poll, None] = {}
        self._asking: dict[tuple[str, str | None], Poll] = {}
        self._serving = False
        self._refusal: errors.NexapodError | None = None
        self._payloads: dict[int, Payload] = {}
        self._payload_bytes = 0
        self._told: dict[str, asyncio.Event] = {}
        self._stopping = False
        self._loop = asyncio.get_running_loop()

    # ── life ─────────────────────────────────────────────────────────────────────────────────────

    async def start(self) -> None:
        """Restore the board; every assigned job gets a full fresh lease."""
        snapshot = await self._thread.call(self.store.load)
        board = Board()
        now = self.now()
        board.restore(snapshot, now.mono_s, now.at)
        self.board = board
        for job in board.jobs.values():
            self.feed.know(job.spec.id, job.spec.owner)
        self.panel.begin(len(board.jobs))
        await self.keyring.load()
        self.fleet_id = snapshot.fleet_id
        self._payloads.clear()
        self._payload_bytes = 0

    async def drain(self) -> None:
        """Refuse new commands, write what is gathered, let waiting polls go."""
        self._stopping = True
        self._refusal = errors.Unavailable("the coordinator is stopping; try again later")
        self.feed.wake()
        self.panel.end()
        for poll in tuple(self._polls):
            if not poll.grant.done():
                poll.grant.set_result(Grant([], LEASE_S))
        for told in self._told.values():
            told.set()
        while (batch := self._gathering or self._writing) is not None:
            await self._committed(batch)
            await asyncio.sleep(0)

    @property
    def is_stopping(self) -> bool:
        """Whether `drain` was called."""
        return self._stopping

    @staticmethod
    def now() -> c.Instant:
        """The moment, for the core."""
        return c.Instant(time.monotonic(), time.time())

    # ── the one way to change anything ───────────────────────────────────────────────────────────

    async def execute(self, command: c.Command, note: e.Audited | None = None) -> Any:
        """Do `command`; the reply is given once its effect is on disk, and `note` with it.

        Raises
        ------
        NexapodError
            Refused, or not stored; either way nothing happened.
        """
        decision = self._decide(command, note)
        await self._settled(decision)
        return decision.reply

    async def write(self, *events: e.Event) -> None:
        """Make events durable that nothing needs to be decided for; on disk when this returns."""
        if self._refusal is not None:
            raise self._refusal
        self._apply(events)
        await self._settled(Decision(list(events)))

    async def revoke(self, credential_id: str, by: Author) -> Credential:
        """End a credential: nobody gets in with it, and its nodes' leases go back at once."""
        ended = await self.keyring.revoke(credential_id, by)
        theirs = [  # all of them first: nodes come and go while the leases go back
            node_id
            for node_id, node in self.board.nodes.items()
            if node.record.credential == credential_id and node.leases
        ]
        for node_id in theirs:
            await self.execute(c.Leave(node_id))
        return ended

    async def _settled(self, decision: Decision) -> None:
        """Until everything that the decision's reply depends on is on disk."""
        if decision.wait and (batch := self._gathering or self._writing) is not None:
            await self._committed(batch)

    def _decide(self, command: c.Command, note: e.Audited | None = None) -> Decision:
        if self._refusal is not None:
            raise self._refusal
        decision = decide(self.board, command, self.now())
        if decision.events:  # a mere repeat did nothing worth a note
            self._apply(decision.events if note is None else [*decision.events, note])
        return decision

    def _apply(self, events: Sequence[e.Event]) -> None:
        batch = self._gathering
        wake = False
        for event in events:
            self.board.apply(event)
            kind = type(event)
            if kind not in _MEMORY:
                if batch is None:
                    batch = self._gathering = Batch()
                    if self._writing is None:
                        self._loop.call_soon(self._write_when_quiet, batch, 0)
                batch.events.append(event)
                self._note(event)
            wake = wake or kind in _WAKING
        if wake and self._polls and not self._serving and len(self.board.queue):
            self._serving = True
            self._loop.call_soon(self._serve)

    def _note(self, event: e.Event) -> None:
        """Keep the payload cache right, and wake a node that has something to hear."""
        if isinstance(event, e.JobQueued):
            size = len(event.order.payload or b"")
            if self._payload_bytes + size <= CACHE_BYTES:
                self._payloads[event.spec.seq] = Payload(event.order.payload, event.order.blob)
                self._payload_bytes += size
        elif isinstance(event, e.JobClosed):
            known = self._payloads.pop(event.seq, None)
            if known is not None:
                self._payload_bytes -= len(known.data or b"")
        elif isinstance(event, e.AttemptEnded) and event.tell_node:
            told = self._told.get(event.node_id)
            if told is not None:
                told.set()

    async def _committed(self, batch: Batch) -> None:
        if batch.is_settled:
            if batch.error is not None:
                raise batch.error
            return
        waiter: asyncio.Future[None] = self._loop.create_future()
        batch.waiters.append(waiter)
        await waiter

    # ── commits ──────────────────────────────────────────────────────────────────────────────────

    def _write_when_quiet(self, batch: Batch, seen: int) -> None:
        """Write the batch once a turn of the loop has added nothing to it.

        Commands that arrive together share a commit so, and a lone one waits for nothing.
        """
        if self._gathering is not batch or self._writing is not None:
            return
        if seen < len(batch.events) < BATCH_EVENTS:
            self._loop.call_soon(self._write_when_quiet, batch, len(batch.events))
            return
        self._gathering, self._writing = None, batch
        batch.began_s = time.perf_counter()

        def done(_result: Any, error: BaseException | None) -> None:
            if not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._written, batch, error)

        self._thread.post(lambda: self.store.commit(batch.events), done)

    def _written(self, batch: Batch, error: BaseException | None) -> None:
        self._writing = None
        self.meter.commit(batch.events, time.perf_counter() - batch.began_s, error)
        if error is not None:
            self._recover(batch, error)
            return
        try:
            self.feed.publish(batch.events)
        except Exception:
            logger.exception("a listener of the feed failed")
        batch.settle(None)
        if self._gathering is not None:
            self._loop.call_soon(self._write_when_quiet, self._gathering, 0)

    def _recover(self, batch: Batch, error: BaseException) -> None:
        """A commit failed: what is in memory is ahead of the disk, so read the disk again."""
        refusal = (
            error
            if isinstance(error, errors.NexapodError)
            else errors.Unavailable("the coordinator could not store this; try again")
        )
        if not isinstance(error, errors.NexapodError):
            logger.error("a commit failed", exc_info=error, extra={"event": "commit_failed"})
        else:
            logger.error("%s", error, extra={"event": "commit_failed"})
        self._refusal = errors.Unavailable("the coordinator is recovering; try again in a moment")
        gathered, self._gathering = self._gathering, None
        batch.settle(refusal)
        if gathered is not None:
            gathered.settle(refusal)
        self._recovery = self._loop.create_task(self._reload())

    async def _reload(self) -> None:
        try:
            await self.start()
        except Exception as error:
            told = error.message if isinstance(error, errors.NexapodError) else repr(error)
            self._refusal = errors.Unavailable(
                f"{told}; restart the coordinator when its disk is well again"
            )
            logger.error("%s", self._refusal)
            return
        self._refusal = None
        self._serve()

    # ── waiting polls ────────────────────────────────────────────────────────────────────────────

    async def acquire(self, command: c.Acquire, wait_s: float) -> Grant:
        """Lease jobs, waiting up to `wait_s` for some. A submit wakes one poll, not all."""
        decision = self._decide(command)
        grant: Grant = decision.reply
        if grant.jobs or wait_s <= 0:
            try:
                await self._settled(decision)
            except asyncio.CancelledError:
                if command.request_id is None:
                    self.hand_back(command.node_id, grant.jobs)
                raise
            return grant
        poll = Poll(command, self._loop.create_future())
        self._supersede(poll)
        self._polls[poll] = None
        timer = self._loop.call_later(wait_s, self._give_up, poll)
        try:
            grant = await poll.grant
            if poll.batch is not None:
                await self._committed(poll.batch)
            return grant
        except asyncio.CancelledError:
            if poll.grant.done() and not poll.grant.cancelled() and command.request_id is None:
                self.hand_back(command.node_id, poll.grant.result().jobs)
            raise
        finally:
            timer.cancel()
            self._polls.pop(poll, None)
            if self._asking.get(poll.key) is poll:
                del self._asking[poll.key]

    def _supersede(self, poll: Poll) -> None:
        """The same poll again: whoever asked first is gone, and must not take the later's job."""
        if poll.command.request_id is None:
            return
        before = self._asking.get(poll.key)
        if before is not None:
            self._polls.pop(before, None)
            self._give_up(before)
        self._asking[poll.key] = poll

    def _give_up(self, poll: Poll) -> None:
        if not poll.grant.done():
            poll.grant.set_result(Grant([], command_lease_s(poll.command)))

    def _serve(self) -> None:
        """Give waiting jobs to waiting polls, first come first served."""
        self._serving = False
        for poll in tuple(self._polls):
            if not len(self.board.queue):
                return
            if poll.grant.done():
                continue
            try:
                decision = self._decide(poll.command)
            except errors.NexapodError as error:
                poll.grant.set_exception(error)
                continue
            if decision.reply.jobs:
                del self._polls[poll]
                poll.batch = self._gathering or self._writing
                poll.grant.set_result(decision.reply)

    def hand_back(self, node_id: str, jobs: Iterable[LeasedJob]) -> None:
        """The poll was gone before its answer: nobody will ever run these."""
        back = tuple(
            AttemptReport(job.id, job.epoch, AttemptEnd.RELEASED) for job in jobs
        )  # fmt: skip
        with contextlib.suppress(errors.NexapodError):
            self._decide(c.Report(node_id, back, (b"",) * len(back)))

    async def heartbeat(
        self, command: c.Renew, wait_s: float, check_still: Callable[[], None] = lambda: None
    ) -> list[tuple[str, int, str]]:
        """Renew, then wait up to `wait_s` for a cancel meant for this node.

        `check_still` raises when the node may not ask any more after that wait.
        """
        reply: list[tuple[str, int, str]] = await self.execute(command)
        if wait_s <= 0 or any(status != "ok" for _, _, status in reply):
            return reply
        told = self._told[command.node_id] = asyncio.Event()
        try:
            async with asyncio.timeout(wait_s):
                await told.wait()
        except TimeoutError:
            return reply
        finally:
            if self._told.get(command.node_id) is told:
                del self._told[command.node_id]
        check_still()
        if self._refusal is not None:
            return reply
        answer: list[tuple[str, int, str]] = await self.execute(command)
        return answer

    # ── verbs that need the store ────────────────────────────────────────────────────────────────

    async def submit(
        self, orders: Sequence[c.Order], note: e.Audited | None = None
    ) -> list[tuple[str, Any]]:
        """Submit jobs, all or none; looks up what the board does not know."""
        board = self.board
        ids = {
            job_id
            for job_id in dependencies(orders)
            if job_id not in board.jobs and job_id not in board.recent
        }
        # A job id made by this submission cannot be known; asking costs one indexed look each.
        keys = {o.key for o in orders if o.key is not None and o.key not in board.keys}
        closed: dict[str, ClosedJob] = {}
        if ids or keys:
            closed = await self._thread.call(self._look_up, ids, keys)
        self._take_room([order for order in orders if not self._is_known(order, closed)])
        answer: list[tuple[str, Any]] = await self.execute(c.Submit(tuple(orders), closed), note)
        return answer

    def _look_up(self, ids: set[str], keys: set[str]) -> dict[str, ClosedJob]:
        found = self.store.closed(ids)
        found.update({f"key:{k}": job for k, job in self.store.closed_keys(keys).items()})
        return found

    async def submit_new(
        self, orders: Sequence[c.Order], note: e.Audited | None = None
    ) -> list[tuple[str, Any]]:
        """Submit jobs whose ids were made just now by this process, with no keys to look up."""
        if any(o.after or o.key for o in orders):
            return await self.submit(orders, note)
        self._take_room(orders)
        answer: list[tuple[str, Any]] = await self.execute(c.Submit(tuple(orders)), note)
        return answer

    def _take_room(self, orders: Sequence[c.Order]) -> None:
        if orders:
            size_bytes = sum(len(o.payload or b"") + len(o.params) for o in orders)
            self.room.take(size_bytes, len(orders))

    def _is_known(self, order: c.Order, closed: dict[str, ClosedJob]) -> bool:
        """Whether this is a repeat, which takes no room."""
        board, key = self.board, order.key
        if key is not None and (
            key in board.keys or key in board.recent_keys or f"key:{key}" in closed
        ):
            return True
        return order.id in board.jobs or order.id in board.recent or order.id in closed

    async def report(self, node_id: str, reports: Sequence[AttemptReport]) -> list[Verdict]:
        """Record how attempts ended; one verdict each."""
        digests = tuple(digest_of(report.value) for report in reports)
        unknown = [r.job_id for r in reports if r.job_id not in self.board.jobs]
        unknown = [job_id for job_id in unknown if job_id not in self.board.recent]
        closed = await self._thread.call(self.store.closed, unknown) if unknown else {}
        command = c.Report(node_id, tuple(reports), digests, closed)
        verdicts: list[Verdict] = await self.execute(command)
        return verdicts

    async def cancel(self, job_ids: Sequence[str], note: e.Audited | None = None) -> list[Verdict]:
        """Cancel jobs; one verdict each."""
        unknown = [j for j in job_ids if j not in self.board.jobs and j not in self.board.recent]
        closed = await self._thread.call(self.store.closed, unknown) if unknown else {}
        command = c.Cancel(tuple(job_ids), closed)
        verdicts: list[Verdict] = await self.execute(command, note)
        return verdicts

    async def drain_node(self, node_id: str, note: e.Audited | None = None) -> Draining:
        """Give a node no more jobs. What it holds it finishes, what only queues there too.

        Raises
        ------
        NotFound
        """
        node = self.board.nodes.get(node_id)
        if node is None:
            raise errors.NotFound("there is no node with this id")
        await self.execute(c.Leave(node_id, ()), None if node.left else note)
        running = len(node.leases)
        return Draining(node_id, "draining" if running else "left", running)

    def waiting(self, job_id: str) -> list[str]:
        """Why a job waits, a sentence each; empty unless it does."""
        job = self.board.jobs.get(job_id)
        return [] if job is None else reasons(self.board, job, self.now())

    async def owners(self, job_ids: Sequence[str]) -> dict[str, str]:
        """Whose these jobs are, by id; unknown ones are left out."""
        board = self.board
        found: dict[str, str] = {}
        for job_id in job_ids:
            if (job := board.jobs.get(job_id)) is not None:
                found[job_id] = job.spec.owner
            elif (closed := board.recent.get(job_id)) is not None:
                found[job_id] = closed.owner
        missing = [job_id for job_id in job_ids if job_id not in found]
        if missing:
            found.update(await self._thread.call(self.store.job_owners, missing))
        return found

    async def retry(
        self, job_id: str, key: str | None = None, note: e.Audited | None = None
    ) -> tuple[str, Any]:
        """Submit a finished job again: the same order and owner, a new id, a key of its own."""
        if job_id in self.board.jobs:
            raise errors.Conflict("this job has not ended yet; cancel it first, or wait")
        order = await self._thread.call(self.store.order, job_id)
        if order is None:
            raise errors.NotFound("there is no job with this id")
        # What it needs may have been retried since: then it is that which it waits for.
        after = [await self._thread.call(self.store.latest, needed) for needed in order.after]
        again = msgspec.structs.replace(
            order,
            id=new_job_id(),
            retry_of=job_id,
            key=key,
            after=tuple(after),
            sees=order.owner or None,
            # The same key for the retry of another job is no repeat, however alike the two are.
            submission=hashlib.sha256(order.submission + job_id.encode()).digest(),
        )
        return (await self.submit([again], note))[0]

    async def payloads(self, jobs: Sequence[LeasedJob]) -> dict[int, Payload]:
        """What the node gets for each leased job, by `seq`."""
        return await self.payloads_of([job.seq for job in jobs])

    async def payloads_of(self, seqs: Sequence[int]) -> dict[int, Payload]:
        """The payloads of jobs, by `seq`."""
        found = {seq: known for seq in seqs if (known := self._payloads.get(seq)) is not None}
        missing = [seq for seq in seqs if seq not in found]
        if missing:
            found.update(await self._thread.call(self.store.payloads, missing))
        return found

    async def inputs(self, jobs: Sequence[LeasedJob]) -> dict[str, dict[str, Value]]:
        """The results that each of these jobs needs, by job id and then by theirs."""
        needed = {job_id for job in jobs for job_id in job.after}
        if not needed:
            return {}
        values: dict[str, Value] = await self.read(self.store.values, needed)
        found = {}
        for job in jobs:
            mine = {job_id: values[job_id] for job_id in job.after if job_id in values}
            if job.spec.retry_of is not None:
                # It waited for the retry of what it needs, and knows that by its first id.
                for job_id, value in tuple(mine.items()):
                    retried = await self.read(self.store.retried, job_id)
                    mine.update(dict.fromkeys(retried, value))
            found[job.id] = mine
        return found

    async def read(self, verb: Any, *args: Any) -> Any:
        """Run a reading verb of the store. It sees what is committed, and nothing else."""
        return await self._thread.call(verb, *args)


def digest_of(value: Value | None) -> bytes:
    """The sha256 of a result's bytes as received."""
    if value is None:
        return b""
    if value.blob is not None:
        return bytes.fromhex(value.blob)
    return hashlib.sha256(value.data or b"").digest()


def command_lease_s(command: c.Acquire) -> float:
    """What to tell a node whose wait was in vain."""
    return command.lease_s or command.default_lease_s
