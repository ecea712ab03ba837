from __future__ import annotations

import io
import sys

import pytest

from nexapod.views.progress import progress


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def at_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Not a fixture: between a test's set-up and its call pytest puts its own stderr in place."""
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    return stream


def test_a_terminal_shows_the_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = at_terminal(monkeypatch)
    with progress(10, "fold") as bar:
        bar.update(3, running=2)
        bar.update(10, failed=1)
    text = terminal.getvalue()
    assert "fold: 100%" in text
    assert "10/10" in text
    assert "1 failed" in text


def test_silent_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = at_terminal(monkeypatch)
    with progress(10, show=False) as bar:
        bar.update(10)
    assert not bar.shown
    assert terminal.getvalue() == ""


def test_silent_in_a_log_file_unless_forced(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    with progress(2) as bar:
        bar.update(2)
    assert stream.getvalue() == ""
    with progress(2, show=True) as bar:
        bar.update(2)
    assert "2/2" in stream.getvalue()


def test_silent_without_tqdm(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = at_terminal(monkeypatch)
    monkeypatch.setitem(sys.modules, "tqdm", None)
    with progress(2, show=True) as bar:
        bar.update(1)
    assert not bar.shown
    assert terminal.getvalue() == ""


def test_a_stream_that_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    with progress(2) as bar:
        bar.update(1)
    assert not bar.shown
