"""One fleet, reached in both ways. A module gives the fleet itself, as the fixture `launched`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import nexapod
from nexapod.client.fleet import Fleet


@pytest.fixture(scope="module")
def connected(launched: Fleet) -> Iterator[Fleet]:
    with nexapod.connect(launched.url, launched.token) as fleet:
        yield fleet


@pytest.fixture(params=["in process", "http"])
def fleet(request: pytest.FixtureRequest, launched: Fleet, connected: Fleet) -> Fleet:
    return launched if request.param == "in process" else connected
