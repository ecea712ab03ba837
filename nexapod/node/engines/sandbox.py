"""The sandbox: a runner process inside bubblewrap, with nothing of this machine but what it needs.

No network, its own processes, a system that it can read but not change, and three folders that are
its alone: ``/job`` (where it starts), ``/tmp`` and ``/dev/shm``. Homes and whatever else lies on
the machine are not hidden but absent. A warm process stays in its sandbox from job to job; what a
job leaves in the folders is deleted after it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec

from nexapod.errors import Invalid

#: Where a job starts, and where large results are put.
JOB, RESULTS = "/job", "/results"
#: What a job may write; emptied after it.
FOLDERS = f"{JOB}:/tmp:/dev/shm"
#: The parent of the runner inside.
FIRST_PID = "1"
#: The monitor and the first process of bubblewrap's own, beside the runner.
OWN_PROCESSES = 2

_PACKAGE = Path(__file__).parents[2]
_SYSTEM = "/usr /bin /sbin /lib /lib32 /lib64 /libx32 /opt /sys /nix/store".split()
# Of /etc what libraries look up; the rest holds secrets.
_ETC = (
    "alternatives ca-certificates fonts group hosts ld.so.cache ld.so.conf ld.so.conf.d localtime "
    "mime.types nsswitch.conf OpenCL passwd pki/tls/certs ssl/certs ssl/openssl.cnf timezone"
).split()
_VARIABLES = frozenset("LANG LANGUAGE LD_LIBRARY_PATH PATH TERM TZ VIRTUAL_ENV".split())
_PREFIXES = ("CUDA_", "LC_", "MKL_", "NEXAPOD_CARD", "NEXAPOD_WEIGHTS", "NUMEXPR_", "NVIDIA_",
             "OMP_", "OPENBLAS_", "OPENMM_", "PYTHON")  # fmt: skip
_FORBIDDEN = (
    "--sandbox cannot run here: this system does not let users make namespaces (bwrap says: {}); "
    "allow it (sysctl kernel.unprivileged_userns_clone=1, or an AppArmor profile for bwrap) or "
    "leave --sandbox out"
)


class Sandbox(msgspec.Struct, frozen=True):
    """How runner processes are shut in.

    Attributes
    ----------
    readable
        Files and folders that jobs may read, beside the system, Python and its packages.
    """

    readable: tuple[Path, ...] = ()

    def probe(self) -> None:
        """Raise `Invalid` with one sentence where it cannot run."""
        if sys.platform != "linux":
            raise Invalid("--sandbox cannot run here: bubblewrap exists for Linux only")
        if shutil.which("bwrap") is None:
            raise Invalid(
                "--sandbox cannot run here: there is no bwrap on the PATH; install it with "
                "apt-get install bubblewrap"
            )
        with tempfile.TemporaryDirectory() as folder:
            command = self.wrap(["true"], Path(folder), (), ())
            try:
                tried = subprocess.run(
                    command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30,
                    env=self.environment(os.environ), check=False,
                )  # fmt: skip
            except subprocess.TimeoutExpired:
                raise Invalid("--sandbox cannot run here: bwrap does not end") from None
        if tried.returncode:
            said = tried.stderr.strip().rpartition("\n")[2].removeprefix("bwrap: ")
            if any(word in said for word in ("namespace", "uid map", "not permitted", "loopback")):
                raise Invalid(_FORBIDDEN.format(said))
            raise Invalid(f"--sandbox cannot run here: bwrap says: {said or tried.returncode}")

    def wrap(
        self, command: list[str], own: Path, shown: Iterable[Path], shared: Iterable[Path]
    ) -> list[str]:
        """The command, shut in.

        Parameters
        ----------
        own
            The process's own folder; its parts appear inside as `FOLDERS` and `RESULTS`.
        shown, shared
            What it may read, and what it may write, although the agent has it too.
        """
        arguments = ["bwrap", "--unshare-all", "--unshare-user", "--die-with-parent"]
        arguments += ["--cap-drop", "ALL"]
        # A node that root runs could write the kernel's settings through a fresh /proc.
        arguments += ["--proc", "/proc", "--ro-bind", "/proc/sys", "/proc/sys", "--dev", "/dev"]
        for device in _graphics():
            arguments += ["--dev-bind-try", device, device]
        # Before what may be read: that may lie below one of these, in /tmp say.
        for inside in (*FOLDERS.split(":"), RESULTS):
            outside = own / inside.strip("/").replace("/", "-")
            outside.mkdir(mode=0o700, parents=True, exist_ok=True)
            arguments += ["--bind", str(outside), inside]
        for path in _readable((*self.readable, *shown)):
            arguments += ["--ro-bind-try", path, path]
        for path in map(str, shared):
            arguments += ["--bind", path, path]
        arguments += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", JOB, "--"]
        return arguments + command

    def environment(self, given: Mapping[str, str]) -> dict[str, str]:
        """Of the agent's variables those that say how to compute, and none that say who asks."""
        kept = {k: v for k, v in given.items() if k in _VARIABLES or k.startswith(_PREFIXES)}
        return {**kept, "HOME": JOB}


def move_result(own: Path, to: Path) -> None:
    """Take a large result out of the process's own folder.

    Raises
    ------
    OSError
        There is none, or it is no file: a job that can make links must not choose what is read.
    """
    found = own / RESULTS.strip("/") / to.name
    found.rename(to)
    os.close(os.open(to, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK))
    if not to.is_file():
        to.unlink()
        raise OSError(f"{to.name} is no file")


def disk_bytes(own: Path) -> int:
    """What all files below a folder take on the disk."""
    total, waiting = 0, [str(own)]
    while waiting:
        with contextlib.suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    total += entry.stat(follow_symlinks=False).st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
    return total


def _readable(more: Iterable[Path]) -> list[str]:
    """What is bound, outermost first; a path that leads through a link is bound where it leads."""
    found = [*_SYSTEM, *(f"/etc/{name}" for name in _ETC)]
    for path in (*map(Path, _python()), *more):
        found += [str(path.absolute()), str(path.resolve())]
    return list(dict.fromkeys(found))


def _python() -> Iterator[str]:
    """The interpreter, its packages, and this one."""
    yield from (sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix)
    yield str(_PACKAGE)
    home, here = Path.home().resolve(), Path.cwd()
    chosen = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    for entry in sys.path:
        path = Path(entry or ".").resolve()
        # `python -m` puts the folder it is started in there, which may be anything.
        is_meant = entry in chosen or path != here
        if is_meant and path != home and path not in home.parents and path != _PACKAGE.parent:
            yield str(path)


def _graphics() -> Iterator[str]:
    yield from ("/dev/dri", "/dev/kfd")
    for device in sorted(Path("/dev").glob("nvidia*")):
        yield str(device)
