"""The one door from the client to how things look.

Views import the client, never the other way round, so that the client works on a machine without
pandas, plotly or Jupyter. What a fleet, a future or a sweep shows of itself is looked up here by
name when somebody looks.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from typing import Any

from nexapod import errors


def view(module: str) -> Any:
    """The module ``nexapod.views.MODULE``.

    Raises
    ------
    Invalid
        When the notebook libraries are not installed; says how to install them.
    """
    try:
        return importlib.import_module(f"nexapod.views.{module}")
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("nexapod"):
            raise
        raise errors.Invalid(
            f"this view needs {error.name}; install it with: pip install 'nexapod[notebook]'"
        ) from None


def changed(thing: Shown) -> None:
    """Have the displays of `thing` look at it again, where there are any."""
    portraits = sys.modules.get("nexapod.views.portraits")
    if portraits is not None:
        portraits.wake(thing)


class Shown:
    """Shows itself in a notebook through ``nexapod.views.portraits``, as text elsewhere."""

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        try:
            portraits = view("portraits")
        except errors.Invalid:
            return {"text/plain": repr(self)}
        return portraits.bundle(self, include, exclude)

    def __str__(self) -> str:
        try:
            return str(view("portraits").text(self))
        except errors.Invalid:
            return repr(self)
