"""Throughput: how fast jobs end, and how many have."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from nexapod.views.figures.canvas import blank, sheet, time_unit
from nexapod.views.human import coarse, count, duration, rate
from nexapod.views.lanes import seconds
from nexapod.views.theme import colour_of

#: Bin widths that people can name, in seconds.
WIDTHS_S = (
    0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600,
    43_200, 86_400, 172_800, 604_800,
)  # fmt: skip
BINS = 60


def bin_width_s(span_s: float) -> float:
    """The named width that gives at most `BINS` bins over `span_s` seconds."""
    return next((width for width in WIDTHS_S if span_s / width <= BINS), WIDTHS_S[-1])


def throughput(attempts: pd.DataFrame) -> Any:
    """Attempts that ended per second over time, and below it how many in all.

    Parameters
    ----------
    attempts
        As made by `attempts_frame`. Completed and failed attempts count; those that were lost,
        released or cancelled say nothing about speed.

    Returns
    -------
    plotly.graph_objects.Figure
    """
    ended = attempts[attempts["end"].isin(["completed", "failed"]) & attempts["ended_at"].notna()]
    if ended.empty:
        empty = "No jobs yet" if attempts.empty else "No job has ended yet"
        return blank("Throughput", empty)
    end = seconds(ended["ended_at"])
    first = float(np.fmin(np.nanmin(seconds(attempts["started_at"])), end.min()))
    span_s = max(float(end.max()) - first, 0.1)
    width_s = bin_width_s(span_s)
    edges = first + np.arange(int(span_s // width_s) + 2) * width_s
    unit = time_unit(span_s)
    width = f"{width_s:g} s" if width_s < 60 else coarse(width_s)
    figure = sheet(
        f"{count(len(ended))} jobs in {duration(span_s)}, {rate(len(ended) / span_s)}",
        f"Above: rate in bins of {width}. Below: total.",
        height=440,
    )
    middle = ((edges[:-1] + edges[1:]) / 2 - first) / unit.seconds
    for state in ("completed", "failed"):
        of_state = np.sort(end[(ended["end"] == state).to_numpy()])
        if not len(of_state):
            continue
        per_bin, _ = np.histogram(of_state, bins=edges)
        figure.add_trace(
            go.Bar(
                name=state,
                legendgroup=state,
                x=middle.tolist(),
                y=(per_bin / width_s).tolist(),
                width=width_s / unit.seconds * 0.86,
                marker={"color": colour_of(state), "line": {"width": 0}},
                customdata=per_bin[:, None],
                hovertemplate=f"%{{customdata[0]:,}} {state} in {width}: "
                f"%{{y:.3g}} jobs/s<extra></extra>",
            )
        )
        figure.add_trace(_total(state, of_state, first, span_s, unit.seconds))
    figure.update_layout(
        barmode="stack",
        bargap=0,
        hovermode="x",
        xaxis={"domain": [0, 1], "anchor": "y", "matches": "x2", "showticklabels": False},
        yaxis={"domain": [0.46, 1], "title": {"text": "Jobs per second"}, "rangemode": "tozero"},
        xaxis2={
            "anchor": "y2",
            "title": {"text": f"Time since the first job started ({unit.name})"},
            "range": [0, (edges[-1] - first) / unit.seconds],
        },
        yaxis2={
            "domain": [0, 0.34],
            "anchor": "x2",
            "title": {"text": "Jobs in all"},
            "rangemode": "tozero",
            "tickformat": ",d" if len(ended) < 10_000 else "~s",
        },
    )
    figure.update_xaxes(showgrid=False)
    return figure


def _total(state: str, ends: Any, first: float, span_s: float, unit_s: float) -> Any:
    """The running total as a step line of at most a few hundred points."""
    at = np.unique(np.linspace(0, len(ends) - 1, num=min(len(ends), 400)).astype(np.int64))
    x = np.concatenate([[0.0], ends[at] - first, [span_s]]) / unit_s
    y = np.concatenate([[0], at + 1, [len(ends)]])
    return go.Scatter(
        name=state,
        legendgroup=state,
        showlegend=False,
        x=x.tolist(),
        y=y.tolist(),
        xaxis="x2",
        yaxis="y2",
        mode="lines",
        line={"color": colour_of(state), "width": 2, "shape": "hv"},
        hovertemplate=f"%{{y:,}} {state} in all<extra></extra>",
    )
