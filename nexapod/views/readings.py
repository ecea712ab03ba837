"""Readings: a fleet, a node, a sweep or an invitation, read into its summary.

They run on the refresher's thread too, and what they ask of the coordinator is small.
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Mapping
from typing import Any

import msgspec

from nexapod import errors
from nexapod.client.connection import Connection
from nexapod.client.fleet import Fleet
from nexapod.client.in_process import InProcess
from nexapod.client.invitation import Invitation
from nexapod.client.local_nodes import LocalNode
from nexapod.client.node import Node
from nexapod.client.sweep import Sweep
from nexapod.core.states import FINAL
from nexapod.store.base import JobFilter
from nexapod.views.futures import is_left
from nexapod.views.human import described
from nexapod.views.pace import pace_of, pulse_of
from nexapod.views.previews import table
from nexapod.views.pulse import SPAN_S
from nexapod.views.reprs.fleet import SHOWN_JOBS, present
from nexapod.views.reprs.sweep import MOSAIC_JOBS, SHOWN_ROWS
from nexapod.views.summaries import (
    FleetSummary,
    InvitationSummary,
    JobLine,
    NodeSummary,
    SweepSummary,
)
from nexapod.wire.messages import NodeRow

_FINAL = frozenset(str(state) for state in FINAL)
#: Jobs looked through for those that a node holds, and for those it ended last.
_HELD_JOBS = 1000
_RECENT_JOBS = 50

_last: weakref.WeakKeyDictionary[Fleet, FleetSummary] = weakref.WeakKeyDictionary()


def is_stopped(link: Connection) -> bool:
    """Whether this link will answer nothing any more."""
    transport = link.transport
    if isinstance(transport, InProcess):
        return not transport.host.is_running
    return transport.loop.is_closed()


# ── fleets ───────────────────────────────────────────────────────────────────────────────────────


def fleet_summary(fleet: Fleet) -> FleetSummary:
    """A fleet now.

    Raises
    ------
    NexapodError
        When its coordinator does not answer.
    """
    link, transport = fleet._link, fleet._link.transport
    counts, started_at = link.ask(transport.counts())
    nodes = link.ask(transport.nodes())
    newest = link.ask(transport.job_columns(JobFilter(limit=SHOWN_JOBS, newest=True)))
    pace = pace_of(link, counts, sum(counts.get(state, 0) for state in _FINAL))
    return FleetSummary(
        name=fleet.name,
        url=fleet.url,
        at=time.time(),
        started_at=started_at,
        counts=counts,
        nodes=tuple(nodes),
        rate_per_s=pace.rate_per_s,
        history=pace.history,
        history_s=SPAN_S,
        recent=tuple(_lines(newest.by_name())),
        eta_s=pace.eta_s,
        hints=tuple(_hints(fleet, nodes, counts)),
        starting=sum(node.is_alive() for node in fleet.local_nodes) if not nodes else 0,
    )


def again(fleet: Fleet) -> str:
    """How a stopped fleet is had again."""
    call = f"launch({fleet.name!r})" if fleet._local else f"connect({fleet.url!r})"
    return f"nexapod.{call}"


def fleet_now_or_last(fleet: Fleet) -> FleetSummary:
    """A fleet now; where nobody answers any more, what was seen last, and how to go on."""
    try:
        summary = _last[fleet] = fleet_summary(fleet)
        return summary
    except errors.NexapodError as error:
        if is_stopped(fleet._link):
            status, hint = "stopped", f"Stopped; {again(fleet)} goes on where it ended."
        else:
            status, hint = "unreachable", described(error)
    before = _last.get(fleet)
    if before is None:
        before = FleetSummary(name=fleet.name, url=fleet.url, at=time.time())
    else:
        hint += " This is what was seen last."
    return msgspec.structs.replace(
        before, status=status, hints=(hint,), started_at=None, rate_per_s=None, history=(),
        eta_s=None, starting=0,
    )  # fmt: skip


def _lines(named: Mapping[str, list[Any]]) -> list[JobLine]:
    now = time.time()
    lines = []
    for job_id, name, status, node, run_s, started, finished, error in zip(
        named["job_id"], named["name"], named["status"], named["assigned_to"], named["run_s"],
        named["started_at"], named["finished_at"], named["error"], strict=True,
    ):  # fmt: skip
        if status == "assigned" and started is not None:
            run_s = now - started
        note = msgspec.json.decode(error).get("message", "") if error else ""
        lines.append(
            JobLine(
                job_id=job_id, name=name, status=status, node=node, run_s=run_s, at=finished,
                note=note,
            )
        )  # fmt: skip
    return lines


def _hints(fleet: Fleet, nodes: list[NodeRow], counts: Mapping[str, int]) -> list[str]:
    hints = list(fleet.notes)
    if fleet.token is None:
        hints.append("Open: no token is asked for; every program on this machine can submit jobs.")
    if not fleet.url.startswith(("http://127.", "http://localhost", "http://[::1]", "https://")):
        hints.append("Plain HTTP beyond this machine: anyone on the network can read along.")
    here = present(tuple(nodes))
    if counts.get("pending", 0) and here and all(node.unmatched for node in here):
        hints.append(f"No node can run some waiting jobs. {here[0].id}: {here[0].unmatched[0]}.")
    return hints


# ── nodes ────────────────────────────────────────────────────────────────────────────────────────


def node_summary(node: Node) -> NodeSummary:
    """A node now, with what it holds and what it ended last."""
    link, name = node._link, node.name
    try:
        row = node.row()
        if row is None:
            gone = isinstance(node, LocalNode) and not node.is_alive()
            return NodeSummary(name=name, status="not running" if gone else "starting")
        holding = _lines_on(link, name, JobFilter(status=("assigned",), limit=_HELD_JOBS))
        recent = _lines_on(link, name, JobFilter(limit=_RECENT_JOBS, newest=True))
    except errors.NexapodError as error:
        status = "fleet stopped" if is_stopped(link) else described(error)
        return NodeSummary(name=name, status=status)
    return NodeSummary(
        row=row,
        at=time.time(),
        name=name,
        holding=tuple(sorted(holding, key=lambda line: line.run_s is None)),
        recent=tuple([line for line in recent if line.status in _FINAL][:SHOWN_JOBS]),
    )


def _lines_on(link: Connection, name: str, which: JobFilter) -> list[JobLine]:
    named = link.ask(link.transport.job_columns(which)).by_name()
    return [line for line in _lines(named) if line.node == name]


# ── sweeps ───────────────────────────────────────────────────────────────────────────────────────


def sweep_summary(sweep: Sweep) -> SweepSummary:
    """A sweep now, from what its futures know. Nothing is asked of the coordinator."""
    futures = list(sweep.futures)
    states = tuple(future.status for future in futures)
    ended = [future for future in futures if future._place in FINAL]
    # A fleet that is stopped ends the futures of jobs that have not ended.
    left = [future for future in futures if is_left(future)]
    pulse = pulse_of(sweep)
    pulse.beat(len(ended))
    is_over = len(ended) + len(left) == len(futures)
    until = max((future._placed_at for future in futures), default=0.0) if is_over else time.time()
    rows = table(futures[:SHOWN_ROWS])
    hint = (
        "Stopped; a fleet that is launched or connected again goes on with it: "
        f"fleet.sweeps[{sweep.name!r}]."
    )
    return SweepSummary(
        name=sweep.name,
        total=len(futures),
        counts=sweep.counts,
        states=states if len(states) <= MOSAIC_JOBS else (),
        header=rows.header,
        rows=rows.rows,
        is_partial=rows.is_partial,
        elapsed_s=until - sweep.started_at,
        rate_per_s=None if is_over else pulse.rate_per_s,
        eta_s=None if is_over else pulse.eta_s(len(futures) - len(ended)),
        hints=(hint,) if left else (),
    )


# ── invitations ──────────────────────────────────────────────────────────────────────────────────


def invitation_summary(invitation: Invitation) -> InvitationSummary:
    """An invitation, its secret included."""
    return InvitationSummary(
        command=invitation.command,
        url=invitation.url,
        shown=invitation.shown,
        install="pip install nexapod",
        hint=invitation.hint,
    )
