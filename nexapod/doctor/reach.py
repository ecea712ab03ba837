"""The way to a coordinator: name, port, TLS, health, token, clock, round trip."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from nexapod.doctor.certificates import certificate, encrypted, is_trusted
from nexapod.doctor.finding import Finding, fail, ok, warn

PATIENCE_S = 5.0
#: Nothing that matters hangs on the wall clock, but people compare times.
SKEW_S = 30.0
SLOW_TRIP_S = 0.5


def reach(url: str, token: str | None, fingerprint: str | None = None) -> Iterator[Finding]:
    """Go the way step by step; the first step that fails is the last that is tried."""
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    try:
        port = parts.port or (443 if secure else 80)
    except ValueError:
        port = 0
    if parts.scheme not in ("http", "https") or not parts.hostname or not port:
        yield fail("url", "this is no coordinator's URL", "it looks like http://host:8000")
        return
    try:
        addresses = sorted({str(found[4][0]) for found in socket.getaddrinfo(parts.hostname, port)})
    except OSError as error:
        yield fail(
            "dns",
            f"{parts.hostname} has no address ({error.strerror or error})",
            "mend the name, or use the address itself",
        )
        return
    yield ok("dns", f"{parts.hostname} is {', '.join(addresses)}")
    try:
        began_s = time.perf_counter()
        line = socket.create_connection((parts.hostname, port), PATIENCE_S)
    except OSError as error:
        yield fail(
            "tcp",
            f"no connection to port {port}: {error.strerror or error}",
            "start the coordinator; bind it to an address that is reached from here (--host);"
            " open the port in the firewall, or use an SSH tunnel",
        )
        return
    yield ok("tcp", f"connected in {1000 * (time.perf_counter() - began_s):.1f} ms")
    try:
        yield from _through(line, parts.hostname, port, secure, token, fingerprint)
    except ssl.SSLError as error:
        yield fail("tls", f"no TLS: {error.reason or error}", "does the URL begin with http://?")
    except (OSError, http.client.HTTPException) as error:
        yield fail(
            "health",
            f"it does not answer as a coordinator ({type(error).__name__})",
            "is it another program's port, or does the URL begin with https://?",
        )


def _through(
    line: socket.socket, host: str, port: int, secure: bool, token: str | None,
    fingerprint: str | None,
) -> Iterator[Finding]:  # fmt: skip
    connection = http.client.HTTPConnection(host, port, timeout=PATIENCE_S)
    connection.auto_open = 0  # it knows nothing of TLS
    connection.sock = line
    try:
        if secure:
            connection.sock = tls = encrypted(line)
            shown = tls.getpeercert(binary_form=True) or b""
            yield from certificate(shown)
            if not is_trusted(shown, fingerprint, host, port):
                yield fail(
                    "tls",
                    "no authority vouches for this certificate, and its fingerprint is not given"
                    if fingerprint is None
                    else "this is another certificate than the fingerprint's",
                    "ask for a new invitation; pass its --fingerprint",
                )
                return  # nothing secret is sent there
        yield from _talk(connection, token)
    finally:
        connection.close()
        line.close()


def _talk(connection: http.client.HTTPConnection, token: str | None) -> Iterator[Finding]:
    trips_s = []
    for _ in range(3):
        began_s = time.perf_counter()
        status, headers, body = _get(connection, "/health")
        trips_s.append(time.perf_counter() - began_s)
    if status != 200 or body != {"status": "ok"}:
        mend = "is it another program's port?"
        if status == 421:
            mend = "use the address that the coordinator was started with"
        yield fail("health", f"/health answers {status}", mend)
        return
    said = f"a coordinator answers; the round trip takes {1000 * min(trips_s):.1f} ms"
    if min(trips_s) > SLOW_TRIP_S:
        yield warn("health", said, "jobs of under a second will mostly wait; use longer ones")
    else:
        yield ok("health", said)
    yield from _clock(headers.get("Date"))
    yield from _token(connection, token)


def _clock(date: str | None) -> Iterator[Finding]:
    if date is None:
        return
    skew_s = time.time() - parsedate_to_datetime(date).timestamp()
    if abs(skew_s) > SKEW_S:
        side = "ahead of" if skew_s > 0 else "behind"
        yield warn(
            "clock",
            f"this machine is {abs(skew_s):,.0f} s {side} the coordinator",
            "set the clocks (timedatectl set-ntp true)",
        )
    else:
        yield ok("clock", f"within {max(1.0, abs(skew_s)):.0f} s of the coordinator's")


def _token(connection: http.client.HTTPConnection, token: str | None) -> Iterator[Finding]:
    status, _, body = _get(connection, "/status", token)
    if status == 200:
        jobs = body.get("jobs", {}) if isinstance(body, dict) else {}
        given = "no token is asked for" if token is None else "the token is good"
        yield ok("token", f"{given}; {sum(jobs.values()):,} jobs")
    elif status == 403:
        yield ok("token", "the token is good, for a node only: it may not look at jobs")
    elif token is None:
        yield warn("token", "none was given, and one is asked for", "--token, or NEXAPOD_TOKEN")
    else:
        said = str(body["error"]["message"]) if isinstance(body, dict) else f"answer {status}"
        yield fail("token", said, "ask for a new one: nexapod token, or fleet.invite()")


def _get(
    connection: http.client.HTTPConnection, path: str, token: str | None = None
) -> tuple[int, http.client.HTTPMessage, Any]:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    connection.request("GET", path, headers=headers)
    response = connection.getresponse()
    try:
        body = json.loads(response.read(1_000_000))
    except ValueError:
        body = None
    return response.status, response.headers, body
