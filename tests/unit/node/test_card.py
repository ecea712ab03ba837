"""The page that a runner and its agent share."""

from __future__ import annotations

from nexapod.node.engines.card import Card


def test_the_agent_sees_what_the_runner_started_and_forbids_what_it_has_not(tmp_path):
    agent = Card(tmp_path / "card", create=True)
    runner = Card(tmp_path / "card")
    assert agent.started() == (0, 0)
    assert runner.start(1, 111)
    assert agent.started() == (1, 111)
    assert agent.revoke(3) == 1
    assert not runner.start(2, 222)
    assert not runner.start(3, 333)
    assert runner.start(4, 444)
    assert agent.started() == (4, 444)
    runner.close()
    agent.close()
