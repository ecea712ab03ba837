"""Nodes on this machine: processes of their own that outlive a kernel restart.

A node keeps its name, so a fleet that is launched again finds those that still run and starts
only the missing ones. One that dies is started anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import psutil

from nexapod.client.node import Node

if TYPE_CHECKING:
    from nexapod.client.connection import Connection

#: A local node that finds no coordinator for so long, and has nothing to do, ends.
GIVE_UP_S = 120.0
#: Restarts of one node within the window before it is left alone.
RESTARTS = 5
RESTART_WINDOW_S = 60.0


class PidFile(msgspec.Struct, frozen=True):
    """Which process a node is; the creation time tells it from a later one with the same pid.

    `serves` is a digest of the address, the token, the fleet and the certificate that it was
    started for.
    """

    pid: int
    created_at: float
    slots: int
    serves: str


class LocalNode(Node):
    """One node on this machine.

    Attributes
    ----------
    name
        Its id on the fleet.
    slots
        How many jobs it runs at once.
    log
        The file its log lines go to.
    """

    def __init__(self, connection: Connection, name: str, slots: int, folder: Path) -> None:
        super().__init__(connection, name)
        self.slots = slots
        self.log = folder / f"{name}.log"
        self._folder = folder
        self._pidfile = folder / f"{name}.pid"
        self._process: psutil.Process | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self.wanted = True
        self.starts: list[float] = []

    def __repr__(self) -> str:
        state = f"pid {self.pid}" if self.is_alive() else "not running"
        return f"<LocalNode {self.name}, {self.slots} slots, {state}>"

    @property
    def pid(self) -> int | None:
        """The process id, None when it does not run."""
        return self._process.pid if self._process is not None else None

    @property
    def _serves(self) -> str:
        transport = self._link.transport
        served = f"{transport.url}\n{self._link.node_token()}\n{transport.fleet_id}"
        if transport.fingerprint is not None:
            served += f"\n{transport.fingerprint}"
        return hashlib.sha256(served.encode()).hexdigest()

    @classmethod
    def found(cls, connection: Connection, pidfile: Path) -> LocalNode | None:
        """The node that an earlier launch left running, if it still does.

        One that serves another address (the fleet listens elsewhere now) or knows another token
        is ended; `start` puts one in its place that takes up its unsent results.
        """
        try:
            known = msgspec.json.decode(pidfile.read_bytes(), type=PidFile)
            process = psutil.Process(known.pid)
            if abs(process.create_time() - known.created_at) > 1.0:
                raise psutil.NoSuchProcess(known.pid)
        except (OSError, msgspec.MsgspecError, psutil.Error):
            with contextlib.suppress(OSError):
                pidfile.unlink()
            return None
        node = cls(connection, pidfile.stem, known.slots, pidfile.parent)
        node._process = process
        if known.serves != node._serves:
            for _ in range(2):  # the second one hurries
                node._signal(signal.SIGTERM)
            if not node.wait(5.0):
                node.kill()
                node.wait(5.0)
        return node

    def start(self) -> None:
        """Start it, unless it runs."""
        self.wanted = True
        if self.is_alive():
            return
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        environment = dict(os.environ)
        for name in ("NEXAPOD_TOKEN", "NEXAPOD_FINGERPRINT"):
            environment.pop(name, None)
        transport = self._link.transport
        token = self._link.node_token()
        if token is not None:
            environment["NEXAPOD_TOKEN"] = token
        if transport.fingerprint is not None:
            environment["NEXAPOD_FINGERPRINT"] = transport.fingerprint
        # Several nodes share this machine: one thread per job, unless the user says otherwise.
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
            environment.setdefault(name, "1")
        command = [
            sys.executable, "-m", "nexapod", "node", transport.url, "--name", self.name,
            "--slots", str(self.slots), "--scratch", str(self._folder / self.name),
            "--give-up-s", str(GIVE_UP_S),
            "--fleet-id", transport.fleet_id,
        ]  # fmt: skip
        self.log.touch(mode=0o600)
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,  # an interrupt of the kernel is not meant for nodes
            )
        self.starts.append(time.monotonic())
        self._process = psutil.Process(self._child.pid)
        pidfile = PidFile(self._child.pid, self._process.create_time(), self.slots, self._serves)
        self._pidfile.touch(mode=0o600)
        self._pidfile.write_bytes(msgspec.json.encode(pidfile))

    def is_alive(self) -> bool:
        """Whether its process runs."""
        if self._child is not None and self._child.poll() is not None:
            self._child = self._process = None
        if self._process is None:
            return False
        with contextlib.suppress(psutil.Error):
            if self._process.is_running() and self._process.status() != psutil.STATUS_ZOMBIE:
                return True
        self._process = None
        return False

    def kill(self) -> None:
        """Kill it at once (SIGKILL), as a power cut would. It is started anew."""
        self._signal(getattr(signal, "SIGKILL", signal.SIGTERM))

    def terminate(self) -> None:
        """Ask it to drain and end (SIGTERM); a second time hurries it. It stays ended."""
        self.wanted = False
        self._signal(signal.SIGTERM)

    def _signal(self, number: int) -> None:
        if self.is_alive() and self._process is not None:
            with contextlib.suppress(psutil.Error):
                self._process.send_signal(number)

    def wait(self, timeout_s: float) -> bool:
        """Whether it ended within `timeout_s`."""
        give_up_s = time.monotonic() + timeout_s
        while self.is_alive():
            if time.monotonic() > give_up_s:
                return False
            time.sleep(0.02)
        with contextlib.suppress(OSError):
            if not self.wanted:
                self._pidfile.unlink()
        return True


class LocalNodes:
    """The local nodes of a fleet, and the thread that starts a dead one anew.

    Those that an earlier launch left running are taken over.
    """

    def __init__(self, connection: Connection, folder: Path) -> None:
        self._link = connection
        self._folder = folder
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._watcher: threading.Thread | None = None
        self.nodes: list[LocalNode] = []
        for pidfile in sorted(folder.glob("*.pid")):
            node = LocalNode.found(connection, pidfile)
            if node is not None:
                node.start()
                self.nodes.append(node)
        self._watch_if_any()

    def add(self, count: int, slots: int) -> list[LocalNode]:
        """Have `count` more nodes of `slots` slots each."""
        with self._lock:
            taken = {node.name for node in self.nodes}
            names = (f"local-{n}" for n in itertools.count(1))
            free = (name for name in names if name not in taken)
            fresh = [
                LocalNode(self._link, name, slots, self._folder)
                for name in itertools.islice(free, count)
            ]
            for node in fresh:
                node.start()
                self.nodes.append(node)
        self._watch_if_any()
        return fresh

    def _watch_if_any(self) -> None:
        if self._watcher is None and self.nodes:
            self._watcher = threading.Thread(
                target=self._watch, name="nexapod-local-nodes", daemon=True
            )
            self._watcher.start()

    def _watch(self) -> None:
        while not self._stop.wait(0.25):
            with self._lock:
                for node in self.nodes:
                    if node.wanted and not node.is_alive() and _may_restart(node):
                        with contextlib.suppress(OSError):
                            node.start()

    def stop(self, timeout_s: float = 10.0) -> None:
        """End them all: running jobs are given back; the processes are gone on return."""
        if os.getpid() != self._pid:
            return  # a forked child is leaving; the nodes are its parent's
        self._stop.set()
        with self._lock:
            for node in self.nodes:
                node.terminate()
            give_up_s = time.monotonic() + timeout_s
            hurried = False
            while any(node.is_alive() for node in self.nodes) and time.monotonic() < give_up_s:
                if not hurried and time.monotonic() > give_up_s - timeout_s + 0.5:
                    hurried = True
                    for node in self.nodes:
                        node.terminate()
                time.sleep(0.05)
            for node in self.nodes:
                if not node.wait(0.0):
                    node.kill()
                    node.wait(5.0)


def _may_restart(node: LocalNode) -> bool:
    now_s = time.monotonic()
    node.starts = [at for at in node.starts if now_s - at < RESTART_WINDOW_S]
    return len(node.starts) < RESTARTS
