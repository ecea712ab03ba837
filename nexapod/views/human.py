"""Numbers, times and sizes as people read them. Every function is total: no input makes it raise.

Widths change as rarely as possible, because these words stand in live displays.
"""

from __future__ import annotations

import math
import re

NONE = "–"


def count(number: int) -> str:
    """``1240`` as ``1,240``."""
    return f"{number:,}"


def plural(number: int, noun: str) -> str:
    """``1 job``, ``1,240 jobs``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def duration(seconds: float | None) -> str:
    """A length of time with its two largest units: ``0.42 s``, ``42 s``, ``3 min 12 s``.

    Parameters
    ----------
    seconds
        None, NaN and infinity are a dash.
    """
    if seconds is None or not math.isfinite(seconds):
        return NONE
    if seconds < 0:
        return "0 s"
    if seconds < 0.0005:
        return "0 s" if seconds == 0 else "<1 ms"
    if seconds < 0.1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 9.95:
        return f"{seconds:.2g} s" if seconds < 1 else f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 86_400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 86_400} d {whole % 86_400 // 3600} h"


def coarse(seconds: float | None) -> str:
    """A length of time in its largest unit only: ``42 s``, ``3 min``, ``2 h``, ``5 d``."""
    if seconds is None or not math.isfinite(seconds):
        return NONE
    whole = max(0, int(seconds))
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if whole >= size:
            return f"{whole // size} {unit}"
    return f"{whole} s"


def uptime(seconds: float | None) -> str:
    """Like `duration`, but it changes once a minute at most: for displays that stay open."""
    if seconds is None or not math.isfinite(seconds):
        return NONE
    if seconds < 60:
        return "less than a minute"
    if seconds < 3600:
        return f"{int(seconds // 60)} min"
    return duration(seconds // 60 * 60)


def ago(seconds: float | None) -> str:
    """``now`` (under a minute), ``3 min ago``."""
    if seconds is None or not math.isfinite(seconds):
        return NONE
    return "now" if seconds < 60 else f"{coarse(seconds)} ago"


def remaining(seconds: float | None) -> str:
    """``about 4 min left``, rounded so that it does not flicker; empty when unknown."""
    if seconds is None or not math.isfinite(seconds) or seconds < 0:
        return ""
    if seconds < 10:
        return "a few seconds left"
    if seconds < 60:
        return f"about {math.ceil(seconds / 10) * 10} s left"
    if seconds < 600:
        minutes, half = divmod(math.ceil(seconds / 30), 2)
        return f"about {minutes}{'½' if half else ''} min left"
    if seconds < 5400:
        return f"about {math.ceil(seconds / 300) * 5} min left"
    if seconds < 172_800:
        return f"about {math.ceil(seconds / 3600)} h left"
    return f"about {math.ceil(seconds / 86_400)} d left"


def rate(per_s: float | None, noun: str = "jobs") -> str:
    """``4.2 jobs/s``, ``12 jobs/min``, ``3.1 jobs/h``: the unit in which the number is near ten."""
    if per_s is None or not math.isfinite(per_s) or per_s <= 0:
        return f"0 {noun}/s"
    for factor, unit in ((1, "s"), (60, "min"), (3600, "h"), (86_400, "d")):
        value = per_s * factor
        if value >= 1 or unit == "d":
            return f"{value:,.1f} {noun}/{unit}" if value < 9.95 else f"{value:,.0f} {noun}/{unit}"
    raise AssertionError("unreachable: the last unit always answers")


def size(amount_bytes: float | None) -> str:
    """A number of bytes in powers of 1000: ``512 B``, ``1.5 kB``, ``16 GB``."""
    if amount_bytes is None or not math.isfinite(amount_bytes) or amount_bytes < 0:
        return NONE
    value = float(amount_bytes)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 999.5 or unit == "TB":
            text = f"{value:.0f}" if unit == "B" or value >= 9.95 else f"{value:.1f}"
            return f"{text.removesuffix('.0')} {unit}"
        value /= 1000
    raise AssertionError("unreachable: the last unit always answers")


def number(value: float) -> str:
    """A float as a table shows it: six significant digits, no trailing zeros."""
    if not math.isfinite(value):
        return NONE if math.isnan(value) else str(value)
    if value == int(value) and abs(value) < 1e6:
        return f"{int(value):,}"
    return f"{value:.6g}"


def clip(text: str, width: int) -> str:
    """`text` on one line, its middle left out where it is longer than `width` characters."""
    line = " ".join(text.split())
    if len(line) <= width:
        return line
    tail = max(1, (width - 1) // 3)
    return f"{line[: width - 1 - tail]}…{line[-tail:]}"


def natural(name: str) -> list[tuple[int, str]]:
    """A key that sorts ``node-2`` before ``node-10``."""
    return [
        (int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)
    ]


def described(error: BaseException) -> str:
    """``ValueError: what it says`` on one line, whatever its ``__str__`` does."""
    try:
        text = " ".join(str(error)[:1000].split())
    except Exception:
        text = "(its text cannot be shown)"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def short_id(job_id: str) -> str:
    """A job id's last eight characters where it is a UUID (the first ones are only the time)."""
    return f"…{job_id[-8:]}" if len(job_id) == 36 and job_id.count("-") == 4 else clip(job_id, 24)
