"""``nexapod serve --tls`` with other limits, as JSON: ``limited DATABASE LIMITS PORT``."""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path

import msgspec

from nexapod.coordinator.host import Host
from nexapod.coordinator.options import HostOptions, Limits
from tests.integration.parts import Coordinator

#: What nobody reaches.
NEVER_S = 1e6
ENDLESS = Limits(
    head_s=NEVER_S, idle_body_s=NEVER_S, slow_body_s=NEVER_S, unread_s=NEVER_S,
    keep_alive_s=NEVER_S, handshake_s=3600.0, connections=10**6,
)  # fmt: skip


class Limited(Coordinator):
    """It, as a process."""

    def __init__(self, database: Path, limits: Limits) -> None:
        super().__init__(database)
        text = msgspec.json.encode(limits).decode()
        self.arguments = [sys.executable, "-m", __name__, str(database), text, "0"]


def main(database: str, limits: str, port: str) -> None:
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    given = msgspec.json.decode(limits, type=Limits)
    options = HostOptions(database=database, port=int(port), tls=True, limits=given)
    host = Host(options, in_kernel=False)
    print(f"listens on {host.url}", flush=True)
    stop.wait()
    host.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
