"""Live displays: a repr that keeps itself current, in a notebook with widgets and without.

A `Live` is held by the object it shows (a fleet, a sweep, a future), which gives its
``_repr_mimebundle_``. All displays of one object share one widget, so ten cells cost one update.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Container, Mapping
from typing import Any
from weakref import WeakMethod

from nexapod.views.place import has_widgets
from nexapod.views.refresh import refresher
from nexapod.views.reprs.markup import STYLE

Rendered = tuple[str, str]


class Display:
    """What all displays are: pictures for every reader, and widgets where there can be some.

    Parameters
    ----------
    static
        Gives ``(html, text)``, for what is saved with the notebook and for readers without widgets.
    """

    def __init__(self, static: Callable[[], Rendered]) -> None:
        self._static = static
        self._lock = threading.RLock()  # a widget that is being made may ask for the state
        self._page: Any = None
        self._ask: Any = None
        self._hidden = False

    def mimebundle(
        self, include: Container[str] | None = None, exclude: Container[str] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """What ``_repr_mimebundle_`` returns: a widget where there can be one, HTML, and text.

        Returns
        -------
        tuple of dict
            The data by MIME type, and the metadata.
        """
        html, text = self._static()
        data: dict[str, Any] = {"text/plain": text, "text/html": html}
        metadata: dict[str, Any] = {}
        if has_widgets():
            # Text and HTML stay beside the widget for readers without a kernel: GitHub, nbconvert.
            more, metadata = self._widget_bundle()
            data = {**more, **data}
        kept = {
            kind: value
            for kind, value in data.items()
            if (include is None or kind in include) and (exclude is None or kind not in exclude)
        }
        return kept, metadata

    def wake(self) -> None:
        """Say that something changed, also after the end: drawn again within half a second."""
        with self._lock:
            shown = self._page is not None and not self._hidden
        if shown:
            refresher.watch(self)

    def refresh(self) -> bool:
        """Bring the pages up to date; True as long as there is more to come.

        The refresher's thread calls it; so may tests.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Take the widgets down; static displays stay."""
        refresher.forget(self)
        with self._lock:
            page, ask, self._page, self._ask = self._page, self._ask, None, None
        for widget in (page, ask):
            if widget is not None:
                layout = widget.layout  # a widget too, which nobody else would close
                widget.close()
                layout.close()

    def _make(self) -> tuple[Any, Any]:
        """The widget that pushes, and the one that answers, if any."""
        raise NotImplementedError

    def _widget_bundle(self) -> tuple[dict[str, Any], dict[str, Any]]:
        with self._lock:
            if self._page is None:
                self._page, self._ask = self._make()
            self._hidden = False
            page = self._page
        self._prepare(page)
        refresher.watch(self)
        bundle = page._repr_mimebundle_()
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        return dict(data or {}), dict(metadata)

    def _prepare(self, page: Any) -> None:
        """Called before `page` is shown once more."""


class Live(Display):
    """A repr that keeps itself current.

    Parameters
    ----------
    render
        Gives ``(html, text)``. It is called on a background thread as well, up to twice a second,
        so it must be quick and may not block on the coordinator.
    done
        Whether nothing will change any more; the display is drawn once more and then left alone.
    actions
        What the buttons do, by the name in ``data-nxp-action``. Each gives the sentence to show.
        They may be called on any thread.
    static
        Like `render`, for what is saved with the notebook; by default the same. Give one when
        `render` shows a secret.
    """

    def __init__(
        self,
        render: Callable[[], Rendered],
        done: Callable[[], bool],
        actions: Mapping[str, Callable[[], str]] | None = None,
        static: Callable[[], Rendered] | None = None,
    ) -> None:
        super().__init__(static or render)
        self._render = render
        self._done = done
        self._actions = dict(actions or {})
        self._views = 0

    def refresh(self) -> bool:
        """Draw once and push what differs; True as long as there is more to come."""
        with self._lock:
            page, hidden = self._page, self._hidden
        if page is None or hidden:
            return False
        # Asked before drawing: a job that ends in between is drawn next time, not missed.
        done = self._done()
        self._prepare(page)
        return not done

    def _make(self) -> tuple[Any, Any]:
        from nexapod.views.widgets import LiveAsk, LiveHtml

        # The widget registry keeps `LiveAsk` for ever, so it may not keep this object.
        ask = LiveAsk(_weakly(self._asked)) if self._actions else None
        return LiveHtml(ask=ask.model_id if ask else ""), ask

    def _prepare(self, page: Any) -> None:
        html = self._render()[0].removeprefix(STYLE)
        if page.html != html:
            page.html = html

    def _asked(self, request: Mapping[str, Any]) -> str:
        """Answer one request of the page."""
        kind = request.get("kind")
        if kind in ("hello", "bye"):
            self._count(1 if kind == "hello" else -1)
            return ""
        action = self._actions.get(str(request.get("action")))
        if action is None:
            return "This display has no such button any more: run the cell again"
        answer = action()
        self.wake()
        return answer

    def _count(self, change: int) -> None:
        """Count the pages that show it: nothing is drawn for nobody."""
        with self._lock:
            self._views = max(0, self._views + change)
            self._hidden = self._views == 0
        self.wake()


def _weakly(method: Callable[[Mapping[str, Any]], str]) -> Callable[[dict[str, Any]], str]:
    reference = WeakMethod(method)

    def answer(request: dict[str, Any]) -> str:
        alive = reference()
        return "" if alive is None else alive(request)

    return answer
