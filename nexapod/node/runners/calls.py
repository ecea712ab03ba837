"""Runs one attempt inside the runner process: a sealed function call, or a data job."""

from __future__ import annotations

import json
import math
import pickle
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from nexapod import errors
from nexapod.core.records import Failure, Format, Value
from nexapod.node.call import decode_call, fits, map_file, mismatch
from nexapod.node.engines.frames import Run
from nexapod.node.engines.verdict import size
from nexapod.node.runners.failures import Refused, Unopened, describe, traceback_text
from nexapod.wire import formats, sealed

#: A larger result is refused, whatever way it would travel.
RESULT_BYTES = 4 << 30


class Prepared(msgspec.Struct):
    """An attempt with everything unpickled. `run` is the job's own code and nothing else."""

    run: Callable[[], Any]
    is_data: bool
    may_pickle: bool = True


class Opener:
    """Turns a `Run` frame into something to call.

    Parameters
    ----------
    blobs
        Directory of large payloads and inputs, by sha256.
    run_data
        ``run(data)`` of the node's runner file.
    """

    def __init__(self, blobs: Path, run_data: Callable[[Any], Any] | None) -> None:
        self._blobs = blobs
        self._run_data = run_data
        self.functions: dict[str, bytes] = {}

    def open(self, run: Run) -> Prepared:
        """Unpickle or parse. Raises `Refused` when that fails."""
        try:
            return self._open(run)
        except Refused:
            raise
        except BaseException as error:
            raise _unopened(error) from None

    def _open(self, run: Run) -> Prepared:
        payload = memoryview(run.payload) if run.payload is not None else self._blob(run.blob)
        if run.kind == "data":
            return self._open_data(payload)
        call = decode_call(payload)
        if not fits(call.python):
            raise Refused(mismatch(call.python))
        pickled = self.functions[call.function]
        inputs = {job_id: self._input(value) for job_id, value in run.inputs.items()}
        # The function is unpickled anew for each job (some 10 µs): its globals and closure
        # are this job's own, so nothing it keeps there can reach the next one.
        function = pickle.loads(pickled)
        args, kwargs = sealed.unseal(call.arguments, inputs)
        return Prepared(lambda: function(*args, **kwargs), False, run.may_pickle)

    def _open_data(self, payload: memoryview) -> Prepared:
        run_data = self._run_data
        if run_data is None:
            raise Refused(Failure(type="mismatch", message="this node has no --runner file"))
        data = json.loads(bytes(payload))
        return Prepared(lambda: run_data(data), True)

    def _input(self, value: Value) -> Any:
        raw = memoryview(value.data) if value.data is not None else self._blob(value.blob)
        try:
            return formats.unpack(value, raw)
        except errors.UntrustedResult:
            message = (
                "an argument is the result of another job that came as a pickle from a node "
                "without a trusted credential, and is not opened"
            )
            raise Refused(Failure("untrusted", message, retryable=False)) from None

    def _blob(self, sha256: str | None) -> memoryview:
        return map_file(self._blobs / (sha256 or ""))


def value_from(result: Any, is_data: bool, may_pickle: bool) -> Value:
    """The result as bytes. Raises `Refused` when it has none."""
    form: Format = "pickle"
    if is_data:
        form, raw = "json", _as_json(result)
    elif may_pickle:
        raw = _as_pickle(result)
    else:
        form, raw = _without_pickle(result)
    if len(raw) > RESULT_BYTES:
        message = (
            f"the result is {size(len(raw))}, over the {size(RESULT_BYTES)} that a result may "
            "have: write it to a file and return its path"
        )
        raise Refused(Failure("output", message, retryable=False))
    return Value(form, len(raw), raw)


def _as_pickle(result: Any) -> bytes:
    try:
        return sealed.seal(result)
    except BaseException as error:
        kind = type(result).__name__
        raise Refused(
            Failure(
                type="exception",
                message=f"the job ran, but its result (a {kind}) cannot be pickled: "
                f"{describe(error)}",
                traceback=traceback_text(error),
                retryable=False,
            ),
            is_suspect=True,
        ) from None


def _without_pickle(result: Any) -> tuple[Format, bytes]:
    packed = formats.pack(result)
    if packed is None:
        message = (
            f"the job ran, but its result (a {type(result).__name__}) could only be sent as a "
            "pickle, and this node's token is not trusted with those: return None, numbers, text, "
            "lists, dicts, bytes, a numpy array, or (with pyarrow) a data frame"
        )
        raise Refused(Failure("untrusted", message))
    return packed


def _as_json(result: Any) -> bytes:
    try:
        return json.dumps(
            result, allow_nan=False, ensure_ascii=False, separators=(",", ":")
        ).encode()
    except Exception as error:
        what = "holds NaN or infinity" if _has_nan(result) else "is not plain JSON"
        raise Refused(
            Failure(
                type="exception",
                message=f"run(data) ended, but its result {what}: {describe(error)}",
                retryable=False,
            )
        ) from None


def _has_nan(value: Any, depth: int = 0) -> bool:
    if isinstance(value, float):
        return not math.isfinite(value)
    if depth > 64:
        return False
    if isinstance(value, Mapping):
        return any(_has_nan(item, depth + 1) for item in value.values())
    return isinstance(value, list | tuple) and any(_has_nan(item, depth + 1) for item in value)


def _unopened(error: BaseException) -> Unopened:
    """The call could not be opened here; a missing module is the usual reason."""
    if isinstance(error, ModuleNotFoundError) and error.name:
        message = f"this node has no module named {error.name!r}, which the call needs"
        failure = Failure(type="mismatch", message=message, traceback=traceback_text(error))
        # None in its place keeps Python from looking for it: some job has done that.
        return Unopened(failure, is_suspect=error.name in sys.modules)
    failure = Failure(
        type="mismatch" if isinstance(error, ImportError | AttributeError) else "exception",
        message=f"the call cannot be opened on this node: {describe(error)}",
        traceback=traceback_text(error),
    )
    # Also where a module lacks a name: an earlier job may have taken it away.
    return Unopened(failure, is_suspect=True)
