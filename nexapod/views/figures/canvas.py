"""What all figures share: the empty sheet, titles, the key, the unit of a time axis."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import plotly.graph_objects as go

from nexapod.views.human import clip, count
from nexapod.views.theme import GRID, STRONG, inked, template


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


def sheet(title: str, parts: Sequence[str] = (), height: int = 360) -> Any:
    """An empty figure in the house style.

    Parameters
    ----------
    title
        What is seen, with its figure.
    parts
        What else is worth a figure, for the line below.
    height
        In pixels; the width is that of the cell.

    Returns
    -------
    plotly.graph_objects.Figure
    """
    figure: Any = go.Figure()
    figure.update_layout(
        template=template(),
        title={
            "text": inked(safe(title), STRONG),
            "subtitle": {"text": inked(safe(" · ".join(parts)))},
        },
        height=height,
    )
    return figure


def blank(title: str, message: str) -> Any:
    """A figure with nothing on it but a kind sentence."""
    figure = sheet(title, height=180)
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    figure.update_layout(margin={"t": 44, "b": 24})
    figure.add_annotation(
        text=inked(safe(message)),
        x=0.5,
        y=0.5,
        xref="paper",
        yref="paper",
        showarrow=False,
        font={"size": 14},
    )
    return figure


def rows_height(rows: int, row_px: int, least: int = 200, most: int = 1400) -> int:
    """The height in pixels of a figure with `rows` rows, margins included."""
    return max(least, min(most, 150 + rows * row_px))


def horizontal(figure: Any) -> None:
    """Grid along the values only, as suits horizontal bars."""
    figure.update_yaxes(showgrid=False)
    figure.update_xaxes(showgrid=True, gridcolor=GRID)


def across(figure: Any, words: str) -> None:
    """Name the horizontal axis."""
    figure.update_xaxes(title_text=inked(words))


def row_names(
    figure: Any,
    names: Sequence[str],
    places: Sequence[Any],
    most: float,
    dots: Sequence[str] = (),
) -> None:
    """Name the rows of a figure, the first on top.

    Parameters
    ----------
    most
        Where the last row ends.
    dots
        A colour for each name, to be shown behind it.
    """
    words = [inked(safe(clip(name, 28))) for name in names]
    if dots:
        words = [
            f'{word} <span style="color:{colour}">●</span>'
            for word, colour in zip(words, dots, strict=True)
        ]
    figure.update_yaxes(tickmode="array", tickvals=list(places), ticktext=words, range=[most, -0.6])


def settle(figure: Any, width_px: float = 700) -> None:
    """Make room for every line of the key, which grows upwards from the plot."""
    layout = figure.layout
    letter_px = (layout.legend.font.size or 12) * 0.56
    left_px = max((len(_letters(word)) for word in layout.yaxis.ticktext or ("",)), default=0)
    room_px = width_px - max(layout.margin.l or 56, 16 + left_px * letter_px)
    room_px -= layout.margin.r or 24
    needs_px = [
        46 + len(_letters(trace.name)) * letter_px for trace in figure.data if trace.showlegend
    ]
    # One line takes what its words need; in several, all columns are as wide as the widest.
    lines = 1
    if sum(needs_px) > room_px:
        lines = -(-len(needs_px) // max(1, int(room_px // max(needs_px))))
    more_px = (lines - 1) * letter_px * 2.9
    layout.margin.t = (layout.margin.t or 94) + more_px
    layout.height += more_px


def _letters(markup: str) -> str:
    return re.sub(r"<[^>]*>", "", markup)


def key(state: str, words: str, number: int | None = None) -> dict[str, Any]:
    """What a trace says of itself: its line in the key, and `meta`, the plain state."""
    label = safe(clip(words, 28))
    return {
        "name": inked(label if number is None else f"{count(number)} {label}"),
        "meta": state,
        "legendgroup": state,
        "showlegend": True,
    }


def safe(text: str) -> str:
    """`text` for a title, a tick or a hover label: plotly reads a little HTML, names may not."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
