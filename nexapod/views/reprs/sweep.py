"""A sweep: how far it is, a mosaic of its jobs, and a table that fills."""

from __future__ import annotations

from html import escape

import msgspec

from nexapod.views.human import duration, number, plural, rate, remaining
from nexapod.views.reprs import markup, plain
from nexapod.views.reprs.markup import Cell
from nexapod.views.summaries import SweepSummary
from nexapod.views.theme import OPEN, colour_of, label_of

SHOWN_ROWS = 10
#: Columns that a card has room for, the node's, which comes last, among them.
SHOWN_COLUMNS = 9
#: Beyond this many jobs the squares would be dust; the bar says it better.
MOSAIC_JOBS = 2000
_TILE = 10
_ACROSS = 84


def mosaic(states: tuple[str, ...]) -> str:
    """One small square per job, in grid order, in its state's colour.

    One path per state: a change repaints a path, not a thousand elements.
    """
    if not 1 < len(states) <= MOSAIC_JOBS:
        return ""
    paths: dict[str, list[str]] = {}
    for at, state in enumerate(states):
        x, y = at % _ACROSS * _TILE, at // _ACROSS * _TILE
        paths.setdefault(state, []).append(f"M{x} {y}h8v8h-8z")
    height = ((len(states) - 1) // _ACROSS + 1) * _TILE
    width = min(len(states), _ACROSS) * _TILE
    drawn = "".join(
        f'<path class="{"nxp-open" if state in OPEN else ""}" '
        f'style="--c:{colour_of(state)}" d="{"".join(squares)}">'
        f"<title>{len(squares)} {escape(label_of(state))}</title></path>"
        for state, squares in sorted(paths.items())
    )
    return (
        f'<svg class="nxp-mosaic" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" style="max-width:100%" role="img" '
        f'aria-label="One square per job, in the order of the sweep">{drawn}</svg>'
    )


def is_open(summary: SweepSummary) -> bool:
    """Whether some job is still pending or running."""
    return any(summary.counts.get(state, 0) for state in ("pending", "assigned", "running"))


def overall(summary: SweepSummary) -> str:
    """The one state that stands for the sweep."""
    if is_open(summary):
        started = any(summary.counts.get(state, 0) for state in ("assigned", "completed"))
        return "assigned" if started else "pending"
    for state in ("failed", "cancelled"):
        if summary.counts.get(state, 0):
            return state
    return "completed"


def narrowed(summary: SweepSummary) -> SweepSummary:
    """The summary with no more columns than there is room for: the last, the node's, stays."""
    if len(summary.header) <= SHOWN_COLUMNS:
        return summary
    rows = tuple(
        msgspec.structs.replace(row, cells=(*row.cells[: SHOWN_COLUMNS - 1], row.cells[-1]))
        for row in summary.rows
    )
    header = (*summary.header[: SHOWN_COLUMNS - 1], summary.header[-1])
    return msgspec.structs.replace(summary, header=header, rows=rows)


def rest(summary: SweepSummary, shown: int) -> str:
    """What of the frame is not in the table, in a few words."""
    words = ["results in sweep.frame"] if summary.is_partial else []
    hidden = [
        plural(number, f"more {noun}")
        for number, noun in (
            (summary.total - shown, "row"),
            (len(summary.header) - SHOWN_COLUMNS, "column"),
        )
        if number > 0
    ]
    if shown and hidden:
        words.append(f"and {' and '.join(hidden)} in sweep.frame")
    return " · ".join(words)


def sweep_html(summary: SweepSummary) -> str:
    """A sweep as a self-contained card."""
    running = is_open(summary)
    left = remaining(summary.eta_s) if running else ""
    took = "" if summary.elapsed_s is None else duration(summary.elapsed_s)
    clock = [took if running or not took else f"took {took}"]
    clock += [rate(summary.rate_per_s)] if running and summary.rate_per_s else []
    clock += [left] if left else []
    buttons = ""
    if running:
        buttons += markup.action("cancel", "Cancel")
    if summary.counts.get("failed", 0):
        buttons += markup.action("retry_failed", "Retry failed")
    shown = narrowed(summary)
    rows = [
        [Cell(markup.state_word(row.status)), *(markup.value(cell, 32) for cell in row.cells)]
        for row in shown.rows[:SHOWN_ROWS]
    ]
    # A column is set to the right when its values are, and its header with it.
    numeric = [any(row[at + 1].css for row in rows) for at in range(len(shown.header))]
    header = [Cell("state")] + [
        Cell(escape(name), "nxp-num" if right else "")
        for name, right in zip(shown.header, numeric, strict=True)
    ]
    hidden = rest(summary, len(rows))
    return markup.card(
        "sweep",
        f"Sweep {summary.name}",
        markup.head(
            summary.name,
            f"sweep of {plural(summary.total, 'job')}",
            overall(summary),
            markup.soft(" · ".join(word for word in clock if word)),
        ),
        markup.bar(summary.counts),
        markup.legend(summary.counts, buttons),
        mosaic(summary.states),
        markup.hints(summary.hints),
        markup.table(header, rows, "First rows of the sweep's frame") if rows else "",
        f'<div class="nxp-foot">{escape(hidden)}</div>' if hidden else "",
    )


def sweep_text(summary: SweepSummary) -> str:
    """A sweep for a terminal."""
    head = [f"Sweep {summary.name}", plural(summary.total, "job")]
    if summary.elapsed_s is not None:
        head.append(duration(summary.elapsed_s))
    if is_open(summary) and remaining(summary.eta_s):
        head.append(remaining(summary.eta_s))
    lines = [
        " · ".join(head),
        f"  {plain.bar_line(summary.counts)}  {plain.counts_line(summary.counts)}",
    ]
    shown = narrowed(summary)
    cells = [
        [label_of(row.status), *(_text(cell) for cell in row.cells)]
        for row in shown.rows[:SHOWN_ROWS]
    ]
    if cells:
        lines += plain.indent(plain.rows(["state", *shown.header], cells, 40))
        if hidden := rest(summary, len(cells)):
            lines.append(f"  {hidden}")
    lines += [f"  ! {hint}" for hint in summary.hints]
    return "\n".join(lines)


def _text(cell: object) -> str:
    if cell is None or (isinstance(cell, float) and cell != cell):
        return ""
    return number(cell) if isinstance(cell, float) else str(cell)
