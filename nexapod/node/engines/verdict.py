"""What to say of an attempt whose process died, or was ended on purpose."""

from __future__ import annotations

import signal

import msgspec

from nexapod.core.records import AttemptReport, Failure
from nexapod.core.states import AttemptEnd
from nexapod.node.attempt import Attempt
from nexapod.node.engines.output import tail

_SENTENCES = {
    "SIGSEGV": "segmentation fault",
    "SIGABRT": "abort",
    "SIGBUS": "bus error",
    "SIGFPE": "arithmetic error",
    "SIGILL": "illegal instruction",
    "SIGKILL": "killed, probably by the system for want of memory",
    "SIGTERM": "told to end by something other than nexapod",
    "SIGXCPU": "its CPU time limit",
}


def verdict(
    attempt: Attempt, exit_code: int, run_s: float | None, peak_bytes: int
) -> AttemptReport | None:
    """The report for an attempt that ended with its process.

    Parameters
    ----------
    exit_code
        As `subprocess` tells it: minus the signal's number when a signal ended it.

    Returns
    -------
    AttemptReport or None
        None when the lease is no longer this node's: nobody is told.
    """
    if attempt.intent == "lost":
        return None
    end, failure = AttemptEnd.FAILED, None
    printed_bytes, printed = attempt.printed or (0, b"")
    if attempt.intent == "cancel":
        end = AttemptEnd.CANCELLED
    elif attempt.intent == "release":
        end = AttemptEnd.RELEASED
    else:
        failure = _failure(attempt, exit_code)
    return AttemptReport(
        job_id=attempt.lease.job_id,
        epoch=attempt.lease.epoch,
        end=end,
        failure=failure,
        run_s=run_s,
        output=tail(printed),
        peak_memory_bytes=peak_bytes or None,
        printed_bytes=printed_bytes or None,
    )


def signal_name(exit_code: int) -> str | None:
    """``SIGSEGV`` for -11; None when no signal ended the process."""
    if exit_code >= 0:
        return None
    try:
        return signal.Signals(-exit_code).name
    except ValueError:
        return f"signal {-exit_code}"


def size(count: float) -> str:
    """Bytes for people."""
    return f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def _failure(attempt: Attempt, exit_code: int) -> Failure:
    name = signal_name(exit_code)
    if attempt.excess is not None:
        return msgspec.structs.replace(attempt.excess, signal=name, exit_code=exit_code)
    if name is not None:
        what = _SENTENCES.get(name)
        message = f"the job's process died from {name}" + (f" ({what})" if what else "")
        return Failure(type="signal", message=message, signal=name, exit_code=exit_code)
    return Failure(
        type="exit",
        message=f"the job's process ended with exit code {exit_code} before the job was done",
        exit_code=exit_code,
    )
