from __future__ import annotations

import threading
from collections.abc import Callable

from nexapod.views.refresh import Refresher


class Counter:
    """A display that is done after some rounds."""

    def __init__(self, rounds: int, at_last: Callable[[], None] | None = None) -> None:
        self.left = rounds
        self.drawn = 0
        self.finished = threading.Event()
        self.at_last = at_last

    def refresh(self) -> bool:
        self.drawn += 1
        self.left -= 1
        if self.left > 0:
            return True
        if self.at_last is not None:
            self.at_last()
        self.finished.set()
        return False


class Broken:
    """A display that cannot be drawn at first."""

    def __init__(self) -> None:
        self.tries = 0
        self.finished = threading.Event()

    def refresh(self) -> bool:
        self.tries += 1
        if self.tries < 3:
            raise RuntimeError("not yet")
        self.finished.set()
        return False


def wait_until_idle(refresher: Refresher) -> None:
    while (thread := refresher._thread) is not None:
        thread.join(10)


def test_a_display_is_drawn_until_it_is_done_and_then_the_thread_is_gone() -> None:
    refresher = Refresher(0.001)
    display = Counter(3)
    refresher.watch(display)
    assert display.finished.wait(10)
    wait_until_idle(refresher)
    assert display.drawn == 3
    assert len(refresher) == 0


def test_it_starts_again() -> None:
    refresher = Refresher(0.001)
    for _ in range(3):
        display = Counter(1)
        refresher.watch(display)
        assert display.finished.wait(10)
        wait_until_idle(refresher)


def test_one_thread_for_all_and_daemonic() -> None:
    refresher = Refresher(0.001)
    displays = [Counter(5) for _ in range(4)]
    threads = set()
    for display in displays:
        refresher.watch(display)
        if refresher._thread is not None:
            threads.add(refresher._thread)
            assert refresher._thread.daemon
    assert all(display.finished.wait(10) for display in displays)
    wait_until_idle(refresher)
    assert len({thread.name for thread in threads}) == 1


def test_one_that_fails_is_tried_again_and_spoils_no_other() -> None:
    refresher = Refresher(0.001)
    broken, fine = Broken(), Counter(2)
    refresher.watch(broken)
    refresher.watch(fine)
    assert broken.finished.wait(10)
    assert fine.finished.wait(10)
    wait_until_idle(refresher)


def test_a_wake_up_during_the_last_drawing_is_not_lost() -> None:
    refresher = Refresher(0.001)
    display: Counter

    def woken() -> None:
        if display.drawn == 1:
            refresher.watch(display)

    display = Counter(1, at_last=woken)
    refresher.watch(display)
    wait_until_idle(refresher)
    assert display.drawn == 2
