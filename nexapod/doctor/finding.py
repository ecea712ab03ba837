"""What a check found."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Literal

import msgspec

Level = Literal["ok", "warn", "FAIL"]


class Finding(msgspec.Struct, frozen=True):
    """One line of the report. `mend` says what to do, empty when nothing is."""

    check: str
    level: Level
    says: str
    mend: str = ""


Check = Callable[[], Iterable[Finding]]


def ok(check: str, says: str) -> Finding:
    """Nothing to do."""
    return Finding(check, "ok", says)


def warn(check: str, says: str, mend: str) -> Finding:
    """It works, but not as well as it could, or not for long."""
    return Finding(check, "warn", says, mend)


def fail(check: str, says: str, mend: str) -> Finding:
    """It does not work."""
    return Finding(check, "FAIL", says, mend)


def examine(checks: Iterable[tuple[str, Check]]) -> Iterator[Finding]:
    """What these checks find. One that breaks is a finding too, and does not stop the others."""
    for name, check in checks:
        try:
            yield from check()
        except Exception as error:
            yield warn(
                name,
                f"could not be looked at: {type(error).__name__}: {error}",
                "look at it by hand",
            )
