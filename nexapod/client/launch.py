"""``launch`` and ``connect``: how a fleet comes into a notebook."""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import ssl
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Annotated

import msgspec
import psutil

from nexapod import errors
from nexapod.client.connection import Connection
from nexapod.client.fleet import Fleet
from nexapod.client.in_process import InProcess
from nexapod.client.local_nodes import LocalNodes
from nexapod.client.remote import Remote
from nexapod.coordinator import registry
from nexapod.coordinator.files import FleetFiles, RunFile
from nexapod.coordinator.host import Host
from nexapod.coordinator.lock import holder_of, is_locked
from nexapod.coordinator.options import HostOptions
from nexapod.ids import is_id
from nexapod.wire.trust import as_fingerprint, warn_if_unencrypted

logger = logging.getLogger(__name__)

_running: dict[tuple[int, Path], Fleet] = {}
#: How often a detached coordinator is started before it is given up.
STARTS = 3
#: Detached coordinators that this process started: kept, so that those that end are reaped.
_children: list[subprocess.Popen[bytes]] = []


def launch(
    name: str = "default",
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    local_nodes: int = 0,
    database: str | os.PathLike[str] | None = None,
    token: str | None = None,
    open: bool = False,
    detached: bool = False,
    insecure: bool = False,
    tls: bool | None = None,
    cert: str | os.PathLike[str] | None = None,
    key: str | os.PathLike[str] | None = None,
) -> Fleet:
    """Start the coordinator `name` in this process, or return the one that runs.

    It runs on a thread and an event loop of its own, so cells and nodes do not get in each
    other's way. Everything is on disk: after a restart of the kernel the same call goes on with
    the same jobs, results and nodes.

    Parameters
    ----------
    name
        The fleet's name.
    host, port
        Where to listen. A busy port moves to the next free one and says so.
    local_nodes
        How many nodes to run on this machine.
    database
        The database file; by default one per name in the user's data folder.
    token
        The secret; by default made at the first launch and kept in a file only you can read.
    open
        No token at all; loopback only.
    detached
        Run the coordinator as a process of its own that outlives this kernel. For kernels that
        hold the interpreter for long in C code, which would starve a thread.
    insecure
        Allow plain HTTP beyond this machine, on a network you trust.
    tls
        Speak HTTPS. By default beyond this machine only, with a certificate that is made at the
        first launch; nodes know it by the fingerprint in ``fleet.invite()``.
    cert, key
        Files of a certificate of your own (PEM) and its key.

    Raises
    ------
    AlreadyRunning
        When another process runs this fleet; says which.
    Invalid
        When the options are unsafe or cannot work.
    """
    path = _path(database)
    given = {
        "name": name, "host": host, "port": port, "database": path, "token": token,
        "open": open, "insecure": insecure,
        "tls": tls, "cert": _path(cert), "key": _path(key),
    }  # fmt: skip
    try:
        options = msgspec.convert(given, HostOptions)
        wanted = msgspec.convert(local_nodes, Annotated[int, msgspec.Meta(ge=0)])
    except msgspec.ValidationError as error:
        raise errors.Invalid(f"an argument of launch does not fit: {error}") from None
    options.check()
    files = FleetFiles(name, path)
    where = (os.getpid(), files.database)
    fleet = _running.get(where)
    if fleet is None or not _is_running(fleet, files):
        if fleet is not None:
            fleet._link.close()
        fleet = _detached(options, files) if detached else _in_process(options, files)
        _running[where] = fleet
        for note in fleet.notes:
            print(note)  # noqa: T201  # said once, in the cell that launched it
    missing = wanted - len(fleet.local_nodes)
    if missing > 0:
        fleet.start_nodes(missing)
    return fleet


def _path(given: str | os.PathLike[str] | None) -> str | None:
    return None if given is None else os.fspath(given)


def _is_running(fleet: Fleet, files: FleetFiles) -> bool:
    transport = fleet._link.transport
    if isinstance(transport, InProcess):
        return transport.host.is_running
    run = files.read_run()
    return (
        run is not None
        and run.url == transport.url
        and not transport.loop.is_closed()
        and is_locked(files.lock)
        and _answers(run.url)
    )


def _in_process(options: HostOptions, files: FleetFiles) -> Fleet:
    host = Host(options)
    connection = Connection(InProcess(host))
    local = LocalNodes(connection, files.nodes)
    atexit.register(_at_exit, local)
    return Fleet(options.name, connection, local, None, host.notes)


def _at_exit(local: LocalNodes) -> None:
    """End a script's nodes with it.

    A kernel's stay a while: it may be restarting, and whatever they compute is worth keeping.
    Without a coordinator and work they end by themselves.
    """
    if "ipykernel" not in sys.modules:
        local.stop()


def _detached(options: HostOptions, files: FleetFiles) -> Fleet:
    """Connect to the coordinator that runs as a process of its own, or start one.

    Raises
    ------
    AlreadyRunning
        When it runs inside a kernel: that is not ours to share, or to stop.
    """
    run = _bring_up(options, files)
    if run.in_kernel:
        raise errors.AlreadyRunning(
            f"this fleet already runs inside process {run.pid}; use "
            f'nexapod.connect("{run.url}") to reach it, or stop it there first',
            pid=run.pid,
        )
    process = psutil.Process(run.pid)
    connection = Connection(
        Remote(run.url, None if run.open else files.token(), run.fingerprint)
    )  # fmt: skip
    local = LocalNodes(connection, files.nodes)

    def stop() -> None:
        with contextlib.suppress(psutil.Error):  # psutil knows a later process with the same pid
            process.terminate()
            process.wait(30)
        _reap()

    return Fleet(options.name, connection, local, stop)


def _spawn(options: HostOptions, files: FleetFiles) -> subprocess.Popen[bytes]:
    command = [
        sys.executable, "-m", "nexapod", "serve", "--name", options.name, "--host", options.host,
        "--port", str(options.port), "--database", str(files.database),
    ]  # fmt: skip
    command += ["--open"] * options.open + ["--insecure"] * options.insecure
    command += [] if options.tls is None else ["--tls" if options.tls else "--no-tls"]
    if options.cert is not None and options.key is not None:
        command += ["--cert", options.cert, "--key", options.key]
    if not options.open:
        files.token(options.token)  # on file, so that it is in no process's arguments
    environment = {k: v for k, v in os.environ.items() if k != "NEXAPOD_TOKEN"}
    _reap()
    files.beside(".log").touch(mode=0o600)
    with files.beside(".log").open("ab") as log:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment,
            start_new_session=True,
        )
    _children.append(child)
    return child


def _bring_up(options: HostOptions, files: FleetFiles, timeout_s: float = 30.0) -> RunFile:
    """Where the coordinator runs; starts one when none does."""
    give_up_s = time.monotonic() + timeout_s
    child: subprocess.Popen[bytes] | None = None
    starts = 0
    while time.monotonic() < give_up_s:
        run = files.read_run()
        if is_locked(files.lock):
            # A process that is just dying may hold the lock a moment longer than it answers.
            if run is not None and run.pid == holder_of(files.lock) and _answers(run.url):
                return run
        elif (child is None or child.poll() is not None) and starts < STARTS:
            child = _spawn(options, files)
            starts += 1
        time.sleep(0.05)
    raise errors.Unreachable(
        f"the detached coordinator did not come up within {timeout_s:g} s; "
        f"its log is {files.beside('.log')}"
    )


def _reap() -> None:
    _children[:] = [child for child in _children if child.poll() is None]


def _answers(url: str) -> bool:
    """Whether a coordinator answers there."""
    try:
        # Nothing secret is sent, and nothing that is answered is believed.
        anyone = ssl._create_unverified_context() if url.startswith("https:") else None
        with urllib.request.urlopen(f"{url}/health", timeout=5, context=anyone) as response:
            response.read()
    except OSError:
        return False
    return True


def connect(url: str, token: str | None = None, *, fingerprint: str | None = None) -> Fleet:
    """A fleet whose coordinator runs elsewhere: in another kernel, process or machine.

    Parameters
    ----------
    url
        Where it listens: ``https://host:port``, or ``http://…`` on this machine. Or just the name
        of a coordinator that you run on this machine.
    token
        The fleet's token; ``NEXAPOD_TOKEN`` in the environment works too. Not needed for a
        coordinator of yours on this machine.
    fingerprint
        The fingerprint of its certificate, as in the invitation; ``NEXAPOD_FINGERPRINT`` works
        too. Without one, an authority must vouch for the certificate.

    Raises
    ------
    Unreachable
        When no coordinator answers there, or none of this name runs.
    Unauthorized
        When the token is not the fleet's.
    Untrusted
        When whoever answers cannot prove to be that coordinator.
    """
    if is_id(url):
        run = registry.named(url)
        transport = Remote(run.url, token or run.token, fingerprint or run.fingerprint)
        return Fleet(run.name, Connection(transport))
    if not url.startswith(("http://", "https://")):
        raise errors.Invalid(
            "a coordinator's url begins with http:// or https://; one that you run on this machine "
            "can be given by its name alone"
        )
    if token is None:
        token = os.environ.get("NEXAPOD_TOKEN")
    fingerprint = fingerprint or os.environ.get("NEXAPOD_FINGERPRINT") or None
    if fingerprint is not None:
        if not url.startswith("https://"):
            raise errors.Invalid(
                "a fingerprint belongs to https://…; connect to that, or leave out the fingerprint "
                "(NEXAPOD_FINGERPRINT in the environment is one)"
            )
        fingerprint = as_fingerprint(fingerprint)
    if token is None and (here := registry.at(url.rstrip("/"))) is not None:
        token, fingerprint = here.token, fingerprint or here.fingerprint
    warn_if_unencrypted(url, token, logger)
    return Fleet(url.partition("://")[2].rstrip("/"), Connection(Remote(url, token, fingerprint)))
