"""Where we are: a kernel with widgets, a kernel without, a terminal, or nowhere in particular."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import Any


def kernel() -> Any:
    """The Jupyter kernel this process is, or None. Imports nothing."""
    ipython = sys.modules.get("IPython")
    if ipython is None:
        return None
    shell = ipython.get_ipython() if hasattr(ipython, "get_ipython") else None
    return getattr(shell, "kernel", None)


def has_widgets() -> bool:
    """Whether this is a kernel in which widgets can be made: only there do comms reach a page."""
    return kernel() is not None and find_spec("anywidget") is not None


def is_terminal(stream: Any) -> bool:
    """Whether `stream` is a terminal."""
    try:
        return bool(stream.isatty())
    except (AttributeError, ValueError):  # no stream at all (pythonw), or a closed one
        return False
