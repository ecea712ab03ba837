"""Bytes that are nearly HTTP, made from a seed: valid requests of every endpoint, and ways to break
them.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable
from typing import Any, NamedTuple

from nexapod.wire.routes import ROUTES, Route

_BLOB = b"a blob"
#: Everything but what ends the coordinator.
_ROUTES = [route for route in ROUTES if route.name != "stop"]
_SHA256 = hashlib.sha256(_BLOB).hexdigest()
_BODIES: dict[str, Any] = {
    "register": {"node_id": "fuzz", "profile": {"os": "Linux"}},
    "result": {"job_id": "fuzz", "result": {"y": 1}, "node_id": "fuzz"},
    "lease": {"node_id": "fuzz", "max": 1, "wait_s": 0, "request_id": "r"},
    "heartbeat": {"node_id": "fuzz", "leases": []},
    "results": {"node_id": "fuzz", "reports": []},
    "leave": {"node_id": "other"},
    "submit": [{"data": {"x": 1}}, {"data": [1, 2, 3]}],
    "cancel_many": {"job_ids": ["fuzz"]},
    "job_states": {"job_ids": ["fuzz"]},
    "make_token": {"scopes": ["view"], "label": "fuzz", "name": "fuzz"},
}


class Server(NamedTuple):
    """Who is asked."""

    host: str
    token: str


def valid(route: Route, server: Server) -> bytes:
    """A request as it should be."""
    path = route.path.replace("{sha256}", _SHA256).replace("{job_id}", "fuzz")
    path = path.replace("{node_id}", "fuzz")
    path = path.replace("{token_id}", "fuzz")
    lines = [f"{route.method} {path} HTTP/1.1", f"Host: {server.host}"]
    lines += [f"Authorization: Bearer {server.token}", "X-Node-ID: fuzz"]
    body = b""
    if route.name == "put_blob":
        body = _BLOB
    elif route.method == "POST":
        body = json.dumps(_BODIES.get(route.name, {})).encode() if route.body is not None else b""
        lines.append("Content-Type: application/json")
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def chunked(request: bytes, rng: random.Random) -> bytes:
    """The same with its body in chunks, of which one may say something wrong."""
    head, _, body = request.partition(b"\r\n\r\n")
    head = b"\r\n".join(
        line for line in head.split(b"\r\n") if not line.lower().startswith(b"content-length")
    )
    pieces = [body[at : at + 7] for at in range(0, len(body), 7)]
    framed = [b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces]
    if framed and rng.random() < 0.7:
        wrong = [
            b"-1\r\nx\r\n", b"ffffffffffffffff\r\nx\r\n", b"0x5\r\nhello\r\n", b"5\nhello\n",
            b"5 \r\nhello\r\n", b"5;" + b"x" * 20_000 + b"\r\nhello\r\n", b"\r\n", b"zz\r\n\r\n",
            b"3\r\nhello\r\n", b"5\r\nhelloXX", b"+5\r\nhello\r\n",
            b"00000000000000000005\r\nhello\r\n",
        ]  # fmt: skip
        framed[rng.randrange(len(framed))] = rng.choice(wrong)
    trailer = rng.choice(
        [b"", b"X-Trailer: 1\r\n", b"Content-Length: 5\r\n", b"A" * 9_000 + b": 1\r\n"]
    )
    return (
        head + b"\r\nTransfer-Encoding: chunked\r\n\r\n" + b"".join(framed) + b"0\r\n" + trailer
        + b"\r\n"
    )  # fmt: skip


def with_headers(request: bytes, *lines: bytes) -> bytes:
    first, _, rest = request.partition(b"\r\n")
    return b"\r\n".join([first, *lines, rest])


def smuggled(request: bytes, server: Server, rng: random.Random) -> bytes:
    """Two lengths that contradict each other, and a second request hidden behind them."""
    hidden = b"GET /nodes HTTP/1.1\r\nHost: %s\r\n\r\n" % server.host.encode()
    framing = [
        [b"Content-Length: 5", b"Transfer-Encoding: chunked"],
        [b"Transfer-Encoding: chunked", b"Content-Length: %d" % len(hidden)],
        [b"Transfer-Encoding: xchunked", b"Content-Length: 4"],
        [b"Transfer-Encoding : chunked", b"Content-Length: 4"],
        [b"Transfer-Encoding: chunked, identity"],
        [b"Transfer-Encoding:\x0bchunked", b"Content-Length: 4"],
        [b"Transfer-Encoding: identity", b"Transfer-Encoding: chunked"],
        [b"Content-Length: 0", b"Content-Length: %d" % len(hidden)],
        [b"Content-Length: 4, 4"],
        [b"Content-Length: +4"],
        [b"Content-Length: 4 4"],
        [b"Content-Length: 0x4"],
        [b"Content-Length: -1"],
        [b"Content-Length: 18446744073709551616"],
        [b"Content-Length: " + b"9" * 400],
        [b"X: y\n\nTransfer-Encoding: chunked"],
        [b" Content-Length: 4"],
    ]
    return with_headers(request, *rng.choice(framing)) + rng.choice([b"", b"0\r\n\r\n"]) + hidden


def mutated(request: bytes, rng: random.Random) -> bytes:
    """A few bytes changed, lost, doubled or put in."""
    found = bytearray(request)
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(found)) if found else 0
        match rng.randrange(5):
            case 0 if found:
                found[at] = rng.randrange(256)
            case 1:
                del found[at : at + rng.randint(1, 9)]
            case 2:
                found[at:at] = found[at : at + rng.randint(1, 60)]
            case 3:
                found[at:at] = rng.choice(
                    [b"\0", b"\r", b"\n", b"\r\n", b"\r\n\r\n", b":", b" ", b"\t", b"%00",
                     b"\xff\xfe",
                     b"../", b"//", b"?", b"#", b"%", b";", b"\x7f", b"\x80"]
                )  # fmt: skip
            case _:
                found[at:at] = rng.randbytes(rng.randint(1, 12))
    return bytes(found)


def noise(rng: random.Random) -> bytes:
    return rng.randbytes(rng.choice([1, 2, 10, 100, 1_000, 20_000]))


def oddity(request: bytes, server: Server, rng: random.Random) -> bytes:
    """Something that is HTTP of another kind, or nearly."""
    host = server.host.encode()
    method, _, rest = request.partition(b" ")
    path, _, tail = rest.partition(b" ")
    upgrade = b"Connection: Upgrade"
    to_us = b"HTTP/1.1\r\nHost: %s\r\n\r\n" % host
    many = [b"X-%d: %s" % (n, b"x" * 900) for n in range(rng.choice([100, 127, 300]))]
    return rng.choice(
        [
            b"GET /\r\n",  # HTTP/0.9
            b"GET /health\r\n\r\n",
            b"GET /health HTTP/1.0\r\n\r\n",
            b"GET /health HTTP/2.0\r\nHost: %s\r\n\r\n" % host,
            b"GET /health HTTP/1.9\r\nHost: %s\r\n\r\n" % host,
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9),
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + rng.randbytes(300),  # TLS
            b"%s http://%s%s %s" % (method, host, path, tail),  # an absolute URI
            b"%s http://other.invalid%s %s" % (method, path, tail),
            b"%s http://[::1%s %s" % (method, path, tail),
            b"OPTIONS * HTTP/1.1\r\nHost: %s\r\n\r\n" % host,
            b"CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\nhello" % (host, host),
            b"TRACE / HTTP/1.1\r\nHost: %s\r\n\r\n" % host,
            b"X" * rng.choice([20, 300, 70_000]) + b" / " + to_us,
            b"GET /" + b"x" * rng.choice([8_000, 9_000, 70_000]) + b" " + to_us,
            request.replace(b"\r\n", b"\n"),  # bare line feeds
            request.replace(b"\r\n", b"\r"),
            request.replace(b"Host:", b"Host :"),
            request.replace(b"Host: ", b"Host: a\r\nHost: "),
            with_headers(request, b"Host: other"),
            with_headers(request, b"X: " + b"x" * rng.choice([8_100, 9_000, 300_000])),
            with_headers(request, *many),
            with_headers(request, b"X: a\r\n b"),  # a folded line
            with_headers(request, b"X: \0", b"Y: \x80\xff"),
            with_headers(request, b"Expect: 100-continue"),
            with_headers(request, b"Expect: the-unexpected"),
            with_headers(request, upgrade, b"Upgrade: websocket", b"Sec-WebSocket-Key: x"),
            with_headers(request, upgrade, b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAARAAAAA"),
            with_headers(request, b"Content-Encoding: gzip"),
            with_headers(request, b"Range: bytes=0-1,3-4,-5"),
            with_headers(request, b"Range: bytes=99999999999999999999-"),
            with_headers(request, b"Content-Type: application/json; charset=utf-16"),
            with_headers(request, b"Content-Type: \xff/\xff; charset=\"\x01"),
            with_headers(request, b"If-Modified-Since: \xff", b"If-None-Match: \"\x01"),
            with_headers(request, b"Cookie: " + b"a=b; " * 1_000),
            request.replace(path, path + b"?" + b"a=%%&" * 300, 1),
            request.replace(path, path + b"?limit=\xff&limit=1", 1),
            request.replace(path, b"/%2e%2e/%00/\xc3\x28", 1),
            request.replace(path, b"//" + host + path, 1),
            request * rng.randint(2, 60),  # pipelined
            request + noise(rng),
            request[: rng.randrange(len(request))],  # truncated
            b"\r\n" * rng.choice([1, 10, 30_000]) + request,
            b"",
        ]
    )  # fmt: skip


def fuzz(server: Server, rng: random.Random) -> bytes:
    """The bytes of one connection."""
    request = valid(rng.choice(_ROUTES), server)
    if rng.random() < 0.15:
        request = request.replace(server.token.encode(), b"wrong")
    breaks: list[Callable[[], bytes]] = [
        lambda: noise(rng),
        lambda: mutated(request, rng),
        lambda: mutated(request, rng) + valid(rng.choice(_ROUTES), server),
        lambda: chunked(request, rng),
        lambda: mutated(chunked(request, rng), rng),
        lambda: smuggled(request, server, rng),
        lambda: oddity(request, server, rng),
        lambda: mutated(oddity(request, server, rng), rng),
    ]
    return rng.choice(breaks)()
