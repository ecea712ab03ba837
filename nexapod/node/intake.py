"""Leases on their way in: what they need is fetched, what cannot run is refused."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

import msgspec

from nexapod.core.records import AttemptReport, Failure
from nexapod.core.states import AttemptEnd
from nexapod.errors import NexapodError
from nexapod.node.attempt import Attempt, Intent, Key
from nexapod.node.blobs import Blobs
from nexapod.node.call import decode_call, fits, map_file, mismatch
from nexapod.node.chronicle import Chronicle
from nexapod.node.engines.pool import Pool
from nexapod.node.reporter import Reporter
from nexapod.wire.messages import Holding, Leased


class Intake:
    """Turns leases into attempts that a runner can be sent.

    Parameters
    ----------
    room
        Called when a lease ends here, so that the node may want another.
    may_pickle
        Whether the coordinator trusts this node's pickles, as it said last.
    runs_functions
        Whether this node was given a token: without one it does not know whose code it would run.
    """

    def __init__(
        self, blobs: Blobs, pool: Pool, reporter: Reporter, chronicle: Chronicle,
        room: Callable[[], None], may_pickle: Callable[[], bool], runs_functions: bool,
    ) -> None:  # fmt: skip
        self._blobs = blobs
        self._pool = pool
        self._reporter = reporter
        self._chronicle = chronicle
        self._room = room
        self._may_pickle = may_pickle
        self._runs_functions = runs_functions
        self._fetching: dict[Key, asyncio.Task[None]] = {}
        self._pinned: dict[Key, list[str]] = {}
        self.is_open = True

    @property
    def preparing(self) -> int:
        """How many leases wait for something to be fetched."""
        return len(self._fetching)

    def holdings(self) -> list[Holding]:
        """Those, for a heartbeat."""
        return [Holding(*key) for key in self._fetching]

    def take(self, leases: list[Leased]) -> None:
        """Pass on what is complete, and fetch what is not."""
        ready = []
        for lease in leases:
            if not self.is_open:
                self._report(lease, AttemptEnd.RELEASED)
                continue
            if lease.blob is None and not lease.inputs:
                attempt = self._open(lease, lease.payload)
                if attempt is None:
                    continue
                attempt.pickled = self._blobs.function(attempt.function)
                if attempt.pickled is not None or not attempt.function:
                    ready.append(attempt)
                    continue
            self._fetching[lease.job_id, lease.epoch] = asyncio.create_task(self._fetch(lease))
        if ready:
            self._pool.add(ready)

    def end(self, key: Key, intent: Intent) -> bool:
        """End a lease that is still being prepared."""
        fetch = self._fetching.pop(key, None)
        if fetch is None:
            return False
        fetch.cancel()
        self._unpin(key)
        if intent != "lost":
            end = AttemptEnd.CANCELLED if intent == "cancel" else AttemptEnd.RELEASED
            self._reporter.add(AttemptReport(*key, end))
        self._room()
        return True

    def drop(self) -> None:
        """Forget all that is being prepared: the leases are lost."""
        for key in list(self._fetching):
            self.end(key, "lost")

    def close(self) -> None:
        """The node drains: everything that has not started goes back."""
        self.is_open = False
        for key in list(self._fetching):
            self.end(key, "release")

    def forget(self, attempt: Attempt) -> None:
        """The attempt is over: its blobs may go when room is needed."""
        if self._pinned:
            self._unpin(attempt.key)

    async def _fetch(self, lease: Leased) -> None:
        key = lease.job_id, lease.epoch
        try:
            for sha256 in self._pin(lease):
                await self._blobs.fetch(sha256)
            payload: bytes | memoryview | None = lease.payload
            if lease.blob is not None:
                payload = map_file(self._blobs.directory / lease.blob)
            attempt = self._open(lease, payload)
            if attempt is not None and attempt.function:
                attempt.pickled = await self._blobs.fetch_function(attempt.function)
        except (NexapodError, OSError, ValueError) as error:
            self._fetching.pop(key, None)
            self._unpin(key)
            message = f"the node could not fetch what the job needs: {error}"
            self._report(lease, AttemptEnd.FAILED, Failure(message=message))
            self._room()
            return
        self._fetching.pop(key, None)
        if attempt is not None:
            self._pool.add([attempt])
        else:
            self._unpin(key)
            self._room()

    def _open(self, lease: Leased, payload: bytes | memoryview | None) -> Attempt | None:
        """Read the call's label. None when it cannot run here, which is then reported."""
        if lease.kind == "data":
            return Attempt(lease, "")
        if not self._runs_functions:
            message = "this node was started without a token and runs no functions"
            self._report(lease, AttemptEnd.FAILED, Failure("mismatch", message))
            return None
        try:
            call = decode_call(payload or b"")
        except msgspec.MsgspecError:
            message = "the payload is no sealed call"
            self._report(lease, AttemptEnd.FAILED, Failure("error", message, retryable=False))
            return None
        if not fits(call.python):
            self._report(lease, AttemptEnd.FAILED, mismatch(call.python))
            return None
        attempt = Attempt(lease, call.function)
        attempt.may_pickle = self._may_pickle()
        return attempt

    def _report(self, lease: Leased, end: AttemptEnd, failure: Failure | None = None) -> None:
        self._reporter.add(AttemptReport(lease.job_id, lease.epoch, end, failure=failure))
        if failure is not None:
            self._chronicle.failed(f"job {lease.job_id} {lease.name}".rstrip(), failure)

    def _pin(self, lease: Leased) -> list[str]:
        needed = [value.blob for value in lease.inputs.values() if value.blob is not None]
        if lease.blob is not None:
            needed.append(lease.blob)
        self._pinned[lease.job_id, lease.epoch] = needed
        for sha256 in needed:
            self._blobs.pin(sha256)
        return needed

    def _unpin(self, key: Key) -> None:
        with contextlib.suppress(KeyError):
            for sha256 in self._pinned.pop(key):
                self._blobs.unpin(sha256)
