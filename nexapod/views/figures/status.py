"""Jobs by state, one bar per sweep."""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go

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
from nexapod.views.human import clip, count, plural
from nexapod.views.theme import STATE_ORDER, fill_of, inked, label_of

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
        One trace per state; beyond 24 sweeps the smallest share a bar.
    """
    if jobs.empty:
        return blank("Jobs by state", "No jobs yet: fleet.submit and fleet.sweep make some.")
    table = _table(jobs)
    states = [state for state in STATE_ORDER if state in table.columns]
    states += [state for state in table.columns if state not in states]
    done = int((jobs["status"] == "completed").sum())
    figure = sheet(
        f"{count(done)} of {plural(len(jobs), 'job')} completed",
        _parts(jobs),
        rows_height(len(table), 34),
    )
    names = [str(name) for name in table.index]
    places = list(range(len(names)))
    totals = table.sum(axis=1)
    for state in states:
        amounts = table[state]
        if amounts.any():
            figure.add_trace(_bars(state, names, amounts, totals))
    figure.add_trace(_ends(table, totals))
    horizontal(figure)
    figure.update_layout(barmode="stack")
    across(figure, "Jobs")
    most = int(totals.max())
    figure.update_xaxes(
        tickformat="~s" if most >= 10_000 else ",d",
        range=[0, most * 1.02],
        dtick=1 if most <= 6 else None,
    )
    figure.update_layout(margin={"r": 112})
    row_names(figure, names, places, len(names) - 0.4)
    settle(figure)
    return figure


def _bars(state: str, names: list[str], amounts: pd.Series[int], totals: pd.Series[int]) -> Any:
    word = label_of(state)
    return go.Bar(
        **key(state, word, int(amounts.sum())),
        x=amounts.tolist(),
        y=list(range(len(names))),
        orientation="h",
        marker=fill_of(state),
        customdata=[
            [safe(clip(name, 40)), count(int(total)), f"{amount / total:.0%}"]
            for name, amount, total in zip(names, amounts, totals, strict=True)
        ],
        hovertemplate="<b>%{customdata[0]}</b><br>%{x:,} of %{customdata[1]} "
        f"{word} (%{{customdata[2]}})<extra></extra>",
    )


def _ends(table: pd.DataFrame, totals: pd.Series[int]) -> Any:
    """Behind each bar: how much of it is done."""
    done = table["completed"] if "completed" in table else totals * 0
    return go.Scatter(
        x=totals.tolist(),
        y=list(range(len(totals))),
        mode="text",
        text=[
            inked(f"\u2002{count(int(part))} of {count(int(total))}")
            for part, total in zip(done, totals, strict=True)
        ],
        textposition="middle right",
        cliponaxis=False,
        showlegend=False,
        hoverinfo="skip",
    )


def _table(jobs: pd.DataFrame) -> pd.DataFrame:
    """Counts by sweep (rows, in order of first submission) and state (columns)."""
    sweep = jobs["sweep"].astype("object").where(jobs["sweep"].notna(), SINGLE)
    biggest = sweep.value_counts()
    if len(biggest) > SHOWN_SWEEPS:
        rest = set(biggest.index[SHOWN_SWEEPS - 1 :])
        sweep = sweep.where(~sweep.isin(rest), f"{len(rest)} smaller sweeps")
    table = pd.crosstab(sweep, jobs["status"].astype("object"))
    first = jobs["created_at"].groupby(sweep, sort=False).min().sort_values(kind="stable")
    return table.loc[list(first.index)]


def _parts(jobs: pd.DataFrame) -> list[str]:
    failed = int((jobs["status"] == "failed").sum())
    left = int(jobs["status"].isin(["pending", "assigned"]).sum())
    return [
        f"{count(left)} still to end" if left else "all have ended",
        f"{count(failed)} failed" if failed else "none failed",
    ]
