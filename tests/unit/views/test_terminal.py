from __future__ import annotations

import io

import pytest
from rich.console import Console

from nexapod.views.summaries import FleetSummary, JobLine
from nexapod.views.terminal import BAR, status_view
from tests.unit.views.builders import NOW, node_row


def show(summary: FleetSummary, width: int = 110) -> str:
    stream = io.StringIO()
    Console(file=stream, width=width, color_system=None).print(status_view(summary))
    return stream.getvalue()


BUSY = FleetSummary(
    name="villin",
    url="http://127.0.0.1:8000",
    at=NOW,
    started_at=NOW - 11_520,
    counts={"completed": 980, "failed": 8, "assigned": 12, "pending": 240},
    nodes=(node_row(), node_row("home-pc", status="suspect", unmatched=("needs 2 GPUs",))),
    rate_per_s=4.2,
    recent=(JobLine(job_id="j", name="fold [red]x[/red]", status="failed", note="[boo]"),),
    hints=("3 jobs need 2 GPUs.",),
)


def test_it_says_the_same_as_the_notebook() -> None:
    text = show(BUSY)
    for word in (
        "villin", "up 3 h 12 min", "2 nodes, 4 of 8 slots busy", "completed 980", "4.2 jobs/s",
        "suspect", "needs 2 GPUs", "! 3 jobs need 2 GPUs.",
    ):  # fmt: skip
        assert word in text


def test_names_are_not_markup() -> None:
    text = show(BUSY)
    assert "fold [red]x[/red]" in text
    assert "[boo]" in text


@pytest.mark.parametrize("width", [40, 80, 200])
def test_rows_fit_and_do_not_wrap(width: int) -> None:
    text = show(BUSY, width)
    assert max(len(line) for line in text.splitlines()) <= width
    assert sum("online" in line for line in text.splitlines()) <= 1


def test_numbers_and_states_survive_eighty_columns() -> None:
    text = show(BUSY, 80)
    assert "● suspect" in text
    assert "2/4" in text


@pytest.mark.parametrize("counts", [{}, {"pending": 1}, {"completed": 1, "failed": 10_000}])
def test_the_bar_is_always_as_wide(counts: dict[str, int]) -> None:
    text = show(FleetSummary(name="f", url="u", at=NOW, counts=counts))
    assert len(text.splitlines()[1].strip()) == BAR


def test_no_nodes() -> None:
    assert "No node has joined yet." in show(FleetSummary(name="f", url="u", at=NOW))
