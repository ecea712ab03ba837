"""Previews: what may be shown of a result by somebody who only looks.

A display is drawn on a thread of its own, again and again, and nobody who looks at a table asked
for eight megabytes. So nothing is ever fetched here. A result is unpickled here in one case only:
its bytes are in this process already, are at most `OPENED_BYTES`, and belong to a job that was
submitted with this fleet's own token. All others are shown once the
user has opened them, with ``future.result()`` or ``sweep.frame``.
"""

from __future__ import annotations

import reprlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from nexapod.client.futures import _UNOPENED, JobFuture
from nexapod.core.states import JobState
from nexapod.views.human import described, size
from nexapod.views.summaries import SweepRow

#: A larger result is not opened just to be shown.
OPENED_BYTES = 64 * 1024
#: Columns of results that are nothing but arrays: enough to see what they are.
SERIES_COLUMNS = 3

_SHORT = reprlib.Repr()
_SHORT.maxother = _SHORT.maxstring = _SHORT.maxlong = 80
_LONG = reprlib.Repr()
_LONG.maxother = _LONG.maxstring = _LONG.maxlong = 600
_LONG.maxlist = _LONG.maxtuple = _LONG.maxdict = _LONG.maxset = 12


class Preview(NamedTuple):
    """What is known of a result without asking for it.

    Attributes
    ----------
    is_open
        Whether `value` is the result.
    is_closed
        Whether there is a result that was left unopened; `size_bytes` where that is known.
    error
        Why it cannot be opened, in one line.
    """

    is_open: bool = False
    value: Any = None
    is_closed: bool = False
    size_bytes: int | None = None
    error: str = ""


def preview(future: JobFuture) -> Preview:
    """The result of `future` as far as it may be shown; see the module for how far that is."""
    if future._place is not JobState.COMPLETED:
        return Preview()
    # In this order: whoever opens a result keeps it before letting go of its bytes.
    value, opened = future._value, future._opened
    if opened is not _UNOPENED:
        return Preview(is_open=True, value=opened)
    if value is None or (value.format == "pickle" and not future._is_own):
        return Preview(is_closed=True)
    if value.data is None or len(value.data) > OPENED_BYTES:
        return Preview(is_closed=True, size_bytes=value.size)
    try:
        return Preview(is_open=True, value=future._open())
    except Exception as error:  # whatever unpickling runs into: a class that is gone, say
        return Preview(error=described(error))


def cell(item: Any) -> Any:
    """A piece of a result for a table: a number or a text as it is, of all else a short text.

    It costs little however large `item` is, and never raises.
    """
    try:
        if isinstance(item, str):
            return item[:500]
        if item is None or isinstance(item, float) or (type(item) is int and abs(item) < 10**30):
            return item
        shape = getattr(item, "shape", None)
        if isinstance(shape, tuple):
            kind = type(item).__name__.removeprefix("nd")
            plain = item.item() if shape == () else None
            return plain if isinstance(plain, bool | int | float) else f"{kind}{tuple(shape)}"
        if isinstance(item, bool):
            return item
        if isinstance(item, bytes | bytearray | memoryview):
            return f"{type(item).__name__} of {size(len(item))}"
        return _SHORT.repr(item)
    except Exception:  # the object's own code
        return f"<{type(item).__name__}>"


def long_text(item: Any) -> str:
    """A result as the few lines that a card has room for; costs little, never raises."""
    try:
        if isinstance(item, bytes | bytearray | memoryview):
            return str(cell(item))
        return _LONG.repr(item)
    except Exception:  # the object's own code
        return f"<{type(item).__name__}>"


def is_series(item: Any) -> bool:
    """Whether it is many values: an array, a list, a mapping, but no text."""
    try:
        return (
            hasattr(item, "__len__")
            and not isinstance(item, str)
            and getattr(item, "shape", None) != ()
        )
    except Exception:  # the object's own code
        return False


def _columns(seen: Preview) -> dict[str, Any]:
    """The columns that a result becomes."""
    if seen.is_open:
        if isinstance(seen.value, Mapping):
            return {str(name): item for name, item in seen.value.items()}
        return {"result": seen.value}
    return {} if seen.size_bytes is None else {"result": size(seen.size_bytes)}


class Table(NamedTuple):
    """The first rows of a sweep's frame; `is_partial` where results were left unopened."""

    header: tuple[str, ...]
    rows: tuple[SweepRow, ...]
    is_partial: bool


def table(futures: Sequence[JobFuture]) -> Table:
    """One row per future: its parameters, its result as far as that may be shown, its node."""
    previews = [preview(future) for future in futures]
    results = [_columns(seen) for seen in previews]
    names = list(dict.fromkeys(name for future in futures for name in future.params))
    every = dict.fromkeys(name for result in results for name in result)
    # A series of numbers is for the frame: in a table of a few columns it would push out the rest.
    found = [
        name
        for name in every
        if name == "result"
        or any(name in result and not is_series(result[name]) for result in results)
    ] or list(every)[:SERIES_COLUMNS]
    if not found and any(seen.error for seen in previews):
        found = ["result"]
    rows = []
    for future, seen, result in zip(futures, previews, results, strict=True):
        cells = [cell(result.get(name)) for name in found]
        if seen.error:
            cells[0] = seen.error
        params = [cell(future.params.get(name)) for name in names]
        rows.append(SweepRow(future.status, (*params, *cells, future.node)))
    taken = [f"{name}_result" if name in names else name for name in found]
    return Table((*names, *taken, "node"), tuple(rows), any(seen.is_closed for seen in previews))
