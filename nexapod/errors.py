"""One tree of errors: each carries a code, an HTTP status and whether a repeat can help.

```
NexapodError
├── BadRequest 400        cannot be parsed
├── Unauthorized 401      no or unknown token
├── Forbidden 403         not allowed with this token, or from this page
├── NotFound 404          unknown job, node, blob or path
├── MethodNotAllowed 405
├── TooSlow 408           the request took too long to arrive; repeat
├── Conflict 409          the request contradicts what is already recorded
│   └── LeaseLost 409     the lease is over, or was never this node's
├── Gone 410              the job was cancelled
├── TooLarge 413
├── UnsupportedMedia 415  neither JSON nor MessagePack
├── OutOfRange 416        a range beyond the blob
├── Misdirected 421       the Host header names another server
├── Invalid 422           parsed, but wrong
├── Busy 429              slow down
├── Unavailable 503       certainly not stored; repeat
├── StorageFull 507       certainly not stored; repeat when there is room
├── AlreadyRunning        another process holds the database
├── Unreachable           no coordinator answered
├── Untrusted             whoever answers cannot prove to be the coordinator that was meant
└── JobError              what a future raises when its job did not complete
    ├── JobFailed
    │   ├── JobTimedOut
    │   └── NodeMismatch  (the node cannot run what was sent)
    ├── UntrustedResult   (a pickle of a node that is not trusted; it stays closed)
    └── JobCancelled      (also a concurrent.futures.CancelledError)
```
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import CancelledError
from typing import Any, ClassVar


class NexapodError(Exception):
    """Base of every error that nexapod raises on purpose.

    Parameters
    ----------
    message
        One sentence that says what was wrong and what to do.
    details
        JSON-ready facts for the caller. Never an echo of the caller's input.
    """

    code: ClassVar[str] = "error"
    http_status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.details = details

    def __str__(self) -> str:
        return self.message


class BadRequest(NexapodError):
    """The request cannot be parsed."""

    code = "bad_request"
    http_status = 400


class Unauthorized(NexapodError):
    """No token, or an unknown one."""

    code = "unauthorized"
    http_status = 401


class Forbidden(NexapodError):
    """The caller may not do this."""

    code = "forbidden"
    http_status = 403


class NotFound(NexapodError):
    """There is no such job, node, blob or path."""

    code = "not_found"
    http_status = 404


class MethodNotAllowed(NexapodError):
    """The path exists, the method does not."""

    code = "method_not_allowed"
    http_status = 405


class TooSlow(NexapodError, TimeoutError):
    """The request took too long to arrive; certainly not stored."""

    code = "timeout"
    http_status = 408
    retryable = True


class Conflict(NexapodError):
    """The request contradicts what is already recorded."""

    code = "conflict"
    http_status = 409


class LeaseLost(Conflict):
    """The lease is over, or was never this node's."""

    code = "lease_lost"


class Gone(NexapodError):
    """The job was cancelled; nobody wants its result."""

    code = "gone"
    http_status = 410


class TooLarge(NexapodError):
    """The body is over the limit."""

    code = "too_large"
    http_status = 413


class UnsupportedMedia(NexapodError):
    """The body is neither JSON nor MessagePack."""

    code = "unsupported_media_type"
    http_status = 415


class OutOfRange(NexapodError):
    """The Range header asks for what is not there."""

    code = "out_of_range"
    http_status = 416


class Misdirected(NexapodError):
    """The Host header names another server."""

    code = "misdirected"
    http_status = 421


class Invalid(NexapodError):
    """The request was parsed, but says something wrong."""

    code = "invalid"
    http_status = 422


class Busy(NexapodError):
    """Too many requests at once."""

    code = "slow_down"
    http_status = 429
    retryable = True


class Unavailable(NexapodError):
    """Certainly not stored; the same request may be repeated."""

    code = "unavailable"
    http_status = 503
    retryable = True


class StorageFull(NexapodError):
    """Certainly not stored: the disk has no room for it."""

    code = "storage_full"
    http_status = 507
    retryable = True


class AlreadyRunning(NexapodError):
    """Another process holds this fleet's database."""

    code = "already_running"


class Unreachable(NexapodError):
    """No coordinator answered; whether the request took effect is unknown."""

    code = "unreachable"
    retryable = True


class Untrusted(NexapodError):
    """Whoever answers cannot prove to be the coordinator that was meant; nothing was sent."""

    code = "untrusted"


class JobError(NexapodError):
    """Base of what a future raises when its job did not complete."""

    code = "job_error"


class JobFailed(JobError):
    """The job ended without a result; the message carries the node's account of it."""

    code = "job_failed"


class JobTimedOut(JobFailed, TimeoutError):
    """The job ran longer than its ``timeout_s``."""

    code = "job_timed_out"


class NodeMismatch(JobFailed):
    """The node's Python or packages cannot run what was sent."""

    code = "node_mismatch"


class UntrustedResult(JobError):
    """The result is a pickle from a node without a trusted credential, and stays closed."""

    code = "untrusted_result"


class JobCancelled(JobError, CancelledError):
    """The job was cancelled."""

    code = "job_cancelled"


def _tree(root: type[NexapodError]) -> Iterator[type[NexapodError]]:
    yield root
    for child in root.__subclasses__():
        yield from _tree(child)


#: Every error that a coordinator answers with, by its code.
BY_CODE = {kind.code: kind for kind in _tree(NexapodError) if kind.http_status != 500}
#: The most general one of each status, for codes of a newer coordinator.
_BY_STATUS = {kind.http_status: kind for kind in reversed(BY_CODE.values())}


def kind_of(code: str, http_status: int) -> type[NexapodError]:
    """The error that a refusal with this code and status stands for."""
    return BY_CODE.get(code) or _BY_STATUS.get(http_status, NexapodError)
