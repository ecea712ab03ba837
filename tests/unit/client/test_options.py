"""Options are judged when they are given, in a sentence."""

from __future__ import annotations

from typing import Any

import pytest

from nexapod import errors
from nexapod.client.options import GB, Options


def test_options_build_on_each_other_and_never_change() -> None:
    first = Options().updated(cpus=4, tags=["gpu", "lab"], retries=2)
    second = first.updated(priority=1)
    assert (first.priority, second.cpus, second.tags) == (0, 4.0, ("gpu", "lab"))
    assert Options() == Options().updated()


def test_one_tag_may_be_a_text() -> None:
    assert Options().updated(tags="gpu").tags == ("gpu",)


def test_memory_is_given_in_decimal_gigabytes() -> None:
    assert Options().updated(memory_gb=1.5).fields()["memory_bytes"] == 1.5 * GB
    assert Options().fields()["memory_bytes"] == 0
    assert Options().updated(memory_gb=2).updated(memory_gb=None).fields()["memory_bytes"] == 0


def test_an_unknown_option_names_those_there_are() -> None:
    with pytest.raises(TypeError, match=r"no option cpu, ram; the options are: cpus, .*timeout_s"):
        Options().updated(cpu=4, ram=2)


@pytest.mark.parametrize(
    "given",
    [
        {"cpus": 0}, {"cpus": -1}, {"cpus": "four"}, {"cpus": None}, {"cpus": float("nan")},
        {"memory_gb": 0}, {"memory_gb": -1}, {"memory_gb": "2"}, {"memory_gb": float("nan")},
        {"gpus": -1}, {"gpus": 1.5}, {"gpus": 1001}, {"tags": ("",)}, {"tags": (1,)},
        {"hashes": {"runner": "short"}}, {"hashes": {"runner": "AB" * 32}}, {"priority": 2**40},
        {"priority": "high"}, {"retries": -1}, {"retries": 1001}, {"timeout_s": 0},
        {"timeout_s": -1}, {"timeout_s": float("nan")}, {"timeout_s": float("inf")}, {"key": ""},
        {"key": "k" * 201}, {"key": 5}, {"name": "n" * 201}, {"sweep": "s" * 201},
    ],
    ids=str,
)  # fmt: skip
def test_a_value_that_cannot_be_is_refused_at_once(given: dict[str, Any]) -> None:
    with pytest.raises(errors.Invalid) as caught:
        Options().updated(**given)
    assert "\n" not in caught.value.message


def test_infinite_memory_is_refused_at_once() -> None:
    with pytest.raises(errors.Invalid):
        Options().updated(memory_gb=float("inf"))


def test_the_fields_are_those_of_a_new_job() -> None:
    import msgspec

    from nexapod.wire.messages import NewJob

    known = {field.name for field in msgspec.structs.fields(NewJob)}
    assert set(Options().fields()) <= known
