"""nexapod: your lab's compute, in a notebook cell."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0.dev0"

if TYPE_CHECKING:
    from nexapod.client.fleet import Fleet
    from nexapod.client.futures import JobFuture
    from nexapod.client.invitation import Invitation
    from nexapod.client.launch import connect, launch
    from nexapod.client.sweep import Sweep
    from nexapod.errors import JobCancelled, JobFailed, JobTimedOut, NexapodError
    from nexapod.node.progress import progress

__all__ = [
    "Fleet",
    "Invitation",
    "JobCancelled",
    "JobFailed",
    "JobFuture",
    "JobTimedOut",
    "NexapodError",
    "Sweep",
    "connect",
    "launch",
    "progress",
]

#: Where each public name lives; loaded when first used, so that a node imports almost nothing.
_HOMES = {
    "Fleet": "nexapod.client.fleet",
    "Invitation": "nexapod.client.invitation",
    "JobCancelled": "nexapod.errors",
    "JobFailed": "nexapod.errors",
    "JobFuture": "nexapod.client.futures",
    "JobTimedOut": "nexapod.errors",
    "NexapodError": "nexapod.errors",
    "Sweep": "nexapod.client.sweep",
    "_jupyter_labextension_paths": "nexapod.jupyter",
    "_jupyter_server_extension_points": "nexapod.jupyter",
    "connect": "nexapod.client.launch",
    "launch": "nexapod.client.launch",
    "progress": "nexapod.node.progress",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'nexapod' has no attribute '{name}'")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
