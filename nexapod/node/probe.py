"""What this machine is: the profile a node registers with."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import socket
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from nexapod.node.gpus import Gpu

#: Packages whose versions decide whether a call can run, by the name they are installed under.
KEY_PACKAGES = (
    "nexapod", "cloudpickle", "msgspec", "numpy", "scipy", "pandas", "polars", "pyarrow",
    "scikit-learn", "numba", "torch", "jax", "jaxlib", "tensorflow", "cupy", "xarray", "dask",
    "openmm", "mdtraj", "MDAnalysis", "rdkit", "ase", "biopython", "matplotlib",
)  # fmt: skip


def profile(
    runner: Path | None = None, weights: Path | None = None, gpus: Sequence[Gpu] = ()
) -> dict[str, Any]:
    """Describe this machine as JSON-ready values.

    Parameters
    ----------
    gpus
        Those that the node reserves for jobs, so that none is promised that it has not.

    Returns
    -------
    dict
        ``os``, ``cpu``, ``gpu``, ``hashes`` as in the seed; ``cores``, ``memory_bytes``,
        ``gpus``, ``python``, ``hashes`` are also what jobs are matched on.
    """
    found: dict[str, Any] = {
        "os": f"{platform.system()} {platform.release()}".strip(),
        "cpu": cpu_name(),
        "gpu": ", ".join(gpu.name for gpu in gpus),
        "cores": usable_cores(),
        "memory_bytes": usable_memory_bytes(),
        "gpus": [{"name": gpu.name, "memory_bytes": gpu.memory_bytes} for gpu in gpus],
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "python_full": platform.python_version(),
        "packages": package_versions(),
        "hostname": socket.gethostname(),
        "platform": platform.platform(),
    }
    files = {"runner": runner, "weights": weights}
    hashes = {name: file_sha256(path) for name, path in files.items() if path is not None}
    if hashes:
        found["hashes"] = hashes
    return found


def usable_cores() -> int:
    """Cores this process may run on: the affinity mask and a container's quota count."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS
        cores = os.cpu_count() or 1
    quota = _cgroup("cpu.max").split()
    if len(quota) == 2 and quota[0].isdigit() and int(quota[1]) > 0:
        cores = min(cores, max(1, int(quota[0]) // int(quota[1])))
    return max(1, cores)


def usable_memory_bytes() -> int:
    """The machine's memory, or a container's limit when that is lower."""
    import psutil

    total = int(psutil.virtual_memory().total)
    limit = _cgroup("memory.max").strip()
    return min(total, int(limit)) if limit.isdigit() else total


def package_versions() -> dict[str, str]:
    """Versions of the key packages that are installed, without importing any."""
    versions = {}
    for name in KEY_PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def file_sha256(path: Path) -> str:
    """The sha256 of a file's content, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def cpu_name() -> str:
    """The processor's marketing name."""
    return _cpu_name_from_proc() or _cpu_name_cached() or platform.processor() or "unknown"


def _cgroup(name: str) -> str:
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
        own = next(line[3:] for line in lines if line.startswith("0::"))
        return (Path("/sys/fs/cgroup") / own.lstrip("/") / name).read_text()
    except (OSError, StopIteration):
        return ""


def _cpu_name_from_proc() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return ""
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            return " ".join(value.split())
    return ""  # not x86: py-cpuinfo knows more


def _cpu_name_cached() -> str:
    """py-cpuinfo's answer takes over a second, so it is asked once per boot."""
    import platformdirs
    import psutil

    path = Path(platformdirs.user_cache_dir("nexapod")) / "cpu.json"
    boot = round(psutil.boot_time() / 60)
    try:
        kept = json.loads(path.read_text())
        if abs(kept["boot"] - boot) <= 1 and isinstance(kept["cpu"], str):
            return str(kept["cpu"])
    except (OSError, ValueError, KeyError, TypeError):
        pass  # no usable cache: ask
    name = _ask_cpuinfo()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"boot": boot, "cpu": name}))
    except OSError:
        pass  # a read-only home only costs a second
    return name


def _ask_cpuinfo() -> str:
    try:
        import cpuinfo

        return str(cpuinfo.get_cpu_info().get("brand_raw", ""))
    except Exception:  # it parses the output of a dozen programs; any of them may surprise it
        return ""
