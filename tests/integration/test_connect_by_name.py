"""``connect`` finds coordinators of the same user on the same machine by their name."""

from __future__ import annotations

from pathlib import Path

import pytest

import nexapod
from nexapod import errors
from tests.integration.conftest import Serve
from tests.integration.parts import Coordinator


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))


def reached(where: str, **options: str) -> str:
    """The id of the fleet that is reached."""
    with nexapod.connect(where, **options) as fleet:
        return fleet._link.transport.fleet_id


@pytest.mark.parametrize("options", [(), ("--open",), ("--tls",)])
def test_a_name_alone_is_enough(serve: Serve, options: tuple[str, ...]) -> None:
    coordinator = serve("--name", "fold", *options)
    with nexapod.connect("fold") as fleet:
        assert (fleet.name, fleet.url) == ("fold", coordinator.url)
        assert fleet.submit_data(1).status == "pending"


@pytest.mark.parametrize("options", [(), ("--open",), ("--tls",)])
def test_the_address_of_ones_own_coordinator_needs_no_token(
    serve: Serve, options: tuple[str, ...]
) -> None:
    coordinator = serve("--name", "fold", *options)
    assert reached(coordinator.url) == reached(coordinator.url + "/") == reached("fold")


def test_a_token_that_is_given_is_the_one_that_is_used(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    coordinator = serve("--name", "fold")
    with pytest.raises(errors.Unauthorized):
        nexapod.connect(coordinator.url, "wrong")
    with pytest.raises(errors.Unauthorized):
        nexapod.connect("fold", "wrong")
    monkeypatch.setenv("NEXAPOD_TOKEN", "of-another-fleet")
    with pytest.raises(errors.Unauthorized):
        nexapod.connect(coordinator.url)
    assert reached("fold"), "a name means one fleet, whatever the environment is for"


def test_the_coordinator_of_a_kernel_is_found_until_it_stops(tmp_path: Path) -> None:
    with nexapod.launch("here", port=0, database=tmp_path / "here.db") as fleet:
        assert reached("here") == reached(fleet.url)
    with pytest.raises(errors.Unreachable, match="none does, so launch it first"):
        nexapod.connect("here")


def test_one_that_was_killed_is_not_found_any_more(serve: Serve) -> None:
    first: Coordinator = serve("--name", "first", name="first")
    serve("--name", "second", name="second")
    first.kill()
    with pytest.raises(errors.Unreachable, match=r"these do: second$"):
        nexapod.connect("first")


def test_what_is_neither_a_name_nor_an_address_is_refused() -> None:
    with pytest.raises(errors.Invalid, match=r"begins with http:// .* by its name alone"):
        nexapod.connect("localhost:8000")
