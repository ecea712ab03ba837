"""The ceiling: an aiohttp app on uvloop that answers the same two requests and does nothing."""

from __future__ import annotations

import sys

import uvloop
from aiohttp import web


async def job(request: web.Request) -> web.Response:
    """A job that was never asked for."""
    return web.json_response(
        {"job_id": "0", "status": "assigned", "data": {"x": 1}, "assigned_to": "n"}
    )


async def result(request: web.Request) -> web.Response:
    """A result that goes nowhere."""
    body = await request.json()
    return web.json_response({"status": "result_received", "job_id": body["job_id"]})


def main() -> None:
    """Serve until killed: ``bare.py PORT``."""
    app = web.Application()
    app.router.add_get("/job", job)
    app.router.add_post("/result", result)
    loop = uvloop.new_event_loop()
    web.run_app(
        app, host="127.0.0.1", port=int(sys.argv[1]), loop=loop, access_log=None, print=None
    )


if __name__ == "__main__":
    main()
