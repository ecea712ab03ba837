"""A fleet's stream: read on the transport's loop, taken by whoever shows it, left behind clean."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest

import nexapod
from nexapod import errors
from nexapod.client.connection import Connection
from nexapod.views.pace import pace_of
from nexapod.views.panel import asks
from nexapod.views.panel import fleet as module
from nexapod.views.panel.fleet import FleetStream
from nexapod.views.panel.journal import kind
from tests.unit.views.links import Link

HELLO = b'{"t":"hello","name":"villin"}'
TICK = b'{"t":"tick","now":1,"rate_per_s":2.5,"eta_s":8.0}'


@pytest.fixture
def link() -> Iterator[Link]:
    link = Link()
    yield link
    link.transport.close()


@pytest.fixture
def stream(link: Link) -> FleetStream:
    return FleetStream(cast(Connection, link), "nexapod.launch('villin')")


def until(true: Callable[[], bool]) -> None:
    for _ in range(2_000):
        if true():
            return
        time.sleep(0.005)
    raise AssertionError("it never came")


def taken(stream: FleetStream, number: int) -> list[bytes]:
    messages: list[bytes] = []
    until(lambda: len(messages.__iadd__(stream.take())) >= number)
    return messages


def test_messages_are_taken_as_they_came(link: Link, stream: FleetStream) -> None:
    assert stream.take() == []
    stream.start()
    stream.start()
    link.transport.news = [HELLO, TICK]
    assert taken(stream, 2) == [HELLO, TICK]
    assert stream.state == ("live", "")
    assert link.transport.readers == 1
    assert not stream.is_over()


def test_who_starts_anew_reads_from_the_hello(link: Link, stream: FleetStream) -> None:
    link.transport.news = [HELLO, TICK]
    stream.start()
    taken(stream, 2)
    stream.stop()
    assert stream.take() == []
    stream.start()
    assert taken(stream, 2) == [HELLO, TICK]


def test_stopping_ends_the_reader(link: Link, stream: FleetStream) -> None:
    stream.start()
    until(lambda: link.transport.readers == 1)
    stream.stop()
    stream.stop()
    until(lambda: link.transport.readers == 0)


def test_a_stream_that_is_dropped_ends_its_reader(link: Link) -> None:
    stream = FleetStream(cast(Connection, link), "")
    stream.start()
    until(lambda: link.transport.readers == 1)
    del stream
    gc.collect()
    until(lambda: link.transport.readers == 0)


def test_a_refusal_closes_the_stream_and_is_told(link: Link, stream: FleetStream) -> None:
    link.transport.news = [errors.Forbidden("this token may not watch")]
    stream.start()
    until(lambda: stream.state[0] == "closed")
    assert stream.state[1] == "this token may not watch"


def test_a_coordinator_that_is_away_is_waited_for(link: Link, stream: FleetStream) -> None:
    link.transport.news = [HELLO, errors.Unreachable("no coordinator answers")]
    stream.start()
    until(lambda: stream.state == ("waiting", "no coordinator answers"))
    link.transport.news = [HELLO, TICK]
    until(lambda: stream.state[0] == "live")
    assert taken(stream, 2)[-1] == TICK


def test_long_silence_is_said(
    link: Link, stream: FleetStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    link.transport.news = [HELLO]
    stream.start()
    taken(stream, 1)
    monkeypatch.setattr(module, "SILENCE_S", -1.0)
    assert stream.state[0] == "waiting"
    assert "has said nothing" in stream.state[1]


def test_a_stopped_fleet_says_how_to_go_on(link: Link, stream: FleetStream) -> None:
    stream.start()
    link.transport.close()
    assert stream.state == ("closed", "Stopped; nexapod.launch('villin') goes on where it ended.")
    assert stream.is_over()
    stream.start()
    assert stream.take() == []


def test_the_picture_says_the_pace_that_the_coordinator_says(
    link: Link, stream: FleetStream
) -> None:
    link.transport.news = [HELLO, TICK]
    stream.start()
    taken(stream, 2)
    pace = pace_of(cast(Connection, link), {"pending": 20}, 10)
    assert (pace.rate_per_s, pace.eta_s) == (2.5, 8.0)


def test_requests_are_forwarded_with_their_body(link: Link, stream: FleetStream) -> None:
    link.transport.answers["/jobs/cancel"] = b'[{"status":"cancelled"}]'
    answer = stream.ask("POST", "/jobs/cancel", {"job_ids": ["a"]})
    assert answer == (200, [{"status": "cancelled"}])
    assert link.transport.asked == [("POST", "/jobs/cancel", b'{"job_ids":["a"]}')]


def test_an_invitation_is_made_here_with_a_nodes_token(link: Link, stream: FleetStream) -> None:
    status, body = stream.ask("POST", "/invite", None)
    assert status == 200
    assert body["command"] == "NEXAPOD_TOKEN=node-secret nexapod node http://127.0.0.1:1"


def test_a_request_is_not_waited_for_for_ever(link: Link) -> None:
    link.transport.answers["/slow"] = 30.0
    work = link.transport.forward("GET", "/slow", None)
    with pytest.raises(errors.Unavailable, match="may still happen"):
        asks.bounded(cast(Connection, link), work, patience_s=0.05)


def test_an_action_that_takes_long_goes_on_and_the_page_is_told() -> None:
    done: list[int] = []

    def act() -> str:
        time.sleep(0.1)
        done.append(1)
        return "Cancelled 3 jobs"

    assert asks.aside(act, patience_s=0.01)[0] == 202
    until(lambda: done == [1])
    assert asks.aside(lambda: "Nothing was open") == (200, {"text": "Nothing was open"})


def test_a_real_coordinator_is_read_and_let_go(tmp_path: Path) -> None:
    with nexapod.launch("villin", port=0, database=tmp_path / "villin.db") as fleet:
        stream = FleetStream(fleet._link, "nexapod.launch('villin')")
        stream.start()
        fleet.submit_data(1)
        messages: list[bytes] = []
        until(
            lambda: (
                {"hello", "nodes", "jobs", "tick", "ready"}
                <= {kind(message) for message in messages.__iadd__(stream.take())} | {"nodes"}
            )
        )
        assert kind(messages[0]) == "hello"
        status, body = stream.ask("GET", f"/jobs/{fleet.jobs.index[0]}", None)
        assert (status, body["status"]) == (200, "pending")
        status, body = stream.ask("DELETE", "/tokens/1", None)
        assert status == 403, "a panel may ask only what is on the list"
        panel = fleet._link.transport.host.service.panel  # type: ignore[attr-defined]
        assert panel.readers == 1
        stream.stop()
        until(lambda: panel.readers == 0)
    assert stream.is_over()
