"""What the tests have nodes run: well-behaved calls, and calls that do harm."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

_STATE: list[int] = []


def add(a, b=0):
    return a + b


def pid():
    return os.getpid()


def sleep(seconds, value=None):
    time.sleep(seconds)
    return value


def starts_and_sleeps(path, seconds, value):
    Path(path).touch()
    time.sleep(seconds)
    return value


def raises(text):
    print("about to raise")
    raise ValueError(text)


class Stubborn(Exception):
    def __init__(self, one, two):
        super().__init__("it has two arguments")


def raises_what_does_not_pickle():
    raise Stubborn(1, 2)


def segfaults():
    import ctypes

    print("last words")
    ctypes.string_at(0)


def kills_itself(number=signal.SIGKILL):
    os.kill(os.getpid(), number)
    time.sleep(5)


def exits(code):
    sys.exit(code)


def exits_hard_unless_zero(code):
    if code:
        os._exit(code)
    return code


def exits_hard(code):
    print("going")
    os._exit(code)


def spins(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


def fills_memory(mib):
    kept = bytearray(mib << 20)
    for offset in range(0, len(kept), 4096):
        kept[offset] = 1
    time.sleep(10)
    return len(kept)


def gives_a_lock():
    return threading.Lock()


def gives_bytes(count):
    return b"x" * count


def gives_bytes_after(seconds, count):
    time.sleep(seconds)
    return b"x" * count


def size_of(value):
    return len(value)


def prints(text, times=1):
    for _ in range(times):
        print(text)
    print("to stderr", file=sys.stderr)


def leaves_thread():
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
    return os.getpid()


def leaves_child():
    child = subprocess.Popen(["sleep", "60"])
    return os.getpid(), child.pid


def leaves_orphan(path):
    """A grandchild in a session of its own, whose parent is gone."""
    code = (
        "import os, time\n"
        "if os.fork(): os._exit(0)\n"
        "os.setsid()\n"
        f"open({path!r}, 'w').write(str(os.getpid()))\n"
        "time.sleep(60)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    while not Path(path).exists() or not Path(path).read_text():
        time.sleep(0.01)
    return os.getpid()


def leaves_orphan_and_dies(path):
    leaves_orphan(path)
    os.kill(os.getpid(), signal.SIGKILL)


def starts_family_and_waits(path):
    child = subprocess.Popen(["sh", "-c", "sleep 61 & echo $!; sleep 62"], stdout=subprocess.PIPE)
    assert child.stdout is not None
    grandchild = int(child.stdout.readline())
    Path(path).write_text(f"{os.getpid()} {child.pid} {grandchild}")
    time.sleep(60)


def ignores_sigterm_and_waits(path):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    Path(path).write_text(str(os.getpid()))
    time.sleep(60)


def litters():
    os.chdir("/")
    os.umask(0)
    os.environ["LITTER"] = "1"
    os.environ.pop("HOME", None)
    sys.path.insert(0, "/litter")
    sys.stdout = None
    sys.setrecursionlimit(5000)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    sys.modules["__main__"].litter = 1  # type: ignore[attr-defined]
    os.dup2(os.open("/dev/null", os.O_WRONLY), 1)
    return os.getpid()


def looks_around():
    old = os.umask(0o077)
    os.umask(old)
    print("looked")
    return {
        "pid": os.getpid(),
        "cwd": os.getcwd(),
        "umask": old,
        "litter": os.environ.get("LITTER"),
        "home": os.environ.get("HOME"),
        "path": "/litter" in sys.path,
        "stdout": sys.stdout is None,
        "recursion": sys.getrecursionlimit(),
        "sigterm": signal.getsignal(signal.SIGTERM) == signal.SIG_DFL,
        "main": hasattr(sys.modules["__main__"], "litter"),
    }


def counts_its_calls():
    _STATE.append(1)
    return len(_STATE)


def breaks_pickle():
    import pickle

    pickle.loads = None
    return os.getpid()


def breaks_what_the_runner_uses():
    import builtins

    time.monotonic_ns = os.pread = builtins.len = None
    return os.getpid()


def hides_a_module():
    sys.modules["fractions"] = None
    return os.getpid()


def tells_pid_when_opened():
    """An argument that only a process with an unharmed `fractions` can open."""
    return Opened()


class Opened:
    def __reduce__(self):
        return _opened, ()


def _opened():
    import fractions

    return (os.getpid(), fractions.__name__)


def same(value):
    return value


class Unopenable:
    """Counts in a file how often it was tried."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return _refuses, (self.path,)


def _refuses(path):
    with open(path, "a") as file:
        file.write(f"{os.getpid()}\n")
    raise RuntimeError("cannot be opened")


def seeds():
    import random

    random.seed(1)
    return os.getpid(), random.random()


def draws():
    import random

    return os.getpid(), random.random()


def seeds_numpy(state=None):
    import numpy

    numpy.random.seed(1)
    if state is not None:
        numpy.random.set_state(state)
    return os.getpid(), float(numpy.random.random())


def draws_numpy():
    import numpy

    return os.getpid(), float(numpy.random.random())


def raises_instance(error):
    raise error


class KeywordOnly(Exception):
    def __init__(self, *, code):
        super().__init__(f"code {code}")


def raises_keyword_only():
    raise KeywordOnly(code=3)
