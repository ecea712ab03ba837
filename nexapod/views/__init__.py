"""What people see: DataFrames, figures, reprs and live displays. A small, lazy front door.

Nothing here is imported before it is used: a terminal that only prints a status pays for neither
pandas nor plotly.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import nexapod.views.figures as figures
    from nexapod.views.frames import attempts_frame as attempts_frame
    from nexapod.views.frames import jobs_frame as jobs_frame
    from nexapod.views.frames import nodes_frame as nodes_frame
    from nexapod.views.live import Live as Live
    from nexapod.views.progress import progress as progress
    from nexapod.views.sweeps import sweep_frame as sweep_frame
    from nexapod.views.terminal import status_view as status_view

#: Public name to the module it lives in; a name that is missing there is the module itself.
_HOMES = {
    "attempts_frame": "frames",
    "jobs_frame": "frames",
    "nodes_frame": "frames",
    "sweep_frame": "sweeps",
    "figures": "figures",
    "Live": "live",
    "progress": "progress",
    "status_view": "terminal",
}

__all__ = [
    "Live",
    "attempts_frame",
    "figures",
    "jobs_frame",
    "nodes_frame",
    "progress",
    "status_view",
    "sweep_frame",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(f"{__name__}.{home}")
    return getattr(module, name, module)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
