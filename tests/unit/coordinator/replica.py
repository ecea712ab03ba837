"""A reader of the panel's stream, by the rules of docs/protocol.md written down simply."""

from __future__ import annotations

import json
from typing import Any

Row = list[Any]

#: The cells of a job's row that a patch replaces, in its order.
_PATCHED = (2, 3, 6, 8, 9, 10, 13)


class Replica:
    """What a panel knows after the messages so far."""

    def __init__(self) -> None:
        self.hellos = 0
        self.forget({})

    def forget(self, hello: dict[str, Any]) -> None:
        self.hello = hello
        self.nodes: dict[str, Row] = {}
        self.jobs: dict[int, Row] = {}
        self.attempts: dict[tuple[int, int], Row] = {}
        self.progress: dict[int, Row] = {}
        self.pace: dict[float, Row] = {}
        self.tick: dict[str, Any] = {}
        self.is_ready = False

    def hear(self, message: bytes) -> str:
        """Take in a message; its kind."""
        told = json.loads(message)
        kind = str(told["t"])
        getattr(self, f"_{kind}")(told)
        return kind

    def _hello(self, told: dict[str, Any]) -> None:
        self.hellos += 1
        self.forget(told)

    def _nodes(self, told: dict[str, Any]) -> None:
        for row in told["rows"]:
            known = self.nodes.get(row[0])
            if row[13] is None and known is not None:
                row[13] = known[13]
            self.nodes[row[0]] = row

    def _jobs(self, told: dict[str, Any]) -> None:
        for row in told["rows"]:
            self.jobs[row[0]] = row
        for seq in sorted(self.jobs)[: -self.hello["window"]]:
            del self.jobs[seq]

    def _patch(self, told: dict[str, Any]) -> None:
        for seq, *cells in told["rows"]:
            if (row := self.jobs.get(seq)) is not None:
                for at, cell in zip(_PATCHED, cells, strict=True):
                    row[at] = cell

    def _attempts(self, told: dict[str, Any]) -> None:
        for row in told["rows"]:
            self.attempts[row[0], row[1]] = row
            if row[6] is not None:
                self.progress.pop(row[0], None)

    def _progress(self, told: dict[str, Any]) -> None:
        self.progress.update({row[0]: row for row in told["rows"]})

    def _pace(self, told: dict[str, Any]) -> None:
        self.pace.update({row[0]: row for row in told["rows"]})

    def _tick(self, told: dict[str, Any]) -> None:
        self.tick = told

    def _ready(self, told: dict[str, Any]) -> None:
        self.is_ready = True
