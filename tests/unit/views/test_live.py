from __future__ import annotations

import gc
import subprocess
import sys
import weakref
from typing import Any

import pytest

from nexapod.errors import Gone
from nexapod.views import live as module
from nexapod.views.live import Live
from nexapod.views.place import has_widgets
from nexapod.views.refresh import Refresher
from nexapod.views.reprs.markup import STYLE

WIDGET = "application/vnd.jupyter.widget-view+json"


class Model:
    """Something to show."""

    def __init__(self) -> None:
        self.word = "one"
        self.done = False
        self.drawn = 0

    def render(self) -> tuple[str, str]:
        self.drawn += 1
        return f"{STYLE}<p>{self.word}</p>", self.word

    def cancel(self) -> str:
        self.done = True
        return "Cancelled 3 jobs"

    def refuse(self) -> str:
        raise Gone("It was cancelled already.")

    def crash(self) -> str:
        raise ZeroDivisionError("oh")


@pytest.fixture
def model() -> Model:
    return Model()


@pytest.fixture
def refresher(monkeypatch: pytest.MonkeyPatch) -> Refresher:
    """A refresher of this test alone, whose thread never starts: tests refresh by hand."""
    own = Refresher()
    monkeypatch.setattr(own, "_thread", object())
    monkeypatch.setattr(module, "refresher", own)
    return own


@pytest.fixture
def shown(model: Model, refresher: Refresher, monkeypatch: pytest.MonkeyPatch) -> Live:
    """A live display in what it takes for a kernel."""
    monkeypatch.setattr(module, "has_widgets", lambda: True)
    actions = {"cancel": model.cancel, "refuse": model.refuse, "crash": model.crash}
    display = Live(model.render, lambda: model.done, actions)
    display.mimebundle()
    return display


def ask(display: Live, **request: Any) -> list[dict[str, Any]]:
    """Send a request as the page does; the replies."""
    replies: list[dict[str, Any]] = []
    display._ask.send = replies.append
    display._ask._handle_custom_msg({"id": "1", **request}, [])
    return replies


def test_without_a_kernel_there_is_only_html_and_text(model: Model) -> None:
    assert not has_widgets()
    data, metadata = Live(model.render, lambda: False).mimebundle()
    assert data == {"text/html": f"{STYLE}<p>one</p>", "text/plain": "one"}
    assert metadata == {}


def test_a_kernel_gets_a_widget_and_both_fallbacks(shown: Live) -> None:
    data, _ = shown.mimebundle()
    assert set(data) == {WIDGET, "text/html", "text/plain"}
    assert data[WIDGET]["model_id"] == shown._page.model_id
    assert data["text/plain"] == "one"


def test_include_and_exclude(shown: Live) -> None:
    assert set(shown.mimebundle(include={"text/plain"})[0]) == {"text/plain"}
    assert WIDGET not in shown.mimebundle(exclude={WIDGET})[0]


def test_what_is_saved_may_differ_from_what_is_shown(
    model: Model, refresher: Refresher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "has_widgets", lambda: True)
    display = Live(model.render, lambda: True, static=lambda: ("<p>masked</p>", "masked"))
    data, _ = display.mimebundle()
    assert data["text/html"] == "<p>masked</p>"
    assert display._page.html == "<p>one</p>"


def test_the_style_travels_once(shown: Live) -> None:
    assert shown._page.html == "<p>one</p>"
    assert ".nxp" in shown._page._css


def test_all_displays_of_one_object_share_a_widget(shown: Live) -> None:
    first = shown.mimebundle()[0][WIDGET]["model_id"]
    assert shown.mimebundle()[0][WIDGET]["model_id"] == first


def test_only_changes_are_pushed(model: Model, shown: Live) -> None:
    pushed: list[str] = []
    shown._page.observe(lambda change: pushed.append(change["new"]), "html")
    assert shown.refresh()
    assert pushed == []
    model.word = "two"
    assert shown.refresh()
    assert pushed == ["<p>two</p>"]


def test_the_last_state_is_drawn_before_it_rests(model: Model, shown: Live) -> None:
    model.word, model.done = "final", True
    assert shown.refresh() is False
    assert shown._page.html == "<p>final</p>"


def test_actions_answer_once_and_wake_the_display(
    model: Model, shown: Live, refresher: Refresher
) -> None:
    refresher.forget(shown)
    assert ask(shown, kind="action", action="cancel") == [{"id": "1", "text": "Cancelled 3 jobs"}]
    assert model.done
    assert len(refresher) == 1


@pytest.mark.parametrize(
    ("action", "text"),
    [
        ("refuse", "It was cancelled already."),
        ("crash", "ZeroDivisionError: oh"),
        ("other", "This display has no such button any more: run the cell again"),
        (None, "This display has no such button any more: run the cell again"),
    ],
)
def test_what_goes_wrong_is_told_where_it_was_asked(shown: Live, action: Any, text: str) -> None:
    assert ask(shown, kind="action", action=action) == [{"id": "1", "text": text}]


def test_nothing_is_drawn_for_nobody(model: Model, shown: Live) -> None:
    assert ask(shown, kind="hello") == [{"id": "1", "text": ""}]
    assert shown.refresh()
    assert ask(shown, kind="bye") == []
    before = model.drawn
    assert shown.refresh() is False
    assert model.drawn == before
    ask(shown, kind="hello")
    assert shown.refresh()


def test_the_asking_widget_speaks_only_when_asked(model: Model, shown: Live) -> None:
    assert shown._page.ask == shown._ask.model_id
    said: list[Any] = []
    shown._ask.send = said.append
    shown._ask.send_state = said.append
    model.word = "two"
    shown.refresh()
    assert said == []


def test_closing_leaves_nothing(model: Model, shown: Live, refresher: Refresher) -> None:
    page = weakref.ref(shown._page)
    shown.close()
    shown.close()
    assert shown.refresh() is False
    assert len(refresher) == 0
    gc.collect()
    assert page() is None


def test_a_display_nobody_holds_is_forgotten(
    model: Model, refresher: Refresher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "has_widgets", lambda: True)
    display: Live | None = Live(model.render, lambda: False, {"cancel": model.cancel})
    assert display is not None
    display.mimebundle()
    assert len(refresher) == 1
    page, questions = display._page, display._ask
    gone = weakref.ref(display)
    del display
    gc.collect()
    assert gone() is None
    assert len(refresher) == 0
    replies: list[Any] = []
    questions.send = replies.append
    questions._handle_custom_msg({"id": "1", "kind": "action", "action": "cancel"}, [])
    assert replies == [{"id": "1", "text": ""}]
    assert not model.done
    page.close()
    questions.close()


def test_a_refreshing_process_ends_by_itself_and_says_nothing() -> None:
    code = (
        "from nexapod.views.refresh import refresher\n"
        "class Display:\n"
        "    def refresh(self): raise ValueError('never seen')\n"
        "display = Display(); refresher.watch(display)\n"
        "import time; time.sleep(0.2)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert (done.stdout, done.stderr) == ("", "")
