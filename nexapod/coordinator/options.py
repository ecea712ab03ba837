"""What a coordinator is started with."""

from __future__ import annotations

import socket

import msgspec

from nexapod import errors
from nexapod.coordinator.joblogs import LOG_BYTES
from nexapod.wire.trust import is_loopback


class Limits(msgspec.Struct, frozen=True):
    """How long the coordinator waits for clients, for how many, and what it keeps of what they say.

    Attributes
    ----------
    head_s
        A request's head is complete so long after its first byte; the first one of a connection
        after the connection's start.
    idle_body_s
        A body may stand still for so long.
    slow_body_s, body_bytes_per_s
        Over every stretch so long, a body arrives at this pace at least.
    unread_s
        An answer of which a client reads nothing for so long ends its connection.
    keep_alive_s
        A connection may idle for so long between two requests.
    handshake_s
        TLS is agreed on within this time.
    connections
        So many connections may be open that have shown no token; beyond, the oldest ends.
    connections_per_token, connections_per_node_token
        So many that have shown one and the same token may be open; beyond, the oldest idle one
        ends. The fleet's own token is not limited.
    streams_per_token
        So many of those may follow events; the next one is refused.
    bodies_bytes
        All bodies that are being read, together. One token may have a quarter of that.
    log_bytes
        So much of what an attempt prints is kept: the end of it. 0: the last lines alone.
    """

    head_s: float = 10.0
    idle_body_s: float = 30.0
    slow_body_s: float = 30.0
    body_bytes_per_s: float = 1000.0
    unread_s: float = 30.0
    keep_alive_s: float = 75.0
    handshake_s: float = 10.0
    connections: int = 512
    connections_per_token: int = 256
    connections_per_node_token: int = 4096
    streams_per_token: int = 32
    bodies_bytes: int = 512 * 1024 * 1024
    log_bytes: int = LOG_BYTES

    @property
    def shortest_s(self) -> float:
        """The shortest patience: one has to look more often than that."""
        return min(self.head_s, self.idle_body_s, self.slow_body_s, self.unread_s)


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
    tls
        Speak HTTPS. None: beyond loopback, and with a certificate of one's own.
    cert, key
        Files of one's own certificate (PEM, with its chain) and its key; without them one is made
        and kept beside the database.
    limits
        What slow, silent and too many clients meet.
    disk_reserve_bytes
        Below so much free disk, submissions are refused so that results have room; None for
        512 MiB, or a twentieth of a small disk.
    backup_every_s, backups_kept
        How often the database is copied (0: only when asked), and how many copies are kept beside
        the last one of each of seven days.
    """

    name: str = "default"
    host: str = "127.0.0.1"
    port: int = 8000
    database: str | None = None
    token: str | None = None
    open: bool = False
    insecure: bool = False
    disk_reserve_bytes: int | None = None
    backup_every_s: float = 3600.0
    backups_kept: int = 24

    tls: bool | None = None
    cert: str | None = None
    key: str | None = None
    limits: Limits = Limits()

    @property
    def is_encrypted(self) -> bool:
        """Whether it speaks HTTPS."""
        if self.tls is None:
            return not self.insecure and (self.cert is not None or not is_loopback(self.host))
        return self.tls

    def check(self) -> None:
        """Refuse what would be unsafe or cannot work.

        Raises
        ------
        Invalid
        """
        if not 0 <= self.port <= 65_535:
            raise errors.Invalid("a port is a number from 0 to 65535")
        if self.backup_every_s < 0 or self.backups_kept < 1:
            raise errors.Invalid("backups are made every so many seconds (0: never), one or more")
        if self.open and self.token is not None:
            raise errors.Invalid("an open coordinator has no token; leave one of the two out")
        if (self.cert is None) is not (self.key is None):
            raise errors.Invalid("a certificate and its key go together; pass both cert and key")
        if self.insecure and (self.tls or self.cert is not None):
            raise errors.Invalid("insecure=True means plain HTTP; leave it out for TLS")
        if self.tls is False and self.cert is not None:
            raise errors.Invalid("tls=False has no use for a certificate; leave one of them out")
        limits = self.limits
        if (
            min(limits.connections, limits.connections_per_token, limits.connections_per_node_token)
            < 1
        ):
            raise errors.Invalid("at least one connection must be allowed")
        if limits.log_bytes < 0:
            raise errors.Invalid("of a log a number of bytes is kept, from 0 on")
        if is_loopback(self.host):
            return
        if self.open:
            raise errors.Invalid(
                "open=True switches tokens off and is refused beyond this machine; bind 127.0.0.1"
            )
        if not self.is_encrypted and not self.insecure:
            raise errors.Invalid(
                f"binding {self.host} without TLS would send tokens and data unencrypted; leave "
                "tls=False out, or pass insecure=True on a network that you trust"
            )


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
    return headers | names if port in (80, 443) else headers


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host.lower()


def url_of(host: str, port: int, scheme: str = "http") -> str:
    """The URL to tell others."""
    return f"{scheme}://{_bracketed(public_host(host))}:{port}"
