"""A client that keeps asking, and starts the coordinator again when it has died."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import psutil

from tests.integration.parts import DEADLINE_S, Reply, eventually
from tests.torture.cycle import GONE
from tests.torture.faults import Fault, FaultyForks
from tests.torture.lives import Lives


class Resilience:
    """One coordinator under one fault, on a database of its own."""

    def __init__(self, folder: Path, forks: FaultyForks, fault: Fault) -> None:
        self.lives = Lives(folder / "fleet.db", forks, "--backup-every-s", "0")
        self.deaths: list[int] = []
        self._forks = forks
        self._client = self.lives.client(keep=True)
        forks.fault = fault
        self.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._client.__exit__()

    @property
    def log(self) -> str:
        """What its coordinators wrote."""
        return self.lives.log.read_text()

    def steps(self, *kinds: str) -> int:
        """How many steps of these kinds it took, once it has ended in peace."""
        counts = json.loads(re.findall(r"steps: (.+)", self.log)[-1])
        return sum(counts.get(kind, 0) for kind in kinds)

    def start(self) -> None:
        """Until one answers; the second one and all later ones live without the fault."""
        give_up_s = time.monotonic() + DEADLINE_S
        self.lives.spawn()
        while True:
            try:
                if self._client.ask("GET", "/health").status == 200:
                    return
            except GONE:
                self._bury()
            assert time.monotonic() < give_up_s, self.log
            time.sleep(0.003)

    def _bury(self) -> None:
        """If it has died, start another."""
        if psutil.Process(self.lives.pid).status() == psutil.STATUS_ZOMBIE:
            self._ended()
            self.lives.spawn()

    def _ended(self) -> int:
        code = self._forks.wait(self.lives.pid)
        self.lives.pid = 0
        self.deaths.append(code)
        self._forks.fault = Fault()
        return code

    def once(self, method: str, path: str, body: Any, headers: Mapping[str, str]) -> Reply:
        """What the coordinator of this life answers."""
        return self._client.ask(method, path, body, headers)

    def ask(self, method: str, path: str, body: Any, headers: Mapping[str, str]) -> Reply:
        """What some coordinator answers, however many it takes."""
        while True:
            try:
                return self.once(method, path, body, headers)
            except GONE:
                os.kill(self.lives.pid, signal.SIGKILL)  # it is dying; do not ask the corpse
                self._ended()
                self.start()

    def must_have_died(self) -> None:
        """The coordinator of this life ends by itself, or has."""
        process = psutil.Process(self.lives.pid)
        eventually(lambda: process.status() == psutil.STATUS_ZOMBIE, "its death")

    def again(self) -> None:
        """Kill it, and start one without a fault."""
        os.kill(self.lives.pid, signal.SIGKILL)
        self._ended()
        self.start()

    def stop(self) -> int:
        """Ask it to end; its exit code."""
        os.kill(self.lives.pid, signal.SIGTERM)
        return self._ended()
