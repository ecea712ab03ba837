"""Which checks a set-up needs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from nexapod import errors
from nexapod.coordinator.files import FleetFiles
from nexapod.coordinator.lock import is_locked
from nexapod.doctor import machine
from nexapod.doctor.finding import Finding, examine, fail
from nexapod.doctor.fleet import FleetChecks
from nexapod.doctor.reach import reach
from nexapod.wire.trust import as_fingerprint


def examination(
    url: str | None,
    name: str | None,
    database: str | None,
    token: str | None,
    fingerprint: str | None,
) -> Iterator[Finding]:
    """Look at this machine; at the fleet, unless only a URL is given; at the way to it."""
    yield from examine(machine.checks())
    if url is None or name is not None or database is not None:
        try:
            files = FleetFiles(name or "default", database)
        except errors.Invalid as error:
            yield fail("database", error.message, "name another with --database")
            return
        yield from examine(FleetChecks(files).all())
        run = files.read_run()
        if url is None and run is not None and is_locked(files.lock):
            url = run.url
        if run is not None and run.url == url:
            fingerprint = fingerprint or run.fingerprint
            if token is None and not run.open:
                with contextlib.suppress(OSError):  # looked at, never made
                    token = files.beside(".token").read_text().strip() or None
    if url is not None:
        pin = None if fingerprint is None else as_fingerprint(fingerprint)
        yield from examine([("reach", lambda: reach(url, token, pin))])
