"""Readings: a fleet, a node, a sweep, a future or an invitation, read into its summary.

They run on the refresher's thread too. What they ask of the coordinator is small; results are
never fetched (see `views.previews`), and exceptions that travelled are never unpickled.
"""

from __future__ import annotations

import contextlib
import time
import weakref
from collections.abc import Mapping
from typing import Any

import msgspec

from nexapod import errors
from nexapod.client.connection import Connection
from nexapod.client.fleet import Fleet
from nexapod.client.futures import JobFuture
from nexapod.client.in_process import InProcess
from nexapod.client.invitation import Invitation
from nexapod.client.local_nodes import LocalNode
from nexapod.client.node import Node
from nexapod.client.sweep import Sweep
from nexapod.core.states import FINAL, JobState
from nexapod.store.base import JobFilter
from nexapod.views.human import described, size
from nexapod.views.previews import long_text, preview, table
from nexapod.views.pulse import SPAN_S, Pulse
from nexapod.views.reprs.fleet import SHOWN_JOBS, present
from nexapod.views.reprs.sweep import MOSAIC_JOBS, SHOWN_ROWS
from nexapod.views.summaries import (
    FleetSummary,
    FutureSummary,
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
#: Nodes that are named as the reason why a job waits.
_NAMED_NODES = 3

_pulses: weakref.WeakKeyDictionary[Any, Pulse] = weakref.WeakKeyDictionary()
_last: weakref.WeakKeyDictionary[Fleet, FleetSummary] = weakref.WeakKeyDictionary()


def is_stopped(link: Connection) -> bool:
    """Whether this link will answer nothing any more."""
    transport = link.transport
    if isinstance(transport, InProcess):
        return not transport.host.is_running
    return transport.loop.is_closed()


def _pulse(thing: Any) -> Pulse:
    pulse = _pulses.get(thing)
    if pulse is None:
        pulse = _pulses[thing] = Pulse()
    return pulse


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
    pulse = _pulse(link)
    pulse.beat(sum(counts.get(state, 0) for state in _FINAL))
    open_ = counts.get("pending", 0) + counts.get("assigned", 0)
    return FleetSummary(
        name=fleet.name,
        url=fleet.url,
        at=time.time(),
        started_at=started_at,
        counts=counts,
        nodes=tuple(nodes),
        rate_per_s=pulse.rate_per_s,
        history=pulse.history,
        history_s=SPAN_S,
        recent=tuple(_lines(newest.by_name())),
        eta_s=pulse.eta_s(open_),
        hints=tuple(_hints(fleet, nodes, counts)),
        starting=sum(node.is_alive() for node in fleet.local_nodes) if not nodes else 0,
    )


def fleet_now_or_last(fleet: Fleet) -> FleetSummary:
    """A fleet now; where nobody answers any more, what was seen last, and how to go on."""
    try:
        summary = _last[fleet] = fleet_summary(fleet)
        return summary
    except errors.NexapodError as error:
        if is_stopped(fleet._link):
            again = f"launch({fleet.name!r})" if fleet._local else f"connect({fleet.url!r})"
            status, hint = "stopped", f"Stopped; nexapod.{again} goes on where it ended."
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
    left = [future for future in futures if _is_left(future)]
    pulse = _pulse(sweep)
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


# ── futures ──────────────────────────────────────────────────────────────────────────────────────


def _is_left(future: JobFuture) -> bool:
    """Whether nobody will tell how its job ends: the fleet was stopped."""
    return future._place not in FINAL and future._raised is not None


def future_summary(future: JobFuture) -> FutureSummary:
    """A future now: what it knows, and what a coordinator that still answers adds to that."""
    seen = preview(future)
    error, traceback = seen.error, ""
    hint = log = ""
    why: tuple[str, ...] = ()
    if seen.error:
        error = f"The result cannot be opened here: {seen.error}"
    elif seen.is_closed:
        large = "" if seen.size_bytes is None else f" of {size(seen.size_bytes)}"
        hint = f"Result{large} in future.result()"
    if future._place is JobState.FAILED:
        error, traceback = _failure(future)
        with contextlib.suppress(errors.NexapodError):
            log = future._link.ask(future._link.transport.output(future.job_id))
    elif _is_left(future):
        why = (str(future._raised),)
    elif future._place is JobState.PENDING:
        why = _obstacles(future._link)
    is_open = not future.done() and future._place not in FINAL
    return FutureSummary(
        job_id=future.job_id,
        name=future.name,
        status=future.status,
        params=", ".join(f"{name}={value}" for name, value in future.params.items()),
        node=future.node,
        elapsed_s=time.time() - future.submitted_at if is_open else None,
        run_s=time.time() - future._placed_at if is_open and future.running() else None,
        result=long_text(seen.value) if seen.is_open else None,
        hint=hint,
        error=error,
        traceback=traceback,
        log=log,
        why=why,
    )


def _failure(future: JobFuture) -> tuple[str, str]:
    """The sentence and the remote traceback, without opening the exception that travelled."""
    raised, failure = future._raised, future._failure
    if raised is not None:
        return described(raised), str(raised.__cause__ or "").strip('\n"')
    if failure is None:
        with contextlib.suppress(errors.NexapodError):
            failure = future._link.ask(future._link.transport.failure(future.job_id))
    if failure is None:
        return "", ""
    return failure.message or "the job failed", failure.traceback or ""


def _obstacles(link: Connection) -> tuple[str, ...]:
    """Why a job may be waiting: there are no nodes, or each of them says what it cannot run."""
    try:
        nodes = link.ask(link.transport.nodes())
    except errors.NexapodError:
        return ()
    here = present(tuple(nodes))
    if not here:
        return ("No node is there now." if nodes else "No node has joined yet.",)
    if not all(node.unmatched for node in here):
        return ()
    return tuple(f"{node.id}: {'; '.join(node.unmatched)}" for node in here[:_NAMED_NODES])


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
