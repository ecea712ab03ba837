"""A whole fleet: jobs by state, throughput, the nodes and what they do."""

from __future__ import annotations

from html import escape

from nexapod.views.human import (
    clip,
    count,
    duration,
    plural,
    rate,
    remaining,
    short_id,
    uptime,
)
from nexapod.views.reprs import markup, plain
from nexapod.views.reprs.markup import Cell
from nexapod.views.reprs.node import failures, hardware, job_header, job_rows, seen, slots_markup
from nexapod.views.summaries import FleetSummary
from nexapod.views.theme import colour_of
from nexapod.wire.messages import NodeRow

#: Rows shown; the rest is in ``fleet.nodes``.
SHOWN_NODES = 10
SHOWN_JOBS = 6

#: The nodes that need a look come first, those that left come last.
_NODE_ORDER = {"lost": 0, "suspect": 1, "online": 2, "draining": 3, "left": 4}


def ranked(nodes: tuple[NodeRow, ...]) -> list[NodeRow]:
    """The nodes, those that need a look first, then by name."""
    return sorted(nodes, key=lambda row: (_NODE_ORDER.get(row.status, 2), row.id))


def present(nodes: tuple[NodeRow, ...]) -> list[NodeRow]:
    """The nodes that can run something now."""
    return [row for row in nodes if row.status in ("online", "suspect", "draining")]


def host(node_id: str, width: int = 28) -> str:
    """A node's id that fits: where it is too long, the domain goes before anything else does."""
    return node_id if len(node_id) <= width else clip(node_id.split(".")[0], width)


def slots_of(nodes: tuple[NodeRow, ...]) -> tuple[int, int]:
    """Busy and all slots over the nodes that are there (without a number: its jobs)."""
    here = present(nodes)
    return sum(row.running for row in here), sum(row.slots or row.running for row in here)


def sparkline(history: tuple[float, ...], span_s: float) -> str:
    """Throughput over the last while as a small line; nothing while there is nothing to draw."""
    if len(history) < 2 or max(history) <= 0:
        return ""
    width, height, top = 110.0, 18.0, max(history)
    step = width / (len(history) - 1)
    points = [
        f"{at * step:.1f},{height - max(0.0, rate_) / top * (height - 1.5):.1f}"
        for at, rate_ in enumerate(history)
    ]
    line = "M" + "L".join(points)
    label = f"Jobs per second over the last {duration(span_s)}, at most {rate(top)}"
    return (
        f'<svg class="nxp-spark" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="{escape(label)}" '
        f'style="--c:{colour_of("completed")}"><title>{escape(label)}</title>'
        f'<path class="nxp-under" d="{line}L{width:.1f},{height}L0,{height}Z"></path>'
        f'<path d="{line}"></path></svg>'
    )


def fleet_html(summary: FleetSummary) -> str:
    """A fleet as a self-contained card."""
    up = "" if summary.started_at is None else f"up {uptime(summary.at - summary.started_at)}"
    address = f'<span class="nxp-soft nxp-mono">{escape(summary.url)}</span>'
    busy, slots = slots_of(summary.nodes)
    here = present(summary.nodes)
    total = sum(summary.counts.values())
    pace = rate(summary.rate_per_s) if total and summary.status == "online" else ""
    left = remaining(summary.eta_s)
    right = (
        sparkline(summary.history, summary.history_s)
        + escape(pace)
        + (f' <span class="nxp-soft">· {escape(left)}</span>' if left else "")
    )
    shown = ranked(summary.nodes)
    rows = [_node_row(row, summary.at) for row in shown[:SHOWN_NODES]]
    header = [
        Cell("node"), Cell("state"), Cell("slots busy"), Cell("hardware", "nxp-wide"),
        Cell("completed", "nxp-num"), Cell("failed", "nxp-num"), Cell("seen", "nxp-num"),
    ]  # fmt: skip
    recent = summary.recent[:SHOWN_JOBS]
    parts = [
        markup.head(
            summary.name,
            "fleet" if summary.status == "online" else f"fleet · {summary.status}",
            summary.status,
            address,
        ),
        markup.bar(summary.counts) if is_seen(summary) else "",
        markup.legend(summary.counts, f"<span>{right}</span>" if right else "")
        if is_seen(summary)
        else "",
        markup.hints(summary.hints),
        markup.table(header, rows, "Nodes") if rows else _no_nodes(summary),
    ]
    if recent:
        parts.append(
            markup.table(
                job_header(node=True), job_rows(recent, summary.at, node=True), "Recent jobs"
            )
        )
    foot = [
        f"{plural(len(here), 'node')}, {count(busy)} of {plural(slots, 'slot')} busy"
        if here
        else "",
        markup.more(len(shown) - SHOWN_NODES, "node", "fleet.nodes"),
        up,
    ]
    words = " · ".join(word for word in foot if word)
    parts.append(f'<div class="nxp-foot">{escape(words)}</div>' if words else "")
    return markup.card("fleet", f"Fleet {summary.name}", *parts)


def _node_row(row: NodeRow, at: float) -> list[Cell]:
    # A node that sits idle beside waiting jobs must say why where one looks.
    why = "; ".join(row.unmatched)
    told = why or hardware(row)
    return [
        Cell(f'<span title="{escape(row.id)}">{escape(host(row.id))}</span>'),
        Cell(markup.state_word(row.status)),
        Cell(slots_markup(row)),
        Cell(
            f'<span class="{"" if why else "nxp-soft"}" title="{escape(told)}">'
            f"{escape(clip(told, 48))}</span>",
            "nxp-wide",
        ),
        Cell(count(row.completed), "nxp-num"),
        Cell(failures(row) if row.failed or row.lost else markup.soft("0"), "nxp-num"),
        Cell(f'<span class="nxp-soft">{escape(seen(row, at))}</span>', "nxp-num"),
    ]


def is_seen(summary: FleetSummary) -> bool:
    """Whether the coordinator has told anything: nothing known is not the same as none."""
    return summary.status == "online" or bool(summary.nodes or summary.counts)


def _no_nodes(summary: FleetSummary) -> str:
    if summary.status != "online":
        return ""
    if summary.starting:
        words = f"{plural(summary.starting, 'local node')} starting …"
        return f'<div class="nxp-label">{words}</div>'
    start, invite = (
        f'<span class="nxp-mono">{code}</span>'
        for code in ("fleet.start_nodes(2)", "fleet.invite()")
    )
    words = f"No node has joined yet. Start some here with {start}, or see {invite}."
    return f'<div class="nxp-label">{words}</div>'


def fleet_text(summary: FleetSummary) -> str:
    """A fleet for a terminal."""
    busy, slots = slots_of(summary.nodes)
    here = present(summary.nodes)
    head = [f"Fleet {summary.name}", summary.url]
    if summary.status != "online":
        head.append(summary.status)
    if summary.started_at is not None:
        head.append(f"up {uptime(summary.at - summary.started_at)}")
    lines = [" · ".join(head)]
    if total := sum(summary.counts.values()):
        pace = [f"{plain.bar_line(summary.counts)}  {plural(total, 'job')}"]
        pace += [rate(summary.rate_per_s)] if summary.rate_per_s else []
        pace += [remaining(summary.eta_s)] if remaining(summary.eta_s) else []
        lines.append("  " + " · ".join(pace))
    if is_seen(summary):
        lines.append(f"  {plain.counts_line(summary.counts)}")
    if here:
        lines.append(f"  {plural(len(here), 'node')}, {busy} of {plural(slots, 'slot')} busy")
    elif summary.starting:
        lines.append(f"  {plural(summary.starting, 'local node')} starting")
    elif not summary.nodes and summary.status == "online":
        lines.append("  no nodes yet: fleet.start_nodes(2), or fleet.invite()")
    shown = ranked(summary.nodes)
    cells = [
        [
            host(row.id, 36),
            row.status,
            f"{row.running}/{row.slots}" if row.slots else f"{row.running}",
            hardware(row),
            count(row.completed),
            failures(row),
        ]
        for row in shown[:SHOWN_NODES]
    ]
    if cells:
        header = ["node", "state", "slots", "hardware", "completed", "failed"]
        lines += plain.indent(plain.rows(header, cells, 36))
    if hidden := markup.more(len(shown) - SHOWN_NODES, "node", "fleet.nodes"):
        lines.append(f"  {hidden}")
    for job in summary.recent[:SHOWN_JOBS]:
        if job.status == "failed":
            name = job.name or short_id(job.job_id)
            lines.append(f"  ! {name} failed on {job.node}: {clip(job.note, 90)}")
    lines += [f"  ! {hint}" for hint in summary.hints]
    return "\n".join(lines)
