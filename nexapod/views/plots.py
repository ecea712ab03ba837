"""``fleet.plot``: the figures, each drawn from the fleet's frames as they are now."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Literal

from nexapod.views import figures

if TYPE_CHECKING:
    from nexapod.client.fleet import Fleet


class Plots:
    """Plotly figures of a fleet, each drawn from a frame; see `nexapod.views.figures`."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    def __repr__(self) -> str:
        return "<fleet.plot: .fleet() .timeline() .throughput() .status()>"

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
        """Jobs that ended per second, and in all."""
        return figures.throughput(self._fleet.attempts)

    def status(self) -> Any:
        """Jobs by state, per sweep."""
        return figures.status(self._fleet.jobs)
