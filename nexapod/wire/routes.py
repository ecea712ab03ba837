"""The one table of what the coordinator answers to. A path or method not in it is refused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from nexapod.core.credentials import Scope
from nexapod.core.records import Value
from nexapod.wire import messages as m

MIB = 1024 * 1024

NODE: tuple[Scope, ...] = ("node",)
CHANGE: tuple[Scope, ...] = ("submit", "admin")
READ: tuple[Scope, ...] = ("view", "submit", "admin")
BLOBS: tuple[Scope, ...] = ("submit", "node", "admin")
WATCH: tuple[Scope, ...] = ("view", "admin")
ADMIN: tuple[Scope, ...] = ("admin",)
ANY: tuple[Scope, ...] = ("view", "submit", "node", "admin")


class Route(msgspec.Struct, frozen=True):
    """One endpoint.

    Attributes
    ----------
    name
        The handler's name.
    scopes
        A token needs one of these; a route without any is open to all.
    body, reply
        Message types; None for no body, or one that is not a message. A tuple: one of these.
    limit_bytes
        The largest body that is read.
    writes
        Whether it can change anything.
    streams
        Whether its answer goes on for as long as it is read.
    """

    name: str
    method: str
    path: str
    scopes: tuple[Scope, ...]
    summary: str
    body: Any = None
    reply: Any = None
    limit_bytes: int = MIB
    writes: bool = False
    query: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    streams: bool = False


ROUTES: tuple[Route, ...] = (
    Route("register", "POST", "/register", NODE, "Register a node, or register it again.",
          m.Register, m.Registered, writes=True),
    Route("job", "GET", "/job", NODE, "Ask for one data job, as any HTTP client can.",
          None, (m.Assignment, m.NoJob), writes=True, query=("wait_s", "lease_s"),
          headers=("X-Node-ID", "X-Poll-ID")),
    Route("result", "POST", "/result", NODE, "Report the result of one job.",
          m.SeedResult, m.ResultReceived, limit_bytes=16 * MIB + MIB, writes=True),
    Route("lease", "POST", "/lease", NODE, "Ask for many jobs at once.",
          m.LeaseRequest, m.LeaseReply, writes=True),
    Route("heartbeat", "POST", "/heartbeat", NODE, "Renew leases; learn what was cancelled.",
          m.Heartbeat, m.HeartbeatReply, limit_bytes=8 * MIB, writes=True),
    Route("results", "POST", "/results", NODE, "Report many attempts at once.",
          m.Results, m.ResultsReply, limit_bytes=64 * MIB, writes=True),
    Route("logs", "POST", "/logs", NODE, "Tell what attempts print, and how far they are.",
          m.Logs, m.LogsReply, limit_bytes=8 * MIB, writes=True),
    Route("leave", "POST", "/leave", NODE, "Drain: give leases back and take no more.",
          m.Leave, m.Left, writes=True),
    Route("nodes", "GET", "/nodes", READ, "All nodes.", None, list[m.NodeRow]),
    Route("jobs", "GET", "/jobs", READ, "All jobs, streamed.", None, list[m.JobRow],
          query=("status", "sweep", "limit", "cursor", "fields", "newest")),
    Route("submit", "POST", "/jobs", CHANGE, "Submit one job, or a list: all or nothing.",
          m.NewJob | list[m.NewJob], (m.Submitted, list[m.Submitted]), limit_bytes=64 * MIB,
          writes=True, headers=("Idempotency-Key",)),
    Route("cancel_many", "POST", "/jobs/cancel", CHANGE, "Cancel several jobs.",
          m.JobIds, list[m.Cancelled], limit_bytes=8 * MIB, writes=True),
    Route("job_states", "POST", "/jobs/states", READ, "Where these jobs are now.",
          m.JobIds, list[m.JobPatch], limit_bytes=8 * MIB),
    Route("retry", "POST", "/jobs/{job_id}/retry", CHANGE,
          "Submit a finished job again, as a new one.", None, m.Submitted, writes=True,
          headers=("Idempotency-Key",)),
    Route("job_detail", "GET", "/jobs/{job_id}", READ, "One job with its attempts.",
          None, m.JobRow),
    Route("job_log", "GET", "/jobs/{job_id}/log", READ,
          "What an attempt printed, also while it runs.", None, m.JobLog,
          query=("after", "epoch")),
    Route("job_result", "GET", "/jobs/{job_id}/result", READ,
          "The result's bytes as the node sent them.", None, Value),
    Route("cancel", "POST", "/jobs/{job_id}/cancel", CHANGE,
          "Cancel one job; its process is killed.", None, m.Cancelled, writes=True),
    Route("attempts", "GET", "/attempts", READ, "Attempts, in order of their jobs.",
          query=("limit", "cursor")),
    Route("sweeps", "GET", "/sweeps", READ, "Every sweep and its number of jobs.",
          None, list[m.SweepRow]),
    Route("status", "GET", "/status", READ, "How many jobs are in each state.",
          None, m.Status),
    Route("events", "GET", "/events", READ, "Server-sent events: ordered row patches.",
          headers=("Last-Event-ID",), streams=True),
    Route("panel", "GET", "/panel", WATCH,
          "Server-sent events: a snapshot of the fleet, then what changes.", streams=True),
    Route("put_blob", "PUT", "/blobs/{sha256}", BLOBS, "Store a large value under its hash.",
          None, m.BlobStored, limit_bytes=4096 * MIB, writes=True),
    Route("get_blob", "GET", "/blobs/{sha256}", BLOBS, "A stored blob; ranges are honoured."),
    Route("health", "GET", "/health", (), "Whether the coordinator answers.", None, m.Health),
    Route("metrics", "GET", "/metrics", WATCH, "Figures for Prometheus, as text."),
    Route("tokens", "GET", "/tokens", ADMIN, "Every token, without its secret.",
          None, list[m.TokenRow]),
    Route("make_token", "POST", "/tokens", ADMIN, "Make a token; its secret is shown this once.",
          m.NewToken, m.MadeToken, writes=True),
    Route("revoke_token", "DELETE", "/tokens/{token_id}", ADMIN, "End a token.",
          None, m.TokenRow, writes=True),
    Route("invitation", "POST", "/invitation", ADMIN, "The token with which machines join.",
          None, m.Invitation, writes=True),
    Route("audit", "GET", "/audit", ADMIN, "Who did what, oldest first.",
          None, list[m.AuditRow], query=("cursor", "limit")),
    Route("backup", "POST", "/backups", ADMIN, "Copy the database now.", writes=True),
    Route("backups", "GET", "/backups", ADMIN, "Every backup, oldest first."),
    Route("drain", "POST", "/nodes/{node_id}/drain", ADMIN,
          "Give a node no more jobs; what it has it finishes.", None, m.Draining, writes=True),
    Route("stop", "POST", "/stop", ADMIN, "Stop the coordinator, after this answer.",
          None, m.Stopping, writes=True),
    Route("openapi", "GET", "/openapi.json", ANY, "This table as an OpenAPI document."),
)  # fmt: skip


def _patterns() -> Iterator[tuple[re.Pattern[str], dict[str, Route]]]:
    paths: dict[str, dict[str, Route]] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method] = route
    for path, methods in paths.items():
        yield re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path)), methods


_EXACT: dict[str, dict[str, Route]] = {}
for _route in ROUTES:
    if "{" not in _route.path:
        _EXACT.setdefault(_route.path, {})[_route.method] = _route
_PATTERNS = tuple(p for p in _patterns() if p[0].groups)


def find(path: str) -> tuple[dict[str, Route], dict[str, str]] | None:
    """The methods of `path`, and the values of its variables; None when there is no such path."""
    methods = _EXACT.get(path)
    if methods is not None:
        return methods, {}
    for pattern, methods in _PATTERNS:
        match = pattern.fullmatch(path)
        if match:
            return methods, match.groupdict()
    return None
