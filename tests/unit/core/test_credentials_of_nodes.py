"""A node id belongs to the credential that used it first."""

from __future__ import annotations

import pytest

from nexapod import errors
from tests.unit.core.builders import Desk


def test_the_first_credential_that_uses_a_node_id_has_it() -> None:
    desk = Desk()
    desk.register("a", credential="one")
    desk.register("a", "boot-2", credential="one")
    assert desk.board.nodes["a"].record.credential == "one"


def test_another_credential_is_refused_and_hears_what_to_do() -> None:
    desk = Desk()
    desk.register("a", credential="one")
    desk.submit("j")
    desk.poll("a")
    with pytest.raises(errors.Forbidden, match="--name"):
        desk.register("a", "boot-2", credential="two")
    assert desk.state("j") == "assigned"
    assert desk.board.nodes["a"].record.boot_id == "boot-1"


def test_another_credential_takes_over_once_the_old_one_has_ended() -> None:
    desk = Desk()
    desk.register("a", credential="one")
    desk.register("a", "boot-2", credential="two", takes_over=True)
    with pytest.raises(errors.Forbidden):
        desk.register("a", "boot-3", credential="one")


def test_a_node_that_was_bound_to_nobody_is_adopted() -> None:
    desk = Desk()
    desk.register("a")
    desk.register("a", credential="one")
    with pytest.raises(errors.Forbidden):
        desk.register("a", credential="two")


def test_an_open_coordinator_keeps_what_is_bound() -> None:
    desk = Desk()
    desk.register("a", credential="one")
    desk.register("a", "boot-2")
    assert desk.board.nodes["a"].record.credential == "one"


def test_the_binding_outlives_a_restart() -> None:
    desk = Desk()
    desk.register("a", credential="one")
    desk.restart()
    with pytest.raises(errors.Forbidden):
        desk.register("a", credential="two")
