"""What a job may say of its progress, and where it does nothing."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import nexapod
from nexapod import errors
from nexapod.node import progress as home
from nexapod.node.engines.card import Card


@pytest.fixture
def card(tmp_path, monkeypatch: pytest.MonkeyPatch) -> Card:
    """The card of a runner that this process is for the moment."""
    found = Card(tmp_path / "card", create=True)
    found.start(7, 1)
    monkeypatch.setattr(home, "_CARD", found)
    return found


def test_outside_a_job_nothing_happens():
    assert home._CARD is None
    assert nexapod.progress(0.5, "half") is None  # type: ignore[func-returns-value]


@pytest.mark.parametrize("fraction", [0, 1, 0.5, True, np.float32(0.25), np.int64(1)])
def test_any_number_from_0_to_1_is_taken(card: Card, fraction: Any):
    nexapod.progress(fraction)
    assert card.said(7) == (float(fraction), b"")


@pytest.mark.parametrize("fraction", [-0.01, 1.01, 40, math.nan, math.inf, "0.5", None, b"1", [1]])
def test_what_is_no_fraction_is_refused_in_a_sentence(card: Card, fraction: Any):
    with pytest.raises(errors.Invalid, match="a fraction from 0 to 1"):
        nexapod.progress(fraction)
    assert card.said(7) is None


def test_a_message_that_is_no_text_is_refused_in_a_sentence():
    with pytest.raises(errors.Invalid, match="is a text"):
        nexapod.progress(0.5, 3)  # type: ignore[arg-type]


def test_a_long_message_is_cut_between_two_characters(card: Card):
    nexapod.progress(0.5, "é" * 150)
    assert card.said(7) == (0.5, ("é" * 100).encode())
    nexapod.progress(0.5, "x" + "é" * 150)
    assert card.said(7) == (0.5, ("x" + "é" * 99).encode())


def test_half_a_surrogate_pair_is_replaced(card: Card):
    nexapod.progress(0.5, "\ud800")
    assert card.said(7) == (0.5, b"?")
