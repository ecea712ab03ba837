"""One visual language: the colour of every state, and the plotly template built on it.

Every colour has a contrast of at least 3 with a white page and with JupyterLab's two dark ones.
States that can stand side by side keep apart for normal vision (CIEDE2000 of at least 20) and for
every kind of colour blindness (at least 13); the colours were searched for under these conditions,
and a test repeats the sum. Every view also writes the state's name, and what has not begun (pending
jobs, free slots) is drawn hollow.
"""

from __future__ import annotations

from typing import Any

#: The colour of a state, for jobs, attempts, nodes and slots alike. One word, one colour.
STATE_COLOURS: dict[str, str] = {
    # jobs
    "pending": "#8c8d90",
    "assigned": "#2563eb",
    "running": "#2563eb",
    "completed": "#0b8060",
    "failed": "#bd4427",
    "cancelled": "#8b6288",
    # attempts
    "lost": "#c8860a",
    "released": "#079dd4",
    # nodes
    "online": "#0b8060",
    "suspect": "#756d24",
    "draining": "#079dd4",
    "left": "#8c8d90",
    # slots
    "busy": "#2563eb",
    "free": "#8c8d90",
}

#: What people read for a state, where the word on the wire is not the one they would say.
STATE_LABELS: dict[str, str] = {"assigned": "running"}

#: The order in which states are stacked and listed: what is done first, what is open last.
STATE_ORDER: tuple[str, ...] = (
    "completed",
    "failed",
    "lost",
    "cancelled",
    "released",
    "assigned",
    "running",
    "pending",
)

#: What has not begun: drawn hollow wherever it is drawn.
OPEN = frozenset({"pending", "free"})

#: For things that are not states (sweeps): hues that no state uses loudly.
SERIES_COLOURS: tuple[str, ...] = (
    "#7b8cf4",
    "#b2466f",
    "#58a27a",
    "#88683a",
    "#7560af",
    "#939139",
    "#b780b0",
    "#567e82",
)

#: Used for a state this version does not know.
UNKNOWN_COLOUR = "#7d8590"

#: Where text cannot follow the page (see `inked`): as legible on white as on near-black.
INK = "#757c86"
GRID = "rgba(128,136,146,0.22)"
AXIS = "rgba(128,136,146,0.45)"

FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", sans-serif'

#: No one colour is legible (a contrast of 4.5) on both white and near-black, so text takes the
#: colour of the page around the figure: plotly hands the style of a span on to the SVG as it is.
STRONG = '<span style="color:currentcolor">'
SOFT = '<span style="color:currentcolor;fill-opacity:0.76">'
END = "</span>"


def inked(markup: str, span: str = SOFT) -> str:
    """`markup` in the text colour of the page that the figure will stand on."""
    return f"{span}{markup}{END}" if markup else ""


def colour_of(state: str) -> str:
    """The hex colour of `state`."""
    return STATE_COLOURS.get(state, UNKNOWN_COLOUR)


def faded(colour: str, share: float) -> str:
    """``#rrggbb`` with an opacity of `share`."""
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red},{green},{blue},{share:.2f})"


def fill_of(state: str) -> dict[str, Any]:
    """A plotly marker for `state`: solid, or hollow for what has not begun."""
    colour = colour_of(state)
    if state in OPEN:
        return {"color": faded(colour, 0.16), "line": {"color": colour, "width": 1}}
    return {"color": colour, "line": {"width": 0}}


def label_of(state: str) -> str:
    """The word that people read for `state`."""
    return STATE_LABELS.get(state, state)


def template() -> Any:
    """The plotly template of every figure: transparent and quiet.

    Returns
    -------
    plotly.graph_objects.layout.Template
    """
    import plotly.graph_objects as go

    axis = {
        "gridcolor": GRID,
        "gridwidth": 1,
        "zeroline": False,
        "linecolor": AXIS,
        "linewidth": 1,
        "showline": False,
        "ticks": "",
        "ticklabelstandoff": 4,
        "automargin": True,
        "tickprefix": SOFT,
        "ticksuffix": END,
        "title": {"standoff": 12, "font": {"size": 12, "color": INK}},
        "tickfont": {"size": 12, "color": INK},
    }
    layout: Any = {
        "font": {"family": FONT, "size": 12, "color": INK},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "colorway": list(SERIES_COLOURS),
        "title": {
            "x": 0,
            "xref": "container",
            "xanchor": "left",
            "y": 1,
            "yref": "container",
            "yanchor": "top",
            "pad": {"t": 14, "l": 16},
            "font": {"size": 16, "color": INK, "weight": 600},
            "subtitle": {"font": {"size": 13, "color": INK, "weight": 400}},
        },
        "margin": {"l": 56, "r": 24, "t": 94, "b": 52},
        "xaxis": axis,
        "yaxis": axis,
        "legend": {
            "orientation": "h",
            "x": 0,
            "xanchor": "left",
            "y": 1,
            "yanchor": "bottom",
            "title": {"text": ""},
            "traceorder": "normal",
            "font": {"size": 12, "color": INK},
            "itemsizing": "constant",
            "bgcolor": "rgba(0,0,0,0)",
        },
        "hoverlabel": {
            "font": {"family": FONT, "size": 12, "color": "#f2f4f7"},
            "bgcolor": "#2a3038",
            "bordercolor": "#4a525d",
            "align": "left",
            "namelength": 0,
        },
        "bargap": 0.25,
        "separators": ".,",
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": AXIS, "activecolor": INK},
    }
    return go.layout.Template(layout=layout)
