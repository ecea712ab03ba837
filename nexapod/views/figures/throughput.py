"""Throughput: how fast jobs end, how many run, how many wait."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from nexapod.views.depths import Depth, queue
from nexapod.views.figures.canvas import TimeUnit, across, blank, key, sheet, time_unit
from nexapod.views.human import coarse, count, duration, plural, rate
from nexapod.views.lanes import Floats, seconds
from nexapod.views.theme import colour_of, faded, inked

#: Bin widths that people can name, in seconds.
WIDTHS_S = (
    0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600,
    43_200, 86_400, 172_800, 604_800,
)  # fmt: skip
BINS = 60
#: Where the three strips stand, from the bottom of the figure up.
STRIPS = {"y": (0.53, 0.92), "y2": (0.265, 0.415), "y3": (0.0, 0.15)}
WORDS = {"y": "Jobs that ended per second", "y2": "Jobs running", "y3": "Jobs waiting"}


def bin_width_s(span_s: float) -> float:
    """The named width that gives at most `BINS` bins over `span_s` seconds."""
    return next((width for width in WIDTHS_S if span_s / width <= BINS), WIDTHS_S[-1])


def throughput(jobs: pd.DataFrame, attempts: pd.DataFrame) -> Any:
    """Jobs that ended per second over time; below it, how many ran and how many waited.

    A job ends once: when it becomes completed or failed, by its ``finished_at``. *Jobs per second*
    is the number of jobs that ended in a bin, divided by the bin's width; the rate in the title is
    all of them, divided by the time from the first start to the last end. An attempt that was lost
    or released ends no job (its job goes back to waiting), and a cancelled job is no work done.

    Parameters
    ----------
    jobs
        As made by `jobs_frame`.
    attempts
        As made by `attempts_frame`, of the same jobs.

    Returns
    -------
    plotly.graph_objects.Figure
        At most 60 bins, and at most 600 points a line, which keep every peak.
    """
    ended = jobs[jobs["status"].isin(["completed", "failed"]) & jobs["finished_at"].notna()]
    if ended.empty:
        return blank(
            "Throughput",
            "No jobs yet: fleet.submit and fleet.sweep make some."
            if jobs.empty
            else "No job has ended yet: the first will show here.",
        )
    depth = queue(jobs, attempts)
    first, last = float(depth.at[0]), float(depth.at[-1])
    end = seconds(ended["finished_at"])
    starts = seconds(attempts["started_at"])
    begin = float(np.nanmin(starts)) if np.isfinite(starts).any() else first
    work_s = max(float(end.max()) - min(begin, float(end.min())), 0.1)
    width_s = bin_width_s(max(last - first, 0.1))
    width = f"{width_s:g} s" if width_s < 60 else coarse(width_s)
    bins = int((last - first) // width_s) + 1
    edges = np.linspace(first, first + bins * width_s, bins + 1)
    unit = time_unit(last - first)
    peak = float(np.histogram(end, bins=edges)[0].max()) / width_s
    figure = sheet(
        f"{plural(len(ended), 'job')} ended in {duration(work_s)}, {rate(len(ended) / work_s)}",
        [
            f"at most {rate(peak)} (in {width})",
            f"{count(int(depth.running.max()))} running",
            f"{count(int(depth.waiting.max()))} waiting",
        ],
        height=460,
    )
    for state in ("completed", "failed"):
        own = end[(ended["status"] == state).to_numpy()]
        if len(own):
            figure.add_trace(_bars(state, own, edges, unit, width))
    figure.add_trace(_line("running", depth.at, depth.running, first, unit, "2"))
    figure.add_trace(_line("pending", depth.at, depth.waiting, first, unit, "3"))
    _lay_out(figure, (edges[-1] - first) / unit.seconds, unit, depth)
    return figure


def _bars(state: str, end: Floats, edges: Floats, unit: TimeUnit, width: str) -> Any:
    per_bin, _ = np.histogram(end, bins=edges)
    width_s = edges[1] - edges[0]
    return go.Bar(
        **key(state, state, len(end)),
        x=((edges[:-1] + edges[1:]) / 2 - edges[0]) / unit.seconds,
        y=per_bin / width_s,
        width=width_s / unit.seconds * 0.86,
        marker={"color": colour_of(state), "line": {"width": 0}},
        customdata=per_bin,
        hovertemplate=f"%{{customdata:,}} {state} in {width}: %{{y:.3g}} jobs/s<extra></extra>",
    )


def _line(state: str, at: Floats, depth: Floats, first: float, unit: TimeUnit, axis: str) -> Any:
    """A depth as steps, filled down to zero; hollow and solid as everywhere."""
    colour = colour_of(state)
    word = WORDS[f"y{axis}"].removeprefix("Jobs ")
    return go.Scatter(
        meta=state,
        showlegend=False,
        x=(at - first) / unit.seconds,
        y=depth,
        yaxis=f"y{axis}",
        mode="lines",
        line={"color": colour, "width": 1.5, "shape": "hv"},
        fill="tozeroy",
        fillcolor=faded(colour, 0.16 if state == "pending" else 0.45),
        hovertemplate=f"%{{y:,}} {word}<extra></extra>",
    )


def _lay_out(figure: Any, span: float, unit: TimeUnit, depth: Depth) -> None:
    """Three strips over one time axis, each with its name above it."""
    figure.update_layout(barmode="stack", bargap=0, hovermode="x")
    figure.update_xaxes(
        anchor="y3",
        range=[0, span],
        showgrid=False,
        hoverformat=".4~g",
    )
    across(figure, f"Time since the first submission ({unit.name})")
    most = {"y2": depth.running.max(), "y3": depth.waiting.max()}
    for axis, domain in STRIPS.items():
        figure.layout["yaxis" + axis[1:]] = {
            "domain": domain,
            "anchor": "x",
            "rangemode": "tozero",
            "nticks": 5 if axis == "y" else 3,
            "tickformat": "" if axis == "y" else "~s" if most[axis] >= 10_000 else ",d",
            # Headroom, and something to see where nothing ever ran or waited.
            "range": None if axis == "y" else [0, max(1.0, float(most[axis])) * 1.12],
        }
        figure.add_annotation(
            text=inked(WORDS[axis]),
            x=0,
            xref="paper",
            xanchor="left",
            y=domain[1],
            yref="paper",
            yanchor="bottom",
            yshift=3,
            showarrow=False,
        )
