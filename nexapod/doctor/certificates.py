"""Certificates: until when they are good, and whether they are the right ones."""

from __future__ import annotations

import hashlib
import hmac
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime

from nexapod.doctor.finding import Finding, fail, ok, warn

PATIENCE_S = 5.0
EXPIRES_SOON_S = 30 * 86_400.0


def encrypted(line: socket.socket) -> ssl.SSLSocket:
    """TLS with whoever is there. Send nothing secret before `is_trusted` says so."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(line)


def is_trusted(der: bytes, fingerprint: str | None, host: str, port: int) -> bool:
    """Whether this is the certificate that was pinned, or one that an authority vouches for."""
    if fingerprint is not None:
        return hmac.compare_digest(hashlib.sha256(der).hexdigest(), fingerprint)
    try:
        with (
            socket.create_connection((host, port), PATIENCE_S) as line,
            ssl.create_default_context().wrap_socket(line, server_hostname=host) as vouched,
        ):
            return vouched.getpeercert(binary_form=True) == der
    except OSError:  # ssl.SSLError among them
        return False


def certificate(der: bytes) -> Iterator[Finding]:
    """Until when it is good, and its fingerprint."""
    from cryptography import x509

    until = x509.load_der_x509_certificate(der).not_valid_after_utc
    left_s = (until - datetime.now(UTC)).total_seconds()
    said = f"certificate good until {until:%Y-%m-%d}, sha256 {hashlib.sha256(der).hexdigest()}"
    mend = "stop the coordinator, delete its certificate, start it, invite the nodes again"
    if left_s < 0:
        yield fail("tls", said, mend)
    elif left_s < EXPIRES_SOON_S:
        yield warn("tls", said, mend)
    else:
        yield ok("tls", said)
