"""A page for tests: what the browser's half of a panel does, without a browser."""

from __future__ import annotations

import json
from typing import Any

#: Where the key of a row ends, by message.
_KEYS = {"attempts": 2}


class Page:
    """Shows a panel, and keeps what it was told.

    Attributes
    ----------
    n
        The last batch it knows.
    known
        What all messages come to: rows by message and key, and the other messages as they are.
    """

    def __init__(self, panel: Any, *, is_loading: bool = False) -> None:
        panel.mimebundle()
        self._push, self._ask = panel._page, panel._ask
        self.n = 0
        self.numbers: list[int] = []
        self.messages: list[Any] = []
        self.known: dict[str, Any] = {}
        self.replies: list[Any] = []
        self._traits: dict[str, Any] = {}
        if not is_loading:
            self._begin()
        _spied(self._push, self._heard)
        _spied(self._ask, lambda message, _: self.replies.append(message["content"]))

    def _begin(self) -> None:
        state = self._push.get_state()
        self._traits.update(state)
        for message in json.loads(state["snapshot"] or b"[]"):
            self._apply(message)
        self.n = state["snapshot_n"] if state["snapshot"] else 0

    def trait(self, name: str) -> Any:
        """A trait as it came to the page."""
        return self._traits[name]

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Ask, and give the answer; a farewell has none."""
        content = {"id": "1", "method": method, "path": path, "body": body}
        before = len(self.replies)
        self._ask._handle_custom_msg(content, [])
        if len(self.replies) == before:
            return 0, None
        return self.replies[-1]["status"], self.replies[-1]["body"]

    def _heard(self, message: Any, buffers: Any) -> None:
        if message["method"] == "update":
            state = dict(message["state"])
            for path, buffer in zip(message["buffer_paths"], buffers or (), strict=True):
                state[path[0]] = bytes(buffer)
            self._traits.update(state)
            return
        n, news = message["content"]["n"], [json.loads(bytes(buffer)) for buffer in buffers]
        if n != self.n + 1 and news[0]["t"] != "hello":
            return
        self.n = n
        self.numbers.append(n)
        for one in news:
            self.messages.append(one)
            self._apply(one)

    def _apply(self, message: Any) -> None:
        kind = message["t"]
        if kind == "hello":
            self.known.clear()
        if "rows" not in message:
            self.known[kind] = message
            return
        rows = self.known.setdefault(kind, {})
        for row in message["rows"]:
            rows[tuple(row[: _KEYS.get(kind, 1)])] = row


def _spied(widget: Any, listener: Any) -> None:
    """Have `listener` hear what `widget` sends, and whoever listened before."""
    before = widget._send

    def send(message: Any, buffers: Any = None) -> None:
        listener(message, buffers)
        before(message, buffers)

    widget._send = send
