"""What a node was told on its command line."""

from __future__ import annotations

import hashlib
import os
import re
import socket
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from nexapod.core.records import JobKind
from nexapod.errors import Invalid
from nexapod.ids import is_id
from nexapod.node.engines.limits import Limits
from nexapod.node.engines.sandbox import Sandbox
from nexapod.wire.trust import as_fingerprint


def default_name() -> str:
    """The host's name, as an id: the same at each start, so that a node comes back as itself."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", socket.gethostname().split(".")[0]).lstrip("._-")
    return name[:100] or "node"


class NodeOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How a node runs.

    Attributes
    ----------
    url
        The coordinator, ``http://host:port``.
    fingerprint
        The SHA-256 of its certificate. None: an authority must vouch for it.
    slots
        How many jobs run at once.
    prefetch
        How many leases beyond `slots` may queue here; only calls shorter than 50 ms ever do.
    runner, weights
        The file with ``run(data)`` for data jobs, and a file it reads.
    scratch
        Directory for the spool and for cached functions. One per node name when None.
    give_up_s
        Exit once no coordinator has answered for that long and nothing runs. None: never.
    sandbox, readable
        Shut jobs in with bubblewrap, and what they may read there beside the system and Python.
    max_processes, max_output_bytes, max_disk_bytes
        See `Limits`.
    fleet_id
        Work for this fleet only, whoever else may answer at `url` one day. None: for any.
    """

    url: str
    token: str | None = None
    slots: int = 1
    name: str = msgspec.field(default_factory=default_name)
    runner: Path | None = None
    weights: Path | None = None
    tags: tuple[str, ...] = ()
    scratch: Path | None = None
    give_up_s: float | None = None
    prefetch: int = 256
    fleet_id: str | None = None
    fingerprint: str | None = None
    sandbox: bool = False
    readable: tuple[Path, ...] = ()
    max_processes: int = Limits().processes
    max_output_bytes: int = Limits().output_bytes
    max_disk_bytes: int | None = None

    def check(self) -> None:
        """Raise `Invalid` with one sentence when the options cannot work."""
        try:
            parts = urlsplit(self.url)
            good = parts.scheme in {"http", "https"} and bool(parts.hostname)
        except ValueError:
            good = False
        if not good:
            raise Invalid(
                f"{self.url!r} is not a coordinator's URL; it looks like http://host:8000"
            )
        if self.fingerprint is not None:
            as_fingerprint(self.fingerprint)
            if parts.scheme != "https":
                raise Invalid(
                    "a fingerprint is checked over TLS; the URL begins with https:// then"
                )
        if not is_id(self.name):
            raise Invalid(f"{self.name!r} cannot name a node: use letters, digits, '.', '_', '-'")
        if not 1 <= self.slots <= 4096:
            raise Invalid(f"a node has 1 to 4096 slots, not {self.slots}")
        for label, path in (("runner", self.runner), ("weights", self.weights)):
            if path is not None and not path.is_file():
                raise Invalid(f"the {label} file {path} does not exist")
        if not self.sandbox and (self.readable or self.max_disk_bytes is not None):
            raise Invalid(
                "--readable and --max-disk go with --sandbox: without it jobs read what the node "
                "reads, and have no folder of their own"
            )
        for path in self.readable:
            if not path.exists():
                raise Invalid(f"{path}, which jobs are to read, does not exist")

    @property
    def kinds(self) -> tuple[JobKind, ...]:
        """What this node runs: functions only for a fleet that it was given a token of."""
        kinds: list[JobKind] = ["function"] if self.token_or_environment is not None else []
        return (*kinds, "data") if self.runner is not None else tuple(kinds)

    @property
    def limits(self) -> Limits:
        """What one job may use."""
        return Limits(self.max_processes, self.max_output_bytes, self.max_disk_bytes)

    @property
    def sandbox_or_none(self) -> Sandbox | None:
        """How jobs are shut in, if they are."""
        if not self.sandbox:
            return None
        files = (path for path in (self.runner, self.weights) if path is not None)
        return Sandbox((*self.readable, *files))

    @property
    def is_local(self) -> bool:
        """Whether the coordinator is on this machine."""
        return urlsplit(self.url).hostname in {"127.0.0.1", "localhost", "::1"}

    @property
    def token_or_environment(self) -> str | None:
        """The token given, else ``NEXAPOD_TOKEN``."""
        return self.token or os.environ.get("NEXAPOD_TOKEN") or None

    @property
    def fingerprint_or_environment(self) -> str | None:
        """The fingerprint given, else ``NEXAPOD_FINGERPRINT``."""
        return self.fingerprint or os.environ.get("NEXAPOD_FINGERPRINT") or None

    def scratch_directory(self) -> Path:
        """Where this node keeps its files; not created here."""
        if self.scratch is not None:
            return self.scratch
        import platformdirs

        # Two fleets may each have a node of this name here: results of one are not the other's.
        fleet = hashlib.sha256(self.url.rstrip("/").encode()).hexdigest()[:8]
        return Path(platformdirs.user_cache_dir("nexapod")) / "nodes" / f"{self.name}@{fleet}"
