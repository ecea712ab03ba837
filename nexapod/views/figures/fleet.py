"""The fleet: what every node is doing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from nexapod.views.columns import NODE_STATES
from nexapod.views.figures.canvas import blank, horizontal, rows_height, safe, sheet
from nexapod.views.human import clip, count, plural
from nexapod.views.theme import colour_of

#: Up to this many nodes get a bar with a name each; more become tiles.
NAMED_NODES = 40


def fleet(nodes: pd.DataFrame) -> Any:
    """Busy and free slots of every node: a bar each, or a tile each in a large fleet.

    Parameters
    ----------
    nodes
        As made by `nodes_frame`. Nodes that left are not drawn.

    Returns
    -------
    plotly.graph_objects.Figure
    """
    shown = nodes[nodes["status"] != "left"]
    if shown.empty:
        return blank("Nodes", "No nodes yet")
    shown = shown.sort_index()
    running = shown["running"].to_numpy(dtype=np.int64)
    slots = shown["slots"].fillna(shown["running"].clip(lower=1)).to_numpy(dtype=np.int64)
    here = shown["status"].isin(["online", "suspect", "draining"]).to_numpy()
    gone = int((~here).sum())
    title = (
        f"{count(int(running[here].sum()))} of {plural(int(slots[here].sum()), 'slot')} busy "
        f"on {plural(int(here.sum()), 'node')}"
    )
    subtitle = f"{plural(gone, 'node')} lost" if gone else ""
    if len(shown) <= NAMED_NODES:
        return _bars(shown, running, slots, here, title, subtitle)
    return _tiles(shown, running, slots, here, title, subtitle)


def _hover(shown: pd.DataFrame, running: Any, slots: Any) -> list[str]:
    words = []
    for at, (name, row) in enumerate(shown.iterrows()):
        hardware = [f"{row['cpus']:g} cores", f"{row['memory_gb']:.0f} GB", str(row["gpu"])]
        words.append(
            f"<b>{safe(str(name))}</b> {row['status']}<br>"
            f"{running[at]} of {plural(int(slots[at]), 'slot')} busy<br>"
            + safe(" · ".join(part for part in hardware if part))
            + f"<br>{count(int(row['completed']))} completed, {count(int(row['failed']))} failed"
            + (f"<br>{safe(clip(str(row['unmatched']), 80))}" if row["unmatched"] else "")
        )
    return words


def _bars(
    shown: pd.DataFrame, running: Any, slots: Any, here: Any, title: str, subtitle: str
) -> Any:
    figure = sheet(title, subtitle, rows_height(len(shown), 32))
    place = np.arange(len(shown))
    hover = np.array(_hover(shown, running, slots), dtype=object)
    busy = np.where(here, running, 0)
    pieces: list[tuple[str, Any, str, float]] = [("busy", busy, "busy", 1.0)]
    pieces.append(("free", np.where(here, np.maximum(slots - busy, 0), 0), "free", 0.3))
    if (~here).any():
        pieces.append(("lost", np.where(here, 0, slots), "lost", 1.0))
    for name, amounts, state, opacity in pieces:
        figure.add_trace(
            go.Bar(
                name=name,
                x=amounts.tolist(),
                y=place.tolist(),
                orientation="h",
                marker={"color": colour_of(state), "line": {"width": 0}},
                opacity=opacity,
                customdata=hover[:, None],
                hovertemplate="%{customdata[0]}<extra></extra>",
            )
        )
    most = int(slots.max())
    figure.add_trace(_lights(shown, place, hover, -0.014 * most))
    names = [
        safe(clip(str(name), 30)) + ("" if state == "online" else f" ({state})")
        for name, state in zip(shown.index, shown["status"], strict=True)
    ]
    horizontal(figure)
    figure.update_layout(barmode="stack")
    figure.update_xaxes(
        title_text="Slots", range=[-most * 0.028, most * 1.02], tickformat=",d",
        dtick=1 if most <= 10 else None, rangemode="tozero",
    )  # fmt: skip
    figure.update_yaxes(
        tickmode="array",
        tickvals=place.tolist(),
        ticktext=names,
        range=[len(names) - 0.4, -0.6],
    )
    return figure


def _lights(shown: pd.DataFrame, place: Any, hover: Any, x: float) -> Any:
    """A dot beside each name in the colour of the node's state."""
    return go.Scatter(
        x=[x] * len(shown),
        y=place.tolist(),
        xaxis="x",
        mode="markers",
        marker={
            "size": 8,
            "color": [colour_of(str(state)) for state in shown["status"]],
            "line": {"width": 0},
        },
        cliponaxis=False,
        showlegend=False,
        customdata=hover[:, None],
        hovertemplate="%{customdata[0]}<extra></extra>",
    )


def _tiles(
    shown: pd.DataFrame, running: Any, slots: Any, here: Any, title: str, subtitle: str
) -> Any:
    number = len(shown)
    across = max(12, round((number * 2.6) ** 0.5))
    down = -(-number // across)
    side = max(8, min(26, 600 // across))
    figure = sheet(title, subtitle, 128 + round((down + 0.2) * side))
    x, y = np.arange(number) % across, np.arange(number) // across
    hover = np.array(_hover(shown, running, slots), dtype=object)
    share = np.clip(running / np.maximum(slots, 1), 0, 1)
    status = shown["status"].astype(str).to_numpy()
    # How full a node is, is how strong its blue is; what is not simply online has its own colour.
    groups: list[tuple[str, str, Any, Any]] = [
        ("free", "free", (status == "online") & (running == 0), 0.35),
        ("busy", "busy", (status == "online") & (running > 0), 0.35 + 0.65 * share),
    ]
    groups += [(state, state, status == state, 0.9) for state in NODE_STATES if state != "online"]
    for name, state, chosen, opacity in groups:
        if not chosen.any():
            continue
        figure.add_trace(
            go.Scatter(
                name=name,
                x=x[chosen].tolist(),
                y=y[chosen].tolist(),
                mode="markers",
                marker={
                    "symbol": "square",
                    "size": side - 4,
                    "color": colour_of(state),
                    "opacity": opacity[chosen].tolist()
                    if isinstance(opacity, np.ndarray)
                    else opacity,
                    "line": {"width": 0},
                },
                customdata=hover[chosen][:, None],
                hovertemplate="%{customdata[0]}<extra></extra>",
            )
        )
    figure.update_xaxes(visible=False, range=[-0.6, across - 0.4], constrain="domain")
    figure.update_xaxes(constraintoward="left")
    # Tied to the other axis, so that a tile is a square whatever the width of the page.
    figure.update_yaxes(
        visible=False, range=[down - 0.4, -0.6], scaleanchor="x", constrain="domain"
    )
    figure.update_layout(margin={"l": 24, "r": 24, "b": 24})
    return figure
