"""How a log is put together again from its pieces and the last lines."""

from __future__ import annotations

import pytest

from nexapod.store.logs import together


def test_pieces_that_touch_are_one_text():
    assert together([(0, b"one\ntw"), (6, b"o\n")], "", None, 0, True) == (0, 8, "one\ntwo\n")


def test_a_log_is_read_on_from_any_byte():
    pieces = [(0, b"abc"), (3, b"def")]
    assert together(pieces, "", None, 2, True) == (2, 6, "cdef")
    assert together(pieces, "", None, 6, True) == (6, 6, "")
    assert together(pieces, "", None, 99, True) == (6, 6, "")


def test_the_last_lines_alone_are_the_log_of_a_short_job():
    assert together([], "héllo\n", None, 0, False) == (0, 7, "héllo\n")
    assert together([], "hello\n", None, 4, False) == (4, 6, "o\n")


@pytest.mark.parametrize("known", range(9))
def test_no_byte_is_told_twice_where_pieces_and_last_lines_overlap(known: int):
    whole = b"12345678"
    pieces = [(0, whole[:known])] if known else []
    text = together(pieces, "345678", 8, 0, False)[2]
    gap = {0: "[… 2 bytes not kept …]\n", 1: "1\n[… 1 byte not kept …]\n"}
    assert text == gap.get(known, "12") + "345678"


def test_a_gap_is_a_line_that_says_how_much_is_missing():
    pieces = [(0, b"first\n"), (12_351, b"later, in the middle"), (12_400, b"end\n")]
    assert together(pieces, "", None, 0, False)[2] == (
        "first\n[… 12,345 bytes not kept …]\nlater, in the middle\n[… 29 bytes not kept …]\nend\n"
    )


def test_a_beginning_that_is_not_kept_is_a_gap_too():
    assert together([(2000, b"late\n")], "", None, 0, True) == (
        0, 2005, "[… 2,000 bytes not kept …]\nlate\n",
    )  # fmt: skip
    assert together([(2000, b"late\n")], "", None, 2001, True) == (2001, 2005, "ate\n")


def test_a_gap_is_told_from_within():
    assert together([(0, b"abc"), (10, b"x\n")], "", None, 5, True) == (
        5, 12, "[… 5 bytes not kept …]\nx\n",
    )  # fmt: skip


def test_an_end_that_is_not_kept_is_a_gap_too():
    assert together([(0, b"a\n")], "", 12, 0, False) == (0, 12, "a\n[… 10 bytes not kept …]\n")


def test_a_character_cut_at_the_edge_of_two_pieces_is_whole():
    euro = "€".encode()
    for cut in range(4):
        pieces = [(0, euro[:cut]), (cut, euro[cut:])]
        assert together([p for p in pieces if p[1]], "", None, 0, True) == (0, 3, "€")


def test_the_beginning_of_a_character_waits_for_its_rest_while_the_job_runs():
    pieces = [(0, b"ab" + "€".encode()[:2])]
    assert together(pieces, "", None, 0, True) == (0, 2, "ab")
    assert together(pieces, "", None, 0, False) == (0, 4, "ab\ufffd")


def test_a_character_that_lost_its_beginning_in_a_gap_is_left_out():
    assert together([(100, "€".encode()[1:] + b"x\n")], "", None, 0, True)[2].endswith("…]\nx\n")


def test_what_is_no_text_is_shown_as_such():
    assert together([(0, b"a\xffb\x00")], "", None, 0, False)[2] == "a\ufffdb\x00"
