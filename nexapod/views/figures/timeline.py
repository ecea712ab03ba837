"""The timeline: who ran what, when (a Gantt chart)."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from nexapod.views.columns import ATTEMPT_ENDS
from nexapod.views.figures.canvas import blank, horizontal, rows_height, safe, sheet, time_unit
from nexapod.views.human import clip, count, duration, plural
from nexapod.views.lanes import lanes, merge, spans
from nexapod.views.theme import GRID, SERIES_COLOURS, STATE_ORDER, colour_of, label_of

#: Up to this many attempts every one is its own bar.
EXACT_ATTEMPTS = 4000
#: Beyond it, bars with a gap of less than this share of the width are joined with their like; the
#: share doubles until there are few enough for a browser to draw at once.
FINEST = 1 / 1500
DRAWN_BARS = 8000
SINGLE = "single jobs"
#: Sweeps with a colour of their own; the others share the last colour.
COLOURED_SWEEPS = len(SERIES_COLOURS) - 1


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
        One trace per colour. Above 4,000 attempts, neighbours with no visible gap between them
        are joined, and their label says how many they are.
    """
    attempts = attempts[attempts["started_at"].notna() & attempts["node"].notna()]
    if attempts.empty:
        return blank("Timeline", "No jobs yet")
    start, end = spans(attempts, now_s)
    first, last = float(start.min()), float(end.max())
    span_s = max(last - first, 1e-3)
    names, nodes = np.unique(attempts["node"].to_numpy(dtype=str), return_inverse=True)
    lane, offsets = _stack(nodes, start, end, len(names))
    groups, group = _groups(attempts, colour)
    one = np.ones(len(start), dtype=np.int64)
    bars = (start, end, lane, group, one, np.arange(len(start)))
    if len(start) > EXACT_ATTEMPTS:
        gap_s = span_s * FINEST
        bars = merge(start, end, lane, group, gap_s)
        while len(bars[0]) > DRAWN_BARS and gap_s < span_s / 50:
            gap_s *= 2
            bars = merge(start, end, lane, group, gap_s)
    rows = int(offsets[-1])
    row_px = 22 if rows <= 24 else max(4, 900 // rows)
    figure = sheet(
        f"{plural(len(start), 'attempt')} on {plural(len(names), 'node')} in {duration(span_s)}",
        _subtitle(attempts, start, end, span_s, rows),
        rows_height(rows, row_px, least=250),
    )
    unit = time_unit(span_s)
    thickness = 0.84 if row_px > 8 else 1.0
    for code, (name, shade) in enumerate(groups):
        chosen = bars[3] == code
        if chosen.any():
            own_bars = [part[chosen] for part in bars]
            figure.add_trace(
                _trace(name, shade, own_bars, attempts, first, unit.seconds, clock, thickness)
            )
    horizontal(figure)
    for edge in offsets[1:-1]:
        figure.add_shape(
            type="line", x0=0, x1=1, xref="x domain", y0=edge - 0.5, y1=edge - 0.5,
            line={"color": GRID, "width": 1}, layer="below",
        )  # fmt: skip
    figure.update_layout(barmode="overlay")
    figure.update_xaxes(
        title_text="Time of day (UTC)" if clock else f"Time since the first start ({unit.name})",
        **({"type": "date"} if clock else {"rangemode": "tozero"}),
    )
    figure.update_yaxes(range=[rows - 0.4, -0.6], **_ticks(list(names), offsets, rows * row_px))
    return figure


def _stack(nodes: Any, start: Any, end: Any, number: int) -> tuple[Any, Any]:
    """Lanes of all nodes above one another: each attempt's lane, and where each node's begin."""
    lane = np.zeros(len(start), dtype=np.int64)
    offsets = np.zeros(number + 1, dtype=np.int64)
    for code in range(number):
        chosen = np.flatnonzero(nodes == code)
        own = lanes(start[chosen], end[chosen])
        lane[chosen] = own + offsets[code]
        offsets[code + 1] = offsets[code] + int(own.max()) + 1
    return lane, offsets


def _groups(attempts: pd.DataFrame, colour: str) -> tuple[list[tuple[str, str]], Any]:
    """(name, colour) of each trace, and which one each attempt belongs to."""
    if colour == "sweep":
        words = attempts["sweep"].astype("object").where(attempts["sweep"].notna(), SINGLE)
        biggest = [str(name) for name in words.value_counts().index]
        own = biggest[:COLOURED_SWEEPS]
        groups = list(zip(own, SERIES_COLOURS, strict=False))
        if len(biggest) > len(own):
            groups.append((f"{len(biggest) - len(own)} other sweeps", SERIES_COLOURS[-1]))
    else:
        words = attempts["end"].astype("object")
        own = [state for state in STATE_ORDER if state in ATTEMPT_ENDS]
        own += sorted(set(words.dropna()) - set(own))
        groups = [(label_of(state), colour_of(state)) for state in own]
    place = {name: code for code, name in enumerate(own)}
    group = np.array([place.get(str(word), len(own)) for word in words], dtype=np.int64)
    return groups, group


def _trace(
    name: str,
    shade: str,
    bars: list[Any],
    attempts: pd.DataFrame,
    first: float,
    unit_s: float,
    clock: bool,
    thickness: float,
) -> Any:
    start, end, lane, _, number, index = bars
    if clock:
        base: Any = pd.to_datetime(start, unit="s").to_numpy()
        length = (end - start) * 1000
    else:
        base = (start - first) / unit_s
        length = (end - start) / unit_s
    return go.Bar(
        name=safe(clip(name, 28)),
        base=base,
        x=length,
        y=lane,
        width=thickness,
        orientation="h",
        marker={"color": shade, "line": {"width": 0}},
        customdata=_hover(attempts, index, number, end - start),
        hovertemplate="%{customdata}<extra></extra>",
    )


def _hover(attempts: pd.DataFrame, index: Any, number: Any, length: Any) -> list[str]:
    rows = attempts.iloc[index]
    words = []
    columns = ("name", "params", "job_id", "epoch", "node", "end", "run_s", "error")
    records = zip(*(rows[column].tolist() for column in columns), strict=True)
    for many, span_s, record in zip(number, length, records, strict=True):
        name, params, job_id, epoch, node, end, run_s, error = record
        if many > 1:
            whole = f"<b>{count(int(many))} attempts</b> in {duration(span_s)}"
            words.append(f"{whole} on {safe(node)}")
            continue
        call = f"{name}({params})" if params else str(name or job_id)
        lines = [f"<b>{safe(clip(call, 60))}</b>", f"{end} on {safe(node)}, {duration(run_s)}"]
        if end == "running":
            lines[1] = f"running on {safe(node)} for {duration(span_s)}"
        if epoch > 1:
            lines.append(f"attempt {epoch}")
        if isinstance(error, str) and error:
            lines.append(safe(clip(error, 80)))
        words.append("<br>".join(lines))
    return words


def _subtitle(attempts: pd.DataFrame, start: Any, end: Any, span_s: float, rows: int) -> str:
    busy = float((end - start).sum()) / (rows * span_s)
    parts = [f"{plural(rows, 'lane')} busy {busy:.0%} of the time"]
    ends = attempts["end"].value_counts()
    parts += [
        f"{count(int(ends[state]))} {state}" for state in ("failed", "lost") if ends.get(state, 0)
    ]
    return ", ".join(parts)


def _ticks(names: list[str], offsets: Any, height_px: int) -> dict[str, Any]:
    """One label per node at the middle of its lanes, as many as there is room for."""
    middle = (offsets[:-1] + offsets[1:] - 1) / 2
    room = max(1, height_px // 14)
    step = -(-len(names) // room)
    return {
        "tickmode": "array",
        "tickvals": middle[::step].tolist(),
        "ticktext": [safe(clip(name, 28)) for name in names[::step]],
    }
