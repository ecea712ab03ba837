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


def test_the_agent_reads_the_last_word_of_the_attempt_that_runs(tmp_path):
    agent, runner = Card(tmp_path / "card", create=True), Card(tmp_path / "card")
    runner.start(1, 111)
    assert agent.said(1) is None
    runner.say(0.25, b"a quarter")
    runner.say(0.5, "hälf".encode())
    assert agent.said(1) == (0.5, "hälf".encode())
    runner.start(2, 222)
    assert agent.said(2) is None
    runner.say(0.0, b"")
    assert agent.said(2) == (0.0, b"")


def test_a_word_that_is_half_written_is_not_read(tmp_path):
    agent, runner = Card(tmp_path / "card", create=True), Card(tmp_path / "card")
    runner.start(1, 111)
    runner.say(0.25, b"whole")
    half = bytearray((tmp_path / "card").read_bytes())
    half[half.index(b"whole")] ^= 1
    (tmp_path / "card").write_bytes(half)
    assert agent.said(1) is None
    runner.say(0.25, b"whole")
    assert agent.said(1) == (0.25, b"whole")
