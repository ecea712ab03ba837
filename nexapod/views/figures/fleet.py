"""The fleet: what every node is doing."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from nexapod.views.columns import NODE_STATES
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
)
from nexapod.views.human import clip, count, natural, plural
from nexapod.views.theme import colour_of, faded, fill_of

#: Up to this many nodes get a bar with a name each; more become tiles.
NAMED_NODES = 40
#: In a larger fleet a tile tells only its name, state and slots, to keep the figure light.
TOLD_NODES = 2_000
#: The side of a tile, where the distance of two is 1.
TILE = 0.82
HERE = ("online", "suspect", "draining")


class Drawn(NamedTuple):
    """The nodes of a figure, and of each: slots taken, slots in all, is it here, its words."""

    nodes: pd.DataFrame
    running: Any
    slots: Any
    here: Any
    words: Any


def fleet(nodes: pd.DataFrame) -> Any:
    """Busy and free slots of every node: a bar each, or a tile each in a large fleet.

    Parameters
    ----------
    nodes
        As made by `nodes_frame`. Nodes that left are not drawn.

    Returns
    -------
    plotly.graph_objects.Figure
        Up to 40 nodes a bar each, solid where a slot is busy, hollow where it is free. More
        are tiles, the stronger filled the busier they are.
    """
    shown = nodes[nodes["status"] != "left"]
    if shown.empty:
        return blank("Nodes", "No nodes yet: fleet.start_nodes and fleet.invite bring some.")
    shown = shown.loc[sorted(shown.index, key=natural)]
    running = shown["running"].to_numpy(dtype=np.int64)
    slots = shown["slots"].fillna(shown["running"].clip(lower=1)).to_numpy(dtype=np.int64)
    here = shown["status"].isin(HERE).to_numpy()
    drawn = Drawn(shown, running, slots, here, _hover(shown, running, slots))
    title = (
        f"{count(int(running[here].sum()))} of {plural(int(slots[here].sum()), 'slot')} busy "
        f"on {plural(int(here.sum()), 'node')}"
    )
    states = shown["status"].value_counts()
    parts = [
        f"{plural(int(states[state]), 'node')} {state}"
        for state in ("suspect", "draining", "lost")
        if states.get(state, 0)
    ]
    parts = parts or [f"{count(int(shown['completed'].sum()))} attempts completed so far"]
    if len(shown) <= NAMED_NODES:
        return _bars(drawn, title, parts)
    return _tiles(drawn, title, parts)


def _hover(shown: pd.DataFrame, running: Any, slots: Any) -> Any:
    words = []
    for at, row in enumerate(shown.reset_index().to_dict("records")):
        lines = [
            f"<b>{safe(clip(str(row['id']), 40))}</b> {row['status']}",
            f"{running[at]} of {plural(int(slots[at]), 'slot')} busy",
        ]
        if len(shown) <= TOLD_NODES:
            hardware = [f"{row['cpus']:g} cores", f"{row['memory_gb']:.0f} GB", str(row["gpu"])]
            ended = int(row["completed"]) + int(row["failed"])
            lines.append(safe(" · ".join(part for part in hardware if part)))
            lines.append(
                f"{count(ended)} attempts ended, {row['completed'] / ended:.0%} completed"
                if ended
                else "no attempt has ended"
            )
            lines.append(f"last seen {row['last_seen_at']:%H:%M:%S} UTC")
            lines += [safe(clip(str(row["unmatched"]), 80))] if row["unmatched"] else []
        words.append("<br>".join(lines))
    return np.array(words, dtype=object)


def _bars(drawn: Drawn, title: str, parts: list[str]) -> Any:
    nodes, running, slots, here, words = drawn
    figure = sheet(title, parts, rows_height(len(nodes), 30 if len(nodes) <= 12 else 22))
    places = np.arange(len(nodes))
    busy = np.where(here, running, 0)
    pieces = {
        "busy": busy,
        "free": np.where(here, np.maximum(slots - busy, 0), 0),
        "lost": np.where(here, 0, slots),
    }
    for state, amounts in pieces.items():
        if amounts.any():
            figure.add_trace(
                go.Bar(
                    **key(state, state, int(amounts.sum())),
                    x=amounts.tolist(),
                    y=places.tolist(),
                    orientation="h",
                    marker=fill_of(state),
                    customdata=words,
                    hovertemplate="%{customdata}<extra></extra>",
                )
            )
    most = int(slots.max())
    horizontal(figure)
    figure.update_layout(barmode="stack")
    across(figure, "Slots")
    figure.update_xaxes(
        range=[0, most * 1.02],
        tickformat=",d",
        dtick=1 if most <= 10 else None,
    )
    states = nodes["status"].tolist()
    names = [
        str(name) if state == "online" else f"{clip(str(name), 18)} ({state})"
        for name, state in zip(nodes.index, states, strict=True)
    ]
    dots = [colour_of(state) for state in states]
    row_names(figure, names, places.tolist(), len(names) - 0.4, dots)
    settle(figure)
    return figure


def _tiles(drawn: Drawn, title: str, parts: list[str]) -> Any:
    nodes, running, slots, _, words = drawn
    number = len(nodes)
    wide = max(12, round((number * 4) ** 0.5))
    down = -(-number // wide)
    side = max(6, min(26, 640 // wide))
    figure = sheet(title, parts, 116 + round((down + 0.2) * side))
    x, y = np.arange(number) % wide, np.arange(number) // wide
    share = np.clip(running / np.maximum(slots, 1), 0, 1)
    status = nodes["status"].astype(str).to_numpy()
    groups = {
        "busy": (status == "online") & (running > 0),
        "free": (status == "online") & (running == 0),
        **{state: status == state for state in NODE_STATES if state != "online"},
    }
    for state, chosen in groups.items():
        if not chosen.any():
            continue
        marker = fill_of(state)
        if state == "busy":  # the edge keeps its contrast, the inside says how busy
            colour = colour_of(state)
            marker["color"] = [faded(colour, 0.2 + 0.8 * part) for part in share[chosen]]
            marker["line"] = {"color": colour, "width": 1}
        figure.add_trace(
            go.Bar(  # a marker has a size in pixels, a bar one in tiles
                **key(state, state, int(chosen.sum())),
                x=x[chosen],
                base=y[chosen] - TILE / 2,
                y=np.full(int(chosen.sum()), TILE),
                width=TILE,
                marker=marker,
                customdata=words[chosen],
                hovertemplate="%{customdata}<extra></extra>",
            )
        )
    figure.update_xaxes(visible=False, range=[-0.6, wide - 0.4], constrain="domain")
    figure.update_xaxes(constraintoward="left")
    # Tied to the other axis, so that a tile is a square whatever the width of the page.
    figure.update_yaxes(
        visible=False, range=[down - 0.4, -0.6], scaleanchor="x", constrain="domain"
    )
    figure.update_yaxes(constraintoward="top")
    figure.update_layout(margin={"l": 16, "r": 16, "b": 24}, barmode="overlay")
    settle(figure)
    return figure
