"""One node: what it has, what it does, and why jobs do not run there."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

import msgspec

from nexapod.views.human import ago, clip, coarse, count, duration, plural, short_id, size
from nexapod.views.reprs import markup, plain
from nexapod.views.reprs.markup import Cell
from nexapod.views.summaries import JobLine, NodeSummary
from nexapod.views.theme import colour_of, label_of
from nexapod.wire.messages import NodeRow

#: Slots up to this number are drawn one by one, beyond it as a gauge.
DRAWN_SLOTS = 8
#: Jobs shown of those that it holds.
SHOWN_HELD = 10


def profile_of(row: NodeRow) -> Mapping[str, Any]:
    """The node's profile; empty where it sent no JSON object."""
    try:
        profile = msgspec.json.decode(row.profile)
    except msgspec.DecodeError:
        return {}
    return profile if isinstance(profile, dict) else {}


def hardware(row: NodeRow) -> str:
    """``12 cores · 64 GB · NVIDIA RTX 3080``, as far as it is known."""
    profile = profile_of(row)
    gpu = str(profile.get("gpu") or "")
    if row.gpus > 1 and gpu:
        gpu = f"{row.gpus} × {gpu}"
    elif row.gpus and not gpu:
        gpu = plural(row.gpus, "GPU")
    cores = plural(round(row.cpus), "core") if row.cpus else ""
    memory = size(row.memory_bytes) if row.memory_bytes else ""
    return " · ".join(part for part in (cores, memory, gpu) if part)


def slots_markup(row: NodeRow) -> str:
    """Busy and free slots as little blocks (a gauge when there are many), then the numbers."""
    total, busy = row.slots or 0, row.running
    if row.status in ("lost", "left"):
        return '<span class="nxp-soft">–</span>'
    if not total:
        return f'<span class="nxp-soft">{count(busy)} running</span>'
    words = f"{count(busy)} of {plural(total, 'slot')} busy"
    if total <= DRAWN_SLOTS:
        drawn = "".join(
            f'<i class="{"" if at < busy else "nxp-open"}" '
            f"{markup.colour('busy' if at < busy else 'free')}></i>"
            for at in range(total)
        )
        picture = f'<span class="nxp-slots" role="img" aria-label="{words}">{drawn}</span>'
    else:
        share = min(100, round(100 * busy / total))
        picture = (
            f'<span class="nxp-gauge" role="img" aria-label="{words}">'
            f'<i style="--c:{colour_of("busy")};width:{share}%"></i></span>'
        )
    return f'{picture}<span class="nxp-after">{count(busy)}/{count(total)}</span>'


def seen(row: NodeRow, at: float) -> str:
    """When it was last heard, in words that change rarely."""
    return ago(at - row.last_seen_at)


def failures(row: NodeRow) -> str:
    """``1``, or ``1, 2 lost``: a lost attempt failed for no reason that the job gave."""
    return f"{count(row.failed)}, {count(row.lost)} lost" if row.lost else count(row.failed)


def job_rows(lines: tuple[JobLine, ...], at: float, *, node: bool) -> list[list[Cell]]:
    """A short list of jobs as table rows: state, name, (node), run time, when or why."""
    rows = []
    for line in lines:
        name = line.name or short_id(line.job_id)
        remark = line.note or ("" if line.at is None else ago(at - line.at))
        told = f'<span title="{escape(line.note)}">{markup.soft(clip(remark, 90))}</span>'
        row = [
            Cell(markup.state_word(line.status)),
            Cell(f'<span title="{escape(line.job_id)}">{escape(clip(name, 40))}</span>'),
            Cell(escape(duration(line.run_s) if line.run_s is not None else ""), "nxp-num"),
            Cell(told, "nxp-wide"),
        ]
        if node:
            row.insert(2, Cell(escape(clip(line.node or "", 24))))
        rows.append(row)
    return rows


def job_header(*, node: bool) -> list[Cell]:
    """The header of `job_rows`."""
    header = [Cell("state"), Cell("job"), Cell("ran for", "nxp-num"), Cell("", "nxp-wide")]
    if node:
        header.insert(2, Cell("node"))
    return header


def node_html(summary: NodeSummary) -> str:
    """One node as a self-contained card."""
    row = summary.row
    if row is None:
        return markup.card(
            "node",
            f"Node {summary.name}, {summary.status}",
            markup.head(summary.name, f"node · {summary.status}", "left"),
        )
    profile = profile_of(row)
    facts = [hardware(row)]
    facts += [str(profile[key]) for key in ("cpu", "os") if profile.get(key)]
    if profile.get("python"):
        facts.append(f"Python {profile['python']}")
    line = " · ".join(fact for fact in facts if fact)
    tags = [f"tags {', '.join(row.tags)}"] if row.tags else []
    jobs = (*summary.holding[:SHOWN_HELD], *summary.recent)
    hidden = markup.more(len(summary.holding) - SHOWN_HELD, "running job", "fleet.jobs")
    foot = " · ".join([hidden, *tags] if hidden else tags)
    return markup.card(
        "node",
        f"Node {row.id}, {row.status}",
        markup.head(row.id, f"node · {row.status}", row.status, slots_markup(row)),
        f"<div>{markup.soft(line)}</div>",
        f'<div class="nxp-legend"><span>{markup.dot("completed")}<b>{count(row.completed)}</b> '
        f"completed</span><span>{markup.dot('failed')}<b>{count(row.failed)}</b> failed</span>"
        f"{_lost(row)}"
        f'<span class="nxp-grow"></span>{markup.soft(f"seen {seen(row, summary.at)}")}</div>',
        markup.table(job_header(node=False), job_rows(jobs, summary.at, node=False), "Its jobs")
        if jobs
        else "",
        markup.hints(row.unmatched),
        f'<div class="nxp-foot">{escape(foot)}</div>' if foot else "",
    )


def _lost(row: NodeRow) -> str:
    return f"<span>{markup.dot('lost')}<b>{count(row.lost)}</b> lost</span>" if row.lost else ""


def node_text(summary: NodeSummary) -> str:
    """One node for a terminal."""
    row = summary.row
    if row is None:
        return f"Node {summary.name} · {summary.status}"
    slots = f"{row.running}/{row.slots} slots busy" if row.slots else f"{row.running} running"
    lines = [
        f"Node {row.id} · {row.status} · {slots} · seen {seen(row, summary.at)}",
        f"  {hardware(row) or 'no hardware told'}",
        f"  {count(row.completed)} completed · {count(row.failed)} failed · "
        f"{f'{count(row.lost)} lost · ' if row.lost else ''}"
        f"here for {coarse(summary.at - row.registered_at)}",
    ]
    lines += [f"  ! {reason}" for reason in row.unmatched]
    jobs = (*summary.holding[:SHOWN_HELD], *summary.recent)
    hidden = markup.more(len(summary.holding) - SHOWN_HELD, "running job", "fleet.jobs")
    cells = [
        [label_of(job.status), job.name or short_id(job.job_id), duration(job.run_s), job.note]
        for job in jobs
    ]
    if cells:
        lines += plain.indent(plain.rows(["state", "job", "ran for", ""], cells))
    lines += [f"  {hidden}"] if hidden else []
    return "\n".join(lines)
