"""The host: a coordinator on a thread and an event loop of its own, in any process.

A notebook's kernel stays free to run cells, and cells cannot stop nodes from being served.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import errno
import logging
import os
import socket
import sys
import threading
import time
import weakref
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

from nexapod import errors
from nexapod.api.app import Api
from nexapod.api.gate import Gate
from nexapod.api.server import HttpServer
from nexapod.coordinator.backups import Backups
from nexapod.coordinator.descriptors import raise_limit
from nexapod.coordinator.files import FleetFiles, RunFile
from nexapod.coordinator.keyring import Keyring
from nexapod.coordinator.lock import DatabaseLock
from nexapod.coordinator.options import HostOptions, host_headers, url_of
from nexapod.coordinator.registry import enter, leave
from nexapod.coordinator.room import DiskRoom
from nexapod.coordinator.service import Service
from nexapod.coordinator.sweeper import sweep
from nexapod.coordinator.tls import tls_of
from nexapod.coordinator.upkeep import Upkeep
from nexapod.store.blobs import BlobStore
from nexapod.store.sqlite import SqliteStore
from nexapod.store.thread import StoreThread
from nexapod.wire.trust import is_loopback

logger = logging.getLogger(__name__)
T = TypeVar("T")

#: Ports tried after the wanted one.
NEXT_PORTS = 100
#: How often a busy interpreter hands over the lock: 5 ms by default, too long for a server
#: beside a cell that computes in pure Python (p99 of a poll 13 ms against 5 ms at 1 ms).
SWITCH_INTERVAL_S = 0.001


class Host:
    """A running coordinator.

    Parameters
    ----------
    options
        See `HostOptions`.
    in_kernel
        Whether the process is there for something else too: nobody may end it for the
        coordinator's sake.

    Raises
    ------
    AlreadyRunning
        When another process holds the database.
    Invalid
        When the options are unsafe or cannot work.
    """

    def __init__(self, options: HostOptions, *, in_kernel: bool = True) -> None:
        options.check()
        self.in_kernel = in_kernel
        self.options = options
        self.files = FleetFiles(options.name, options.database)
        self.pid = os.getpid()
        self.notes: list[str] = []
        self._lock = DatabaseLock(self.files.lock, self.files.database, self.files.url_of)
        try:
            self.token = None if options.open else self.files.token(options.token)
            self._tls = tls_of(options, self.files)
            self._socket = self._bind()
        except BaseException:
            self._lock.release()
            raise
        self.port: int = self._socket.getsockname()[1]
        self.fingerprint = None if self._tls is None else self._tls.fingerprint
        self.url = self._url()
        #: Whether somebody asked it to stop.
        self.is_stopping = False
        self.service: Service
        self.loop: asyncio.AbstractEventLoop
        self._server: HttpServer | None = None
        self._ready: Future[None] = Future()
        self._stop: asyncio.Event
        self._stopped = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name=f"nexapod-{options.name}", daemon=True
        )
        raise_limit()
        sys.setswitchinterval(min(sys.getswitchinterval(), SWITCH_INTERVAL_S))
        self._thread.start()
        self._ready.result()
        _hosts.add(self)
        atexit.register(self.stop)

    def _url(self) -> str:
        """The URL to tell others: under the name that an authority vouches for, where one does."""
        if self._tls is None:
            return url_of(self.options.host, self.port)
        known = () if is_loopback(self.options.host) else self._tls.names
        return url_of(known[0] if known else self.options.host, self.port, "https")

    def _bind(self) -> socket.socket:
        """Listen on the wanted port, else on the next free one.

        The port of the last run comes first: nodes still look for the coordinator there.
        """
        wanted = self.options.port
        last = self.files.read_run()
        ports = [wanted]
        if wanted and wanted == HostOptions().port and last is not None:
            with contextlib.suppress(ValueError):
                ports.insert(0, int(last.url.rpartition(":")[2]))
        if wanted:
            ports += range(wanted + 1, min(wanted + 1 + NEXT_PORTS, 65_536))
        for port in ports:
            with contextlib.suppress(_PortBusy):
                listener = _listen(self.options.host, port)
                if wanted and port not in (wanted, ports[0]):
                    self.notes.append(f"port {wanted} is busy; using {port}")
                return listener
        raise errors.Invalid(f"the ports {wanted} to {ports[-1]} are all busy; name another")

    # ── the thread ───────────────────────────────────────────────────────────────────────────────

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=_new_loop) as runner:
                runner.run(self._serve())
        except BaseException as error:
            if not self._ready.done():
                self._ready.set_exception(error)
            else:
                logger.exception("the coordinator's thread ended")
        finally:
            self._lock.release()
            self._stopped.set()

    async def _serve(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        thread = StoreThread()
        try:
            store = await thread.call(SqliteStore, self.files.database)
            try:
                keyring = Keyring(store, thread, self.token, self.files.node_token)
                folder, reserve_bytes = self.files.database.parent, self.options.disk_reserve_bytes
                room = DiskRoom(folder, reserve_bytes)
                blobs = BlobStore(self.files.blobs)
                await thread.call(blobs.tidy)
                self.service = Service(store, blobs, thread, keyring, room)
                self.service.name, self.service.url = self.options.name, self.url
                self.service.stop = self.stop
                self.service.logs.most_bytes = self.options.limits.log_bytes
                await self.service.start()
                self.notes += store.notes
                self._backups = Backups(
                    store, thread, self.files, room.reserve_bytes,
                    every_s=self.options.backup_every_s, kept=self.options.backups_kept,
                )  # fmt: skip
                await self._listen_and_wait()
            finally:
                await thread.call(store.close)
        finally:
            thread.stop()

    async def _listen_and_wait(self) -> None:
        limits, scheme = self.options.limits, self.url.partition(":")[0]
        names, listening = set[str](), {}
        if self._tls is not None:
            names = {f"{name}:{self.port}" for name in self._tls.names}
            listening = self._tls.listening(limits.handshake_s)
        hosts = host_headers(self.options.host, self.port) | names
        gate = Gate(self.service.keyring, hosts, scheme)
        self._server = HttpServer(Api(self.service, gate), limits)
        server = await self.loop.create_server(
            self._server, sock=self._socket, backlog=1024, **listening
        )  # fmt: skip
        run = RunFile(
            self.options.name,
            self.url,
            self.pid,
            time.time(),
            self.options.open,
            self.in_kernel,
            self.fingerprint,
        )
        self.files.write_run(run)
        entry = enter(run, self.files)
        self.service.meter.connections = lambda: (
            len(self._server.connections) if self._server else 0
        )
        self.service.chronicle.started(self.url)
        sweeper = self.loop.create_task(sweep(self.service))
        reaper = self.loop.create_task(self._server.reap())
        upkeep = Upkeep(self.service, self._backups, self.files.database)
        self._ready.set_result(None)
        try:
            await self._stop.wait()
        finally:
            leave(entry)
            sweeper.cancel()
            reaper.cancel()
            upkeep.stop()
            server.close()
            await self.service.drain()
            self._server.pre_shutdown()  # idle connections; `shutdown` would wait for them
            await self._server.shutdown(timeout=5.0)

    # ── use from other threads ───────────────────────────────────────────────────────────────────

    @property
    def is_running(self) -> bool:
        """Whether it answers, in this process."""
        return not self._stopped.is_set() and os.getpid() == self.pid

    def post(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Start `work` on the coordinator's loop.

        Raises
        ------
        Unavailable
            When the coordinator has stopped, or runs in the process this one was forked from.
        """
        if not self.is_running:
            work.close()
            raise errors.Unavailable(
                "this coordinator has stopped; launch it again"
                if os.getpid() == self.pid
                else "this process was forked from the coordinator's; use nexapod.connect(url)"
            )
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    def stop(self) -> None:
        """Stop listening, write what is pending, close the database. Safe to call twice."""
        self.is_stopping = True
        atexit.unregister(self.stop)
        if self.is_running:
            with contextlib.suppress(RuntimeError):
                self.loop.call_soon_threadsafe(self._stop.set)
            if threading.current_thread() is not self._thread:
                self._stopped.wait(30.0)

    def _forked(self) -> None:
        """In a forked child: let go of the port and of every connection.

        When the parent dies the port is refused then, and nodes notice, instead of waiting for a
        child that is deaf.
        """
        self._lock.release()
        handles = [self._socket.fileno()]
        for connection in self._server.connections if self._server else ():
            transport = connection.transport
            peer = transport.get_extra_info("socket") if transport is not None else None
            if peer is not None:
                handles.append(peer.fileno())
        for handle in handles:
            with contextlib.suppress(OSError):
                os.close(handle)


class _PortBusy(Exception):
    pass


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, proto, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError:
        raise errors.Invalid(f"the host {host} has no address on this machine") from None
    listener = socket.socket(family, kind, proto)
    try:
        if os.name == "posix":  # elsewhere this would share a port that is in use
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(1024)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise _PortBusy from None
        raise errors.Invalid(f"{host}:{port} cannot be bound: {error.strerror}") from None
    listener.setblocking(False)
    return listener


def _new_loop() -> asyncio.AbstractEventLoop:
    """Uvloop where it exists: under a busy kernel it answers several times sooner."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


_hosts: weakref.WeakSet[Host] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for host in tuple(_hosts):
        host._forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
