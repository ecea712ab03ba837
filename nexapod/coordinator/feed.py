"""The feed: committed events to whoever listens, and as numbered row patches to whoever resumes."""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Callable, Sequence

from nexapod.core import events as e
from nexapod.core.states import JobState
from nexapod.ids import new_boot_id
from nexapod.wire.messages import JobPatch

Listener = Callable[[Sequence[e.Event]], None]

#: Patches kept for a listener that comes back; one that was away longer starts anew.
KEPT = 100_000


def patch_of(event: e.Event) -> JobPatch | None:
    """What an event changes in the job's row; None when nothing."""
    if isinstance(event, e.JobClosed):
        return JobPatch(event.job_id, event.state, event.node_id, event.epoch, event.sweep)
    if isinstance(event, e.JobLeased):
        return JobPatch(event.job_id, JobState.ASSIGNED, event.node_id, event.epoch)
    if isinstance(event, e.JobRequeued):
        return JobPatch(event.job_id, JobState.PENDING)
    if isinstance(event, e.JobQueued):
        return JobPatch(event.spec.id, JobState.PENDING, sweep=event.spec.sweep)
    return None


class Feed:
    """Ordered, committed events. Used on the coordinator's loop only."""

    def __init__(self) -> None:
        self.run = new_boot_id()
        self._listeners: list[Listener] = []
        self._patches: deque[JobPatch] = deque(maxlen=KEPT)
        self._owners: deque[str] = deque(maxlen=KEPT)
        self._owner_of: dict[str, str] = {}  # open jobs that are not the fleet's own
        self._count = 0
        self._more = asyncio.Event()

    def publish(self, events: Sequence[e.Event]) -> None:
        """Tell everybody. A listener that fails is its own problem, not the coordinator's."""
        # Patches are kept, not events: those hold payloads and results.
        for event in events:
            patch = patch_of(event)
            if patch is not None:
                self._patches.append(patch)
                self._owners.append(self._owner(event, patch.job_id))
                self._count += 1
        for listener in tuple(self._listeners):
            listener(events)
        self.wake()

    def know(self, job_id: str, owner: str) -> None:
        """Say whose an open job is; those of nobody told are the fleet's own."""
        if owner:
            self._owner_of[job_id] = owner

    def _owner(self, event: e.Event, job_id: str) -> str:
        if isinstance(event, e.JobQueued):
            self.know(job_id, event.spec.owner)
        elif isinstance(event, e.JobClosed):
            return self._owner_of.pop(job_id, "")
        return self._owner_of.get(job_id, "")

    def wake(self) -> None:
        """Let everybody who waits look again."""
        self._more.set()
        self._more = asyncio.Event()

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with each batch from now on; returns how to stop."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    @property
    def position(self) -> int:
        """How many patches there have been."""
        return self._count

    def since(self, position: int, owner: str | None = None) -> list[JobPatch] | None:
        """The patches after `position`; None when some of them are no longer kept.

        With `owner`, those of its jobs only.
        """
        missing = self._count - position
        if missing < 0 or missing > len(self._patches):
            return None
        start = len(self._patches) - missing
        patches = itertools.islice(self._patches, start, None)
        if owner is None:
            return list(patches)
        owners = itertools.islice(self._owners, start, None)
        return [patch for patch, whose in zip(patches, owners, strict=True) if whose == owner]

    async def wait(self) -> None:
        """Until something is published."""
        await self._more.wait()
