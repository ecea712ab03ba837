from __future__ import annotations

from itertools import combinations

import pytest

from nexapod.views.columns import ATTEMPT_ENDS, JOB_STATES, NODE_STATES
from nexapod.views.theme import (
    SERIES_COLOURS,
    STATE_COLOURS,
    STATE_ORDER,
    UNKNOWN_COLOUR,
    colour_of,
    label_of,
)
from tests.unit.views.colours import VISIONS, ciede2000, contrast, distance

#: White, and what a dark JupyterLab paints under outputs and under panels.
PAGES = ("#ffffff", "#111111", "#212121")
#: What can stand side by side in one picture.
NEIGHBOURS = {
    "jobs": JOB_STATES,
    "attempts": ATTEMPT_ENDS,
    "nodes": NODE_STATES,
    "slots": ("busy", "free", "lost"),
    "tiles": ("busy", "free", "suspect", "lost", "draining"),
}
APART = 13.0
APART_FOR_MOST = 20.0


@pytest.mark.parametrize("state", sorted({*JOB_STATES, *ATTEMPT_ENDS, *NODE_STATES}))
def test_every_state_has_a_colour_that_shows_on_light_and_dark(state: str) -> None:
    assert state in STATE_COLOURS
    assert min(contrast(colour_of(state), page) for page in PAGES) >= 3


@pytest.mark.parametrize("colour", [*SERIES_COLOURS, UNKNOWN_COLOUR])
def test_series_show_on_light_and_dark(colour: str) -> None:
    assert min(contrast(colour, page) for page in PAGES) >= 3


@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize("kind", NEIGHBOURS)
def test_states_side_by_side_keep_apart_in_everybodys_eyes(kind: str, vision: str) -> None:
    near = {
        (one, other): round(distance(colour_of(one), colour_of(other), vision), 1)
        for one, other in combinations(NEIGHBOURS[kind], 2)
    }
    least = APART_FOR_MOST if vision == "normal" else APART
    assert {pair: apart for pair, apart in near.items() if apart < least} == {}


@pytest.mark.parametrize("vision", VISIONS)
def test_series_keep_apart_in_everybodys_eyes(vision: str) -> None:
    pairs = combinations(SERIES_COLOURS, 2)
    assert min(distance(one, other, vision) for one, other in pairs) >= 11


@pytest.mark.parametrize(
    ("one", "other", "apart"),
    [  # Sharma, Wu and Dalal 2005, table 1
        ((50.0, 2.6772, -79.7751), (50.0, 0.0, -82.7485), 2.0425),
        ((50.0, -1.3802, -84.2814), (50.0, 0.0, -82.7485), 1.0),
        ((50.0, 2.5, 0.0), (73.0, 25.0, -18.0), 27.1492),
        ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
    ],
)
def test_the_distance_is_the_published_one(
    one: tuple[float, float, float], other: tuple[float, float, float], apart: float
) -> None:
    assert ciede2000(one, other) == pytest.approx(apart, abs=5e-4)


def test_two_colours_that_colour_blind_people_confuse_are_noticed() -> None:
    assert distance("#6a8e23", "#b07a20") > 20
    assert distance("#6a8e23", "#b07a20", "deuteranopia") < APART


def test_one_word_means_one_colour() -> None:
    assert label_of("assigned") == "running"
    assert colour_of("assigned") == colour_of("running") == colour_of("busy")
    assert colour_of("never heard of") == UNKNOWN_COLOUR
    assert UNKNOWN_COLOUR not in STATE_COLOURS.values()


def test_every_state_of_a_job_or_an_attempt_has_its_place_in_a_stack() -> None:
    assert {*JOB_STATES, *ATTEMPT_ENDS} == set(STATE_ORDER)
