"""Logs: text and JSON, one record a line, the events that matter, and never a secret."""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from nexapod.coordinator import upkeep
from nexapod.coordinator.backups import Backups
from nexapod.coordinator.files import FleetFiles
from nexapod.coordinator.logs import Chronicle
from nexapod.coordinator.service import Service
from nexapod.core import commands as c
from nexapod.core.records import NodeView
from nexapod.core.states import NodeState
from nexapod.ids import new_secret
from nexapod.logs import JsonFormatter, Mask, TextFormatter
from tests.unit.coordinator.desk import TestedStore, acquisition, registration, serve, submission
from tests.unit.core.builders import digest, failed, record


def made(message: str, *args: Any, **extra: Any) -> logging.LogRecord:
    entry = logging.LogRecord("nexapod.coordinator", logging.INFO, "x.py", 1, message, args, None)
    entry.__dict__.update(extra)
    return entry


def as_json(entry: logging.LogRecord, *secrets: str) -> Any:
    line = JsonFormatter(Mask(secrets)).format(entry)
    assert "\n" not in line
    return json.loads(line)


# ── the shape ────────────────────────────────────────────────────────────────────────────────────


def test_a_json_record_says_when_what_and_of_whom():
    entry = made("job %s failed", "j1", event="job_failed", job_id="j1", epoch=3, node_id="n1")
    entry.created = 1_700_000_000.25
    assert as_json(entry) == {
        "time": "2023-11-14T22:13:20.250Z", "level": "info", "event": "job_failed",
        "job_id": "j1", "node_id": "n1", "epoch": 3, "message": "job j1 failed",
    }  # fmt: skip


def test_a_record_that_names_no_event_is_named_after_its_logger():
    assert as_json(made("hello"))["event"] == "coordinator"


def test_a_traceback_is_a_field_of_its_record():
    try:
        raise ValueError("two\nlines")
    except ValueError:
        entry = made("it broke")
        entry.exc_info = sys.exc_info()
    found = as_json(entry)
    assert "Traceback" in found["traceback"]
    assert "two\nlines" in found["traceback"]


@pytest.mark.parametrize("nasty", ["a\nb", "\x1b[2J", "\ud800", "\u2028", "\x00", '"}{'])
def test_nobody_can_forge_a_line(nasty: str):
    entry = made("path %s", nasty, job_id=nasty)
    assert as_json(entry)["message"].startswith("path ")
    text = TextFormatter(Mask()).format(entry)
    assert len(text.splitlines()) == 1
    assert "\x1b" not in text


# ── secrets ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer {}", "GET /jobs?x=1&token={}&y=2", "{}", "'{}'", "({})",
        "https://user:{}@host/", "b'authorization: bearer {}'", "secret={} next",
    ],
)  # fmt: skip
@pytest.mark.parametrize("form", [TextFormatter, JsonFormatter])
def test_what_looks_like_a_secret_is_hidden(text: str, form: type[logging.Formatter]):
    secret = new_secret()
    shown = form(Mask()).format(made("said: %s", text.format(secret)))  # type: ignore[arg-type]
    assert secret not in shown
    assert "***" in shown


@pytest.mark.parametrize("secret", ["short1", 'with"quote', "a/b?c=d&e", "back\\slash", "ümläut x"])
def test_a_secret_that_looks_like_none_is_hidden_when_it_is_known(secret: str):
    from urllib.parse import quote

    for spelling in (secret, quote(secret, safe=""), repr(secret), repr({"t": secret})):
        shown = as_json(made("said %s", spelling), secret)["message"]
        assert secret not in shown
        assert quote(secret, safe="") not in shown


def test_a_secret_in_a_field_or_in_a_traceback_is_hidden():
    secret = new_secret()
    try:
        raise ValueError(f"Bearer {secret}")
    except ValueError:
        entry = made("it broke", address=secret)
        entry.exc_info = sys.exc_info()
    assert secret not in json.dumps(as_json(entry))
    assert secret not in TextFormatter(Mask()).format(entry)


@pytest.mark.parametrize("secret", ["TOKEN-abc", "TOKENabc", "token", "TOKEN1"])
def test_the_place_of_a_token_in_a_sentence_is_shown_and_a_token_is_not(secret: str):
    mask = Mask()
    sentence = "send 'Authorization: Bearer TOKEN' with a token of this fleet"
    assert mask(sentence) == sentence
    assert mask(f"Authorization: Bearer {secret}") == "Authorization: Bearer ***"


@pytest.mark.parametrize(
    "text", ["0198b2a4-7b6e-7c3d-9f10-0123456789ab", "ab" * 32, "node-17", "the token is good"]
)
def test_ids_and_hashes_are_shown(text: str):
    assert as_json(made("%s", text))["message"] == text


# ── what the coordinator says ────────────────────────────────────────────────────────────────────


def events(caplog: pytest.LogCaptureFixture) -> list[tuple[Any, ...]]:
    return [
        (r.__dict__.get("event"), r.__dict__.get("node_id"), r.__dict__.get("job_id"),
         r.__dict__.get("epoch"))
        for r in caplog.records
    ]  # fmt: skip


def test_what_becomes_of_nodes_and_jobs_is_said_with_their_ids(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    async def story(service: Service, store: TestedStore) -> None:
        service.feed.listen(service.chronicle.note)
        await service.execute(registration("n1", slots=2))
        await service.execute(submission("j1"))
        grant = await service.execute(acquisition("n1"))
        report = failed("j1", grant.jobs[0].epoch, retryable=False)
        await service.execute(c.Report("n1", (report,), (digest(""),)))
        await service.execute(c.Leave("n1"))

    with caplog.at_level(logging.INFO):
        serve(tmp_path, story)
    assert events(caplog) == [
        ("node_registered", "n1", None, None),
        ("job_failed", "n1", "j1", 1),
        ("node_left", "n1", None, None),
    ]


def test_a_lost_lease_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    async def story(service: Service, store: TestedStore) -> None:
        service.feed.listen(service.chronicle.note)
        await service.execute(registration("n1", slots=2))
        await service.execute(submission("j1"))
        await service.execute(acquisition("n1"))
        await service.execute(c.Register(record("n1", boot_id="another"), (), 60.0))

    with caplog.at_level(logging.INFO):
        serve(tmp_path, story)
    assert ("lease_lost", "n1", "j1", 1) in events(caplog)


def test_a_commit_that_fails_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    async def story(service: Service, store: TestedStore) -> None:
        store.fail_with = ValueError("the disk")
        with pytest.raises(Exception, match="could not store"):
            await service.execute(submission("j"))
        await service._recovery

    serve(tmp_path, story)
    assert events(caplog) == [("commit_failed", None, None, None)]


def view(node_id: str, state: NodeState) -> NodeView:
    return NodeView(record(node_id), state, 0, 0, 0.0, 0, 0, ())


def test_a_lost_node_is_said_once_until_it_comes_back(caplog: pytest.LogCaptureFixture):
    chronicle = Chronicle()
    with caplog.at_level(logging.INFO):
        for state in (NodeState.LOST, NodeState.LOST, NodeState.ONLINE, NodeState.LOST):
            chronicle.look([view("n1", state), view("n2", NodeState.ONLINE)])
    assert [event[:2] for event in events(caplog)] == [("node_lost", "n1")] * 2


def test_a_stall_is_said_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(upkeep, "STALL_S", 0.1)
    monkeypatch.setattr(upkeep, "BEAT_S", 0.01)

    async def story(service: Service, store: TestedStore) -> None:
        files = FleetFiles("fleet", tmp_path / "fleet.db")
        going = upkeep.Upkeep(service, Backups(store, service._thread, files, 0), files.database)
        await asyncio.sleep(0.02)
        time.sleep(0.3)  # noqa: ASYNC251  # as a cell that holds the interpreter does
        while not service.meter.gap_s:
            await asyncio.sleep(0.01)
        going.stop()

    with caplog.at_level(logging.INFO):
        serve(tmp_path, story)
    said = [event for event, *_ in events(caplog)]
    assert set(said[:-1]) == {"stall"}
    assert said[-1] == "stopped"


def test_refused_tokens_are_one_record_a_minute(caplog: pytest.LogCaptureFixture):
    now_s = 0.0
    chronicle = Chronicle(lambda: now_s)
    for _ in range(500):
        now_s += 0.5
        chronicle.refused("job", "10.0.0.9")
    counts = [record.__dict__["count"] for record in caplog.records]
    assert counts == [1, 120, 120, 120, 120]


def test_in_a_kernel_nothing_is_printed_until_somebody_asks(tmp_path: Path):
    script = """
import sys
from nexapod.coordinator.logs import Chronicle
chronicle = Chronicle()
chronicle.started("http://127.0.0.1:1")
chronicle.stalled(6.0)
print("quiet so far", file=sys.stderr)
import logging; logging.basicConfig(level=logging.INFO)
chronicle.stalled(7.0)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60
    )
    before, _, after = done.stderr.partition("quiet so far")
    assert (before, done.stdout) == ("", "")
    assert "away for 7.0 s" in after
