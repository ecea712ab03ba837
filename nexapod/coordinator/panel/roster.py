"""The roster: how the nodes were last told, so that only what changed of them is told again."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from nexapod.coordinator.panel.rows import PROFILE, SEEN_AT, Row, node_row
from nexapod.core.board import SHOWN_LINES, Board, Unmatched
from nexapod.core.records import NodeRecord, NodeView

#: That a node was heard of again is news only so much later.
SEEN_S = 5.0
#: Looks at whether a node can run a waiting job, in one tick: a few milliseconds.
LOOKS = 2_000


class Roster:
    """Every node's row as it was told last."""

    def __init__(self) -> None:
        self._unmatched: Unmatched = {}
        self._told: dict[str, tuple[NodeRecord, Row]] = {}

    def __len__(self) -> int:
        return len(self._told)

    def look(self, board: Board, mono_s: float) -> list[NodeView]:
        """Every node now.

        Where there are many kinds of nodes and of waiting jobs, why these cannot run there is
        looked for again only in turn.
        """
        at_once = max(1, LOOKS // max(1, min(SHOWN_LINES, len(board.queue.lines))))
        for capacity in list(itertools.islice(self._unmatched, at_once)):
            del self._unmatched[capacity]  # it comes back as the newest
        return board.node_views(mono_s, self._unmatched)

    def tell(self, views: Iterable[NodeView]) -> list[Row]:
        """The rows of the nodes that changed. An unchanged profile is null."""
        rows = []
        told = self._told
        for view in views:
            known = told.get(view.record.id)
            if known is None or known[0] is not view.record:
                row = node_row(view)
                rows.append([*row])
                row[PROFILE] = None
                told[view.record.id] = view.record, row
            elif _differs(known[1], view):
                row = node_row(view)
                row[PROFILE] = None
                told[view.record.id] = view.record, row
                rows.append(row)
        return rows


def _differs(row: Row, view: NodeView) -> bool:
    """Whether what is not part of the node's record is as it was told."""
    told = (row[1], *row[3:7], row[12], row[15])
    now = (
        view.state, view.leases, view.running, view.completed, view.failed, view.unmatched,
        view.lost,
    )  # fmt: skip
    silent_s = view.last_seen_at - row[SEEN_AT]
    return silent_s >= SEEN_S or silent_s < 0 or told != now
