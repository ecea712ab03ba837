"""How fast a fleet's jobs end: as its coordinator reckons it, so that all views say the same."""

from __future__ import annotations

import time
import weakref
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from nexapod.client.connection import Connection
from nexapod.client.in_process import InProcess
from nexapod.coordinator.panel.pace import WIDTH_S
from nexapod.views.pulse import SPAN_S, Pulse

#: What a coordinator said longer ago than this is old.
FRESH_S = 15.0

_pulses: weakref.WeakKeyDictionary[Any, Pulse] = weakref.WeakKeyDictionary()
_heard: weakref.WeakKeyDictionary[Any, tuple[float, bytes]] = weakref.WeakKeyDictionary()


class Pace(NamedTuple):
    """Jobs per second of late, seconds until none is open, and jobs per second over the last while.

    The history is one number per equal bin, oldest first.
    """

    rate_per_s: float | None
    eta_s: float | None
    history: tuple[float, ...]


class _Tick(msgspec.Struct):
    rate_per_s: float | None = None
    eta_s: float | None = None


def pulse_of(thing: Any) -> Pulse:
    """What was counted of `thing` each time somebody looked."""
    pulse = _pulses.get(thing)
    if pulse is None:
        pulse = _pulses[thing] = Pulse()
    return pulse


def hear(link: Connection, message: bytes) -> None:
    """Keep what the coordinator's stream says of its pace."""
    if message.startswith(b'{"t":"tick"'):
        _heard[link] = time.monotonic(), message


def pace_of(link: Connection, counts: Mapping[str, int], ended: int) -> Pace:
    """The pace now. Where the coordinator does not say, it is as seen from here."""
    left = counts.get("pending", 0) + counts.get("assigned", 0)
    if isinstance(link.transport, InProcess):
        return link.ask(_reckoned(link.transport, left))
    pulse = pulse_of(link)
    pulse.beat(ended)
    at_s, message = _heard.get(link, (0.0, b""))
    if message and time.monotonic() - at_s < FRESH_S:
        tick = msgspec.json.decode(message, type=_Tick)
        return Pace(tick.rate_per_s, tick.eta_s, pulse.history)
    return Pace(pulse.rate_per_s, pulse.eta_s(left), pulse.history)


async def _reckoned(transport: InProcess, left: int) -> Pace:
    """On the coordinator's loop."""
    pace, now = transport.host.service.panel.pace, time.time()
    ended = {bucket.at: bucket.ended for bucket in pace.buckets}
    first = now - now % WIDTH_S - SPAN_S
    history = [ended.get(first + WIDTH_S * at, 0) / WIDTH_S for at in range(int(SPAN_S / WIDTH_S))]
    return Pace(pace.rate_per_s(now), pace.eta_s(now, left), tuple(history))
