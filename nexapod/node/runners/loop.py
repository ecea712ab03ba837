"""The runner's loop: read a frame, note it on the card, run it, write one frame. Nothing else.

It knows no network and no clock but its own. Everything that must go on while a job holds the
GIL, spins in C or is dead is the agent's, in another process.
"""

from __future__ import annotations

import faulthandler
import fcntl
import hashlib
import os
import signal
import socket
import sys
import time
import traceback
from collections import deque
from pathlib import Path

import msgspec

from nexapod.core.records import AttemptReport, Value
from nexapod.core.states import AttemptEnd
from nexapod.node import progress  # noqa: F401  # it finds the card before a job runs
from nexapod.node.engines import frames
from nexapod.node.engines.card import Card
from nexapod.node.engines.output import KEPT_BYTES, is_all, tail
from nexapod.node.runners.calls import Opener, value_from
from nexapod.node.runners.data import NotARunner, load_run
from nexapod.node.runners.emptying import OwnFolder
from nexapod.node.runners.failures import Refused, Unopened, failure_from
from nexapod.node.runners.tools import Tools
from nexapod.node.runners.traces import Memory, Traces, clean_main

INLINE_BYTES = 16 << 20
_HIGH_DESCRIPTOR = 200
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_ENCODE = msgspec.msgpack.Encoder().encode


class Runner:
    """One runner process.

    Parameters
    ----------
    pipe
        The socket to the agent.
    card
        The page shared with it.
    blobs, results
        Directories of large values that are read, and that are written.
    folders
        Those that are this process's alone, and are emptied after each job.
    """

    def __init__(
        self, pipe: socket.socket, card: Card, blobs: Path, results: Path,
        folders: tuple[str, ...], file: str | None,
    ) -> None:  # fmt: skip
        self._pipe = pipe
        self._card = card
        self._results = results
        self._folders = [OwnFolder(folder) for folder in folders]
        self._arrived: deque[bytes] = deque()
        self._buffer = frames.FrameBuffer()
        run_data = load_run(file) if file else None
        self._opener = Opener(blobs, run_data)
        # Where output goes, kept where a job that plays with 1 and 2 does not reach it.
        self._output = fcntl.fcntl(1, fcntl.F_DUPFD_CLOEXEC, _HIGH_DESCRIPTOR)
        self._memory = Memory()
        clean_main()
        self._tools = Tools()
        self._is_used = self._must_go = False
        self._traces = Traces(self._output, self._memory)

    def serve(self) -> None:
        """Run until the agent closes the socket, or until a job leaves something behind."""
        self._write(frames.encode_done(frames.READY, 0, 0, b""))
        os.ftruncate(self._output, 0)
        while True:
            body = self._next()
            if body is None:
                return
            message = frames.decode(body)
            if isinstance(message, frames.Function):
                self._opener.functions[message.sha256] = message.pickled
            elif not self._run(message):
                self._wait_for_the_end()
                return

    def _wait_for_the_end(self) -> None:
        """The agent kills this process and all below it, which it finds only while this lives."""
        while self._pipe.recv(1 << 18):
            pass

    def _next(self) -> bytes | None:
        while not self._arrived:
            piece = self._pipe.recv(1 << 18)
            if not piece:
                return None
            self._arrived.extend(self._buffer.feed(piece))
        return self._arrived.popleft()

    def _run(self, run: frames.Run) -> bool:
        """Run one attempt. False when this process must not run another."""
        self._memory.reset()
        started_ns = time.monotonic_ns()
        if not self._card.start(run.seq, started_ns):
            self._write(frames.encode_done(run.seq, frames.REVOKED, 0, b""))
            return True
        flags = 0
        was_used, self._is_used = self._is_used, True
        try:
            value = self._attempt(run)
            failure = None
            flags = frames.COMPLETED
        except Refused as refusal:
            value, failure = None, refusal.failure
            if refusal.is_suspect:
                self._must_go = True
                if was_used and isinstance(refusal, Unopened):
                    flags = frames.STALE
        except BaseException as error:
            value, failure = None, failure_from(error)
            error.__traceback__ = None
        run_ns = time.monotonic_ns() - started_ns
        if value is not None and value.size > INLINE_BYTES:
            value = self._store(run, value)
            flags |= frames.BLOB
        size, printed = self._take_output()
        output = tail(printed) if size else ""
        is_told = not size or is_all(output, printed, size)
        report = AttemptReport(
            job_id=run.job_id,
            epoch=run.epoch,
            end=AttemptEnd.COMPLETED if failure is None else AttemptEnd.FAILED,
            value=value,
            failure=failure,
            run_s=run_ns / 1e9,
            peak_memory_bytes=self._memory.peak_bytes(),
            output=output,
            printed_bytes=None if is_told else size,
        )
        head = b""
        if not is_told:
            head = frames.PRINTED.pack(size, len(printed)) + printed
            flags |= frames.PRINTS
        value = failure = None
        if self._must_go or self._traces.undo() or not self._empty():
            self._must_go = True
            flags |= frames.REPLACE
        self._write(frames.encode_done(run.seq, flags, run_ns, head + _ENCODE(report)))
        return not self._must_go

    def _attempt(self, run: frames.Run) -> Value:
        try:
            prepared = self._opener.open(run)
            result = prepared.run()
        finally:
            # Before anything else: the report of this very job needs them. What was imported
            # meanwhile may count on what was put back, so no other job should see this process.
            if self._tools.put_back():
                self._must_go = True
        return value_from(result, prepared.is_data, prepared.may_pickle)

    def _store(self, run: frames.Run, value: Value) -> Value:
        """Put a large result where the agent finds it, rather than through the socket."""
        assert value.data is not None
        sha256 = hashlib.sha256(value.data).hexdigest()
        (self._results / f"{run.job_id}.{run.epoch}").write_bytes(value.data)
        return Value(format=value.format, size=value.size, blob=sha256)

    def _empty(self) -> bool:
        """Delete what the job left in the folders. False when something stays."""
        return not [folder for folder in self._folders if not folder.empty()]

    def _take_output(self) -> tuple[int, bytes]:
        """How much this attempt printed, and the end of it. The next one starts afresh."""
        for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
            try:
                if stream is not None:
                    stream.flush()
            except Exception:
                continue  # the job closed or replaced it
        size = os.fstat(self._output).st_size
        if not size:
            return 0, b""
        printed = os.pread(self._output, KEPT_BYTES, max(0, size - KEPT_BYTES))
        os.ftruncate(self._output, 0)
        return size, printed

    def _write(self, frame: bytes) -> None:
        self._pipe.sendall(frame)


def main(arguments: list[str]) -> None:
    """The process's entry: what it shares with its agent, and the runner file."""
    descriptor, parent, card, blobs, results, folders, *file = arguments
    _die_with(int(parent))
    faulthandler.enable(file=2)
    high = fcntl.fcntl(int(descriptor), fcntl.F_DUPFD_CLOEXEC, _HIGH_DESCRIPTOR)
    os.close(int(descriptor))
    pipe = socket.socket(fileno=high)
    # A line that was printed is in the file, also when the next one is a segmentation fault.
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True, errors="backslashreplace")  # type: ignore[union-attr]
    sys.argv = [""]
    try:
        own = tuple(folders.split(":")) if folders else ()
        runner = Runner(
            pipe, Card(Path(card)), Path(blobs), Path(results), own, file[0] if file else None
        )
    except NotARunner as problem:
        traceback.print_exc()
        pipe.sendall(frames.encode_done(frames.READY, 0, 0, str(problem).encode()))
        os._exit(2)
    try:
        runner.serve()
    except (BrokenPipeError, ConnectionResetError):
        pass  # the agent is gone, and with it everyone who would want to know
    finally:
        # No exit handlers and no waiting for threads: whatever lives on here is a leftover.
        os._exit(0)


def _die_with(parent: int) -> None:
    """Linux: go when the agent is killed, and inherit the orphans of what jobs start."""
    if sys.platform != "linux":
        return
    import ctypes

    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)
