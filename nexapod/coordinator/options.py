"""What a coordinator is started with."""

from __future__ import annotations

import ipaddress
import socket

import msgspec

from nexapod import errors


class HostOptions(msgspec.Struct, frozen=True):
    """Where the coordinator listens, and for whom.

    Attributes
    ----------
    name
        The fleet's name.
    host, port
        The address to bind. A busy port moves to the next free one.
    database
        The database file; None for the per-user default.
    token
        The secret; None for the one on file, or a new one.
    open
        No token. Loopback only.
    insecure
        Allow plain HTTP beyond loopback.
    """

    name: str = "default"
    host: str = "127.0.0.1"
    port: int = 8000
    database: str | None = None
    token: str | None = None
    open: bool = False
    insecure: bool = False

    def check(self) -> None:
        """Refuse what would be unsafe or cannot work.

        Raises
        ------
        Invalid
        """
        if not 0 <= self.port <= 65_535:
            raise errors.Invalid("a port is a number from 0 to 65535")
        if self.open and self.token is not None:
            raise errors.Invalid("an open coordinator has no token; leave one of the two out")
        if is_loopback(self.host):
            return
        if self.open:
            raise errors.Invalid(
                "open=True switches tokens off and is refused beyond this machine; bind 127.0.0.1"
            )
        if not self.insecure:
            raise errors.Invalid(
                f"binding {self.host} would send tokens and data unencrypted; use an SSH tunnel to "
                "127.0.0.1, or pass insecure=True on a network that you trust"
            )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def public_host(host: str) -> str:
    """The address to tell others for a bound address: a wildcard is no place to connect to."""
    if host not in ("0.0.0.0", "::", ""):
        return host
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing; only picks the outgoing interface
            return str(probe.getsockname()[0])
        except OSError:
            return "127.0.0.1"


def host_headers(host: str, port: int) -> set[str]:
    """Every Host header that means this server."""
    names = {_bracketed(host), _bracketed(public_host(host))}
    if is_loopback(host) or host in ("0.0.0.0", "::", ""):
        names |= {"127.0.0.1", "localhost", "[::1]"}
    if not is_loopback(host):
        names |= {socket.gethostname().lower(), socket.getfqdn().lower()}
    headers = {f"{name}:{port}" for name in names}
    return headers | names if port == 80 else headers


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host.lower()


def url_of(host: str, port: int) -> str:
    """The URL to tell others."""
    return f"http://{_bracketed(public_host(host))}:{port}"
