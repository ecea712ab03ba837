"""What a future shows of a job's log and progress, while it runs and after."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest

from nexapod.client.connection import Connection
from nexapod.client.futures import JobFuture
from nexapod.client.transport import Change
from nexapod.core.records import Failure
from nexapod.core.states import JobState
from nexapod.views import portraits, tails
from nexapod.views.futures import future_at_rest, future_summary, is_told
from nexapod.views.reprs import future_html, future_text
from nexapod.views.summaries import FutureSummary
from tests.unit.views.links import Link


@pytest.fixture
def link(monkeypatch: pytest.MonkeyPatch) -> Iterator[Link]:
    monkeypatch.setattr(tails, "INTERVAL_S", 0.0)
    link = Link()
    yield link
    link.transport.close()


@pytest.fixture
def running(link: Link) -> JobFuture:
    future = JobFuture(cast(Connection, link), "j0", "fold", {"seed": 1})
    future._move(Change("j0", JobState.ASSIGNED, "gpu-1"))
    return future


def until(future: JobFuture, true: Callable[[FutureSummary], Any]) -> FutureSummary:
    for _ in range(2_000):
        summary = future_summary(future)
        if true(summary):
            return summary
        time.sleep(0.005)
    raise AssertionError(f"it never came: {summary}")


def test_a_running_job_shows_the_last_lines_as_they_come(link: Link, running: JobFuture) -> None:
    link.transport.log_text = "".join(f"step {at}\n" for at in range(30))
    summary = until(running, lambda summary: summary.log)
    assert summary.log.splitlines() == [f"step {at}" for at in range(18, 30)]
    link.transport.log_text += "step 30, and it goes"
    until(running, lambda summary: summary.log.endswith("step 30, and it goes"))
    link.transport.log_text += " on\n"
    summary = until(running, lambda summary: summary.log.endswith("goes on"))
    assert len(summary.log.splitlines()) == tails.LINES


def test_another_attempt_prints_anew(link: Link, running: JobFuture) -> None:
    link.transport.log_text = "the first\n"
    until(running, lambda summary: summary.log == "the first")
    link.transport.log_text, link.transport.log_epoch = "the second\n", 2
    until(running, lambda summary: summary.log == "the second")


def test_how_far_it_is_shows_while_it_runs(link: Link, running: JobFuture) -> None:
    link.transport.progressed = (0.42, "step 420 of 1,000")
    summary = until(running, lambda summary: summary.progress)
    assert 'aria-valuenow="42"' in future_html(summary)
    assert "42 % · step 420 of 1,000" in future_text(summary)
    running._move(Change("j0", JobState.COMPLETED, "gpu-1"))
    until(running, lambda summary: summary.progress is None)


def test_drawing_does_not_wait_for_the_log(link: Link, running: JobFuture) -> None:
    link.transport.log_text = "said"
    before = len(link.transport.asked)
    assert future_summary(running).log in ("", "said")
    assert len(link.transport.asked) == before
    assert future_at_rest(running).log == "said"


def test_a_display_rests_when_the_whole_log_was_read(link: Link, running: JobFuture) -> None:
    link.transport.log_text = "almost\n"
    until(running, lambda summary: summary.log)
    assert not is_told(running)
    link.transport.log_text += "done\n"
    running._move(Change("j0", JobState.COMPLETED, "gpu-1"))
    until(running, lambda _: is_told(running))
    assert future_summary(running).log.endswith("done")


def test_a_stopped_fleet_keeps_what_was_read(link: Link, running: JobFuture) -> None:
    link.transport.log_text = "said\n"
    until(running, lambda summary: summary.log)
    link.transport.close()
    running._let_go()
    assert future_at_rest(running).log == "said"
    assert is_told(running)


def test_a_job_that_waits_has_no_log(link: Link) -> None:
    waiting = JobFuture(cast(Connection, link), "j0", "fold")
    waiting._let_go()
    assert future_at_rest(waiting).log == ""
    assert is_told(waiting)


def test_the_output_of_a_running_job_has_a_place_of_one_height() -> None:
    summary = FutureSummary(job_id="j0", status="assigned", log="one\n<b>two</b>")
    assert '<pre class="nxp-pre nxp-tail"' in future_html(summary)
    assert "&lt;b&gt;two" in future_html(summary)
    done = FutureSummary(job_id="j0", status="completed", log="one")
    assert '<pre class="nxp-pre">one' in future_html(done)


@pytest.mark.parametrize("progress", [(None, "warming up"), (1.7, ""), (-1.0, "<i>")])
def test_any_progress_can_be_drawn(progress: tuple[float | None, str]) -> None:
    drawn = future_html(FutureSummary(job_id="j0", status="assigned", progress=progress))
    assert "<i>" not in drawn.replace("<i style", "")
    assert "width:170" not in drawn


def test_a_saved_picture_of_a_finished_job_has_its_output(link: Link, running: JobFuture) -> None:
    link.transport.log_text = "said before it fell\n"
    failure = Failure(message="ValueError: far away")
    running._move(Change("j0", JobState.FAILED, "gpu-1", failure=failure))
    data, _ = portraits.bundle(running)
    assert "said before it fell" in data["text/html"]
