"""The relay: what a panel's stream says reaches every page, once, in order, and nothing stays."""

from __future__ import annotations

import gc
import json
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from nexapod.errors import Gone
from nexapod.views import live as module
from nexapod.views.comms import unroute
from nexapod.views.panel import panel as panels
from nexapod.views.panel.asks import answered
from nexapod.views.panel.journal import Journal
from nexapod.views.panel.panel import Panel, batches
from nexapod.views.panel.streams import LIVE, Answer, State
from nexapod.views.refresh import Refresher
from tests.unit.views.pages import Page

WIDGET = "application/vnd.jupyter.widget-view+json"
HELLO = b'{"t":"hello","name":"villin"}'


class Tape:
    """A stream that says what it is told to."""

    view = "fleet"

    def __init__(self) -> None:
        self.coming: list[bytes] = []
        self.state: State = LIVE
        self.over = False
        self.running = False
        self.starts = 0
        self.asked: list[tuple[str, str, Any]] = []

    def start(self) -> None:
        if not self.running:
            self.running, self.starts = True, self.starts + 1
            self.coming = [HELLO, tick(self.starts), *self.coming]

    def stop(self) -> None:
        self.running, self.coming = False, []

    def take(self) -> list[bytes]:
        coming, self.coming = self.coming, []
        return coming

    def is_over(self) -> bool:
        return self.over

    def ask(self, method: str, path: str, body: Any) -> Answer:
        self.asked.append((method, path, body))
        if path == "/crash":
            raise ZeroDivisionError("oh")
        if path == "/refuse":
            raise Gone("It was cancelled already.")
        return 200, {"done": path}


def tick(number: int) -> bytes:
    return json.dumps({"t": "tick", "now": number}).encode().replace(b" ", b"")


def jobs(*seqs: int, size: int = 0) -> bytes:
    return json.dumps({"t": "jobs", "rows": [[seq, "x" * size] for seq in seqs]}).encode()


@pytest.fixture
def tape() -> Tape:
    return Tape()


@pytest.fixture
def panel(tape: Tape, monkeypatch: pytest.MonkeyPatch) -> Iterator[Panel]:
    """A panel in what it takes for a kernel, with a refresher whose thread never starts."""
    refresher = Refresher()
    monkeypatch.setattr(refresher, "_thread", object())
    monkeypatch.setattr(module, "refresher", refresher)
    monkeypatch.setattr(module, "has_widgets", lambda: True)
    made = Panel(tape, lambda: ("<p>two nodes</p>", "two nodes"))
    yield made
    made.close()


def test_the_picture_and_the_text_stand_beside_the_widget(panel: Panel) -> None:
    data, _ = panel.mimebundle()
    assert set(data) == {WIDGET, "text/html", "text/plain"}
    assert data["text/html"] == "<p>two nodes</p>"


def test_without_a_kernel_no_stream_starts(tape: Tape) -> None:
    data, _ = Panel(tape, lambda: ("<p></p>", "-")).mimebundle()
    assert set(data) == {"text/html", "text/plain"}
    assert tape.starts == 0


def test_batches_are_numbered_without_gaps(panel: Panel, tape: Tape) -> None:
    page = Page(panel)
    for number in range(3):
        tape.coming.append(jobs(number))
        assert panel.refresh()
    assert page.numbers == [1, 2, 3]
    assert page.messages[0] == json.loads(HELLO)
    assert page.messages[-1] == {"t": "jobs", "rows": [[2, ""]]}


def test_where_nothing_came_nothing_is_sent(panel: Panel, tape: Tape) -> None:
    page = Page(panel)
    panel.refresh()
    panel.refresh()
    assert page.numbers == [1]


def test_a_page_that_comes_late_knows_what_the_first_one_knows(panel: Panel, tape: Tape) -> None:
    first = Page(panel)
    for number in range(4):
        tape.coming += [jobs(number), tick(number)]
        panel.refresh()
    second = Page(panel)
    tape.coming.append(jobs(9))
    panel.refresh()
    assert second.known == first.known
    assert second.n == first.n == 5


def test_a_page_that_was_still_loading_finds_the_state_in_the_trait(
    panel: Panel, tape: Tape
) -> None:
    page = Page(panel, is_loading=True)
    tape.coming.append(jobs(1))
    panel.refresh()
    assert page.trait("snapshot_n") == 1
    messages = json.loads(page.trait("snapshot"))
    assert [message["t"] for message in messages] == ["hello", "jobs", "tick"]
    page.ask("POST", "/hello")
    tape.coming.append(jobs(2))
    panel.refresh()
    assert page.trait("snapshot_n") == 1, "a page that said hello hears every batch itself"
    assert page.trait("snapshot") == b"", "what it has read is not to be saved with the notebook"


def test_a_state_that_is_too_large_is_asked_for_again(
    panel: Panel, tape: Tape, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(panel, "_journal", Journal(limit_bytes=2_000))
    first = Page(panel)
    tape.coming += [jobs(number, size=500) for number in range(6)]
    panel.refresh()
    late = Page(panel)
    assert late.n == 0
    assert late.ask("POST", "/resync") == (202, {})
    tape.coming += [jobs(7)]
    tape.coming.clear()
    panel.refresh()
    assert tape.starts == 2
    assert late.known["hello"] == first.known["hello"]


def test_no_message_is_larger_than_a_comm_should_carry() -> None:
    messages = [jobs(1, size=1_000_000)] * 8 + [b"{}"] * 500
    sent = list(batches(messages))
    assert [message for batch in sent for message in batch] == messages
    assert all(sum(map(len, batch)) <= panels.BATCH_BYTES for batch in sent)
    assert all(len(batch) <= panels.BATCH_MESSAGES for batch in sent)


def test_the_journal_keeps_the_last_tick_only() -> None:
    journal = Journal()
    journal.add([HELLO, tick(1), jobs(1), tick(2), b"no json"])
    journal.add([tick(3)])
    assert journal.snapshot.count(b'"tick"') == 1
    assert tick(3) in journal.snapshot
    journal.add([HELLO])
    assert json.loads(journal.snapshot) == [json.loads(HELLO)]


def test_nothing_is_read_for_nobody(panel: Panel, tape: Tape) -> None:
    page = Page(panel)
    page.ask("POST", "/hello")
    panel.refresh()
    page.ask("POST", "/bye")
    assert panel.refresh() is False
    assert not tape.running
    page.ask("POST", "/hello")
    assert panel.refresh()
    assert tape.starts == 2


def test_a_second_page_keeps_it_running(panel: Panel, tape: Tape) -> None:
    page = Page(panel)
    page.ask("POST", "/hello", {"page": "one"})
    page.ask("POST", "/hello", {"page": "one"})
    page.ask("POST", "/hello", {"page": "two"})
    page.ask("POST", "/bye", {"page": "one"})
    assert panel.refresh()
    assert tape.running


def test_pages_without_a_name_are_counted(panel: Panel, tape: Tape) -> None:
    page = Page(panel)
    for path in ("/hello", "/hello", "/bye"):
        page.ask("POST", path)
    assert panel.refresh()
    page.ask("POST", "/bye")
    page.ask("POST", "/bye")
    assert panel.refresh() is False
    page.ask("POST", "/hello")
    assert panel.refresh()


def test_the_first_message_of_a_page_is_not_sent_to_the_cells_own_loop(panel: Panel) -> None:
    panel.mimebundle()
    panel._ask.comm._reply_subshell_id = None  # as ipykernel 7.4 notes when the comm is opened
    unroute(panel._ask)
    unroute(panel._ask)
    assert not hasattr(panel._ask.comm, "_reply_subshell_id")


def test_requests_are_answered_once_and_what_goes_wrong_is_told(panel: Panel, tape: Tape) -> None:
    page = Page(panel)
    assert page.ask("GET", "/jobs/1") == (200, {"done": "/jobs/1"})
    assert page.ask("POST", "/jobs/cancel", {"job_ids": ["1"]})[0] == 200
    assert tape.asked[-1] == ("POST", "/jobs/cancel", {"job_ids": ["1"]})
    gone = {"error": {"code": "gone", "message": "It was cancelled already."}}
    assert page.ask("POST", "/refuse") == (410, gone)
    assert page.ask("POST", "/crash")[1]["error"]["message"] == "ZeroDivisionError: oh"
    assert len(page.replies) == 4


def test_a_cell_that_is_interrupted_is_not_an_answer() -> None:
    def interrupted() -> Answer:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        answered(interrupted)


def test_pages_are_told_how_the_stream_goes(panel: Panel, tape: Tape) -> None:
    page = Page(panel)
    panel.refresh()
    assert (page.trait("state"), page.trait("words")) == ("live", "")
    tape.state, tape.over = ("closed", "Stopped; nexapod.launch('villin') goes on."), True
    assert panel.refresh() is False
    assert page.trait("state") == "closed"
    assert "goes on" in page.trait("words")


def test_the_asking_widget_speaks_only_when_asked(panel: Panel, tape: Tape) -> None:
    page = Page(panel)
    tape.coming.append(jobs(1))
    panel.refresh()
    assert page.replies == []


def test_what_is_saved_holds_no_fleet(panel: Panel, tape: Tape) -> None:
    Page(panel)
    tape.coming.append(jobs(1))
    panel.refresh()
    saved = panel._page._get_embed_state()
    assert "villin" not in json.dumps(saved["state"])
    assert not saved.get("buffers") or all(not part["data"] for part in saved["buffers"])
    assert json.loads(panel._page.get_state()["snapshot"])


def test_closing_leaves_nothing(panel: Panel, tape: Tape) -> None:
    from ipywidgets.widgets.widget import _instances

    before = len(_instances)
    panel.mimebundle()
    assert len(_instances) > before
    panel.refresh()
    gone = [weakref.ref(panel._page), weakref.ref(panel._ask)]
    panel.close()
    panel.close()
    assert len(_instances) == before
    assert not tape.running
    assert panel.refresh() is False
    gc.collect()
    assert [widget() for widget in gone] == [None, None]


def test_a_panel_nobody_holds_is_forgotten(panel: Panel, tape: Tape) -> None:
    other = Panel(tape, lambda: ("", ""))
    other.mimebundle()
    page, ask = other._page, other._ask
    gone = weakref.ref(other)
    del other
    gc.collect()
    assert gone() is None
    assert page.get_state()["snapshot"] == b""
    replies: list[Any] = []
    ask.send = replies.append
    ask._handle_custom_msg({"id": "1", "method": "GET", "path": "/jobs/1"}, [])
    assert replies[0]["status"] == 410
    assert tape.asked == []
    page.close()
    ask.close()
