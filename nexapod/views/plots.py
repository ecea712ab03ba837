"""``fleet.plot``: the figures, each drawn from the fleet's frames as they are now."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from nexapod.views import figures

if TYPE_CHECKING:
    from nexapod.client.fleet import Fleet


class Plots:
    """Plotly figures of a fleet, each drawn from frames; see `nexapod.views.figures`."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    def __repr__(self) -> str:
        return "<fleet.plot: .fleet() .timeline() .throughput() .status() .save()>"

    def fleet(self) -> Any:
        """One bar or tile per node: busy and free slots."""
        return figures.fleet(self._fleet.nodes)

    def timeline(
        self, *, sweep: str | None = None, colour: Literal["end", "sweep"] = "end",
        clock: bool = False,
    ) -> Any:  # fmt: skip
        """One lane per slot, one bar per attempt.

        Parameters
        ----------
        sweep
            Only the attempts of this sweep.
        colour
            What the colour says: how the attempt ended, or its sweep.
        clock
            Time of day on the axis instead of time elapsed.
        """
        attempts = self._fleet.attempts
        if sweep is not None:
            attempts = attempts[attempts["sweep"] == sweep]
        return figures.timeline(attempts, colour=colour, clock=clock, now_s=time.time())

    def throughput(self) -> Any:
        """Jobs that ended per second, how many ran and how many waited."""
        return figures.throughput(self._fleet.jobs, self._fleet.attempts)

    def status(self) -> Any:
        """Jobs by state, per sweep."""
        return figures.status(self._fleet.jobs)

    def save(
        self, figure: Any, path: str | Path, *, columns: Literal[1, 2] = 1,
        width_mm: float | None = None, height_mm: float | None = None, title: bool = False,
        dpi: int = 300,
    ) -> Path:  # fmt: skip
        """Write a figure for a paper as PDF, SVG or PNG: 8 point text, black on white.

        Parameters
        ----------
        figure
            Any of these figures, or another of plotly's.
        path
            Ends in ``.pdf``, ``.svg`` or ``.png``.
        columns
            As wide as one column of a journal (89 mm) or two (183 mm).
        width_mm, height_mm
            Another size.
        title
            Whether to keep the title, which papers have in the caption.
        dpi
            Of a PNG.

        Returns
        -------
        pathlib.Path
            Where it was written.
        """
        return figures.save(
            figure, path, columns=columns, width_mm=width_mm, height_mm=height_mm, title=title,
            dpi=dpi,
        )  # fmt: skip
