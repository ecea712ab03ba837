"""Decide what a command does to the board: pure, total, and the only place where that is decided.

``decide`` never changes the board. It returns the events that the shell makes durable and then
applies, and the reply to give once they are. A refused command raises, and nothing happens.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nexapod.core import commands as c
from nexapod.core.board import Board
from nexapod.core.commands import Instant
from nexapod.core.deciding.cancelling import cancel
from nexapod.core.deciding.decision import Decision, Grant, Verdict
from nexapod.core.deciding.leasing import acquire, renew
from nexapod.core.deciding.registering import leave, register
from nexapod.core.deciding.reporting import report
from nexapod.core.deciding.submitting import dependencies, submit
from nexapod.core.deciding.ticking import tick

__all__ = ["Decision", "Grant", "Verdict", "decide", "dependencies"]


def decide(board: Board, command: c.Command, now: Instant) -> Decision:
    """What `command` does, at `now`.

    Raises
    ------
    NexapodError
        When the command is refused; the board stays as it is.
    """
    return _DECIDERS[type(command)](board, command, now)


_DECIDERS: dict[type[c.Command], Callable[[Board, Any, Instant], Decision]] = {
    c.Submit: submit,
    c.Register: register,
    c.Acquire: acquire,
    c.Renew: renew,
    c.Report: report,
    c.Leave: leave,
    c.Cancel: cancel,
    c.Tick: tick,
}
