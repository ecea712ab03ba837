from __future__ import annotations

import math
from typing import Any

import pytest

from nexapod.views import human


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"),
        (math.nan, "–"),
        (math.inf, "–"),
        (-5, "0 s"),
        (0, "0 s"),
        (0.0001, "<1 ms"),
        (0.042, "42 ms"),
        (0.42, "0.42 s"),
        (4.24, "4.2 s"),
        (9.96, "10 s"),
        (59.6, "1 min 00 s"),
        (192, "3 min 12 s"),
        (3600, "1 h 00 min"),
        (11_520, "3 h 12 min"),
        (86_400 * 3 + 3600 * 4, "3 d 4 h"),
    ],
)
def test_duration(seconds: Any, text: str) -> None:
    assert human.duration(seconds) == text


@pytest.mark.parametrize(
    ("per_s", "text"),
    [
        (None, "0 jobs/s"),
        (4.24, "4.2 jobs/s"),
        (1240, "1,240 jobs/s"),
        (0.2, "12 jobs/min"),
        (0.001, "3.6 jobs/h"),
        (1e-6, "0.1 jobs/d"),
    ],
)
def test_rate(per_s: Any, text: str) -> None:
    assert human.rate(per_s) == text


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (None, "–"),
        (512, "512 B"),
        (1500, "1.5 kB"),
        (16 * 10**9, "16 GB"),
        (10**18, "1000000 TB"),
    ],
)
def test_size(amount: Any, text: str) -> None:
    assert human.size(amount) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, ""),
        (-1, ""),
        (3, "a few seconds left"),
        (41, "about 50 s left"),
        (80, "about 1½ min left"),
        (1100, "about 20 min left"),
        (9000, "about 3 h left"),
        (1e6, "about 12 d left"),
    ],
)
def test_remaining(seconds: Any, text: str) -> None:
    assert human.remaining(seconds) == text


def test_counts_and_nouns() -> None:
    assert human.plural(1, "job") == "1 job"
    assert human.plural(1240, "job") == "1,240 jobs"
    assert human.plural(0, "node") == "0 nodes"


def test_words_of_a_standing_display_change_once_a_minute() -> None:
    assert len({human.ago(second) for second in range(60)}) == 1
    assert len({human.uptime(60 + second) for second in range(60)}) == 1


@pytest.mark.parametrize("width", [3, 4, 10, 40])
def test_clip_fits_and_keeps_both_ends(width: int) -> None:
    text = human.clip("first line\n  and the last", width)
    assert len(text) <= width
    assert text[0] == "f"
    assert text[-1] == "t"


def test_short_id() -> None:
    assert human.short_id("01920000-0000-7000-8000-00000000abcd") == "…0000abcd"
    assert human.short_id("mine") == "mine"


def test_number() -> None:
    assert human.number(-1234.5678) == "-1234.57"
    assert human.number(3.0) == "3"
    assert human.number(math.nan) == "–"


def test_names_are_sorted_as_people_count() -> None:
    names = ["node-10", "node-2", "gpu", "node-2b", "7", "node", "node-٣"]
    assert sorted(names, key=human.natural) == [
        "7",
        "gpu",
        "node",
        "node-2",
        "node-2b",
        "node-٣",
        "node-10",
    ]
