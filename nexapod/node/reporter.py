"""Takes finished attempts to the coordinator: spooled first, sent in batches, then forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path

import msgspec

from nexapod.core.records import AttemptReport, Failure
from nexapod.core.states import AttemptEnd
from nexapod.errors import NexapodError, NotFound
from nexapod.node.chronicle import Chronicle
from nexapod.node.link import Link
from nexapod.node.registration import REFUSALS, Registration
from nexapod.node.shelf import Shelf
from nexapod.node.spool import Spool, Spooled, encode_report
from nexapod.wire import messages as m

_COUNT = 2000
_BYTES = 24 << 20
_FULL_S = 1.0
_LOG_S = 1.0
#: Statuses of a single report that are no answer yet.
_NOT_YET = frozenset({"unavailable", "storage_full", "slow_down"})


class _Results(msgspec.Struct):
    """`messages.Results` with reports that are encoded already."""

    node_id: str
    reports: list[msgspec.Raw]


class Reporter:
    """One ``POST /results`` at a time, with all that ended during the one before."""

    def __init__(
        self, node_id: str, link: Link, shelf: Shelf,
        registration: Registration, chronicle: Chronicle,
    ) -> None:  # fmt: skip
        self._node_id = node_id
        self._link = link
        self._shelf = shelf
        self._registration = registration
        self._chronicle = chronicle
        self._fresh: list[tuple[str, int | None, bytes]] = []
        self._writing: asyncio.Handle | None = None
        self._is_full = False
        self._reports_later: set[asyncio.Task[None]] = set()
        self._keys_later: set[tuple[str, int]] = set()
        self._news = asyncio.Event()
        self._told = asyncio.Event()
        if len(shelf.spool):
            self._news.set()

    def add(self, report: AttemptReport, log: asyncio.Future[None] | None = None) -> None:
        """Report the end of an attempt; see `add_encoded`."""
        self.add_encoded(*encode_report(report), log)

    def add_encoded(
        self, job_id: str, epoch: int | None, report: bytes,
        log: asyncio.Future[None] | None = None,
    ) -> None:  # fmt: skip
        """Report with bytes that a runner encoded.

        Parameters
        ----------
        log
            Done when the end of the attempt's log was sent, or could not be: who is told of the
            end may look at the log at once. It is not waited for longer than a second.
        """
        if log is not None and epoch is not None:
            self._later((job_id, epoch), self._after(log, job_id, epoch, report))
            return
        self._fresh.append((job_id, epoch, report))
        if self._writing is None:
            # One write for all that end in this turn of the loop.
            self._writing = asyncio.get_running_loop().call_soon(self._write)

    def add_large(
        self, job_id: str, epoch: int, report: bytes, path: Path, sha256: str, size: int
    ) -> None:
        """Report once the result, the file at `path`, is stored by the coordinator."""
        self._later((job_id, epoch), self._upload(job_id, epoch, report, path, sha256, size))

    def _later(self, key: tuple[str, int], work: Coroutine[None, None, None]) -> None:
        waiting = asyncio.create_task(work)
        self._keys_later.add(key)
        self._reports_later.add(waiting)
        waiting.add_done_callback(self._reports_later.discard)

    def serve(self, fleet_id: str) -> tuple[int, int]:
        """Report to this fleet from now on; see `Shelf.serve`."""
        if self._shelf.serves_another_than(fleet_id):
            self._spool()
            for waiting in self._reports_later:
                waiting.cancel()  # its lease is lost, like those of jobs that run
        found = self._shelf.serve(fleet_id)
        self._news.set()
        self._told.set()
        return found

    @property
    def unsent(self) -> int:
        """How many reports have no answer yet."""
        return len(self._shelf.spool) + len(self._fresh) + len(self._reports_later)

    def holdings(self) -> list[tuple[str, int]]:
        """Leases of attempts that ended here and that the coordinator does not know of yet."""
        fresh = [(job_id, epoch) for job_id, epoch, _ in self._fresh if epoch is not None]
        return [*self._shelf.spool.keys(), *fresh, *self._keys_later]

    async def drained(self, patience_s: float | None) -> bool:
        """Wait until everything was answered; False when that took too long."""
        try:
            async with asyncio.timeout(patience_s):
                while self.unsent:
                    self._told.clear()
                    await self._told.wait()
        except TimeoutError:
            return False
        return True

    async def run(self) -> None:
        """Send for ever."""
        while True:
            await self._news.wait()
            self._news.clear()
            while len(spool := self._shelf.spool):
                await self._send(spool, spool.first(_COUNT, _BYTES))
                self._told.set()

    def _write(self) -> None:
        """Spool what is fresh; held in memory, and tried again, while the disk is full."""
        self._writing = None
        try:
            self._spool()
        except OSError as error:
            if not self._is_full:
                self._is_full = True
                self._chronicle.warn(
                    f"the node's disk takes no results: {error.strerror}; they are held in memory "
                    "until there is room"
                )
            self._writing = asyncio.get_running_loop().call_later(_FULL_S, self._write)
        else:
            self._is_full = False

    def _spool(self) -> None:
        self._shelf.spool.add(self._fresh)
        self._fresh = []
        self._news.set()

    async def _after(
        self, log: asyncio.Future[None], job_id: str, epoch: int, report: bytes
    ) -> None:
        try:
            await asyncio.wait({log}, timeout=_LOG_S)
        finally:
            self._keys_later.discard((job_id, epoch))
        self.add_encoded(job_id, epoch, report)

    async def _upload(
        self, job_id: str, epoch: int, report: bytes, path: Path, sha256: str, size: int
    ) -> None:
        is_sure = False
        try:
            while True:
                try:
                    await self._link.put_blob(sha256, path, size)
                    break
                except REFUSALS as error:  # as for reports: the token may be let in again
                    await self._registration.refused(error)
                except NexapodError as error:
                    if is_sure:
                        raise
                    is_sure = await self._registration.renew(f"a result was refused ({error})")
        except NexapodError as error:
            failure = Failure(
                message=f"the coordinator did not take the large result: {error}", retryable=False
            )
            self.add(AttemptReport(job_id, epoch, AttemptEnd.FAILED, failure=failure))
        else:
            self.add_encoded(job_id, epoch, report)
        finally:
            self._keys_later.discard((job_id, epoch))
            path.unlink(missing_ok=True)

    async def _send(self, spool: Spool, items: list[Spooled], is_sure: bool = False) -> None:
        """Send these.

        Parameters
        ----------
        is_sure
            The node has just registered, with the fleet that the spool is for: what that says of
            a report is believed.
        """
        await self._registration.wait()
        if spool is not self._shelf.spool:
            return  # they lie aside, for the fleet that they belong to
        raws = [msgspec.Raw(spool.frame(item)) for item in items]
        try:
            reply = await self._link.results(msgspec.msgpack.encode(_Results(self._node_id, raws)))
        except NexapodError as error:
            if isinstance(error, NotFound) and error.details.get("action") == "register":
                await self._registration.renew()
            else:
                await self._refused(spool, items, error, is_sure)
        else:
            if spool is self._shelf.spool:
                await self._answered(spool, items, reply.reports, is_sure)

    async def _answered(
        self, spool: Spool, items: list[Spooled], statuses: list[m.ReportStatus], is_sure: bool
    ) -> None:
        done, unknown = [], []
        for item, told in zip(items, statuses, strict=False):
            if told.status in _NOT_YET:
                continue
            if told.status == NotFound.code and not is_sure:
                unknown.append(item)
                continue
            done.append(item)
            if told.status != "recorded":
                self._chronicle.say(f"job {item.job_id}: {told.message or told.status}")
        spool.remove(done)
        if unknown:
            await self._doubt(spool, unknown, "the coordinator does not know a job")
        elif len(done) < len(items):
            await asyncio.sleep(1.0)

    async def _doubt(self, spool: Spool, items: list[Spooled], why: str) -> None:
        """Another fleet may have taken the address over since the node registered.

        Registering again tells: then these lie aside. Else they are sent once more.
        """
        if await self._registration.renew(why):
            await self._send(spool, items, is_sure=True)

    async def _refused(
        self, spool: Spool, items: list[Spooled], error: NexapodError, is_sure: bool
    ) -> None:
        """The whole batch was refused: find the report that it was refused for."""
        if error.http_status in (401, 403):
            await self._registration.refused(error)
            return
        if len(items) > 1:
            middle = len(items) // 2
            await self._send(spool, items[:middle])
            await self._send(spool, items[middle:])
            return
        if spool is not self._shelf.spool:
            return
        if not is_sure:
            await self._doubt(spool, items, "the coordinator refused a report")
            return
        item = items[0]
        report = msgspec.msgpack.decode(spool.frame(item), type=AttemptReport)
        spool.remove(items)
        self._chronicle.warn(f"job {item.job_id}: the coordinator refused the report: {error}")
        if report.value is not None or report.output:
            failure = Failure(message=f"the result was refused: {error}", retryable=False)
            self.add(AttemptReport(item.job_id, item.epoch, AttemptEnd.FAILED, failure=failure))
