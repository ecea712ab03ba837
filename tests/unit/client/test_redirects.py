"""A client goes nowhere else than where it was sent."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

import nexapod
from nexapod import errors


@contextmanager
def answering(status: int, location: str, heard: list[str]) -> Iterator[str]:
    """A server that notes the tokens it hears, and sends everybody on to `location`."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(self.headers.get("Authorization", ""))
            self.send_response(status)
            self.send_header("Location", location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Not on the terminal."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirection_is_not_followed(status: int) -> None:
    elsewhere: list[str] = []
    first: list[str] = []
    with (
        answering(500, "", elsewhere) as target,
        answering(status, f"{target}/status", first) as url,
        pytest.raises(errors.Unreachable, match="something other than a nexapod coordinator"),
    ):
        nexapod.connect(url, "secret")
    assert (first, elsewhere) == (["Bearer secret"], [])
