"""What a repr is made of: frozen records that whoever holds the live objects fills in.

A repr is a pure function of one of these, so that every state a user can meet can be drawn (and
tested) without a coordinator. All times are Unix seconds, all durations seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from nexapod.wire.messages import NodeRow


class JobLine(msgspec.Struct, frozen=True, kw_only=True):
    """One job in a short list.

    Attributes
    ----------
    run_s
        How long it ran, or has been running.
    at
        When it reached this state; None where that is not known.
    note
        One line more: the error's message, say.
    """

    job_id: str
    name: str = ""
    status: str = "pending"
    node: str | None = None
    run_s: float | None = None
    at: float | None = None
    note: str = ""


class FleetSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A fleet at one moment.

    Attributes
    ----------
    at
        When this summary was made.
    counts
        Jobs by state; states without jobs may be left out.
    nodes
        Every node, those that left included; the repr picks and orders.
    rate_per_s
        Jobs that ended per second, of late.
    history
        The same, over the last while, oldest first: one number per equal bin (the sparkline).
    history_s
        How many seconds `history` spans.
    recent
        The jobs that changed last, newest first.
    eta_s
        Seconds until nothing is open, where that can be told.
    hints
        Sentences on what to do next: no nodes yet, jobs that no node can run, an open port.
    starting
        Nodes that were started here and have not registered yet.
    """

    name: str
    url: str
    at: float
    started_at: float | None = None
    status: str = "online"
    counts: Mapping[str, int] = {}
    nodes: tuple[NodeRow, ...] = ()
    rate_per_s: float | None = None
    history: tuple[float, ...] = ()
    history_s: float = 0.0
    recent: tuple[JobLine, ...] = ()
    eta_s: float | None = None
    hints: tuple[str, ...] = ()
    starting: int = 0


class NodeSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One node at one moment, with the jobs it holds (running first) and what it did last.

    Attributes
    ----------
    row
        None while the coordinator does not know it; then `name` and `status` say all there is.
    """

    row: NodeRow | None = None
    at: float = 0.0
    name: str = ""
    status: str = "starting"
    holding: tuple[JobLine, ...] = ()
    recent: tuple[JobLine, ...] = ()


class SweepRow(msgspec.Struct, frozen=True):
    """One row of a sweep's table: the job's state, then one value per column of the header."""

    status: str
    cells: tuple[Any, ...]


class SweepSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A sweep at one moment.

    Attributes
    ----------
    total
        Number of jobs.
    states
        The state of each job in grid order (the mosaic); may be empty, e.g. beyond 2,000 jobs.
    header
        Column names of `rows`, the state not among them.
    rows
        The first rows of the frame. Values may be anything; they are shown by type.
    is_partial
        Whether results were left unopened: there are some, but not here.
    elapsed_s
        Since it was submitted, or until its last job ended.
    """

    name: str
    total: int
    counts: Mapping[str, int] = {}
    states: tuple[str, ...] = ()
    header: tuple[str, ...] = ()
    rows: tuple[SweepRow, ...] = ()
    is_partial: bool = False
    elapsed_s: float | None = None
    rate_per_s: float | None = None
    eta_s: float | None = None
    hints: tuple[str, ...] = ()


class FutureSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One job as its future sees it.

    Attributes
    ----------
    params
        The call's arguments as one line of text, if they are known.
    elapsed_s
        Since it was submitted, while it is open.
    run_s
        How long the last attempt ran, or has been running.
    result
        A preview of the result as text, None while there is none.
    hint
        Where the result is, when it was left unopened.
    error, traceback
        The failure's sentence and the remote traceback.
    log
        The last lines that the job printed.
    progress
        How far it says it is, while it runs: the fraction, where it gave one, and a few words.
    why
        Why it has not started: one sentence per obstacle.
    """

    job_id: str
    name: str = ""
    status: str = "pending"
    params: str = ""
    node: str | None = None
    elapsed_s: float | None = None
    run_s: float | None = None
    result: str | None = None
    hint: str = ""
    error: str = ""
    traceback: str = ""
    log: str = ""
    progress: tuple[float | None, str] | None = None
    why: tuple[str, ...] = ()


class InvitationSummary(msgspec.Struct, frozen=True, kw_only=True):
    """The line to paste on another machine.

    Attributes
    ----------
    command
        The whole command, secrets included: what the copy button copies.
    shown
        The same with its secrets masked, for the eye; empty: show `command`.
    install
        A line that installs nexapod there first, if it may be needed.
    hint
        One sentence: who can reach the address, say.
    """

    command: str
    url: str
    shown: str = ""
    install: str = ""
    hint: str = ""
