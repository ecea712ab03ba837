"""Portraits: what a fleet, a future, a sweep, a node or an invitation shows of itself.

Each portrait reads its object into a summary (see `views.summaries`), which `views.reprs` draws
and `views.live` keeps current.
"""

from __future__ import annotations

import reprlib
import time
import weakref
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from nexapod import errors
from nexapod.client.fleet import Fleet
from nexapod.client.futures import JobFuture
from nexapod.client.invitation import Invitation
from nexapod.client.sweep import Sweep
from nexapod.core.states import FINAL, JobState
from nexapod.store.base import JobFilter
from nexapod.views import reprs
from nexapod.views.live import Live
from nexapod.views.pulse import Pulse
from nexapod.views.reprs.fleet import SHOWN_JOBS
from nexapod.views.reprs.sweep import SHOWN_ROWS
from nexapod.views.summaries import (
    FleetSummary,
    FutureSummary,
    InvitationSummary,
    JobLine,
    SweepRow,
    SweepSummary,
)

_FINAL = frozenset(str(state) for state in FINAL)
#: A larger result is not opened just to be shown in a table.
_SHOWN_BYTES = 64 * 1024

_lives: weakref.WeakKeyDictionary[Any, Live] = weakref.WeakKeyDictionary()
_pulses: weakref.WeakKeyDictionary[Any, Pulse] = weakref.WeakKeyDictionary()


def bundle(thing: Any, include: Any = None, exclude: Any = None) -> Any:
    """The MIME bundle of `thing`."""
    live = _lives.get(thing)
    if live is None:
        live = _lives[thing] = _live_of(thing)
    return live.mimebundle(include, exclude)


def text(thing: Any) -> str:
    """`thing` for a terminal."""
    if isinstance(thing, Fleet):
        return reprs.fleet_text(fleet_summary(thing))
    if isinstance(thing, Sweep):
        return reprs.sweep_text(sweep_summary(thing))
    if isinstance(thing, JobFuture):
        return reprs.future_text(future_summary(thing))
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


def _live_of(thing: Any) -> Live:
    # Everything here holds the thing weakly: a display does not keep what it shows alive.
    if isinstance(thing, Fleet):
        drawn = _drawn(thing, fleet_summary, reprs.fleet_html, reprs.fleet_text)
        return Live(drawn, _asked(thing, _fleet_rests))
    if isinstance(thing, Sweep):
        drawn = _drawn(thing, sweep_summary, reprs.sweep_html, reprs.sweep_text)
        actions = {"cancel": _asked(thing, _cancel_sweep), "retry_failed": _asked(thing, _retry)}
        return Live(drawn, _asked(thing, _sweep_rests), actions)
    if isinstance(thing, JobFuture):
        drawn = _drawn(thing, future_summary, reprs.future_html, reprs.future_text)
        actions = {"cancel": _asked(thing, _cancel_job)}
        return Live(drawn, _asked(thing, JobFuture.done), actions)
    drawn = _drawn(thing, _invitation, reprs.invitation_html, reprs.invitation_text)
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
            try:
                summary = summarise(alive)
            except errors.NexapodError:  # stopped: what was seen last stays
                return last[0]
            last[0] = (html(summary), plain(summary))
        return last[0]

    return draw


def _asked(thing: Any, question: Callable[[Any], Any]) -> Callable[[], Any]:
    reference = weakref.ref(thing)

    def ask() -> Any:
        alive = reference()
        return True if alive is None else question(alive)

    return ask


def _fleet_rests(fleet: Fleet) -> bool:
    """Never while the coordinator runs: nodes come and go without anybody in this kernel."""
    try:
        fleet._link.ask(fleet._link.transport.counts())
    except errors.NexapodError:
        return True
    return False


def _sweep_rests(sweep: Sweep) -> bool:
    return all(future.done() for future in sweep.futures)


def _cancel_sweep(sweep: Sweep) -> str:
    count = sweep.cancel()
    return f"Cancelled {count} jobs; those that ran were killed" if count else "Nothing was open"


def _retry(sweep: Sweep) -> str:
    count = sweep.retry_failed()
    return f"Submitted {count} jobs again" if count else "Nothing had failed"


def _cancel_job(future: JobFuture) -> str:
    if future.cancel():
        return f"Cancelled{f' on {future.node}; its process was killed' if future.node else ''}"
    return f"It had already ended: {future.status}"


# ── summaries ────────────────────────────────────────────────────────────────────────────────────


def _pulse(thing: Any) -> Pulse:
    pulse = _pulses.get(thing)
    if pulse is None:
        pulse = _pulses[thing] = Pulse()
    return pulse


def fleet_summary(fleet: Fleet) -> FleetSummary:
    """A fleet now."""
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
        history_s=60.0,
        recent=tuple(_lines(newest.by_name())),
        eta_s=pulse.eta_s(open_),
        hints=tuple(_hints(fleet, nodes, counts)),
        starting=sum(node.is_alive() for node in fleet.local_nodes) if not nodes else 0,
    )


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


def _hints(fleet: Fleet, nodes: list[Any], counts: Mapping[str, int]) -> list[str]:
    hints = list(fleet.notes)
    if fleet.token is None:
        hints.append("Open: no token is asked for; every program on this machine can submit jobs.")
    if not fleet.url.startswith(("http://127.", "http://localhost", "http://[::1]", "https://")):
        hints.append("Plain HTTP beyond this machine: anyone on the network can read along.")
    present = [node for node in nodes if node.status in ("online", "suspect", "draining")]
    reasons = [node.unmatched for node in present]
    if counts.get("pending", 0) and present and all(reasons):
        hints.append(f"No node can run some waiting jobs. {present[0].id}: {reasons[0][0]}.")
    return hints


def sweep_summary(sweep: Sweep) -> SweepSummary:
    """A sweep now, from what its futures know."""
    futures = list(sweep.futures)
    states = tuple(future.status for future in futures)
    counts = sweep.counts
    ended = [future for future in futures if future.done()]
    pulse = _pulse(sweep)
    pulse.beat(len(ended))
    finished_at = max((future._placed_at for future in ended), default=time.time())
    until = finished_at if len(ended) == len(futures) else time.time()
    header, rows = _table(futures[:SHOWN_ROWS])
    return SweepSummary(
        name=sweep.name,
        total=len(futures),
        counts=counts,
        states=states if len(states) <= 2_000 else (),
        header=header,
        rows=rows,
        elapsed_s=until - sweep.started_at,
        rate_per_s=pulse.rate_per_s,
        eta_s=pulse.eta_s(len(futures) - len(ended)),
    )


def _table(futures: list[JobFuture]) -> tuple[tuple[str, ...], tuple[SweepRow, ...]]:
    """The first rows of a sweep's frame: parameters, results as far as there are any, node."""
    results = [_shown_result(future) for future in futures]
    names = dict.fromkeys(name for future in futures for name in future.params)
    # A series of numbers is for the frame: in a table of a few columns it would push out the rest.
    found = dict.fromkeys(
        name
        for result in results
        for name, item in result.items()
        if name == "result" or not hasattr(item, "__len__") or isinstance(item, str)
    )
    taken = [f"{name}_result" if name in names else name for name in found]
    rows = []
    for future, result in zip(futures, results, strict=True):
        cells = [future.params.get(name) for name in names] + [result.get(name) for name in found]
        rows.append(SweepRow(future.status, (*cells, future.node)))
    return (*names, *taken, "node"), tuple(rows)


def _shown_result(future: JobFuture) -> dict[str, Any]:
    """The columns that a result becomes, as far as it may be opened for a table.

    Looking at a sweep is asking for its results, as `frame` is; but a large one is not fetched.
    """
    if future._place is not JobState.COMPLETED:
        return {}
    value = future._value
    if value is not None and value.size > _SHOWN_BYTES:
        return {"result": f"{value.size / 1e6:.1f} MB"}
    result = future.result()
    if isinstance(result, Mapping):
        return {str(name): item for name, item in result.items()}
    return {"result": result}


def future_summary(future: JobFuture) -> FutureSummary:
    """A future now."""
    error = traceback = ""
    result = None
    if future._place is JobState.COMPLETED and (
        future._value is None or future._value.size <= _SHOWN_BYTES
    ):
        result = reprlib.repr(future.result())
    elif future._place is JobState.FAILED:
        raised = future.exception()
        error = f"{type(raised).__name__}: {raised}" if raised is not None else ""
        traceback = str(getattr(raised, "__cause__", None) or "").strip('\n"')
    ended = future._place in FINAL
    since = future._placed_at if future._place is not JobState.PENDING else future.submitted_at
    return FutureSummary(
        job_id=future.job_id,
        name=future.name,
        status=future.status,
        params=", ".join(f"{name}={value}" for name, value in future.params.items()),
        node=future.node,
        elapsed_s=None if ended else time.time() - future.submitted_at,
        run_s=time.time() - since if future.running() else None,
        result=result,
        error=error,
        traceback=traceback,
        log=future.log if future._place is JobState.FAILED else "",
    )


def _invitation(invitation: Invitation) -> InvitationSummary:
    return InvitationSummary(
        command=invitation.command,
        url=invitation.url,
        shown=invitation.shown,
        install="pip install nexapod",
        hint=invitation.hint,
    )


def _masked(invitation: Invitation) -> InvitationSummary:
    """As saved with a notebook: a secret in a file that is mailed around is none."""
    return msgspec.structs.replace(_invitation(invitation), command=invitation.shown)
