"""TLS: the coordinator's certificate, and how others know it.

One that is made here is signed by nobody, so it is known by its fingerprint, which travels in the
invitation. It stays the same over restarts, whatever address is bound then.
"""

from __future__ import annotations

import datetime
import hashlib
import ipaddress
import re
import socket
import ssl
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from nexapod import errors
from nexapod.coordinator.files import FleetFiles, read_own
from nexapod.coordinator.options import HostOptions, public_host

if TYPE_CHECKING:
    from cryptography import x509

_YEARS = 10
_CERTIFICATE = re.compile(
    "-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL
)  # fmt: skip


class Tls(NamedTuple):
    """How the coordinator proves who it is.

    Attributes
    ----------
    context
        For the listener.
    fingerprint
        What others pin, SHA-256 in hex. None when an authority vouches for the certificate.
    names
        The names that an authority vouches for.
    """

    context: ssl.SSLContext
    fingerprint: str | None
    names: tuple[str, ...]

    def listening(self, handshake_s: float) -> dict[str, Any]:
        """What ``loop.create_server`` takes for it."""
        return {
            "ssl": self.context,
            "ssl_handshake_timeout": handshake_s,
            "ssl_shutdown_timeout": handshake_s,
        }


def tls_of(options: HostOptions, files: FleetFiles) -> Tls | None:
    """The certificate that these options ask for; made, if need be. None for plain HTTP.

    Raises
    ------
    Invalid
        When the certificate or its key cannot be used.
    """
    if not options.is_encrypted:
        return None
    if options.cert is not None and options.key is not None:
        return _given(Path(options.cert).expanduser(), Path(options.key).expanduser())
    found = read_own(files.certificate.path)  # others may read it: it is shown to everybody
    certificate = None if found is None else found.decode(errors="replace")
    if certificate is None or files.key.read() is None:
        certificate, key = _made(_names(options.host))
        files.key.write(key)
        files.certificate.write(certificate)
    context = _context(files.certificate.path, files.key.path)
    return Tls(context, fingerprint_of(certificate), ())


def fingerprint_of(pem: str) -> str:
    """The SHA-256 of the first certificate in this text, in hex.

    Raises
    ------
    Invalid
        When there is none.
    """
    found = _CERTIFICATE.search(pem)
    if found is None:
        raise errors.Invalid("the certificate's file holds no certificate in PEM")
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(found[0])).hexdigest()


def _context(certificate: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # An empty password: never ask for one on the terminal.
        context.load_cert_chain(certificate, key, password="")
    except (OSError, ssl.SSLError, ValueError) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
        raise errors.Invalid(
            f"the certificate {certificate} cannot be used with the key {key}: {reason}"
        ) from None
    return context


def _given(certificate: Path, key: Path) -> Tls:
    from cryptography import x509

    context = _context(certificate, key)
    text = certificate.read_text()
    found = x509.load_pem_x509_certificate(text.encode())
    if found.issuer == found.subject:  # nobody vouches for it
        return Tls(context, fingerprint_of(text), ())
    return Tls(context, None, _dns_names(found))


def _dns_names(certificate: x509.Certificate) -> tuple[str, ...]:
    from cryptography import x509

    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    found = names.get_values_for_type(x509.DNSName)
    return tuple(name.lower() for name in found if not name.startswith("*"))


def _names(host: str) -> list[str]:
    """What this machine may be called; a pinned certificate works under any name."""
    names = [public_host(host), "localhost", "127.0.0.1", "::1", socket.gethostname()]
    return list(dict.fromkeys(name.lower() for name in names if name))


def _made(names: Iterable[str]) -> tuple[str, str]:
    """A new certificate and its key, both in PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "nexapod coordinator")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))  # clocks differ
        .not_valid_after(now + datetime.timedelta(days=365 * _YEARS))
        .add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode(), secret.decode()


def _general(name: str) -> x509.GeneralName:
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name.encode("ascii", "ignore").decode() or "localhost")
