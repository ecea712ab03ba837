"""What a job may leave behind in a warm process, found and undone for some 20 µs.

What can be put back is put back. What cannot (threads, children, memory, descriptors) is named,
and the agent replaces the process.
"""

from __future__ import annotations

import _thread
import gc
import os
import resource
import signal
import sys
import threading
import time
import types
import warnings

from nexapod.node.runners.chance import Chance

_GROWTH_BYTES = 1 << 30
_SPARE_DESCRIPTORS = 32
_SIGNALS = tuple(
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGALRM", "SIGCHLD", "SIGHUP", "SIGPIPE", "SIGUSR1")
)
_LIMITS = (resource.RLIMIT_AS, resource.RLIMIT_CPU, resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE)
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Memory:
    """The process's resident size now, and its peak since `reset`."""

    def __init__(self) -> None:
        self._statm = _open("/proc/self/statm", os.O_RDONLY)
        self._clear = _open("/proc/self/clear_refs", os.O_WRONLY)
        self._unit = 1 if sys.platform == "darwin" else 1024

    def reset(self) -> None:
        """Start a new peak. Without /proc the peak is that of the whole process."""
        if self._clear is not None:
            try:
                os.write(self._clear, b"5")
            except OSError:
                self._clear = None  # a sandbox that shows the file but refuses the write

    def peak_bytes(self) -> int:
        """The largest resident size since `reset`."""
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * self._unit

    def now_bytes(self) -> int:
        """The resident size."""
        if self._statm is None:
            return self.peak_bytes()
        return int(os.pread(self._statm, 128, 0).split()[1]) * _PAGE


def _open(path: str, flags: int) -> int | None:
    try:
        return os.open(path, flags | os.O_CLOEXEC)
    except OSError:
        return None


class Traces:
    """A clean process, remembered; `undo` brings it back.

    Parameters
    ----------
    output
        The descriptor that descriptors 1 and 2 must lead to.
    """

    def __init__(self, output: int, memory: Memory) -> None:
        self._output = output
        self._memory = memory
        self._output_id = _identity(output)
        self._cwd = os.getcwd()
        self._environment = dict(os.environ)
        self._path = list(sys.path)
        self._umask = os.umask(0o022)
        os.umask(self._umask)
        self._streams = (sys.stdin, sys.stdout, sys.stderr)
        self._recursion = sys.getrecursionlimit()
        self._switch_s = sys.getswitchinterval()
        self._handlers = [(number, signal.getsignal(number)) for number in _SIGNALS]
        self._filters = list(warnings.filters)
        self._hooks = (sys.excepthook, sys.displayhook, threading.excepthook)
        self._limits = [resource.getrlimit(limit) for limit in _LIMITS]
        self._nice = os.getpriority(os.PRIO_PROCESS, 0)
        self._group = os.getpgrp()
        self._affinity = _affinity()
        self._chance = Chance()
        self._descriptors = self._lowest_free() + _SPARE_DESCRIPTORS
        self._ceiling_bytes = memory.now_bytes() + _GROWTH_BYTES

    def undo(self) -> str:
        """Undo what can be undone. Returns why this process must go, or an empty string."""
        reason = self._leftovers()
        if not reason:
            self._restore_python()
            reason = self._restore_process() or self._restore_chance()
        return reason

    def _leftovers(self) -> str:
        if _thread._count() and not _threads_end_soon():
            return "left a thread running"
        if _children_left():
            return "left a process running"
        if self._memory.now_bytes() > self._ceiling_bytes:
            return "left over 1 GiB of memory in use"
        if self._lowest_free() > self._descriptors:
            return "left files open"
        if os.getpgrp() != self._group:
            return "left its process group"
        if [resource.getrlimit(limit) for limit in _LIMITS] != self._limits:
            return "changed its resource limits"
        if os.getpriority(os.PRIO_PROCESS, 0) != self._nice or _affinity() != self._affinity:
            return "changed its priority or its cores"
        if signal.pthread_sigmask(signal.SIG_BLOCK, ()):
            return "left signals blocked"
        return ""

    def _restore_python(self) -> None:
        if os.environ._data != self._environment_raw():  # type: ignore[attr-defined]
            os.environ.clear()
            os.environ.update(self._environment)
        if sys.path != self._path:
            sys.path[:] = self._path
        if (sys.stdin, sys.stdout, sys.stderr) != self._streams:
            sys.stdin, sys.stdout, sys.stderr = self._streams
        if sys.getrecursionlimit() != self._recursion:
            sys.setrecursionlimit(self._recursion)
        if sys.getswitchinterval() != self._switch_s:
            sys.setswitchinterval(self._switch_s)
        if warnings.filters != self._filters:
            warnings.filters[:] = self._filters  # type: ignore[index]
            warnings._filters_mutated()  # type: ignore[attr-defined]
        if (sys.excepthook, sys.displayhook, threading.excepthook) != self._hooks:
            sys.excepthook, sys.displayhook, threading.excepthook = self._hooks
        if sys.gettrace() is not None:
            sys.settrace(None)
        if sys.getprofile() is not None:
            sys.setprofile(None)
        if not gc.isenabled():
            gc.enable()
        main = sys.modules.get("__main__")
        if main is None or len(main.__dict__) != len(_FRESH_MAIN):
            clean_main()

    def _restore_process(self) -> str:
        try:
            if os.getcwd() != self._cwd:
                os.chdir(self._cwd)
        except OSError:
            try:
                os.chdir(self._cwd)
            except OSError:
                return "left no directory to work in"
        os.umask(self._umask)
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in self._handlers:
            if signal.getsignal(number) is not handler:
                if handler is None:
                    return "changed a signal's handler"
                signal.signal(number, handler)
        for descriptor in (1, 2):
            if _identity(descriptor) != self._output_id:
                os.dup2(self._output, descriptor)
        return ""

    def _restore_chance(self) -> str:
        try:
            self._chance.stir()
        except Exception:
            return "left random generators that cannot be seeded"
        return ""

    def _environment_raw(self) -> dict[bytes, bytes]:
        raw = self.__dict__.get("_raw")
        if raw is None:
            raw = self._raw = {os.fsencode(k): os.fsencode(v) for k, v in self._environment.items()}
        return raw

    def _lowest_free(self) -> int:
        """The lowest descriptor that is free: it rises when files are left open."""
        descriptor = os.dup(self._output)
        os.close(descriptor)
        return descriptor


_FRESH_MAIN = types.ModuleType("__main__").__dict__


def clean_main() -> None:
    """Give the process an empty ``__main__``, so that nothing in it passes from job to job."""
    sys.modules["__main__"] = types.ModuleType("__main__")


def _identity(descriptor: int) -> tuple[int, int] | None:
    try:
        found = os.fstat(descriptor)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _affinity() -> set[int]:
    try:
        return os.sched_getaffinity(0)
    except AttributeError:  # macOS
        return set()


def _threads_end_soon() -> bool:
    """Threads that were told to stop get a moment to do so."""
    for _ in range(5):
        time.sleep(0.001)
        if not _thread._count():
            return True
    return False


def _children_left() -> bool:
    """Whether a child lives. The dead are buried."""
    try:
        while True:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                return True
    except ChildProcessError:
        return False
