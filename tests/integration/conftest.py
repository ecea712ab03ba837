"""Coordinators that end with the test that started them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.parts import Client, Coordinator

Serve = Callable[..., Coordinator]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Start `nexapod serve` on a database of its own: ``serve("--open")``."""
    started: list[Coordinator] = []

    def start(*options: str, name: str = "fleet", port: int = 0, **environment: str) -> Coordinator:
        database = tmp_path / f"{name}.db"
        started.append(Coordinator(database, *options, port=port, **environment))
        return started[-1].start()

    try:
        yield start
    finally:
        for coordinator in started:
            coordinator.end()


@pytest.fixture(scope="module")
def open_coordinator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Coordinator]:
    """One `nexapod serve --open` for all tests of a file."""
    coordinator = Coordinator(tmp_path_factory.mktemp("open") / "open.db", "--open")
    try:
        yield coordinator.start()
    finally:
        coordinator.end()


@pytest.fixture
def api(open_coordinator: Coordinator) -> Iterator[Client]:
    """A client of it. No job of one test is left for the next."""
    client = open_coordinator.client()
    yield client
    left = [j["job_id"] for j in client.get("/jobs?fields=job_id&status=pending,assigned")]
    client.post("/jobs/cancel", {"job_ids": left})


@pytest.fixture
def fresh(serve: Serve) -> Client:
    """A client of an open coordinator that has seen nothing yet."""
    return serve("--open").client()
