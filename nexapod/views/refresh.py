"""One thread that keeps every live display up to date, and is not there when there is none.

It never prints: output from a thread lands in another cell, or vanishes.
"""

from __future__ import annotations

import logging
import threading
import time
import weakref
from typing import Protocol

log = logging.getLogger(__name__)

#: At most this often; less often when drawing is slow, so that it never takes a core.
INTERVAL_S = 0.5
#: Drawing may take this share of the time.
SHARE = 0.1


class Display(Protocol):
    """What the refresher needs of a live display."""

    def refresh(self) -> bool:
        """Draw once; True as long as more is to come."""


class Refresher:
    """Refreshes displays, which it holds weakly: a display nobody has any more is forgotten."""

    def __init__(self, interval_s: float = INTERVAL_S) -> None:
        self._interval_s = interval_s
        self._displays: weakref.WeakKeyDictionary[Display, int] = weakref.WeakKeyDictionary()
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None

    def watch(self, display: Display) -> None:
        """Refresh `display` soon, and again until it says that it is done."""
        with self._lock:
            # The number tells a display that was woken while it was being drawn for the last time.
            self._displays[display] = self._displays.get(display, 0) + 1
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="nexapod-refresh", daemon=True
                )
                self._thread.start()
        self._wake.set()

    def forget(self, display: Display) -> None:
        """Refresh `display` no more."""
        with self._lock:
            self._displays.pop(display, None)

    def __len__(self) -> int:
        """How many displays are being refreshed."""
        with self._lock:
            return len(self._displays)

    def _run(self) -> None:
        pause_s = 0.0
        while True:
            self._wake.wait(pause_s)
            self._wake.clear()
            started = time.monotonic()
            if not self._round():
                return
            cost_s = time.monotonic() - started
            pause_s = max(self._interval_s, cost_s / SHARE)
            # A wake-up shortens the wait, but never below the interval: two pushes a second are
            # enough for an eye, and a burst of changes must not become a burst of messages.
            time.sleep(self._interval_s)
            pause_s -= self._interval_s

    def _round(self) -> bool:
        """Refresh every display once; False (and the thread is gone) when none is left."""
        with self._lock:
            displays = list(self._displays.items())
        for display, woken in displays:
            try:
                going_on = display.refresh()
            except Exception:  # a display that cannot be drawn now may be drawn next time
                log.debug("a live display could not be drawn", exc_info=True)
                going_on = True
            if not going_on:
                with self._lock:
                    if self._displays.get(display) == woken:
                        del self._displays[display]
        del displays
        with self._lock:
            if self._displays:
                return True
            self._thread = None
            return False


#: The one of this process.
refresher = Refresher()
