"""The machine: Python, packages, limits, the network's detours, sandbox, GPUs."""

from __future__ import annotations

import importlib
import os
import platform
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from typing import Any
from urllib.request import getproxies

from nexapod import __version__
from nexapod.doctor.finding import Check, Finding, fail, ok, warn
from nexapod.node.gpus import find_gpus

#: A node and a coordinator each hold a connection per node, a file per log, and their own.
OPEN_FILES = 4096
#: Those that the wire, the store and the sandbox of results rest on.
PACKAGES = ("aiohttp", "msgspec", "cloudpickle", "cryptography", "prometheus-client", "uvloop")


def checks() -> list[tuple[str, Check]]:
    """All of this machine's."""
    return [
        ("python", python),
        ("packages", packages),
        ("open files", open_files),
        ("proxies", proxies),
        ("sandbox", sandbox),
        ("gpus", gpus),
    ]


def python() -> Iterator[Finding]:
    """Python's version and SQLite's."""
    said = f"Python {platform.python_version()}, nexapod {__version__}, {platform.platform()}"
    yield ok("python", said)
    if sqlite3.sqlite_version_info < (3, 37, 0):
        yield fail(
            "sqlite",
            f"SQLite {sqlite3.sqlite_version} has no STRICT tables",
            "install a Python with SQLite 3.37 or newer",
        )
    else:
        yield ok("sqlite", f"SQLite {sqlite3.sqlite_version}")


def packages() -> Iterator[Finding]:
    """The packages that nexapod stands on."""
    found, missing = [], []
    for name in PACKAGES:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            missing.append(name)
    if missing == ["uvloop"]:
        yield warn(
            "packages", "uvloop is missing: a busy kernel answers later", "pip install uvloop"
        )
    elif missing:
        yield fail("packages", f"missing: {', '.join(missing)}", "pip install --upgrade nexapod")
    else:
        yield ok("packages", ", ".join(found))


def open_files() -> Iterator[Finding]:
    """How many files a process may open."""
    if os.name != "posix":
        return
    resource: Any = importlib.import_module("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < OPEN_FILES:
        yield warn(
            "open files",
            f"a process may open {soft} files",
            f"for hundreds of nodes: ulimit -n {OPEN_FILES} (systemd: LimitNOFILE=)",
        )
    else:
        yield ok("open files", f"a process may open {soft} files (at most {hard})")


def proxies() -> Iterator[Finding]:
    """Proxies in the environment. Nodes and clients do not use them."""
    found = {name for name in getproxies() if name != "no"}  # their URLs may hold passwords
    if found:
        yield warn(
            "proxies",
            f"the environment names a proxy for {', '.join(sorted(found))}",
            "nexapod goes past it: make sure that the coordinator is reached directly",
        )
    else:
        yield ok("proxies", "none in the environment")


def sandbox() -> Iterator[Finding]:
    """Whether bubblewrap runs, for ``nexapod node --sandbox``."""
    if sys.platform != "linux":
        yield ok("sandbox", "nodes have a sandbox on Linux only")
        return
    program = shutil.which("bwrap")
    if program is None:
        yield warn(
            "sandbox",
            "bubblewrap is not installed; `nexapod node --sandbox` needs it",
            "apt-get install bubblewrap (or your system's like)",
        )
        return
    command = [program, "--unshare-all", "--ro-bind", "/", "/", "--proc", "/proc", "true"]
    tried = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    if tried.returncode:
        said = (tried.stderr.strip().splitlines() or ["no reason given"])[-1]
        yield warn(
            "sandbox",
            f"bubblewrap cannot make a sandbox here: {said}",
            "allow unprivileged user namespaces (sysctl kernel.unprivileged_userns_clone=1, "
            "or in a container: seccomp and apparmor unconfined)",
        )
    else:
        yield ok("sandbox", "bubblewrap works")


def gpus() -> Iterator[Finding]:
    """The GPUs that a node here would offer."""
    found = find_gpus()
    if found:
        names = ", ".join(f"{gpu.name} ({gpu.memory_bytes / 1e9:.0f} GB)" for gpu in found)
        yield ok("gpus", names)
    elif shutil.which("nvidia-smi"):
        yield warn(
            "gpus",
            "nvidia-smi is here, but NVML shows no device to this process",
            "run nvidia-smi; look at CUDA_VISIBLE_DEVICES and the driver's version",
        )
    else:
        yield ok("gpus", "none")
