"""A profile may hold anything; what the agent would send counts, and nothing else breaks."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexapod import errors
from nexapod.api.profile import capacity_of
from nexapod.wire.messages import Register


def capacity(profile: Any, **more: Any) -> Any:
    return capacity_of(Register("a", msgspec.Raw(json.dumps(profile).encode()), **more))


def test_the_agents_profile_is_what_jobs_are_matched_on() -> None:
    found = capacity(
        {
            "cores": 12, "memory_bytes": 2**35, "gpus": [{"name": "A"}, {"name": "B"}],
            "python": "3.11", "hashes": {"weights": "b", "runner": "a"},
        },
        slots=4, prefetch=2, tags=("lab",), kinds=("function",),
    )  # fmt: skip
    assert (found.cpus, found.memory_bytes, found.gpus, found.python) == (12.0, 2**35, 2, "3.11")
    assert found.hashes == (("runner", "a"), ("weights", "b"))
    assert (found.slots, found.prefetch, found.tags, found.kinds) == (4, 2, ("lab",), ("function",))


@pytest.mark.parametrize(
    ("gpu", "count"),
    [("RTX 3080", 1), ("", 0), ("none", 0), ("None ", 0), ("N/A", 0), (None, 0), (2, 0)],
)
def test_the_seeds_profile_names_its_one_gpu(gpu: Any, count: int) -> None:
    assert capacity({"gpu": gpu}).gpus == count


@pytest.mark.parametrize("profile", [None, 1, "text", [], [{}]])
def test_a_profile_is_an_object(profile: Any) -> None:
    with pytest.raises(errors.Invalid, match="JSON object"):
        capacity(profile)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**80), 2**80) | st.text(max_size=5)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)  # fmt: skip


@given(
    st.dictionaries(
        st.sampled_from(["cores", "memory_bytes", "gpus", "gpu", "python", "hashes", "x"]), ANYTHING
    )
)
def test_no_key_a_plain_node_uses_in_its_own_way_turns_it_away(profile: dict[str, Any]) -> None:
    found = capacity(profile)
    assert found.cpus >= 0
    assert 0 <= found.memory_bytes < 2**53
    assert all(isinstance(v, str) for pair in found.hashes for v in pair)
