"""A web site that means no good: its page attacks a coordinator by all that a browser offers."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_SCRIPT = Path(__file__).with_name("hostile.js")
_WORKER = """\
self.onmessage = async (event) => {
  let found = "";
  for (const mode of ["cors", "no-cors"]) {
    for (const [path, options] of [["/jobs", {}], ["/health", {}], ["/jobs", {method: "POST",
        body: '{"data": 1, "job_id": "from-a-service-worker"}'}]]) {
      try {
        const response = await fetch(event.data + path, { mode, ...options });
        if (response.type !== "opaque") found += `${response.status} ${await response.text()}`;
      } catch (error) { /* as it should be */ }
    }
  }
  event.source.postMessage(found);
};
self.oninstall = () => self.skipWaiting();
self.onactivate = (event) => event.waitUntil(self.clients.claim());
"""


def page(target: str, token: str = "") -> str:
    """The page that attacks `target`. It knows no token, except in the control."""
    head = "<!doctype html><meta charset=utf-8><title>a nice page</title><body>"
    return f"{head}<script>{script_for(target, token)}</script>"


def script_for(target: str, token: str = "") -> str:
    """The attack alone, for a page that is there already."""
    told = f"var TARGET = {json.dumps(target)}, TOKEN = {json.dumps(token)};\n"
    return told + _SCRIPT.read_text()


@contextlib.contextmanager
def hostile_site(target: str) -> Iterator[int]:
    """Serve that page; gives the port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_worker = self.path == "/worker.js"
            body = (_WORKER if is_worker else page(target)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/javascript" if is_worker else "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Silence."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
