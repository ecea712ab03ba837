"""One fleet's files: the disk they lie on, the database, its lock, its secrets, its port."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import stat
import statistics
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import psutil

from nexapod.coordinator.backups import list_backups
from nexapod.coordinator.files import FleetFiles
from nexapod.coordinator.lock import holder_of, is_locked
from nexapod.coordinator.options import HostOptions
from nexapod.coordinator.room import DiskRoom
from nexapod.doctor.certificates import certificate
from nexapod.doctor.finding import Check, Finding, fail, ok, warn
from nexapod.doctor.place import place
from nexapod.store.blobs import BlobStore
from nexapod.store.copies import damage, read_only
from nexapod.store.restoration import missing_blobs
from nexapod.store.sqlite import SCHEMA_VERSION

#: A commit waits for one fsync.
SLOW_SYNC_S = 0.05
#: A day without a backup is a day to lose.
OLD_BACKUP_S = 26 * 3600.0
#: Files that nobody but their owner may read.
PRIVATE = (".token", ".node-token", ".key.pem", ".run")


class FleetChecks:
    """The checks of one fleet's files."""

    def __init__(self, files: FleetFiles) -> None:
        self._files = files
        self._running = is_locked(files.lock)

    def all(self) -> list[tuple[str, Check]]:
        """All of them."""
        return [
            ("place", lambda: place(self._files.database.parent)),
            ("disk", self.disk),
            ("fsync", self.fsync),
            ("coordinator", self.coordinator),
            ("database", self.database),
            ("permissions", self.permissions),
            ("port", self.port),
            ("tls", self.tls),
            ("backups", self.backups),
        ]

    def disk(self) -> Iterator[Finding]:
        """Free space against what is kept for results."""
        folder = self._files.database.parent
        room = DiskRoom(folder)
        said = f"{room.free_bytes / 1e9:,.1f} GB free in {folder}"
        if room.free_bytes < room.reserve_bytes:
            yield fail("disk", f"{said}: submissions are refused", "free some space")
        elif room.free_bytes < 4 * room.reserve_bytes:
            yield warn("disk", said, "free some space soon")
        else:
            yield ok("disk", said)

    def fsync(self) -> Iterator[Finding]:
        """How long the disk takes to keep a promise."""
        probe = self._files.database.parent / f".nexapod-doctor-{os.getpid()}"
        took_s = []
        try:
            handle = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                for _ in range(7):
                    os.write(handle, b"\0" * 4096)
                    began_s = time.perf_counter()
                    os.fsync(handle)
                    took_s.append(time.perf_counter() - began_s)
            finally:
                os.close(handle)
        except OSError as error:
            yield fail(
                "fsync",
                f"the folder cannot be written: {error.strerror}",
                "choose another place with --database, or mend its permissions",
            )
            return
        finally:
            probe.unlink(missing_ok=True)
        median_s = statistics.median(took_s)
        said = f"{1000 * median_s:.1f} ms"
        if median_s > SLOW_SYNC_S:
            yield warn("fsync", f"{said}: every commit waits so long", "use a local SSD")
        else:
            yield ok("fsync", said)

    def coordinator(self) -> Iterator[Finding]:
        """Who holds the lock."""
        if not self._running:
            yield ok("coordinator", f"none runs for {self._files.database}")
            return
        pid = holder_of(self._files.lock)
        what = ""
        with contextlib.suppress(psutil.Error, TypeError):
            what = f" ({psutil.Process(pid).name()})"
        url = self._files.url_of(pid) if pid is not None else None
        yield ok(
            "coordinator", f"process {pid}{what} runs it at {url or 'an address not yet said'}"
        )

    def database(self) -> Iterator[Finding]:
        """Integrity, schema, blobs. Only the coordinator may open it while it runs."""
        path = self._files.database
        if not path.exists():
            yield ok("database", f"{path} does not exist yet; the first start makes it")
            return
        if self._running:
            yield ok("database", "in use; its integrity is checked with each backup")
            return
        with contextlib.closing(read_only(path)) as db:
            fault = damage(db)
            if fault is not None:
                yield fail(
                    "database", f"damaged: {fault}", f"nexapod restore, from {self._files.backups}"
                )
                return
            (version,) = db.execute("PRAGMA user_version").fetchone()
        if version > SCHEMA_VERSION:
            yield fail("database", f"of a newer nexapod (schema {version})", "upgrade nexapod")
            return
        later = "" if version == SCHEMA_VERSION else "; the next start brings it forward"
        yield ok("database", f"sound, schema {version}{later}")
        if version == SCHEMA_VERSION:
            missing = missing_blobs(path, BlobStore(self._files.blobs))
            if missing:
                yield warn(
                    "blobs",
                    f"{missing} large values are missing in {self._files.blobs}",
                    "put them back from your own copies",
                )

    def permissions(self) -> Iterator[Finding]:
        """That nobody else can read secrets and results."""
        if os.name != "posix":
            return
        suspects = [self._files.database, *map(self._files.beside, PRIVATE)]
        open_ones = [p for p in suspects if p.exists() and stat.S_IMODE(p.stat().st_mode) & 0o077]
        for path in open_ones:
            yield fail("permissions", f"others may read {path}", f"chmod 600 {path}")
        if not open_ones:
            yield ok("permissions", "secrets and results are their owner's alone")

    def port(self) -> Iterator[Finding]:
        """That the port is free, or ours."""
        run = self._files.read_run()
        port = HostOptions().port if run is None else urlsplit(run.url).port or 0
        with socket.socket() as probe:
            probe.settimeout(2.0)
            taken = probe.connect_ex(("127.0.0.1", port)) == 0
        if not taken or self._running:
            yield ok("port", f"{port} is {'ours' if taken else 'free'}")
        else:
            yield warn(
                "port",
                f"{port} is used by another program",
                "the coordinator takes the next free one; or name one with --port",
            )

    def tls(self) -> Iterator[Finding]:
        """The certificate that was made for this fleet, when there is one."""
        path = self._files.certificate.path
        if path.exists():
            yield from certificate(ssl.PEM_cert_to_DER_cert(path.read_text()))

    def backups(self) -> Iterator[Finding]:
        """How old the newest backup is."""
        found = list_backups(self._files.backups, self._files.database.name.removesuffix(".db"))
        if not found:
            if self._files.database.exists():
                yield warn(
                    "backups",
                    "there is none yet",
                    "nexapod backup; a running coordinator makes one an hour",
                )
            return
        age_s = time.time() - found[-1].made_at
        said = f"{len(found)}, the newest {age_s / 3600:.1f} h old"
        if age_s > OLD_BACKUP_S and self._running:
            yield warn(
                "backups", said, "look for 'no backup was made' in the log; is the disk full?"
            )
        else:
            yield ok("backups", said)
