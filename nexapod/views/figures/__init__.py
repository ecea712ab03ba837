"""plotly figures, each a pure function of frames: ``fleet.plot`` is these; `save` is for papers.

No figure is a `FigureWidget`: one of those costs a notebook five megabytes.
"""

from nexapod.views.figures.fleet import fleet
from nexapod.views.figures.paper import paper, save
from nexapod.views.figures.status import status
from nexapod.views.figures.throughput import throughput
from nexapod.views.figures.timeline import timeline

__all__ = ["fleet", "paper", "save", "status", "throughput", "timeline"]
