"""How a job says how far it is."""

from __future__ import annotations

import os
from typing import Any

from nexapod.errors import Invalid
from nexapod.node.engines.card import MARK, MESSAGE_BYTES, Card


def _card() -> Card | None:
    """The card of the runner that this process is, or that started it."""
    path = os.environ.get(MARK)
    try:
        return None if path is None else Card(path)
    except OSError:
        return None


#: Looked for once, when a runner starts: what a job does to the environment changes nothing.
_CARD = _card()


def progress(fraction: float, message: str = "") -> None:
    """Say how far this job is; outside a job nothing happens.

    It takes about a microsecond, so that it can stand in the innermost loop; twice a second the
    last word goes to whoever looks (``future.progress``, the panel). Processes that the job starts
    may call it too.

    Parameters
    ----------
    fraction
        From 0 to 1.
    message
        A few words; of longer ones the first 200 bytes are shown.

    Raises
    ------
    Invalid
        When `fraction` is no such number, or `message` no text.
    """
    given: Any = fraction
    try:
        part = -1.0 if isinstance(given, str | bytes) else float(given)
    except (TypeError, ValueError):
        part = -1.0
    if not 0.0 <= part <= 1.0:  # NaN neither
        raise Invalid("progress takes a fraction from 0 to 1 (steps done / all steps)")
    text: Any = message
    if not isinstance(text, str):
        raise Invalid("the message of progress is a text; call progress(fraction, str(…))")
    if _CARD is not None:
        _CARD.say(part, _cut(text.encode(errors="replace")))


def _cut(text: bytes) -> bytes:
    """As many whole characters as there is room for."""
    if len(text) <= MESSAGE_BYTES:
        return text
    return text[:MESSAGE_BYTES].decode(errors="ignore").encode()
