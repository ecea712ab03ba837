"""``nexapod status URL``: a fleet as rich renderables. No pandas, no notebook."""

from __future__ import annotations

from typing import Any

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from nexapod.views.human import (
    ago,
    clip,
    count,
    duration,
    plural,
    rate,
    remaining,
    short_id,
    uptime,
)
from nexapod.views.reprs.fleet import SHOWN_JOBS, host, present, ranked, slots_of
from nexapod.views.reprs.markup import OPEN, ordered
from nexapod.views.reprs.node import failures, hardware
from nexapod.views.summaries import FleetSummary, JobLine
from nexapod.views.theme import colour_of, label_of
from nexapod.wire.messages import NodeRow

BAR = 48


def status_view(summary: FleetSummary, most_nodes: int = 40) -> Any:
    """A fleet for ``console.print``.

    Parameters
    ----------
    summary
        The fleet.
    most_nodes
        Rows of nodes at most; how many more there are is said.

    Returns
    -------
    rich.console.RenderableType
    """
    parts: list[Any] = [_head(summary), _bar(summary), _legend(summary), Text()]
    shown = ranked(summary.nodes)
    if shown:
        parts.append(_nodes(shown[:most_nodes], summary.at))
        if len(shown) > most_nodes:
            parts.append(Text(f"and {plural(len(shown) - most_nodes, 'more node')}", style="dim"))
    else:
        parts.append(Text("No node has joined yet.", style="dim"))
    if summary.recent:
        parts += [Text(), _jobs(summary.recent[:SHOWN_JOBS], summary.at)]
    for hint in summary.hints:
        parts.append(Text.assemble(("! ", colour_of("suspect")), hint))
    return Padding(Group(*parts), (0, 1))


def _state(state: str) -> Text:
    mark = "○" if state in OPEN or state == "left" else "●"
    return Text.assemble((f"{mark} ", colour_of(state)), label_of(state))


def _head(summary: FleetSummary) -> Text:
    busy, slots = slots_of(summary.nodes)
    facts = [summary.url]
    if summary.status != "online":
        facts.append(summary.status)
    if summary.started_at is not None:
        facts.append(f"up {uptime(summary.at - summary.started_at)}")
    if slots:
        here = plural(len(present(summary.nodes)), "node")
        facts.append(f"{here}, {count(busy)} of {plural(slots, 'slot')} busy")
    mark = ("● ", colour_of(summary.status))
    return Text.assemble(mark, (clip(summary.name, 40), "bold"), ("  " + " · ".join(facts), "dim"))


def _bar(summary: FleetSummary) -> Text:
    items = ordered(summary.counts)
    total = sum(amount for _, amount in items)
    line = Text()
    reached = drawn = 0
    for state, amount in items:
        reached += amount
        # Cut at the running total, so that the pieces always add up to the whole bar.
        upto = max(drawn + 1, round(reached * BAR / total))
        line.append(("─" if state in OPEN else "━") * (min(upto, BAR) - drawn), colour_of(state))
        drawn = min(upto, BAR)
    return line if total else Text("─" * BAR, style="dim")


def _legend(summary: FleetSummary) -> Text:
    line = Text()
    for state, amount in ordered(summary.counts):
        line.append_text(_state(state).append(f" {count(amount)}   "))
    if not line:
        return Text("No jobs yet", style="dim")
    pace = [rate(summary.rate_per_s)] if summary.rate_per_s else []
    pace += [remaining(summary.eta_s)] if remaining(summary.eta_s) else []
    return line.append(" · ".join(pace), style="dim")


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", show_edge=False)
    for column in columns:
        right = column in ("slots", "completed", "failed", "ran for")
        # rich takes room from the columns that may wrap first: those whose cells are `_elastic`.
        table.add_column(
            column,
            justify="right" if right else "left",
            no_wrap=column not in ("hardware", "note", "job", "node"),
            min_width=12 if column in ("job", "node") else None,
        )
    return table


def _elastic(text: str, style: str = "") -> Text:
    """A cell that is cut, not wrapped, where there is no room for it."""
    return Text(text, style=style, no_wrap=True, overflow="ellipsis")


def _nodes(rows: list[NodeRow], at: float) -> Table:
    table = _table("node", "state", "slots", "hardware", "completed", "failed", "seen")
    for row in rows:
        why = "; ".join(row.unmatched)
        table.add_row(
            _elastic(host(row.id)),
            _state(row.status),
            f"{row.running}/{row.slots}" if row.slots else f"{row.running}",
            _elastic(why or hardware(row), colour_of("suspect") if why else "dim"),
            count(row.completed),
            Text(failures(row), style=colour_of("failed") if row.failed else "dim"),
            Text(ago(at - row.last_seen_at), style="dim"),
        )
    return table


def _jobs(lines: tuple[JobLine, ...], at: float) -> Table:
    table = _table("job", "state", "node", "ran for", "note")
    for line in lines:
        remark = line.note or ("" if line.at is None else ago(at - line.at))
        table.add_row(
            _elastic(line.name or short_id(line.job_id)),
            _state(line.status),
            _elastic(host(line.node or "")),
            "" if line.run_s is None else duration(line.run_s),
            _elastic(remark, "dim"),
        )
    return table
