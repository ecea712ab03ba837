from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import plotly.graph_objects as go
import pytest

from nexapod.views import figures
from nexapod.views.figures.throughput import bin_width_s
from nexapod.views.figures.timeline import DRAWN_BARS
from nexapod.views.frames import attempts_frame, jobs_frame, nodes_frame
from nexapod.views.theme import STATE_COLOURS, STATE_LABELS
from tests.unit.views.builders import attempts, fleet_frame


def jobs(number: int) -> Any:
    states = ["completed", "failed", "assigned", "pending", "cancelled"]
    return jobs_frame(
        {
            "job_id": [f"j{at}" for at in range(number)],
            "status": [states[at % 5] for at in range(number)],
            "sweep": [("a", "b<i>", None)[at % 3] for at in range(number)],
            "created_at": [1e9 + at for at in range(number)],
        }
    )


FIGURES: dict[str, Any] = {
    "fleet": lambda: figures.fleet(fleet_frame(6)),
    "fleet of many": lambda: figures.fleet(fleet_frame(130)),
    "timeline": lambda: figures.timeline(attempts(60)),
    "timeline by sweep": lambda: figures.timeline(attempts(60), colour="sweep"),
    "timeline by clock": lambda: figures.timeline(attempts(60), clock=True),
    "long timeline": lambda: figures.timeline(attempts(9000)),
    "throughput": lambda: figures.throughput(attempts(60)),
    "status": lambda: figures.status(jobs(50)),
}


@pytest.mark.parametrize("name", FIGURES)
def test_figures_validate_and_say_what_is_seen(name: str) -> None:
    figure = FIGURES[name]()
    assert type(figure) is go.Figure
    again = go.Figure(figure.to_dict())  # validates every property
    assert json.loads(again.to_json()) == json.loads(figure.to_json())
    assert any(letter.isdigit() for letter in figure.layout.title.text)
    assert figure.layout.template.layout.paper_bgcolor == "rgba(0,0,0,0)"


@pytest.mark.parametrize("name", sorted(FIGURES.keys() - {"timeline by sweep"}))
def test_one_state_has_one_colour_everywhere(name: str) -> None:
    words = {STATE_LABELS.get(state, state): code for state, code in STATE_COLOURS.items()}
    named = [trace for trace in FIGURES[name]().data if trace.name]
    assert named
    for trace in named:
        shade = (trace.line if trace.yaxis == "y2" else trace.marker).color
        assert shade == words[trace.name]


@pytest.mark.parametrize(
    ("figure", "sentence"),
    [
        (figures.fleet(nodes_frame([])), "No nodes yet"),
        (figures.timeline(attempts_frame({})), "No jobs yet"),
        (figures.throughput(attempts_frame({})), "No jobs yet"),
        (figures.throughput(attempts(1)), "No job has ended yet"),
        (figures.status(jobs_frame({})), "No jobs yet"),
    ],
)
def test_empty_frames_give_a_calm_sentence(figure: Any, sentence: str) -> None:
    assert [note.text for note in figure.layout.annotations] == [sentence]
    assert not figure.data


def test_fleet_bars_add_up_to_the_slots() -> None:
    figure = figures.fleet(fleet_frame(8))
    bars = [trace for trace in figure.data if trace.type == "bar"]
    assert sum(sum(trace.x) for trace in bars) == 8 * 4


def test_every_node_is_one_tile() -> None:
    figure = figures.fleet(fleet_frame(130))
    assert sum(len(trace.x) for trace in figure.data) == 130


def test_short_timelines_draw_every_attempt_in_few_traces() -> None:
    figure = figures.timeline(attempts(500))
    assert sum(len(trace.x) for trace in figure.data) == 500
    assert len(figure.data) <= 6


def test_long_timelines_stay_light_and_lose_no_attempt() -> None:
    frame = attempts(9000)
    figure = figures.timeline(frame)
    assert sum(len(trace.x) for trace in figure.data) <= DRAWN_BARS
    assert "9,000 attempts" in figure.layout.title.text
    told = 0
    for text in (text for trace in figure.data for text in trace.customdata):
        many = text.startswith("<b>") and " attempts</b>" in text
        told += int(text[3:].split(" ")[0].replace(",", "")) if many else 1
    assert told == 9000


def test_bars_of_a_timeline_lie_in_lanes_of_their_node() -> None:
    figure = figures.timeline(attempts(90, nodes=3))
    ticks = dict(zip(figure.layout.yaxis.ticktext, figure.layout.yaxis.tickvals, strict=True))
    assert sorted(ticks) == ["node-0", "node-1", "node-2"]
    assert ticks["node-0"] < ticks["node-1"] < ticks["node-2"]
    drawn = [
        (float(base), float(base + x), int(y))
        for trace in figure.data
        for base, x, y in zip(trace.base, trace.x, trace.y, strict=True)
    ]
    for lane in {y for _, _, y in drawn}:
        own = sorted((begin, end) for begin, end, y in drawn if y == lane)
        assert all(a[1] <= b[0] + 1e-6 for a, b in pairwise(own))


def test_throughput_counts_every_ended_attempt() -> None:
    frame = attempts(300)
    ended = int(frame["end"].isin(["completed", "failed"]).sum())
    figure = figures.throughput(frame)
    bars = [trace for trace in figure.data if trace.type == "bar"]
    assert sum(int(number[0]) for trace in bars for number in trace.customdata) == ended
    lines = [trace for trace in figure.data if trace.type == "scatter"]
    assert sum(trace.y[-1] for trace in lines) == ended


@pytest.mark.parametrize("span_s", [0.05, 1, 59, 3600, 86_400, 3e7])
def test_bins_are_neither_dust_nor_boulders(span_s: float) -> None:
    assert span_s / bin_width_s(span_s) <= 60


def test_status_stacks_to_the_number_of_jobs_per_sweep() -> None:
    figure = figures.status(jobs(50))
    assert sum(sum(trace.x) for trace in figure.data) == 50
    assert "single jobs" in figure.layout.yaxis.ticktext
    assert "b&lt;i&gt;" in figure.layout.yaxis.ticktext
