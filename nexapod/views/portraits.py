"""Portraits: what a fleet, a node, a future, a sweep or an invitation shows of itself.

Each portrait reads its object into a summary (see `views.readings`), which `views.reprs` draws
and `views.live` keeps current.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from nexapod.client.fleet import Fleet
from nexapod.client.futures import JobFuture
from nexapod.client.invitation import Invitation
from nexapod.client.node import Node
from nexapod.client.sweep import Sweep
from nexapod.views import reprs
from nexapod.views.futures import future_at_rest, future_summary, is_told
from nexapod.views.live import Display, Live
from nexapod.views.panel.fleet import FleetStream
from nexapod.views.panel.panel import Panel
from nexapod.views.panel.sweep import SweepStream
from nexapod.views.readings import (
    again,
    fleet_now_or_last,
    invitation_summary,
    is_stopped,
    node_summary,
    sweep_summary,
)
from nexapod.views.reprs.invitation import masked
from nexapod.views.summaries import InvitationSummary

_displays: weakref.WeakKeyDictionary[Any, Display] = weakref.WeakKeyDictionary()


def bundle(thing: Any, include: Any = None, exclude: Any = None) -> Any:
    """The MIME bundle of `thing`."""
    display = _displays.get(thing)
    if display is None:
        display = _displays[thing] = _display_of(thing)
    return display.mimebundle(include, exclude)


def wake(thing: Any) -> None:
    """Something about `thing` changed that its display cannot see coming."""
    display = _displays.get(thing)
    if display is not None:
        display.wake()


def text(thing: Any) -> str:
    """`thing` for a terminal."""
    if isinstance(thing, Fleet):
        return reprs.fleet_text(fleet_now_or_last(thing))
    if isinstance(thing, Node):
        return reprs.node_text(node_summary(thing))
    if isinstance(thing, Sweep):
        return reprs.sweep_text(sweep_summary(thing))
    if isinstance(thing, JobFuture):
        return reprs.future_text(future_at_rest(thing))
    return reprs.invitation_text(_masked(thing))


def dashboard(fleet: Fleet) -> Any:
    """The live view of a fleet as an object to be shown."""
    return Dashboard(fleet)


class Dashboard:
    """Shows a fleet; what ``fleet.dashboard()`` gives."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    def __repr__(self) -> str:
        return f"<Dashboard of {self._fleet!r}>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        return bundle(self._fleet, include, exclude)


# ── live displays ────────────────────────────────────────────────────────────────────────────────


def _display_of(thing: Any) -> Display:
    # Everything here holds the thing weakly: a display does not keep what it shows alive.
    if isinstance(thing, Fleet):
        drawn = _drawn(thing, fleet_now_or_last, reprs.fleet_html, reprs.fleet_text)
        return Panel(FleetStream(thing._link, again(thing)), drawn)
    if isinstance(thing, Node):
        drawn = _drawn(thing, node_summary, reprs.node_html, reprs.node_text)
        return Live(drawn, _asked(thing, _is_over))
    if isinstance(thing, Sweep):
        drawn = _drawn(thing, sweep_summary, reprs.sweep_html, reprs.sweep_text)
        return Panel(SweepStream(thing), drawn)
    if isinstance(thing, JobFuture):
        drawn = _drawn(thing, future_summary, reprs.future_html, reprs.future_text)
        static = _drawn(thing, future_at_rest, reprs.future_html, reprs.future_text)
        actions = {"cancel": _asked(thing, _cancel_job)}
        return Live(drawn, _asked(thing, is_told), actions, static)
    drawn = _drawn(thing, invitation_summary, reprs.invitation_html, reprs.invitation_text)
    static = _drawn(thing, _masked, reprs.invitation_html, reprs.invitation_text)
    return Live(drawn, lambda: True, static=static)


def _drawn(
    thing: Any,
    summarise: Callable[[Any], Any],
    html: Callable[[Any], str],
    plain: Callable[[Any], str],
) -> Callable[[], tuple[str, str]]:
    reference = weakref.ref(thing)
    last: list[tuple[str, str]] = [("", "")]

    def draw() -> tuple[str, str]:
        alive = reference()
        if alive is not None:
            summary = summarise(alive)
            last[0] = (html(summary), plain(summary))
        return last[0]

    return draw


def _asked(thing: Any, question: Callable[[Any], Any]) -> Callable[[], Any]:
    reference = weakref.ref(thing)

    def ask() -> Any:
        alive = reference()
        return True if alive is None else question(alive)

    return ask


def _is_over(node: Node) -> bool:
    """Never while the coordinator runs: nodes come and go without anybody in this kernel."""
    return is_stopped(node._link)


def _cancel_job(future: JobFuture) -> str:
    if future.cancel():
        return f"Cancelled{f' on {future.node}; its process was killed' if future.node else ''}"
    return f"It had already ended: {future.status}"


def _masked(invitation: Invitation) -> InvitationSummary:
    """As saved with a notebook: a secret in a file that is mailed around is none."""
    return masked(invitation_summary(invitation))
