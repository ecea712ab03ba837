"""The one thread on which a store is used, so that no event loop ever waits for a disk."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from nexapod import errors

T = TypeVar("T")
Done = Callable[[Any, BaseException | None], None]


class StoreThread:
    """Runs calls one after another, in the order they came."""

    def __init__(self, name: str = "nexapod-store") -> None:
        self._calls: queue.SimpleQueue[tuple[Callable[[], Any], Done] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while (call := self._calls.get()) is not None:
            _do(*call)
            del call

    def run_queued(self) -> None:
        """Run what is queued by now: for a long call on this thread, between its steps.

        Raises
        ------
        Unavailable
            When the thread is to end: so should that call.
        """
        # Counted first: under a steady load the queue is never empty.
        for _ in range(self._calls.qsize()):
            call = self._calls.get()
            if call is None:
                self._calls.put(None)
                raise errors.Unavailable("the coordinator is stopping")
            _do(*call)

    def post(self, run: Callable[[], Any], done: Done) -> None:
        """Queue `run`; `done(result, error)` is called on this thread."""
        self._calls.put((run, done))

    async def call(self, run: Callable[..., T], *args: Any) -> T:
        """Run `run(*args)` here and wait for it without blocking the loop."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()

        def finish(result: Any, error: BaseException | None) -> None:
            if answer.done():
                return
            if error is not None:
                answer.set_exception(error)
            else:
                answer.set_result(result)

        def done(result: Any, error: BaseException | None) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(finish, result, error)

        self.post(lambda: run(*args), done)
        return await answer

    def stop(self, timeout_s: float = 30.0) -> None:
        """Finish what is queued and end the thread."""
        self._calls.put(None)
        self._thread.join(timeout_s)


def _do(run: Callable[[], Any], done: Done) -> None:
    try:
        result, error = run(), None
    except BaseException as caught:  # handed to whoever asked
        result, error = None, caught
    done(result, error)
