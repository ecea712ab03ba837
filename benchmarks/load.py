"""A light load generator: keep-alive connections that each run GET /job, POST /result, again.

Raw asyncio protocols, because a full HTTP client would cost more than the server it measures.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

import uvloop


class Cycles(asyncio.Protocol):
    """One node: asks for a job, reports its result, and counts."""

    def __init__(self, node_id: str, token: str | None, tally: list[int]) -> None:
        secret = f"Authorization: Bearer {token}\r\n" if token else ""
        host = "Host: {host}\r\n"
        self._ask = f"GET /job HTTP/1.1\r\n{host}{secret}X-Node-ID: {node_id}\r\n\r\n"
        self._head = f"POST /result HTTP/1.1\r\n{host}{secret}Content-Type: application/json\r\n"
        self._node_id = node_id
        self._tally = tally
        self._buffer = b""
        self._asking = True

    def connection_made(self, transport: Any) -> None:
        """Start the first cycle."""
        self._transport = transport
        address, port = transport.get_extra_info("peername")[:2]
        self._ask = self._ask.format(host=f"{address}:{port}")
        self._head = self._head.format(host=f"{address}:{port}")
        transport.write(self._ask.encode())

    def data_received(self, data: bytes) -> None:
        """Take an answer and send what follows."""
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._buffer[:end].lower()
        at = head.index(b"content-length:") + 15
        length = int(head[at : head.find(b"\r", at) if head.find(b"\r", at) > 0 else None])
        if len(self._buffer) < end + 4 + length:
            return
        body, self._buffer = self._buffer[end + 4 :], b""
        if b" 200 " not in head[:20]:
            raise SystemExit(f"the server refused: {body!r}")
        if not self._asking:
            self._tally[0] += 1
            self._asking = True
            self._transport.write(self._ask.encode())
            return
        at = body.find(b'"job_id"')
        if at < 0:
            raise SystemExit("the server ran out of jobs; submit more")
        job_id = body[at + 8 :].split(b'"', 2)[1].decode()
        result = json.dumps({"job_id": job_id, "node_id": self._node_id, "result": {"x": 1.5}})
        self._asking = False
        self._transport.write(f"{self._head}Content-Length: {len(result)}\r\n\r\n{result}".encode())


async def _run(host: str, port: int, token: str | None, clients: int, seconds: float) -> float:
    tally = [0]
    loop = asyncio.get_running_loop()
    for at in range(clients):
        await loop.create_connection(lambda at=at: Cycles(f"n{at}", token, tally), host, port)  # type: ignore[misc]
    await asyncio.sleep(0.5)
    if not tally[0]:
        raise SystemExit("the server answered nothing")
    before, start = tally[0], time.perf_counter()
    await asyncio.sleep(seconds)
    return (tally[0] - before) / (time.perf_counter() - start)


def main() -> None:
    """Print cycles per second: ``load.py HOST PORT TOKEN CLIENTS SECONDS``."""
    host, port, token, clients, seconds = sys.argv[1:6]
    rate = uvloop.run(_run(host, int(port), token or None, int(clients), float(seconds)))
    print(rate)


if __name__ == "__main__":
    main()
