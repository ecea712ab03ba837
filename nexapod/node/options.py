"""What a node was told on its command line."""

from __future__ import annotations

import hashlib
import os
import re
import socket
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from nexapod.errors import Invalid
from nexapod.ids import is_id


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
        if not is_id(self.name):
            raise Invalid(f"{self.name!r} cannot name a node: use letters, digits, '.', '_', '-'")
        if not 1 <= self.slots <= 4096:
            raise Invalid(f"a node has 1 to 4096 slots, not {self.slots}")
        for label, path in (("runner", self.runner), ("weights", self.weights)):
            if path is not None and not path.is_file():
                raise Invalid(f"the {label} file {path} does not exist")

    @property
    def is_local(self) -> bool:
        """Whether the coordinator is on this machine."""
        return urlsplit(self.url).hostname in {"127.0.0.1", "localhost", "::1"}

    @property
    def token_or_environment(self) -> str | None:
        """The token given, else ``NEXAPOD_TOKEN``."""
        return self.token or os.environ.get("NEXAPOD_TOKEN") or None

    def scratch_directory(self) -> Path:
        """Where this node keeps its files; not created here."""
        if self.scratch is not None:
            return self.scratch
        import platformdirs

        # Two fleets may each have a node of this name here: results of one are not the other's.
        fleet = hashlib.sha256(self.url.rstrip("/").encode()).hexdigest()[:8]
        return Path(platformdirs.user_cache_dir("nexapod")) / "nodes" / f"{self.name}@{fleet}"
