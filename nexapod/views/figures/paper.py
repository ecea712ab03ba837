"""Figures for papers: a fixed size, black on white, 8 point text; PDF, SVG or PNG."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal

import plotly.graph_objects as go

from nexapod.views.figures.canvas import settle

#: The width of one and of two columns of most journals, in mm (Nature's are 89 and 183).
COLUMNS_MM = {1: 89.0, 2: 183.0}
#: A browser has 96 pixels to the inch, a page 72 points: 8 point text is 10.7 pixels high.
PX_PER_MM = 96 / 25.4
TEXT_PX = 8 * 96 / 72
FORMATS = ("pdf", "svg", "png")

INK = "#000000"
GRID = "#d9dce0"
FONT = "Arial, Helvetica, Liberation Sans, DejaVu Sans, sans-serif"


def paper(
    figure: Any,
    *,
    columns: Literal[1, 2] = 1,
    width_mm: float | None = None,
    height_mm: float | None = None,
    title: bool = False,
) -> Any:
    """A copy of `figure` as it stands in a paper: black 8 point text on white, no decoration.

    Parameters
    ----------
    figure
        Any figure of ``fleet.plot``; another plotly figure works too.
    columns
        As wide as one column of a journal (89 mm) or two (183 mm).
    width_mm, height_mm
        Instead of that; without a height, the figure keeps most of the one it has on the screen.
    title
        Whether to keep the title and the line below it, which papers have in the caption.

    Returns
    -------
    plotly.graph_objects.Figure
    """
    if columns not in COLUMNS_MM:
        raise ValueError(f"columns={columns}: a figure is 1 or 2 columns wide, or width_mm")
    width_px = _pixels(width_mm if width_mm is not None else COLUMNS_MM[columns], "width_mm")
    copy: Any = go.Figure(figure)
    tall_px = copy.layout.height or 360
    top_px = 62 if title else 24
    right_px = 0.9 * (copy.layout.margin.r or 10)
    height_px = (
        _pixels(height_mm, "height_mm")
        if height_mm is not None
        else max(0.7 * tall_px, 150) - (0 if title else 50)
    )
    text = {"family": FONT, "size": TEXT_PX, "color": INK}
    copy.update_layout(
        width=width_px,
        height=height_px,
        paper_bgcolor="#ffffff",
        plot_bgcolor="#ffffff",
        font=text,
        margin={"l": 30, "r": right_px, "t": top_px, "b": 34, "pad": 0},
        legend={"font": text, "itemwidth": 30, "tracegroupgap": 2},
        title={"font": {**text, "size": TEXT_PX * 1.15}, "pad": {"t": 4, "l": 4}},
    )
    copy.layout.title.subtitle.font = text
    if not title:
        copy.layout.title = None
    axis = {"tickfont": text, "title": {"font": text, "standoff": 5}, "gridcolor": GRID}
    copy.update_xaxes(**axis)
    copy.update_yaxes(**axis)
    copy.update_annotations(font=text)
    copy.for_each_trace(lambda trace: trace.update(textfont=text), {"type": "scatter"})
    if height_mm is None:
        settle(copy, width_px)
    return copy


def save(
    figure: Any,
    path: str | Path,
    *,
    columns: Literal[1, 2] = 1,
    width_mm: float | None = None,
    height_mm: float | None = None,
    title: bool = False,
    dpi: int = 300,
) -> Path:
    """Write `figure` for a paper, as the end of `path` says: ``.pdf``, ``.svg`` or ``.png``.

    Parameters
    ----------
    figure, columns, width_mm, height_mm, title
        As for `paper`.
    path
        Where to. The folder must exist.
    dpi
        Of a PNG: pixels to the inch.

    Returns
    -------
    pathlib.Path
        Where it was written.

    Raises
    ------
    ValueError
        Another ending, or a size that no page has.
    RuntimeError
        kaleido, or a Chrome or Chromium for it, is missing.
    """
    target = Path(path)
    ending = target.suffix.lower().removeprefix(".")
    if ending not in FORMATS:
        raise ValueError(f"a figure is saved as .pdf, .svg or .png, not as {target.name!r}")
    if not 36 <= dpi <= 2400:
        raise ValueError(f"dpi={dpi} is out of range; 300 suits print, 36 to 2400 are possible")
    page = paper(figure, columns=columns, width_mm=width_mm, height_mm=height_mm, title=title)
    image = _drawn(page, ending, dpi / 96 if ending == "png" else 1.0)
    target.write_bytes(_settled(image, page) if ending == "svg" else image)
    return target


def _pixels(size_mm: float, name: str) -> float:
    if not 10 <= size_mm <= 2000:
        raise ValueError(f"{name}={size_mm:g} is no size of a figure; 10 to 2000 mm are")
    return float(size_mm) * PX_PER_MM


def _drawn(page: Any, ending: str, scale: float) -> bytes:
    """The file's bytes. Text that takes the colour of the page around it is black there."""
    try:
        import kaleido
        from kaleido.errors import ChromeNotFoundError
    except ModuleNotFoundError:
        raise RuntimeError("saving a figure needs kaleido: pip install 'nexapod[export]'") from None
    words = page.to_plotly_json()
    spec = {"data": words["data"], "layout": words["layout"]}
    size = {"width": page.layout.width, "height": page.layout.height, "scale": scale}
    try:
        image: bytes = kaleido.calc_fig_sync(
            spec, opts={"format": ending, **size}, kopts={"mathjax": False}
        )
    except ChromeNotFoundError:
        raise RuntimeError(
            "saving a figure needs Chrome or Chromium: install one (Debian: apt-get install "
            "chromium), run kaleido_get_chrome, or name yours in BROWSER_PATH"
        ) from None
    return image


def _settled(image: bytes, page: Any) -> bytes:
    """An SVG of a size in mm and with black text, wherever it will be put."""
    width_mm, height_mm = page.layout.width / PX_PER_MM, page.layout.height / PX_PER_MM
    size = f'width="{width_mm:.2f}mm" height="{height_mm:.2f}mm"'
    image = image.replace(b"currentcolor", INK.encode())
    return re.sub(rb'width="[\d.]+" height="[\d.]+"', size.encode(), image, count=1)
