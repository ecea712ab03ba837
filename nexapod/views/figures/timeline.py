"""The timeline: who ran what, when (a Gantt chart)."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from nexapod.views.columns import ATTEMPT_ENDS
from nexapod.views.figures.canvas import (
    across,
    blank,
    horizontal,
    key,
    row_names,
    rows_height,
    safe,
    settle,
    sheet,
    time_unit,
)
from nexapod.views.figures.density import ROWS, by_node, by_slot, density
from nexapod.views.human import clip, count, duration, natural, plural
from nexapod.views.lanes import lanes, merge, spans
from nexapod.views.theme import GRID, SERIES_COLOURS, STATE_ORDER, colour_of, label_of

#: Up to this many attempts every one is its own bar.
EXACT_ATTEMPTS = 3_000
#: Beyond it, bars with a gap of less than this share of the width are joined with their like; the
#: share doubles until there are few enough to be drawn at once. Where that does not help, and where
#: a lane would be thinner than a line, cells of time tell how busy it was.
FINEST = 1 / 1500
COARSEST = 1 / 150
DRAWN_BARS = 4_000
SINGLE = "single jobs"
#: Sweeps with a colour of their own; the others share the last colour.
COLOURED_SWEEPS = len(SERIES_COLOURS) - 1


class Group(NamedTuple):
    """What one colour stands for: a state, or a sweep."""

    meta: str
    label: str
    colour: str


def timeline(
    attempts: pd.DataFrame,
    *,
    colour: Literal["end", "sweep"] = "end",
    clock: bool = False,
    now_s: float | None = None,
) -> Any:
    """One lane per slot that was used, one bar per attempt.

    Parameters
    ----------
    attempts
        As made by `attempts_frame`.
    colour
        What the colour says: how the attempt ended, or which sweep it belongs to.
    clock
        Time of day (UTC) on the axis instead of time elapsed.
    now_s
        Where bars that still run end, in Unix seconds; None: at the last time in the frame.

    Returns
    -------
    plotly.graph_objects.Figure
        One trace per colour. Above 3,000 attempts, neighbours of one colour with no visible gap
        between them are joined, and their label says how many they are. A fleet of more than 250
        lanes, or one whose attempts do not join, is drawn as cells: how busy each slot, or
        each node, was in each bin of time, and where attempts failed or were lost.
    """
    attempts = attempts[attempts["started_at"].notna() & attempts["node"].notna()]
    if attempts.empty:
        return blank("Timeline", "No jobs yet: each attempt at a job will be a bar here.")
    start, end = spans(attempts, now_s)
    first, last = float(start.min()), float(end.max())
    span_s = max(last - first, 1e-3)
    names: list[str] = sorted(attempts["node"].unique().tolist(), key=natural)
    nodes = pd.Categorical(attempts["node"], categories=names).codes.astype(np.int64)
    lane, offsets = _stack(nodes, start, end, len(names))
    groups, group = _groups(attempts, colour)
    bars = _bars(start, end, lane, group, span_s)
    number = int(offsets[-1])
    title = f"{plural(len(start), 'attempt')} on {plural(len(names), 'node')} in {duration(span_s)}"
    parts = _parts(attempts, start, end, span_s, number)
    if number > ROWS or len(bars[0]) > DRAWN_BARS:
        rows = by_slot if number <= ROWS else by_node
        where = rows(lane if number <= ROWS else nodes, offsets, names)
        return density(attempts, start, end, where, title, parts, clock)
    row_px = 22 if number <= 24 else max(4, 900 // number)
    figure = sheet(title, parts, rows_height(number, row_px))
    unit = time_unit(span_s)
    origin = None if clock else first
    amounts = np.bincount(group, minlength=len(groups))
    for code, what in enumerate(groups):
        chosen = bars[3] == code
        if chosen.any():
            own = [part[chosen] for part in bars]
            label = key(what.meta, what.label, int(amounts[code]))
            figure.add_trace(
                _trace(what, label, own, attempts, origin, unit.seconds, 0.84 if row_px > 8 else 1)
            )
    horizontal(figure)
    for edge in offsets[1:-1]:
        figure.add_shape(
            type="line", x0=0, x1=1, xref="x domain", y0=edge - 0.5, y1=edge - 0.5,
            line={"color": GRID, "width": 1}, layer="below",
        )  # fmt: skip
    figure.update_layout(barmode="overlay")
    across(figure, "Time of day (UTC)" if clock else f"Time since the first start ({unit.name})")
    ends = np.array([first, last + span_s * 0.01])
    clocks = pd.to_datetime(ends, unit="s").to_numpy()
    figure.update_xaxes(range=(clocks if clock else (ends - first) / unit.seconds).tolist())
    figure.update_xaxes(type="date" if clock else "linear")
    middle = (offsets[:-1] + offsets[1:] - 1) / 2
    step = -(-len(names) // max(1, number * row_px // 14))
    row_names(figure, names[::step], middle[::step].tolist(), number - 0.4)
    settle(figure)
    return figure


def _bars(start: Any, end: Any, lane: Any, group: Any, span_s: float) -> tuple[Any, ...]:
    """Start, end, lane, group, number and first attempt of every bar to draw."""
    if len(start) <= EXACT_ATTEMPTS:
        one = np.ones(len(start), dtype=np.int64)
        return start, end, lane, group, one, np.arange(len(start))
    gap_s = span_s * FINEST
    bars = merge(start, end, lane, group, gap_s)
    while len(bars[0]) > DRAWN_BARS and gap_s < span_s * COARSEST:
        gap_s *= 2
        bars = merge(start, end, lane, group, gap_s)
    return bars


def _stack(nodes: Any, start: Any, end: Any, number: int) -> tuple[Any, Any]:
    """Lanes of all nodes above one another: each attempt's lane, and where each node's begin."""
    lane = np.zeros(len(start), dtype=np.int64)
    offsets = np.zeros(number + 1, dtype=np.int64)
    order = np.argsort(nodes, kind="stable")
    edges = np.searchsorted(nodes[order], np.arange(number + 1))
    for code in range(number):
        chosen = order[edges[code] : edges[code + 1]]
        own = lanes(start[chosen], end[chosen])
        lane[chosen] = own + offsets[code]
        offsets[code + 1] = offsets[code] + int(own.max()) + 1
    return lane, offsets


def _groups(attempts: pd.DataFrame, colour: str) -> tuple[list[Group], Any]:
    """What each trace stands for, and which one each attempt belongs to."""
    if colour == "sweep":
        words = attempts["sweep"].astype("object").where(attempts["sweep"].notna(), SINGLE)
        biggest = [str(name) for name in words.value_counts().index]
        own = biggest[:COLOURED_SWEEPS]
        groups = [Group(name, name, hue) for name, hue in zip(own, SERIES_COLOURS, strict=False)]
        if len(biggest) > len(own):
            rest = f"in {plural(len(biggest) - len(own), 'other sweep')}"
            groups.append(Group("", rest, SERIES_COLOURS[-1]))
    else:
        words = attempts["end"].astype("object")
        own = [state for state in STATE_ORDER if state in ATTEMPT_ENDS]
        own += sorted(set(words.dropna()) - set(own))
        groups = [Group(state, label_of(state), colour_of(state)) for state in own]
    place = {name: code for code, name in enumerate(own)}
    group = np.array([place.get(str(word), len(own)) for word in words], dtype=np.int64)
    return groups, group


def _trace(
    what: Group,
    label: dict[str, Any],
    bars: list[Any],
    attempts: pd.DataFrame,
    origin: float | None,
    unit_s: float,
    thickness: float,
) -> Any:
    start, end, lane, _, number, index = bars
    if origin is None:
        base: Any = pd.to_datetime(start, unit="s").to_numpy()
        length = (end - start) * 1000
    else:
        base = (start - origin) / unit_s
        length = (end - start) / unit_s
    return go.Bar(
        **label,
        base=base,
        x=length,
        y=lane,
        width=thickness,
        orientation="h",
        marker={"color": what.colour, "line": {"width": 0}},
        customdata=_hover(attempts, index, number, start, end, what.label),
        hovertemplate="%{customdata}<extra></extra>",
    )


def _hover(
    attempts: pd.DataFrame, index: Any, number: Any, start: Any, end: Any, label: str
) -> list[str]:
    rows = attempts.iloc[index]
    columns = ("name", "params", "job_id", "epoch", "node", "end", "run_s", "error")
    records = zip(*(rows[column].tolist() for column in columns), strict=True)
    words = []
    clock = pd.to_datetime(start, unit="s").strftime("%H:%M:%S")
    for many, span_s, since, record in zip(number, end - start, clock, records, strict=True):
        name, params, job_id, epoch, node, how, run_s, error = record
        if many > 1:
            whole = f"<b>{count(int(many))} attempts</b> ({safe(clip(label, 28))})"
            words.append(f"{whole}<br>{safe(node)}, {duration(span_s)} from {since} UTC on")
            continue
        call = f"{name}({params})" if params else str(name or job_id)
        took = f"for {duration(span_s)}" if how == "running" else f"after {duration(run_s)}"
        lines = [
            f"<b>{safe(clip(call, 60))}</b>",
            f"{label_of(how)} {took}",
            f"{safe(node)}, from {since} UTC on",
        ]
        if epoch > 1:
            lines[1] += f" (attempt {epoch})"
        if isinstance(error, str) and error:
            lines.append(safe(clip(error, 80)))
        words.append("<br>".join(lines))
    return words


def _parts(attempts: pd.DataFrame, start: Any, end: Any, span_s: float, number: int) -> list[str]:
    busy = float((end - start).sum()) / (number * span_s)
    ends = attempts["end"].value_counts()
    return [
        f"{plural(number, 'slot')} busy {busy:.0%} of the time",
        *(f"{count(int(ends[state]))} {state}" for state in ("failed", "lost") if ends.get(state)),
    ]
