from __future__ import annotations

import json
import re
from itertools import pairwise
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from nexapod.views import figures
from nexapod.views.figures.throughput import bin_width_s
from nexapod.views.figures.timeline import DRAWN_BARS
from nexapod.views.frames import attempts_frame, jobs_frame, nodes_frame
from nexapod.views.theme import OPEN, SERIES_COLOURS, STATE_COLOURS
from tests.unit.views.builders import NOW, attempts, fleet_frame, history, node_row


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


def plain(markup: str) -> str:
    """The words of a title or a key, without the spans that colour them."""
    return re.sub(r"<[^>]*>", "", markup)


FIGURES: dict[str, Any] = {
    "fleet": lambda: figures.fleet(fleet_frame(6)),
    "fleet of many": lambda: figures.fleet(fleet_frame(130)),
    "timeline": lambda: figures.timeline(attempts(60)),
    "timeline by sweep": lambda: figures.timeline(attempts(60), colour="sweep"),
    "timeline by clock": lambda: figures.timeline(attempts(60), clock=True),
    "long timeline": lambda: figures.timeline(attempts(9000)),
    "wide timeline": lambda: figures.timeline(attempts(3000, nodes=700)),
    "throughput": lambda: figures.throughput(*history(60)),
    "status": lambda: figures.status(jobs(50)),
}


@pytest.mark.parametrize("name", FIGURES)
def test_figures_validate_and_say_what_is_seen(name: str) -> None:
    figure = FIGURES[name]()
    assert type(figure) is go.Figure
    again = go.Figure(figure.to_dict())  # validates every property
    assert json.loads(again.to_json()) == json.loads(figure.to_json())
    for line in (figure.layout.title.text, figure.layout.title.subtitle.text):
        assert any(letter.isdigit() for letter in plain(line)), line
    assert figure.layout.template.layout.paper_bgcolor == "rgba(0,0,0,0)"
    assert 180 <= figure.layout.height <= 1500


def solid(colour: Any) -> str:
    """The ``#rrggbb`` of a trace's colour; hollow and half filled ones say theirs as rgba."""
    word = colour if isinstance(colour, str) else colour[-1]
    if word.startswith("#"):
        return word
    red, green, blue = word.removeprefix("rgba(").split(",")[:3]
    return f"#{int(red):02x}{int(green):02x}{int(blue):02x}"


@pytest.mark.parametrize("name", sorted(FIGURES.keys() - {"timeline by sweep"}))
def test_one_state_has_one_colour_everywhere(name: str) -> None:
    stateful = [trace for trace in FIGURES[name]().data if trace.meta]
    assert stateful
    for trace in stateful:
        if trace.type == "heatmap":
            shade = trace.colorscale[-1][1]
        else:
            shade = trace.marker.color or trace.line.color
        assert solid(shade) == STATE_COLOURS[trace.meta]


@pytest.mark.parametrize(
    "figure",
    [
        figures.fleet(fleet_frame(6)),
        figures.fleet(nodes_frame([node_row(f"n{at}", running=at % 2) for at in range(50)])),
        figures.status(jobs(50)),
    ],
)
def test_what_has_not_begun_is_hollow(figure: Any) -> None:
    drawn = {trace.meta: trace.marker for trace in figure.data if trace.meta}
    assert drawn.keys() & OPEN
    for state in drawn.keys() & OPEN:
        assert drawn[state].color.startswith("rgba(")
        assert (drawn[state].line.color, drawn[state].line.width) == (STATE_COLOURS[state], 1)


def test_sweeps_have_colours_of_their_own() -> None:
    figure = figures.timeline(attempts(60), colour="sweep")
    assert {trace.marker.color for trace in figure.data} <= set(SERIES_COLOURS)
    assert sorted(plain(trace.name) for trace in figure.data) == ["20 a", "20 b", "20 single jobs"]


@pytest.mark.parametrize("name", FIGURES)
def test_all_text_takes_the_colour_of_the_page_around_it(name: str) -> None:
    figure = FIGURES[name]()
    layout = figure.layout
    axes = [layout[axis] for axis in layout if re.fullmatch(r"[xy]axis\d*", axis)]
    words = [layout.title.text, layout.title.subtitle.text]
    words += [note.text for note in layout.annotations]
    words += [axis.title.text for axis in axes if axis.title.text]
    words += [tick for axis in axes for tick in axis.ticktext or ()]
    words += [trace.name for trace in figure.data if trace.showlegend]
    assert words
    for word in words:
        assert word.startswith('<span style="color:currentcolor')
    for axis in ("xaxis", "yaxis"):
        assert "currentcolor" in layout.template.layout[axis].tickprefix


@pytest.mark.parametrize(
    ("figure", "sentence"),
    [
        (figures.fleet(nodes_frame([])), "No nodes yet: fleet.start_nodes"),
        (figures.timeline(attempts_frame({})), "No jobs yet: each attempt"),
        (figures.throughput(jobs_frame({}), attempts_frame({})), "No jobs yet: fleet.submit"),
        (figures.throughput(jobs(0), attempts(1)), "No jobs yet: fleet.submit"),
        (figures.throughput(*history(1)), "No job has ended yet"),
        (figures.status(jobs_frame({})), "No jobs yet: fleet.submit"),
    ],
)
def test_empty_frames_give_a_kind_sentence(figure: Any, sentence: str) -> None:
    (note,) = figure.layout.annotations
    assert plain(note.text).startswith(sentence)
    assert not figure.data
    assert figure.layout.height == 180


def test_fleet_bars_add_up_to_the_slots() -> None:
    figure = figures.fleet(fleet_frame(8))
    bars = [trace for trace in figure.data if trace.type == "bar"]
    assert sum(sum(trace.x) for trace in bars) == 8 * 4


def test_a_node_that_left_is_not_drawn_and_others_show_their_state() -> None:
    rows = [node_row("here"), node_row("gone", status="left"), node_row("odd", status="suspect")]
    ticks = figures.fleet(nodes_frame(rows)).layout.yaxis.ticktext
    assert [plain(tick) for tick in ticks] == ["here ●", "odd (suspect) ●"]
    for tick, state in zip(ticks, ("online", "suspect"), strict=True):
        assert f"color:{STATE_COLOURS[state]}" in tick


def test_every_node_is_one_tile() -> None:
    figure = figures.fleet(fleet_frame(130))
    assert sum(len(trace.x) for trace in figure.data) == 130


def test_names_cannot_write_markup() -> None:
    figure = figures.fleet(nodes_frame([node_row("<b>bold</b>")]))
    assert "&lt;b&gt;bold&lt;/b&gt;" in figure.layout.yaxis.ticktext[0]
    assert "<b>&lt;b&gt;bold" in figure.data[0].customdata[0]


def test_short_timelines_draw_every_attempt_in_few_traces() -> None:
    figure = figures.timeline(attempts(500))
    assert sum(len(trace.x) for trace in figure.data) == 500
    assert len(figure.data) <= 6


def test_a_lost_attempt_is_not_a_failed_one() -> None:
    frame = attempts(500)
    drawn = {trace.meta: len(trace.x) for trace in figures.timeline(frame).data}
    assert drawn == {str(end): count for end, count in frame["end"].value_counts().items() if count}
    jobs, tries = history(60)
    assert (tries["end"] == "lost").any()
    ended = [trace for trace in figures.throughput(jobs, tries).data if trace.type == "bar"]
    assert {trace.meta for trace in ended} <= {"completed", "failed"}


def test_long_timelines_stay_light_and_lose_no_attempt() -> None:
    tries = history(9000)[1]
    figure = figures.timeline(tries)
    assert sum(len(trace.x) for trace in figure.data) <= DRAWN_BARS
    assert f"{len(tries):,} attempts" in figure.layout.title.text
    told = 0
    for text in (text for trace in figure.data for text in trace.customdata):
        many = re.match(r"<b>([\d,]+) attempts</b>", text)
        told += int(many[1].replace(",", "")) if many else 1
    assert told == len(tries)


def test_bars_of_a_timeline_lie_in_lanes_of_their_node() -> None:
    figure = figures.timeline(attempts(90, nodes=3))
    names = [plain(tick) for tick in figure.layout.yaxis.ticktext]
    ticks = dict(zip(names, figure.layout.yaxis.tickvals, strict=True))
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


@pytest.mark.parametrize(
    ("frame", "row"),
    [
        (attempts(3000, nodes=700), "node-0 … node-2"),
        (attempts(3000, nodes=130), "node-0"),
        (attempts(9000), "node-0 · slot 1"),
    ],
)
def test_a_timeline_that_bars_cannot_draw_tells_how_busy_it_was(frame: Any, row: str) -> None:
    figure = figures.timeline(frame)
    cells, *marks = figure.data
    assert cells.type == "heatmap"
    assert cells.z.shape == (len(cells.y), len(cells.x))
    assert len(cells.y) <= 250
    assert cells.y[0] == row
    assert 0 < cells.z.max() <= 100
    assert {trace.meta for trace in marks} == {"failed", "lost"}
    for trace in marks:
        assert sum(trace.customdata) == (frame["end"] == trace.meta).sum()


@pytest.mark.parametrize(("number", "nodes"), [(100_000, 8), (100_000, 1_000)])
def test_a_hundred_thousand_attempts_stay_a_small_figure(number: int, nodes: int) -> None:
    jobs, tries = history(number, nodes)
    assert len(figures.timeline(tries).to_json()) < 600_000
    assert len(figures.throughput(jobs, tries).to_json()) < 60_000
    assert len(figures.status(jobs).to_json()) < 30_000


def test_a_thousand_nodes_stay_a_small_figure() -> None:
    assert len(figures.fleet(fleet_frame(1_000)).to_json()) < 300_000


def test_throughput_counts_every_job_that_ended_once() -> None:
    jobs, tries = history(300)
    ended = int(jobs["status"].isin(["completed", "failed"]).sum())
    figure = figures.throughput(jobs, tries)
    bars = [trace for trace in figure.data if trace.type == "bar"]
    assert sum(int(number) for trace in bars for number in trace.customdata) == ended
    assert plain(figure.layout.title.text).startswith(f"{ended} jobs ended in ")
    widths = {trace.width for trace in bars}
    assert len(widths) == 1


def test_throughput_shows_what_ran_and_what_waited() -> None:
    jobs = jobs_frame(
        {
            "job_id": ["a", "b"],
            "status": ["completed", "pending"],
            "created_at": [NOW, NOW],
            "started_at": [NOW + 1, None],
            "finished_at": [NOW + 3, None],
        }
    )
    tries = attempts_frame(
        {
            "job_id": ["a"], "node_id": ["n"], "started_at": [NOW + 1], "ended_at": [NOW + 3],
            "end": ["completed"],
        }
    )  # fmt: skip
    lines = {
        trace.meta: list(zip(trace.x, trace.y, strict=True))
        for trace in figures.throughput(jobs, tries).data
        if trace.type == "scatter"
    }
    assert lines == {"running": [(0, 0), (1, 1), (3, 0)], "pending": [(0, 2), (1, 1), (3, 1)]}


@pytest.mark.parametrize("span_s", [0.05, 1, 59, 3600, 86_400, 3e7])
def test_bins_are_neither_dust_nor_boulders(span_s: float) -> None:
    assert span_s / bin_width_s(span_s) <= 60


def test_status_stacks_to_the_number_of_jobs_per_sweep() -> None:
    figure = figures.status(jobs(50))
    assert sum(sum(trace.x) for trace in figure.data if trace.type == "bar") == 50
    names = [plain(tick) for tick in figure.layout.yaxis.ticktext]
    assert names == ["a", "b&lt;i&gt;", "single jobs"]
    (ends,) = (trace for trace in figure.data if trace.type == "scatter")
    done = jobs(50).query("status == 'completed'")["sweep"].fillna("single jobs").value_counts()
    assert [plain(text).strip() for text in ends.text] == [
        f"{done['a']} of 17",
        f"{done['b<i>']} of 17",
        f"{done['single jobs']} of 16",
    ]


def test_a_key_of_many_lines_gets_the_room_it_needs() -> None:
    frame = attempts(30)
    wordy = frame.assign(sweep=[f"a rather long name {at}" for at in range(30)])
    few, many = (figures.timeline(each, colour="sweep").layout for each in (frame, wordy))
    assert many.margin.t > few.margin.t


def test_times_are_drawn_to_scale() -> None:
    frame = attempts(60)
    elapsed, clock = figures.timeline(frame), figures.timeline(frame, clock=True)
    for one, other in zip(elapsed.data, clock.data, strict=True):
        # Bars of a time axis have lengths in milliseconds.
        assert np.allclose(np.asarray(one.x) * 1000, np.asarray(other.x))
