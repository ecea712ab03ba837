"""Exceptions of jobs, told so that the person who submitted them understands."""

from __future__ import annotations

import pickle
import traceback
from pathlib import Path
from types import TracebackType

import cloudpickle

from nexapod.core.records import Failure

_TRACEBACK_CHARS = 64_000
_EXCEPTION_BYTES = 1 << 20
_OWN_FILES = str(Path(__file__).resolve().parent)
_SEALED = str(Path(__file__).resolve().parents[2] / "wire" / "sealed.py")


class Refused(Exception):
    """A failure that was found before or after the job's own code ran.

    Parameters
    ----------
    is_suspect
        Whether an earlier job may have caused it, by what it did to this process.
    """

    def __init__(self, failure: Failure, is_suspect: bool = False) -> None:
        super().__init__(failure.message)
        self.failure = failure
        self.is_suspect = is_suspect


class Unopened(Refused):
    """The call could not be opened: nothing of the job's own has run."""


def failure_from(error: BaseException) -> Failure:
    """The failure that an exception out of a job's code stands for."""
    if isinstance(error, SystemExit):
        return _exit(error)
    if not isinstance(error, Exception):
        # Raised where the result is asked for, it would interrupt or cancel that program, as if
        # somebody had done so there.
        text = describe(error).removesuffix(": ")
        message = f"the job raised {text}"
        return Failure(type="exception", message=message, traceback=traceback_text(error))
    return Failure(
        type="exception",
        message=describe(error),
        traceback=traceback_text(error),
        exception=_pickled(error),
    )


def describe(error: BaseException) -> str:
    """``ValueError: what it says``, whatever its ``__str__`` does."""
    try:
        text = str(error)
    except Exception:
        text = "(its text cannot be shown)"
    return _sendable(f"{type(error).__name__}: {text}"[:4000])


def traceback_text(error: BaseException) -> str:
    """The traceback, without the runner's own frames at its top."""
    frames = _without_own(error.__traceback__)
    try:
        told = traceback.TracebackException(type(error), error, frames, compact=True)
        text = "".join(told.format())
    except Exception:
        text = describe(error)
    if len(text) > _TRACEBACK_CHARS:
        half = _TRACEBACK_CHARS // 2
        text = f"{text[:half]}\n… cut …\n{text[-half:]}"
    return _sendable(text)


def _sendable(text: str) -> str:
    """Half of a surrogate pair, as in the name of a file that is no text, has no place in UTF-8."""
    return text.encode(errors="backslashreplace").decode()


def _without_own(frames: TracebackType | None) -> TracebackType | None:
    while frames is not None:
        name = frames.tb_frame.f_code.co_filename
        if not name.startswith(_OWN_FILES) and name != _SEALED:
            break
        frames = frames.tb_next
    return frames


def _exit(error: SystemExit) -> Failure:
    said = ""
    if isinstance(error.code, int):
        code = int(error.code) & 0xFF  # as a process's exit code would be
    else:
        code = 0 if error.code is None else 1
        said = f": {error.code}" if code else ""
    return Failure(
        type="exit",
        message=_sendable(f"the job called sys.exit({code}){said}"[:4000]),
        traceback=traceback_text(error),
        exit_code=code,
    )


def _pickled(error: BaseException) -> bytes | None:
    """The exception as bytes, if it survives the round trip."""
    try:
        raw = cloudpickle.dumps(error, protocol=5)
        if len(raw) > _EXCEPTION_BYTES:
            return None
        # Many exceptions pickle but do not open again (a constructor with other arguments).
        if type(pickle.loads(raw)).__name__ != type(error).__name__:
            return None
    except BaseException:  # any code may run in there
        return None
    return bytes(raw)
