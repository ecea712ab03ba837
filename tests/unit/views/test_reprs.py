from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import msgspec
import pytest

from nexapod.views import reprs
from nexapod.views.reprs.invitation import masked
from nexapod.views.reprs.markup import STYLE
from nexapod.views.reprs.node import DRAWN_SLOTS, SHOWN_HELD
from nexapod.views.summaries import (
    FleetSummary,
    FutureSummary,
    InvitationSummary,
    JobLine,
    NodeSummary,
    SweepRow,
    SweepSummary,
)
from nexapod.views.theme import STATE_COLOURS
from tests.unit.views.builders import NOW, node_row

EVIL = "<script>alert('x')</script>\"&"
VOID = {"br", "img", "input", "hr", "meta", "path"} - {"path"}

JOB = JobLine(job_id=EVIL, name=EVIL, status="failed", node=EVIL, run_s=1.0, note=EVIL)
NODE = node_row(EVIL, profile={"gpu": EVIL, "cpu": EVIL, "os": EVIL}, unmatched=(EVIL,))
COUNTS = {"completed": 980, "failed": 8, "assigned": 12, "pending": 240}

Case = tuple[Callable[[Any], str], Callable[[Any], str], Any]
CASES: dict[str, Case] = {
    "fleet": (
        reprs.fleet_html,
        reprs.fleet_text,
        FleetSummary(
            name=EVIL, url=EVIL, at=NOW, started_at=NOW - 99, status=EVIL,
            counts={**COUNTS, EVIL: 1},
            nodes=(NODE, node_row("many", slots=64), node_row("none", slots=None)),
            rate_per_s=4.2, history=(1.0, 2.0, 0.0), history_s=60, recent=(JOB,), eta_s=90,
            hints=(EVIL,),
        ),
    ),
    "empty fleet": (
        reprs.fleet_html,
        reprs.fleet_text,
        FleetSummary(name="villin", url="http://x", at=NOW),
    ),
    "stopped fleet": (
        reprs.fleet_html,
        reprs.fleet_text,
        FleetSummary(name=EVIL, url=EVIL, at=NOW, status="stopped", hints=(EVIL,)),
    ),
    "unregistered node": (
        reprs.node_html,
        reprs.node_text,
        NodeSummary(name=EVIL, status=EVIL),
    ),
    "node": (
        reprs.node_html,
        reprs.node_text,
        NodeSummary(row=NODE, at=NOW, holding=(JOB,), recent=(JOB,)),
    ),
    "sweep": (
        reprs.sweep_html,
        reprs.sweep_text,
        SweepSummary(
            name=EVIL, total=1240, counts=COUNTS, states=("completed", EVIL, "pending"),
            header=(EVIL, "x"), rows=(SweepRow(EVIL, (EVIL, 1.5)), SweepRow("failed", (None, 2))),
            elapsed_s=3.0, rate_per_s=1.0, eta_s=9.0, hints=(EVIL,),
        ),
    ),
    "future": (
        reprs.future_html,
        reprs.future_text,
        FutureSummary(
            job_id=EVIL, name=EVIL, status="failed", params=EVIL, node=EVIL, run_s=1.0,
            result=EVIL, hint=EVIL, error=EVIL, traceback=EVIL, log=EVIL, why=(EVIL,),
        ),
    ),
    "odd future": (
        reprs.future_html,
        reprs.future_text,
        FutureSummary(job_id="j", status=EVIL),
    ),
    "invitation": (
        reprs.invitation_html,
        reprs.invitation_text,
        InvitationSummary(command=EVIL, url=EVIL, shown=EVIL, install=EVIL, hint=EVIL),
    ),
}  # fmt: skip


class Balance(HTMLParser):
    """Reads markup: every tag it opens it must close, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def read(html: str) -> Balance:
    parser = Balance()
    parser.feed(html.removeprefix(STYLE))
    parser.close()
    return parser


@pytest.mark.parametrize("name", CASES)
def test_hostile_text_is_never_markup(name: str) -> None:
    html, _, summary = CASES[name]
    page = read(html(summary))
    assert page.open == []
    assert "script" not in page.tags
    assert not [key for key, _ in page.attributes if key.startswith("on")]


@pytest.mark.parametrize("name", CASES)
def test_html_is_one_labelled_card_with_its_style(name: str) -> None:
    html, _, summary = CASES[name]
    markup = html(summary)
    assert markup.startswith(STYLE)
    assert 'role="group" aria-label="' in markup
    page = read(markup)
    assert page.tags[0] == "div"
    assert "http://" not in STYLE
    assert "https://" not in STYLE


@pytest.mark.parametrize("name", CASES)
def test_text_is_plain_and_short(name: str) -> None:
    _, text, summary = CASES[name]
    lines = text(summary).splitlines()
    assert 1 <= len(lines) <= 40
    assert not [line for line in lines if line != line.rstrip()]


@pytest.mark.parametrize("name", CASES)
def test_drawing_twice_gives_the_same(name: str) -> None:
    html, text, summary = CASES[name]
    assert html(summary) == html(summary)
    assert text(summary) == text(summary)


def test_style_is_scoped_dark_and_calm() -> None:
    rules = re.sub(r"@media[^{]+\{((?:[^{}]*\{[^{}]*\})*)\s*\}", r"\1", STYLE)
    selectors = re.findall(r"([^{}]+)\{", rules.removeprefix("<style>"))
    assert len(selectors) > 30
    assert not [part for part in selectors if not part.strip().startswith(".nxp")]
    assert "prefers-color-scheme: dark" in STYLE
    assert "prefers-reduced-motion" in STYLE


def test_states_are_drawn_in_their_colours() -> None:
    html, _, summary = CASES["fleet"]
    markup = html(summary)
    for state in COUNTS:
        assert f"--c:{STATE_COLOURS[state]}" in markup


def test_progress_is_told_to_screen_readers() -> None:
    html, _, summary = CASES["sweep"]
    markup = html(summary)
    assert 'role="progressbar"' in markup
    assert 'aria-valuenow="988"' in markup
    assert 'aria-valuemax="1240"' in markup
    assert 'aria-valuetext="980 completed, 8 failed, 12 running, 240 pending"' in markup


def test_a_fleet_that_goes_on_does_not_change_every_second() -> None:
    summary = CASES["fleet"][2]
    later = msgspec.structs.replace(summary, at=NOW + 5, started_at=NOW - 99)
    assert reprs.fleet_html(later) == reprs.fleet_html(summary)


def test_fleet_counts_what_it_does_not_show() -> None:
    nodes = tuple(node_row(f"n{at:02d}") for at in range(25))
    summary = FleetSummary(name="f", url="u", at=NOW, nodes=nodes)
    markup = reprs.fleet_html(summary)
    assert "and 15 more nodes in fleet.nodes" in markup
    assert "25 nodes, 50 of 100 slots busy" in markup
    assert markup.count("<tr>") == 1 + 10


def test_nodes_in_trouble_come_first() -> None:
    nodes = (node_row("a"), node_row("b", status="left"), node_row("c", status="lost"))
    text = reprs.fleet_text(FleetSummary(name="f", url="u", at=NOW, nodes=nodes))
    places = [text.index(f"\n  {name} ") for name in ("c", "a", "b")]
    assert places == sorted(places)


def test_why_a_node_idles_stands_where_one_looks() -> None:
    nodes = (node_row("a", unmatched=("needs tag a100",)),)
    summary = FleetSummary(name="f", url="u", at=NOW, nodes=nodes)
    assert "needs tag a100" in reprs.fleet_html(summary)


@pytest.mark.parametrize("slots", [1, DRAWN_SLOTS])
def test_few_slots_are_drawn_one_by_one(slots: int) -> None:
    row = node_row(slots=slots, running=1)
    markup = reprs.node_html(NodeSummary(row=row, at=NOW))
    assert markup.count('class="nxp-open"') == slots - 1


def test_a_node_shows_some_of_what_it_holds_and_counts_the_rest() -> None:
    holding = tuple(JobLine(job_id=f"j{at}", status="assigned") for at in range(SHOWN_HELD + 3))
    summary = NodeSummary(row=node_row(slots=64), at=NOW, holding=holding)
    for drawn in (reprs.node_html(summary), reprs.node_text(summary)):
        assert "and 3 more running jobs in fleet.jobs" in drawn
        assert f"j{SHOWN_HELD}" not in drawn


@pytest.mark.parametrize(
    ("total", "is_partial", "said"),
    [
        (1, False, ""),
        (1, True, "results in sweep.frame"),
        (3, False, "and 2 more rows in sweep.frame"),
        (3, True, "results in sweep.frame · and 2 more rows in sweep.frame"),
    ],
)
def test_a_sweep_says_what_of_its_frame_is_not_shown(
    total: int, is_partial: bool, said: str
) -> None:
    rows = (SweepRow("completed", (1, None)),)
    summary = SweepSummary(
        name="s", total=total, header=("x", "node"), rows=rows, is_partial=is_partial
    )
    for drawn in (reprs.sweep_html(summary), reprs.sweep_text(summary)):
        assert said in drawn
        assert ("sweep.frame" in drawn.replace("the sweep's frame", "")) == bool(said)


def test_of_a_coordinator_that_told_nothing_nothing_is_claimed() -> None:
    summary = FleetSummary(name="f", url="u", at=NOW, status="stopped")
    for drawn in (reprs.fleet_html(summary), reprs.fleet_text(summary)):
        assert "stopped" in drawn
        for claim in ("no jobs yet", "No jobs yet", "no nodes yet", "No node has joined"):
            assert claim not in drawn


def test_mosaic_has_one_square_per_job() -> None:
    states = ("completed",) * 100 + ("pending",) * 50
    markup = reprs.sweep_html(SweepSummary(name="s", total=150, states=states))
    assert markup.count("h8v8h-8z") == 150


def test_sweep_buttons_fit_its_state() -> None:
    def buttons(**counts: int) -> list[str]:
        markup = reprs.sweep_html(SweepSummary(name="s", total=9, counts=counts))
        return re.findall(r'data-nxp-action="([^"]+)"', markup)

    assert buttons(pending=9) == ["cancel"]
    assert buttons(completed=8, failed=1) == ["retry_failed"]
    assert buttons(assigned=8, failed=1) == ["cancel", "retry_failed"]
    assert buttons(completed=9) == []


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("pending", "Waiting for 3 min 12 s"),
        ("assigned", "Running on gpu-1 for 4.0 s"),
        ("completed", "Completed on gpu-1 in 4.0 s"),
        ("failed", "Failed on gpu-1 after 4.0 s"),
        ("cancelled", "Cancelled on gpu-1 after 4.0 s"),
    ],
)
def test_a_future_says_what_is_going_on(status: str, said: str) -> None:
    summary = FutureSummary(job_id="j", status=status, node="gpu-1", elapsed_s=192, run_s=4)
    assert said in reprs.future_html(summary)
    assert said in reprs.future_text(summary)


def test_a_masked_invitation_keeps_no_secret() -> None:
    full = InvitationSummary(command="node --token s3cret", shown="node --token •••", url="u")
    assert "s3cret" in reprs.invitation_text(full)
    assert 'data-nxp-copy="node --token s3cret"' in reprs.invitation_html(full)
    safe = masked(full)
    assert "s3cret" not in reprs.invitation_text(safe) + reprs.invitation_html(safe)


def test_text_bar_is_always_as_wide() -> None:
    for counts in ({}, {"completed": 1}, {"failed": 1, "pending": 999}, {"assigned": 3}, COUNTS):
        line = reprs.sweep_text(SweepSummary(name="s", total=1, counts=counts)).splitlines()[1]
        assert len(line.split("  ")[1]) == 32
