"""The two widgets of a panel. Import this only where `place.has_widgets()` is true.

There are two because ipykernel 7.4 answers a message at once, beside a busy cell, only on a comm
over which Python sends nothing but replies. So `PanelPush` only pushes, `PanelAsk` only answers.

What `PanelPush` pushes: custom messages ``{"kind": "messages", "n": N}``, each with one binary
buffer per JSON message. N counts these batches. A page that has seen batch N - 1 goes on with N; a
batch that begins with a hello can be read without knowing any before it. A page that misses one
looks whether the trait `snapshot` is newer than what it has, and otherwise asks ``POST /resync``.

What `PanelAsk` answers: ``{"id", "method", "path", "body"}`` with ``{"id", "status", "body"}``.
``POST /hello`` and ``POST /bye`` with ``{"page": ID}`` tell that a page shows the panel, or no
longer does: nothing is pushed for nobody. A page that gets no answer to its hello may say it again:
JupyterLab makes the subshell that answers beside a busy cell only when the comm is opened, and a
message that comes before it exists waits for the cell.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from typing import Any

import anywidget
import traitlets

from nexapod.views.comms import unroute

log = logging.getLogger(__name__)

_JS = files("nexapod.views").joinpath("assets/panel.js").read_text(encoding="utf-8")

Answer = tuple[int, Any]


class PanelPush(anywidget.AnyWidget):
    """The page's source of messages. Python pushes, the page never writes.

    Parameters
    ----------
    snapshot
        Gives the state for a page that comes late, and after which batch that is.

    Attributes
    ----------
    view
        ``fleet`` or ``sweep``.
    ask
        The model id of the `PanelAsk` that answers this panel's requests.
    snapshot, snapshot_n
        A JSON array of messages, the state after batch `snapshot_n`; empty where it is not known or
        too large. It is filled in when the state is asked for or sent, and not kept.
    state, words
        ``live``, ``waiting`` (and for what) or ``closed`` (and why).
    """

    _esm = _JS
    view = traitlets.Unicode("fleet").tag(sync=True)
    ask = traitlets.Unicode("").tag(sync=True)
    snapshot = traitlets.Bytes(b"").tag(sync=True)
    snapshot_n = traitlets.Int(0).tag(sync=True)
    state = traitlets.Unicode("waiting").tag(sync=True)
    words = traitlets.Unicode("").tag(sync=True)

    def __init__(self, snapshot: Callable[[], tuple[bytes, int]], **traits: Any) -> None:
        self._state_now = snapshot
        self._is_saving = False
        super().__init__(**traits)
        unroute(self)

    def get_state(self, key: Any = None, drop_defaults: bool = False) -> dict[str, Any]:
        """The traits, with the state of this moment where that is wanted."""
        state: dict[str, Any] = super().get_state(key, drop_defaults)
        if "snapshot" in state and not self._is_saving:
            state["snapshot"], state["snapshot_n"] = self._state_now()
        return state

    def _get_embed_state(self, drop_defaults: bool = False) -> dict[str, Any]:
        # What is saved with a notebook holds no fleet: the picture beside it says what there was.
        self._is_saving = True
        try:
            saved: dict[str, Any] = super()._get_embed_state(drop_defaults)
        finally:
            self._is_saving = False
        return saved

    def push(self, messages: Sequence[bytes], n: int) -> None:
        """Send one batch."""
        self.send({"kind": "messages", "n": n}, list(messages))

    def push_snapshot(self) -> None:
        """Send the state, which a page keeps also while it is still loading."""
        self.send_state(["snapshot", "snapshot_n"])

    def clear_snapshot(self) -> None:
        """Have the page's copy of the state, which it has read, hold nothing any more."""
        self._is_saving = True
        try:
            self.send_state("snapshot")
        finally:
            self._is_saving = False

    def tell(self, state: str, words: str) -> None:
        """Say how it goes with the stream."""
        if (self.state, self.words) != (state, words):
            with self.hold_sync():
                self.state, self.words = state, words

    def __repr__(self) -> str:  # a stable text, so that notebooks can be compared
        return "PanelPush()"


class PanelAsk(anywidget.AnyWidget):
    """Answers the page's requests, one reply each, and never speaks first.

    Parameters
    ----------
    handle
        Called with method, path and body on whatever thread the message arrived; gives the status
        and the body of the answer, and does not raise.
    """

    _esm = "export default {};"

    def __init__(self, handle: Callable[[str, str, Any], Answer]) -> None:
        super().__init__()
        self._handle = handle
        unroute(self)
        self.on_msg(self._answer)

    def _answer(self, _widget: Any, content: Any, _buffers: Any) -> None:
        if not isinstance(content, Mapping):
            return
        path = str(content.get("path", ""))
        status, body = self._handle(str(content.get("method", "GET")), path, content.get("body"))
        if path != "/bye":
            self.send({"id": content.get("id"), "status": status, "body": body})

    def __repr__(self) -> str:
        return "PanelAsk()"
