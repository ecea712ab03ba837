"""Jobs by state, one bar per sweep."""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from nexapod.views.figures.canvas import blank, horizontal, rows_height, safe, sheet
from nexapod.views.human import clip, count, plural
from nexapod.views.theme import STATE_ORDER, colour_of, label_of

#: More sweeps than this share one bar, the smallest ones.
SHOWN_SWEEPS = 24
SINGLE = "single jobs"


def status(jobs: pd.DataFrame) -> Any:
    """How many jobs are in which state, stacked, one horizontal bar per sweep.

    Parameters
    ----------
    jobs
        As made by `jobs_frame`.

    Returns
    -------
    plotly.graph_objects.Figure
    """
    if jobs.empty:
        return blank("Jobs by state", "No jobs yet")
    table = _table(jobs)
    states = [state for state in STATE_ORDER if state in table.columns]
    states += [state for state in table.columns if state not in states]
    done = int((jobs["status"] == "completed").sum())
    figure = sheet(
        f"{count(done)} of {plural(len(jobs), 'job')} completed",
        _subtitle(jobs),
        rows_height(len(table), 34),
    )
    names = [safe(clip(str(name), 32)) for name in table.index]
    totals = table.sum(axis=1)
    for state in states:
        amounts = table[state]
        if not amounts.any():
            continue
        figure.add_trace(
            go.Bar(
                name=label_of(state),
                x=amounts.tolist(),
                y=list(range(len(names))),
                orientation="h",
                marker={"color": colour_of(state), "line": {"width": 0}},
                opacity=0.45 if state == "pending" else 1,
                customdata=[
                    [name, f"{share:.0%}"]
                    for name, share in zip(names, amounts / totals, strict=True)
                ],
                hovertemplate="<b>%{customdata[0]}</b><br>%{x:,} "
                + label_of(state)
                + " (%{customdata[1]})<extra></extra>",
            )
        )
    horizontal(figure)
    figure.update_layout(barmode="stack")
    figure.update_xaxes(title_text="Jobs", tickformat="~s" if len(jobs) >= 10_000 else ",d")
    figure.update_yaxes(
        tickmode="array",
        tickvals=list(range(len(names))),
        ticktext=names,
        range=[len(names) - 0.4, -0.6],
    )
    return figure


def _table(jobs: pd.DataFrame) -> pd.DataFrame:
    """Counts by sweep (rows, in order of first submission) and state (columns)."""
    sweep = jobs["sweep"].astype("object").where(jobs["sweep"].notna(), SINGLE)
    biggest = sweep.value_counts()
    if len(biggest) > SHOWN_SWEEPS:
        rest = set(biggest.index[SHOWN_SWEEPS - 1 :])
        sweep = sweep.where(~sweep.isin(rest), f"{len(rest)} smaller sweeps")
    table = pd.crosstab(sweep, jobs["status"].astype("object"))
    first = jobs["created_at"].groupby(sweep).min().sort_values()
    return table.loc[list(first.index)]


def _subtitle(jobs: pd.DataFrame) -> str:
    failed = int((jobs["status"] == "failed").sum())
    open_jobs = int(jobs["status"].isin(["pending", "assigned"]).sum())
    parts = [f"{count(open_jobs)} open"] if open_jobs else ["none open"]
    parts.append(f"{count(failed)} failed" if failed else "none failed")
    return ", ".join(parts)
