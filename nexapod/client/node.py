"""One node, as a notebook holds it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nexapod.client.face import Shown
from nexapod.wire.messages import NodeRow

if TYPE_CHECKING:
    from nexapod.client.connection import Connection


class Node(Shown):
    """A node of a fleet; shows what it is, what it holds and what it did last.

    Attributes
    ----------
    name
        Its id.
    """

    def __init__(self, connection: Connection, name: str) -> None:
        self._link = connection
        self.name = name

    def __repr__(self) -> str:
        return f"<Node {self.name}>"

    def row(self) -> NodeRow | None:
        """The node as the coordinator knows it; None before it registered."""
        rows = self._link.ask(self._link.transport.nodes())
        return next((row for row in rows if row.id == self.name), None)
