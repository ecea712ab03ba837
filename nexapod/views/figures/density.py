"""The timeline of a fleet that is too large for bars: how busy it was, bin by bin."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from nexapod.views.figures.canvas import (
    across,
    key,
    row_names,
    rows_height,
    safe,
    settle,
    sheet,
    time_unit,
)
from nexapod.views.human import duration
from nexapod.views.lanes import Floats, Ints, occupied
from nexapod.views.theme import colour_of, faded

#: More rows than this, and several nodes share one.
ROWS = 250
BINS = 240


class Rows(NamedTuple):
    """What lies in the rows of the figure.

    Attributes
    ----------
    of_attempt
        The row of each attempt.
    names
        What each row is called.
    room
        How many attempts each can hold at once.
    ticks
        The rows that are named at the side, and how.
    """

    of_attempt: Ints
    names: list[str]
    room: Ints
    ticks: list[tuple[int, str]]


def density(
    attempts: pd.DataFrame,
    start: Floats,
    end: Floats,
    rows: Rows,
    title: str,
    parts: list[str],
    clock: bool,
) -> Any:
    """A cell per row and bin of time, the stronger the busier; marks where attempts went wrong.

    Parameters
    ----------
    attempts
        As made by `attempts_frame`.
    start, end
        When each attempt ran, in Unix seconds.
    rows
        A slot each, or a node, or several.
    title, parts
        What the figure says of itself.
    clock
        Time of day on the axis instead of time elapsed.
    """
    first, number = float(start.min()), len(rows.names)
    span_s = max(float(end.max()) - first, 1e-3)
    edges = np.linspace(first, first + span_s, BINS + 1)
    unit = time_unit(span_s)
    middle = (edges[:-1] + edges[1:]) / 2
    places: Any = (middle - first) / unit.seconds
    if clock:
        places = pd.to_datetime(middle, unit="s").to_numpy()
    named = np.array([safe(name) for name in rows.names], dtype=object)
    share = occupied(rows.of_attempt, start, end, number, edges) / rows.room[:, None]
    row_px = max(3, min(22, 760 // number))
    figure = sheet(
        title, [*parts, f"a cell is {duration(span_s / BINS)}"], rows_height(number, row_px)
    )
    figure.add_trace(_cells(places, share, named))
    column = np.clip(np.searchsorted(edges, end, side="right") - 1, 0, BINS - 1)
    cell = rows.of_attempt * BINS + column
    for state in ("failed", "lost"):
        wrong = (attempts["end"] == state).to_numpy()
        if wrong.any():
            figure.add_trace(_marks(state, cell, wrong, places, named, row_px))
    across(figure, "Time of day (UTC)" if clock else f"Time since the first start ({unit.name})")
    figure.update_xaxes(showgrid=False)
    figure.update_yaxes(showgrid=False, type="category")
    ticks = rows.ticks[:: -(-len(rows.ticks) // max(1, number * row_px // 14))]
    at = [row for row, _ in ticks]
    row_names(figure, [name for _, name in ticks], named[at].tolist(), number - 0.4)
    settle(figure)
    return figure


def by_slot(lane: Ints, offsets: Ints, nodes: list[str]) -> Rows:
    """A row for each slot."""
    names = [
        f"{node} · slot {slot + 1}"
        for node, slots in zip(nodes, np.diff(offsets), strict=True)
        for slot in range(slots)
    ]
    middle = (offsets[:-1] + offsets[1:] - 1) // 2
    ticks = list(zip(middle.tolist(), nodes, strict=True))
    return Rows(lane, names, np.ones(len(names), dtype=np.int64), ticks)


def by_node(node: Ints, offsets: Ints, nodes: list[str]) -> Rows:
    """A row for each node, or for as many neighbours as leave `ROWS` rows."""
    each = -(-len(nodes) // ROWS)
    first = range(0, len(nodes), each)
    last = [min(at + each, len(nodes)) - 1 for at in first]
    names = [
        nodes[a] if a == b else f"{nodes[a]} … {nodes[b]}" for a, b in zip(first, last, strict=True)
    ]
    room = np.add.reduceat(np.diff(offsets), list(first))
    return Rows(node // each, names, room, list(enumerate(names)))


def _cells(places: Any, share: Floats, named: Any) -> Any:
    colour = colour_of("busy")
    percent = np.round(share.clip(0, 1) * 100).astype(np.uint8)
    return go.Heatmap(
        **key("busy", "busy"),
        x=places,
        y=named.tolist(),
        z=percent,
        zmin=0,
        zmax=100,
        colorscale=[[0, faded(colour, 0.0)], [0.01, faded(colour, 0.2)], [1, faded(colour, 1.0)]],
        showscale=False,
        hovertemplate="<b>%{y}</b><br>%{z}% busy<extra></extra>",
        hoverongaps=False,
        ygap=0,
    )


def _marks(state: str, cell: Ints, wrong: Any, places: Any, named: Any, row_px: int) -> Any:
    """A mark in each cell in which attempts ended so, the larger the more of them did."""
    cells, number = np.unique(cell[wrong], return_counts=True)
    share = number / np.bincount(cell)[cells]
    return go.Scatter(
        **key(state, state, int(wrong.sum())),
        x=places[cells % BINS],
        y=named[cells // BINS].tolist(),
        mode="markers",
        marker={
            "color": colour_of(state),
            "size": np.round(2 + share * min(4, row_px - 1), 1).astype(np.float32),
            "symbol": "square",
            "opacity": 1,
            "line": {"width": 0},
        },
        customdata=number,
        hovertemplate=f"<b>%{{y}}</b><br>%{{customdata}} {state}<extra></extra>",
    )
