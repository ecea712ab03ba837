"""The table of a sweep as it goes to the page: columns of parameters and results, with their types.

The columns are those of ``sweep.frame``, by the same names, as far as a cell can hold them:
numbers, truth values and text. Whatever else a result is made of is left to the frame.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from nexapod.views.columns import SWEEP
from nexapod.views.previews import cell, is_series

Type = Literal["number", "text", "bool"]
Scalar = float | int | str | bool | None

#: Columns beyond this are left to the frame.
MOST_COLUMNS = 100
#: Characters of a text.
MOST_CHARACTERS = 200
#: Larger whole numbers are no longer whole in a browser.
_WHOLE = 2**53


class SweepColumn(msgspec.Struct):
    """One column: its name, whose it is, and what its cells are."""

    name: str
    role: Literal["param", "result"]
    type: Type = "number"


class SweepTable:
    """Cells by row and column; both only ever come to it.

    Parameters
    ----------
    params
        The parameters of each job.

    Attributes
    ----------
    columns
        All columns, in the order of their appearance.
    """

    def __init__(self, params: Sequence[Mapping[str, Any]]) -> None:
        self.columns: list[SweepColumn] = []
        self._at: dict[tuple[str, str], int] = {}
        self._typed: list[bool] = []
        self._names = {column.name for column in SWEEP}
        self._rows: list[list[Scalar]] = [[] for _ in params]
        for name in dict.fromkeys(name for mapping in params for name in mapping):
            self._column("param", name)
        for row, mapping in enumerate(params):
            for name, value in mapping.items():
                self._put(row, "param", name, scalar(value))

    def put_result(self, row: int, result: Any) -> None:
        """Fill in a result; that may change the columns."""
        for name, value in _pieces(result):
            self._put(row, "result", name, value)

    def clear_result(self, row: int) -> None:
        """Forget a result: its job was submitted again."""
        for at, column in enumerate(self.columns[: len(self._rows[row])]):
            if column.role == "result":
                self._rows[row][at] = None

    def cells(self, row: int) -> list[Scalar]:
        """The row's cells, each of its column's type."""
        found = self._rows[row]
        if len(found) < len(self.columns):
            found += [None] * (len(self.columns) - len(found))
        return [
            _text(value) if column.type == "text" else value
            for column, value in zip(self.columns, found, strict=True)
        ]

    def _put(self, row: int, role: Literal["param", "result"], name: str, value: Scalar) -> None:
        at = self._column(role, name)
        if at is None:
            return
        cells = self._rows[row]
        if len(cells) <= at:
            cells += [None] * (at + 1 - len(cells))
        cells[at] = value
        found = type_of(value)
        if found is None:
            return
        column = self.columns[at]
        if not self._typed[at]:
            self._typed[at], column.type = True, found
        elif column.type != found:
            column.type = "text"

    def _column(self, role: Literal["param", "result"], name: str) -> int | None:
        at = self._at.get((role, name))
        if at is None and len(self.columns) < MOST_COLUMNS:
            free = encodable(name)
            if role == "result":  # as in the frame
                while free in self._names:
                    free += "_result"
            self._names.add(free)
            at = self._at[role, name] = len(self.columns)
            self.columns.append(SweepColumn(free, role))
            self._typed.append(False)
        return at


def scalar(item: Any) -> Scalar:
    """A piece of a result as a cell: what is no number, truth value or text is a short text."""
    value = cell(item)
    if isinstance(value, int) and abs(value) > _WHOLE:
        value = float(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, int | None) else encodable(str(value))[:MOST_CHARACTERS]


def encodable(text: str) -> str:
    """The text without what UTF-8 cannot hold: half a surrogate pair, say."""
    return text.encode("utf-8", "replace").decode()


def type_of(value: Scalar) -> Type | None:
    """What a cell is; None where it is empty."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "bool"
    return "text" if isinstance(value, str) else "number"


def _pieces(result: Any) -> list[tuple[str, Scalar]]:
    """The columns that a result becomes."""
    if isinstance(result, Mapping):
        return [(str(name), scalar(item)) for name, item in result.items() if not is_series(item)]
    return [("result", scalar(result))]


def _text(value: Scalar) -> str | None:
    return value if value is None or isinstance(value, str) else str(value)
