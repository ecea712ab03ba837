"""What a relay lets a panel ask: these few requests, to the letter."""

from __future__ import annotations

import pytest

from nexapod.wire.panel import allowed
from nexapod.wire.routes import ROUTES


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/jobs/j-1"),
        ("GET", "/jobs/j-1/log?after=0"),
        ("GET", "/jobs/j-1/log?after=1024&epoch=2"),
        ("POST", "/jobs/cancel"),
        ("POST", "/jobs/j-1/retry"),
        ("POST", "/nodes/lab-1.example_2/drain"),
    ],
)
def test_what_a_panel_needs_is_allowed(method: str, path: str) -> None:
    assert allowed(method, path)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/jobs"),
        ("GET", "/jobs/"),
        ("GET", "/jobs/.."),
        ("GET", "/jobs/../tokens"),
        ("GET", "/jobs/j-1/../../tokens"),
        ("GET", "/jobs/j%2F..%2F..%2Ftokens"),
        ("GET", "/jobs/j-1?x=1"),
        ("GET", "/jobs/j-1\n"),
        ("GET", "/jobs/j-1/log"),
        ("GET", "/jobs/j-1/log?after=-1"),
        ("GET", "/jobs/j-1/log?after=1&epoch=2&more=3"),
        ("GET", "/jobs/j-1/result"),
        ("GET", "//evil.example/jobs/j-1"),
        ("GET", "http://evil.example/jobs/j-1"),
        ("GET", "@evil.example/jobs/j-1"),
        ("POST", "/jobs"),
        ("POST", "/jobs/j-1"),
        ("POST", "/jobs/j-1/cancel"),
        ("POST", "/jobs/cancel?all=1"),
        ("POST", "/stop"),
        ("POST", "/invitation"),
        ("POST", "/tokens"),
        ("post", "/jobs/cancel"),
        ("DELETE", "/tokens/t"),
        ("PUT", "/jobs/cancel"),
        ("", ""),
    ],
)
def test_everything_else_is_not(method: str, path: str) -> None:
    assert not allowed(method, path)


def test_only_these_routes_are_within_reach() -> None:
    names = ("job_id", "node_id", "token_id", "sha256")
    paths = {r.name: (r.method, r.path.format(**dict.fromkeys(names, "x"))) for r in ROUTES}
    reached = {name for name, asked in paths.items() if allowed(*asked)}
    assert reached - {"job_log"} == {"job_detail", "cancel_many", "retry", "drain"}
