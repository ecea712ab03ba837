"""The roster: what changed of nodes, and what many kinds of nodes may cost."""

from __future__ import annotations

import pytest

from nexapod.coordinator.panel import roster
from nexapod.coordinator.panel.roster import Roster
from nexapod.core.records import Demand
from tests.unit.core.builders import GB, Desk, order


def test_nodes_of_many_kinds_are_told_the_truth_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roster, "LOOKS", 20)
    desk = Desk()
    for n in range(30):
        desk.register(f"n{n:02d}", memory_bytes=n * GB)
    told = Roster()
    assert len(told.tell(told.look(desk.board, desk.mono_s))) == 30
    desk.submit(*(order(f"j{n}", Demand(tags=(f"t{n}",))) for n in range(5)))
    counts = []
    while rows := told.tell(told.look(desk.board, desk.mono_s)):
        counts.append(len(rows))
        assert all(row[12][0].startswith("1 waiting job: needs the tag") for row in rows)
    assert counts == [4] * 7 + [2], "a few looks each time, and everybody's turn comes"
    truth = {view.record.id: view.unmatched for view in desk.board.node_views(desk.mono_s)}
    known = {v.record.id: v.unmatched for v in told.look(desk.board, desk.mono_s)}
    assert known == truth


def test_a_node_that_registers_anew_is_told_with_its_profile() -> None:
    desk = Desk()
    desk.register("a")
    told = Roster()
    assert bytes(told.tell(told.look(desk.board, desk.mono_s))[0][13]) == b'{"os": "Linux"}'
    assert told.tell(told.look(desk.board, desk.mono_s)) == []
    desk.poll("a")
    desk.submit("j")
    desk.poll("a")
    (row,) = told.tell(told.look(desk.board, desk.mono_s))
    assert (row[0], row[3], row[13]) == ("a", 1, None)
    desk.register("a", slots=8)
    (row,) = told.tell(told.look(desk.board, desk.mono_s))
    assert row[2] == 8
    assert row[13] is not None
