"""What a page asks of the coordinator or of the kernel, and the answers."""

from __future__ import annotations

import concurrent.futures
import logging
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import msgspec

from nexapod import errors
from nexapod.client.connection import Connection
from nexapod.client.invitation import Invitation

log = logging.getLogger(__name__)
T = TypeVar("T")
Answer = tuple[int, Any]

#: A page is told after this long that there is no answer yet.
PATIENCE_S = 10.0


def answered(call: Callable[[], Answer]) -> Answer:
    """The answer, or what went wrong as an answer; it never raises."""
    try:
        return call()
    except errors.NexapodError as error:
        return refused(error.http_status, error.code, str(error))
    except Exception as error:  # whatever went wrong is told where it was asked for
        log.debug("a request of a panel failed", exc_info=True)
        return refused(500, "error", f"{type(error).__name__}: {error}")


def refused(status: int, code: str, message: str) -> Answer:
    """An error as everywhere in the API."""
    return status, {"error": {"code": code, "message": message}}


def bounded(link: Connection, work: Coroutine[Any, Any, T], patience_s: float = PATIENCE_S) -> T:
    """Run `work` on the transport's loop and wait for it, but not for ever.

    Raises
    ------
    Unavailable
        There is no answer yet.
    """
    asked = link.transport.post(work)
    try:
        return asked.result(patience_s)
    except concurrent.futures.TimeoutError:
        asked.cancel()
        raise errors.Unavailable(
            f"no answer within {patience_s:.0f} s; what was asked for may still happen"
        ) from None


def aside(call: Callable[[], str], patience_s: float = PATIENCE_S) -> Answer:
    """Run `call` on a thread of its own; when it takes long it goes on, and the page is told so."""
    done: concurrent.futures.Future[str] = concurrent.futures.Future()

    def run() -> None:
        try:
            done.set_result(call())
        except BaseException as error:
            done.set_exception(error)

    threading.Thread(target=run, name="nexapod-ask", daemon=True).start()
    try:
        return 200, {"text": done.result(patience_s)}
    except concurrent.futures.TimeoutError:
        return 202, {"text": "Still at it; what changes is shown here"}


def forwarded(link: Connection, method: str, path: str, body: Any) -> Answer:
    """The coordinator's own answer."""
    sent = None if body is None else msgspec.json.encode(body)
    status, answer = bounded(link, link.transport.forward(method, path, sent))
    return status, msgspec.json.decode(answer) if answer else None


def invited(link: Connection) -> Answer:
    """The line that makes another machine join."""
    transport = link.transport
    secret = bounded(link, transport.node_token())
    return 200, {"command": Invitation(transport.url, secret, transport.fingerprint).command}
