"""A panel: what a fleet or a sweep shows of itself where there can be widgets."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from weakref import WeakMethod

from nexapod.views.live import Display, Rendered
from nexapod.views.panel.asks import answered, refused
from nexapod.views.panel.journal import Journal
from nexapod.views.panel.streams import Answer, Stream

#: No message to the page is larger than this, nor has it more pieces.
BATCH_BYTES = 3_000_000
BATCH_MESSAGES = 200
#: A page that has said nothing yet may still be loading, and hear nothing; this long.
LOADING_S = 30.0
#: A state of more bytes is not sent again and again while a page may be loading.
LOADING_BYTES = 200_000


class Panel(Display):
    """Carries a stream to the pages that show it.

    All displays of one object share one panel, and so one pair of widgets: they cannot disagree.

    Parameters
    ----------
    stream
        Where the messages come from. It may not hold the object that is shown.
    static
        Gives ``(html, text)``: what is saved with the notebook, and read without a kernel.
    """

    def __init__(self, stream: Stream, static: Callable[[], Rendered]) -> None:
        super().__init__(static)
        self._stream = stream
        self._journal = Journal()
        self._n = 0
        self._pages: Counter[str] = Counter()
        self._heard = False
        self._may_clear = False
        self._made_at_s = 0.0

    def refresh(self) -> bool:
        """Send what came; True as long as there is more to come."""
        with self._lock:
            page, hidden = self._page, self._hidden
        if page is None or hidden:
            self._stream.stop()
            return False
        self._stream.start()
        # Asked before taking: what comes in between is sent now, not missed.
        over = self._stream.is_over()
        messages = self._stream.take()
        page.tell(*self._stream.state)
        for batch in batches(messages):
            with self._lock:
                self._n += 1
                self._journal.add(batch)
                n = self._n
            page.push(batch, n)
        if messages and self._may_be_loading():
            page.push_snapshot()
        elif self._may_clear:
            self._may_clear = False
            page.clear_snapshot()
        return not over

    def close(self) -> None:
        """Take the widgets down and let the stream rest; static displays stay."""
        super().close()
        self._stream.stop()
        with self._lock:
            self._journal.drop()

    def _make(self) -> tuple[Any, Any]:
        from nexapod.views.panel.widgets import PanelAsk, PanelPush

        # The registry of widgets keeps these for ever, so they may not keep this object.
        now, asked = WeakMethod(self._snapshot), WeakMethod(self._asked)

        def snapshot() -> tuple[bytes, int]:
            alive = now()
            return (b"", 0) if alive is None else alive()

        def ask(method: str, path: str, body: Any) -> Answer:
            alive = asked()
            if alive is None:
                return refused(410, "gone", "what was shown here is gone: run the cell again")
            return alive(method, path, body)

        self._made_at_s = time.monotonic()
        question = PanelAsk(ask)
        return PanelPush(snapshot, view=self._stream.view, ask=question.model_id), question

    def _snapshot(self) -> tuple[bytes, int]:
        with self._lock:
            return self._journal.snapshot, self._n

    def _may_be_loading(self) -> bool:
        """Whether what was pushed may have been heard by nobody.

        A page loads the panel's module after it heard of the widget, and what is sent in between is
        lost, but for traits. It says hello then; beside a busy cell that hello may wait, though.
        """
        is_early = time.monotonic() - self._made_at_s < LOADING_S
        return is_early and not self._heard and self._journal.size_bytes <= LOADING_BYTES

    def _asked(self, method: str, path: str, body: Any) -> Answer:
        """Answer one request of the page."""
        if path in ("/hello", "/bye"):
            page = str(body.get("page", "")) if isinstance(body, Mapping) else ""
            self._greeted(page) if path == "/hello" else self._left(page)
            return 200, {}
        if path == "/resync":
            self._stream.stop()  # it begins anew, with a hello
            self.wake()
            return 202, {}
        answer = answered(lambda: self._stream.ask(method, path, body))
        self.wake()
        return answer

    def _greeted(self, page: str) -> None:
        """A page shows it. One that has a name may say so twice: a first hello can wait long."""
        with self._lock:
            self._pages[page] = 1 if page else self._pages[page] + 1
            # Whoever says hello has taken the snapshot, which is not to be saved with the notebook.
            self._heard = self._may_clear = True
            self._hidden = False
        self.wake()

    def _left(self, page: str) -> None:
        """A page shows it no longer: nothing is pushed for nobody."""
        with self._lock:
            self._pages[page] = max(0, self._pages[page] - 1)
            self._hidden = not self._pages.total()
        if self._hidden:
            self._stream.stop()


def batches(messages: Sequence[bytes]) -> Iterator[list[bytes]]:
    """The messages in pieces that one message of a comm may carry."""
    batch: list[bytes] = []
    size_bytes = 0
    for message in messages:
        if batch and (size_bytes + len(message) > BATCH_BYTES or len(batch) == BATCH_MESSAGES):
            yield batch
            batch, size_bytes = [], 0
        batch.append(message)
        size_bytes += len(message)
    if batch:
        yield batch
