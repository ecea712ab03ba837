from __future__ import annotations

from itertools import combinations

import pytest

from nexapod.views.columns import ATTEMPT_ENDS, JOB_STATES, NODE_STATES
from nexapod.views.theme import INK, STATE_COLOURS, colour_of, label_of


def luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("state", sorted({*JOB_STATES, *ATTEMPT_ENDS, *NODE_STATES}))
def test_every_state_has_a_colour_that_shows_on_light_and_dark(state: str) -> None:
    assert state in STATE_COLOURS
    for page in ("#ffffff", "#111111"):
        assert contrast(colour_of(state), page) >= 1.9


@pytest.mark.parametrize("page", ["#ffffff", "#111111"])
def test_text_is_legible_on_light_and_dark(page: str) -> None:
    assert contrast(INK, page) >= 3.9


@pytest.mark.parametrize("states", [JOB_STATES, ATTEMPT_ENDS, NODE_STATES])
def test_states_that_stand_side_by_side_differ(states: tuple[str, ...]) -> None:
    for one, other in combinations(states, 2):
        assert colour_of(one) != colour_of(other)


def test_one_word_means_one_colour() -> None:
    assert label_of("assigned") == "running"
    assert colour_of("assigned") == colour_of("running") == colour_of("busy")
    assert colour_of("never heard of") not in STATE_COLOURS.values()
