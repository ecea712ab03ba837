"""The table of routes: what is in it is served, and nothing else."""

from __future__ import annotations

import pytest

from nexapod.api.app import _HANDLERS
from nexapod.wire.routes import ROUTES, find


def test_every_route_has_a_handler_and_every_handler_a_route() -> None:
    assert set(_HANDLERS) == {route.name for route in ROUTES}
    assert len({(route.method, route.path) for route in ROUTES}) == len(ROUTES)


def test_the_seeds_five_endpoints_are_there() -> None:
    seed = {("POST", "/register"), ("GET", "/job"), ("POST", "/result"), ("GET", "/nodes"),
            ("GET", "/jobs")}  # fmt: skip
    assert seed <= {(route.method, route.path) for route in ROUTES}


def test_only_health_is_open() -> None:
    assert [route.path for route in ROUTES if not route.scopes] == ["/health"]


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_every_body_has_a_limit_and_every_read_is_a_get(route) -> None:
    assert 0 < route.limit_bytes <= 4096 * 2**20
    assert route.summary.endswith(".")
    assert route.body is None or route.method in ("POST", "PUT")
    assert not (route.method == "GET" and route.writes) or route.name == "job"


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_every_route_is_found_by_its_path(route) -> None:
    path = route.path.replace("{job_id}", "j-1").replace("{sha256}", "ab" * 32)
    path = path.replace("{token_id}", "j-1").replace("{node_id}", "j-1")
    methods, names = find(path)
    assert methods[route.method] is route
    assert set(names.values()) <= {"j-1", "ab" * 32}


@pytest.mark.parametrize(
    "path",
    ["", "/", "/nothing", "/jobs/", "/jobs//cancel", "/jobs/a/b", "/jobs/a/cancel/", "//jobs",
     "/Jobs", "/jobs/a\n/cancel/x", "/blobs/", "/blobs/a/b", "/register/x", "jobs"],
)  # fmt: skip
def test_a_path_that_is_not_in_the_table_is_not_found(path: str) -> None:
    assert find(path) is None


def test_an_exact_path_wins_over_a_pattern() -> None:
    assert set(find("/jobs/cancel")[0]) == {"POST"}
    assert find("/jobs/cancel")[0]["POST"].name == "cancel_many"
    assert find("/jobs/states")[0]["POST"].name == "job_states"
