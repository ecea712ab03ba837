"""What all figures share: the empty sheet, titles, the unit of a time axis."""

from __future__ import annotations

from typing import Any, NamedTuple

import plotly.graph_objects as go

from nexapod.views.theme import GRID, INK, template


class TimeUnit(NamedTuple):
    """The unit in which an elapsed-time axis has readable numbers."""

    seconds: float
    name: str


def time_unit(span_s: float) -> TimeUnit:
    """Seconds up to 3 min, minutes up to 3 h, hours up to 3 d, else days."""
    for limit_s, seconds, name in ((180, 1, "s"), (10_800, 60, "min"), (259_200, 3600, "h")):
        if span_s <= limit_s:
            return TimeUnit(float(seconds), name)
    return TimeUnit(86_400.0, "d")


def sheet(title: str, subtitle: str = "", height: int = 360) -> Any:
    """An empty figure in the house style.

    Returns
    -------
    plotly.graph_objects.Figure
    """
    figure: Any = go.Figure()
    figure.update_layout(
        template=template(),
        title={"text": _plain(title), "subtitle": {"text": _plain(subtitle)}},
        height=height,
    )
    return figure


def blank(title: str, message: str) -> Any:
    """A figure with nothing on it but a calm sentence."""
    figure = sheet(title, height=220)
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    figure.add_annotation(
        text=_plain(message),
        x=0.5,
        y=0.5,
        xref="paper",
        yref="paper",
        showarrow=False,
        font={"size": 14, "color": INK},
    )
    return figure


def rows_height(rows: int, row: int, least: int = 240, most: int = 1400) -> int:
    """The height of a figure with `rows` rows of `row` pixels, margins included."""
    return max(least, min(most, 164 + rows * row))


def horizontal(figure: Any) -> None:
    """Grid along the values only, as suits horizontal bars."""
    figure.update_yaxes(showgrid=False)
    figure.update_xaxes(showgrid=True, gridcolor=GRID)


def safe(text: str) -> str:
    """`text` for a hover label or a tick: plotly reads a little HTML, names may not."""
    return _plain(text)


def _plain(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
