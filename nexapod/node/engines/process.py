"""One runner process as the agent sees it: start it, send it attempts, learn how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial

import msgspec
import psutil

from nexapod.core.records import AttemptReport, Failure
from nexapod.node.attempt import Attempt
from nexapod.node.engines import frames, sandbox
from nexapod.node.engines.card import Card
from nexapod.node.engines.groups import (
    descendants,
    end_leftovers,
    kill_leftovers,
    signal_group,
)
from nexapod.node.engines.output import KEPT_BYTES, make_hole, read_end, tail
from nexapod.node.engines.setting import Setting

#: More of an output than this is not left on file.
_FILE_BYTES = 64 << 20
_KILL_AFTER_S = 2.0
_READ_BYTES = 1 << 18
_FRAME_BYTES = 64 << 20  # results that are larger come as files


class RunnerProcess:
    """A process group led by one runner.

    Parameters
    ----------
    name
        Names its files in the scratch directory; unique among the living.
    devices
        GPU indices it may use; None leaves the environment as it is.
    on_done
        Called with (self, attempt, flags, run_s, encoded report) for each done frame.
    on_ready, on_death
        Called with self, once each.
    """

    def __init__(
        self, setting: Setting, name: str, devices: tuple[str, ...] | None,
        on_done: Callable[[RunnerProcess, Attempt, int, float, bytes], None],
        on_ready: Callable[[RunnerProcess], None],
        on_death: Callable[[RunnerProcess], None],
    ) -> None:  # fmt: skip
        self.devices = devices
        self.sent: dict[int, Attempt] = {}
        self.functions: set[str] = set()
        self.is_ready = False
        self.is_retired = False
        self.was_killed = False
        self.problem = ""
        self.exit_code: int | None = None
        self.idle_since = time.monotonic()
        self._on_done, self._on_ready, self._on_death = on_done, on_ready, on_death
        self._loop = asyncio.get_running_loop()
        self._seq = 0
        self._buffer = frames.FrameBuffer(_FRAME_BYTES)
        self._unsent: deque[memoryview] = deque()
        self._killing: asyncio.TimerHandle | None = None
        self._below: list[psutil.Process] = []
        self._setting = setting
        self._own = setting.directory / f"{name}.own"
        self.own_processes = 1 if setting.sandbox is None else 1 + sandbox.OWN_PROCESSES
        self._output = setting.directory / f"{name}.out"
        self._card_path = setting.directory / f"{name}.card"
        self._card = Card(self._card_path, create=True)
        self._pipe, theirs = socket.socketpair()
        try:
            self.process = self._start(theirs.fileno())
        finally:
            theirs.close()
        self.pid = self.process.pid
        self._pipe.setblocking(False)
        self._loop.add_reader(self._pipe.fileno(), self._read)
        self._watch_exit()

    def _start(self, descriptor: int) -> subprocess.Popen[bytes]:
        command, environment = self._setting.command(
            self._own, self._card_path, descriptor, self.devices
        )
        flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC
        output = os.open(self._output, flags, 0o600)
        try:
            return subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                pass_fds=(descriptor,), start_new_session=True, env=environment,
            )  # fmt: skip
        finally:
            os.close(output)

    # ── attempts ─────────────────────────────────────────────────────────────────────────────────

    def send(self, attempt: Attempt) -> None:
        """Put an attempt into the pipe; it runs after those sent before."""
        raw = b""
        if attempt.pickled is not None and attempt.function not in self.functions:
            self.functions.add(attempt.function)
            raw = frames.encode(frames.Function(attempt.function, attempt.pickled))
        self._seq += 1
        attempt.seq = self._seq
        self.sent[attempt.seq] = attempt
        lease = attempt.lease
        run = frames.Run(
            attempt.seq, lease.job_id, lease.epoch, lease.kind, lease.payload, lease.blob,
            lease.inputs, attempt.may_pickle,
        )  # fmt: skip
        self._write(raw + frames.encode(run))

    @property
    def is_fresh(self) -> bool:
        """Whether it was never sent anything."""
        return not self._seq

    def running(self) -> tuple[Attempt, int] | None:
        """The attempt that runs now and when it started (``time.monotonic_ns``)."""
        seq, started_ns = self._card.started()
        attempt = self.sent.get(seq)
        return None if attempt is None else (attempt, started_ns)

    def revoke(self) -> list[Attempt]:
        """Take back everything sent that has not started."""
        if not self.sent:
            return []
        started = self._card.revoke(self._seq)
        back = [attempt for seq, attempt in self.sent.items() if seq > started]
        for attempt in back:
            del self.sent[attempt.seq]
            attempt.seq = 0
        return back

    def printed_bytes(self) -> int:
        """What the attempt that runs has printed.

        Only the end of it stays on file: a job that prints for days must not fill the disk.
        """
        with contextlib.suppress(OSError):
            file = self._output.stat()
            if file.st_blocks * 512 > _FILE_BYTES:
                make_hole(self._output, file.st_size - KEPT_BYTES)
            return file.st_size
        return 0

    def printed(self, attempt: Attempt, after: int, most_bytes: int) -> tuple[int, bytes]:
        """What the attempt has printed from byte `after` on, or the last `most_bytes` of that.

        Returns
        -------
        int, bytes
            Where it begins, and what it is: nothing when the attempt does not run any more.
        """
        start, found = read_end(self._output, after, most_bytes)
        # The runner empties the file before the next attempt starts, and notes that before it runs.
        return (start, found) if self._card.started()[0] == attempt.seq else (after, b"")

    def said(self, attempt: Attempt) -> tuple[float, bytes] | None:
        """How far the attempt says it is, if it said anything."""
        return self._card.said(attempt.seq)

    def disk_bytes(self) -> int:
        """What lies in the folders that only this process has."""
        return sandbox.disk_bytes(self._own)

    def output(self) -> str:
        """The last lines that the process has printed."""
        return tail(read_end(self._output, 0, KEPT_BYTES)[1])

    # ── its end ──────────────────────────────────────────────────────────────────────────────────

    def stop(self) -> None:
        """Let it end when it has finished what it was sent."""
        self.is_retired = True
        with contextlib.suppress(OSError):
            self._pipe.shutdown(socket.SHUT_WR)
        if self._killing is None:
            self._killing = self._loop.call_later(_KILL_AFTER_S, self.kill, True)

    def kill(self, at_once: bool = False) -> None:
        """End the whole group: SIGTERM, and SIGKILL two seconds later."""
        if self.exit_code is not None:
            return
        self.was_killed = True
        # Kept for later: once their parent is dead nothing leads from it to them.
        self._below = descendants(self.pid) or self._below
        signal_group(self.pid, signal.SIGKILL if at_once else signal.SIGTERM, self._below)
        if self._killing is None and not at_once:
            self._killing = self._loop.call_later(_KILL_AFTER_S, self.kill, True)

    def _watch_exit(self) -> None:
        try:
            descriptor = os.pidfd_open(self.pid)
        except (AttributeError, OSError):  # not Linux, or an old one: a thread waits
            threading.Thread(target=self._wait, daemon=True).start()
            return

        def ended() -> None:
            self._loop.remove_reader(descriptor)
            os.close(descriptor)
            self._ended()

        self._loop.add_reader(descriptor, ended)

    def _wait(self) -> None:
        self.process.wait()
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody cares
            self._loop.call_soon_threadsafe(self._ended)

    def _ended(self) -> None:
        # Before the leader is reaped: until then its group's number cannot mean another group.
        kill_leftovers(self.pid, self._below)
        if not self.is_retired and not self.was_killed:
            # It died of its job, so nobody has looked for what left its group. That takes a walk
            # through all processes, hence the thread.
            self._loop.run_in_executor(None, end_leftovers, self._card_path)
        self._read()  # what it still wrote
        self.exit_code = self._exit_code(self.process.wait())
        if self._killing is not None:
            self._killing.cancel()
        self._loop.remove_reader(self._pipe.fileno())
        self._loop.remove_writer(self._pipe.fileno())
        self._pipe.close()
        self._on_death(self)
        self._card.close()
        for path in (self._card_path, self._output):
            path.unlink(missing_ok=True)
        if self._setting.sandbox is not None:  # any number of files, hence the thread
            self._loop.run_in_executor(None, partial(shutil.rmtree, self._own, ignore_errors=True))

    def _exit_code(self, code: int) -> int:
        """As `subprocess` tells it; bubblewrap, like a shell, adds 128 to a signal's number."""
        return 128 - code if self._setting.sandbox is not None and code > 128 else code

    # ── the pipe ─────────────────────────────────────────────────────────────────────────────────

    def _read(self) -> None:
        while self.exit_code is None:
            try:
                piece = self._pipe.recv(_READ_BYTES)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                piece = b""
            if not piece:
                self._loop.remove_reader(self._pipe.fileno())
                return
            try:
                for body in self._buffer.feed(piece):
                    self._take(body)
            except (ValueError, OSError, struct.error):
                self._distrust()
                return
            if len(piece) < _READ_BYTES:
                return

    def _take(self, body: bytes) -> None:
        seq, flags, run_ns = frames.DONE.unpack_from(body)
        rest = body[frames.DONE.size :]
        if seq == frames.READY:
            self.is_ready, self.problem = True, rest.decode(errors="replace")
            self._on_ready(self)
            return
        if flags & frames.REPLACE:
            self.is_retired = True
        attempt = self.sent.get(seq)
        if flags & frames.PRINTS:
            size, length = frames.PRINTED.unpack_from(rest)
            start = frames.PRINTED.size
            if length > min(size, KEPT_BYTES) or size > 2**53:
                raise ValueError("more of an output than a runner hands over")
            if attempt is not None:
                attempt.printed = size, rest[start : start + length]
            rest = rest[start + length :]
        runs_inside = self._setting.sandbox is not None and not flags & frames.REVOKED
        if attempt is not None and runs_inside:
            self._check(attempt, flags, rest)
        if self.sent.pop(seq, None) is not None and attempt is not None:  # else it was taken back
            self._on_done(self, attempt, flags, run_ns / 1e9, rest)

    def _distrust(self) -> None:
        """What comes is not from a runner any more, but from a job that got hold of its socket."""
        self._loop.remove_reader(self._pipe.fileno())
        running = self.running()
        if running is not None:
            message = "the job's process said what no runner says, and was ended"
            running[0].excess = Failure("error", message, retryable=False)
            running[0].intent = "limit"
        self.kill(at_once=True)

    def _check(self, attempt: Attempt, flags: int, report: bytes) -> None:
        """A job in a sandbox reports on itself only, and on what it has really written.

        Raises
        ------
        ValueError, OSError
            Otherwise.
        """
        told = msgspec.msgpack.decode(report, type=AttemptReport)
        if (told.job_id, told.epoch) != attempt.key:
            raise ValueError("a report on another job")
        if flags & frames.BLOB:
            path = self._setting.result(*attempt.key)
            sandbox.move_result(self._own, path)
            value = told.value
            if value is None or value.blob is None or value.size != path.stat().st_size:
                path.unlink()
                raise ValueError("another result than was reported")

    def _write(self, raw: bytes) -> None:
        if not self._unsent:
            try:
                count = self._pipe.send(raw)
            except (BlockingIOError, InterruptedError):
                count = 0
            except OSError:
                return  # it is dying; what was sent goes to another
            if count == len(raw):
                return
            self._loop.add_writer(self._pipe.fileno(), self._flush)
            self._unsent.append(memoryview(raw)[count:])
        else:
            self._unsent.append(memoryview(raw))

    def _flush(self) -> None:
        while self._unsent:
            try:
                count = self._pipe.send(self._unsent[0])
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                self._unsent.clear()
                break
            rest = self._unsent[0][count:]
            if rest:
                self._unsent[0] = rest
            else:
                self._unsent.popleft()
        self._loop.remove_writer(self._pipe.fileno())
