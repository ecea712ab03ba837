"""Whatever a job does, its submitter is told what happened."""

from __future__ import annotations

import asyncio
import pickle
import signal
from pathlib import Path
from typing import Any

import pytest

from nexapod.core.states import AttemptEnd
from tests.unit.node import jobs
from tests.unit.node.doubles import CoordinatorDouble, Node, Site


def report_of(scratch: Path, fn, *args, **more) -> Any:
    """Run one call on a fresh node, and one ordinary call after it."""

    async def main() -> Any:
        fleet = CoordinatorDouble()
        async with Site(fleet) as site, Node(site.url, scratch):
            report = await fleet.report(fleet.submit(fn, *args, **more))
            assert await fleet.result(fleet.submit(jobs.add, 40, 2)) == 42
            return report

    return asyncio.run(main())


def test_a_call_gives_its_result_time_and_memory(tmp_path):
    report = report_of(tmp_path, jobs.add, 1, kwargs={"b": 2})
    assert report.end is AttemptEnd.COMPLETED
    assert CoordinatorDouble().open(report.value) == 3
    assert report.run_s > 0
    assert 1 << 20 < report.peak_memory_bytes < 1 << 30


def test_an_exception_comes_back_with_traceback_output_and_itself(tmp_path):
    failure = (report := report_of(tmp_path, jobs.raises, "no such thing")).failure
    assert (failure.type, failure.retryable) == ("exception", True)
    assert failure.message == "ValueError: no such thing"
    assert "in raises" in failure.traceback
    assert "nexapod/node" not in failure.traceback
    assert pickle.loads(failure.exception).args == ("no such thing",)
    assert report.output == "about to raise\n"


def test_an_exception_that_does_not_survive_pickling_still_tells_its_text(tmp_path):
    failure = report_of(tmp_path, jobs.raises_what_does_not_pickle).failure
    assert failure.exception is None
    assert failure.message == "Stubborn: it has two arguments"


def test_an_exception_that_its_own_arguments_cannot_make_again_tells_its_text(tmp_path):
    failure = report_of(tmp_path, jobs.raises_keyword_only).failure
    assert failure.exception is None
    assert failure.message == "KeywordOnly: code 3"
    assert "in raises_keyword_only" in failure.traceback


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (KeyboardInterrupt(), "the job raised KeyboardInterrupt"),
        (GeneratorExit("done"), "the job raised GeneratorExit: done"),
        (asyncio.CancelledError(), "the job raised CancelledError"),
    ],
)
def test_what_would_interrupt_the_submitter_is_told_and_not_raised(tmp_path, error, message):
    failure = report_of(tmp_path, jobs.raises_instance, error).failure
    assert (failure.type, failure.message) == ("exception", message)
    assert failure.exception is None
    assert "in raises_instance" in failure.traceback


@pytest.mark.parametrize(("code", "told"), [(True, 1), (2**80 + 3, 3), (None, 0), ("no", 1)])
def test_any_code_of_sys_exit_can_be_told(tmp_path, code, told):
    failure = report_of(tmp_path, jobs.exits, code).failure
    assert (failure.type, failure.exit_code, failure.exception) == ("exit", told, None)


def test_an_exception_about_a_file_whose_name_is_no_text_can_be_told(tmp_path):
    failure = report_of(tmp_path, jobs.raises, "no file \udcff").failure
    assert failure.message == "ValueError: no file \\udcff"


def test_a_segmentation_fault_is_named_and_its_stack_shown(tmp_path):
    report = report_of(tmp_path, jobs.segfaults)
    failure = report.failure
    assert (failure.type, failure.signal, failure.exit_code) == ("signal", "SIGSEGV", -11)
    assert failure.message == "the job's process died from SIGSEGV (segmentation fault)"
    assert report.output.startswith("last words\n")
    assert "in segfaults" in report.output


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGABRT])
def test_a_job_killed_by_a_signal_says_which(tmp_path, number):
    failure = report_of(tmp_path, jobs.kills_itself, number).failure
    assert (failure.type, failure.signal) == ("signal", number.name)
    assert failure.exit_code == -number


def test_sys_exit_is_a_failure_with_its_code_and_leaves_the_process_alive(tmp_path):
    failure = report_of(tmp_path, jobs.exits, 3).failure
    assert (failure.type, failure.exit_code) == ("exit", 3)
    assert failure.message == "the job called sys.exit(3)"


def test_a_hard_exit_is_a_failure_with_code_and_output(tmp_path):
    report = report_of(tmp_path, jobs.exits_hard, 7)
    assert (report.failure.type, report.failure.exit_code) == ("exit", 7)
    assert report.output == "going\n"


def test_a_job_over_its_time_is_ended(tmp_path):
    report = report_of(tmp_path, jobs.sleep, 30, timeout_s=0.4)
    assert report.failure.type == "timeout"
    assert report.failure.message == "ran longer than timeout_s=0.4"
    assert report.run_s >= 0.4


def test_a_job_that_never_lets_go_of_the_gil_is_ended_in_time_too(tmp_path):
    assert report_of(tmp_path, jobs.spins, 30, timeout_s=0.4).failure.type == "timeout"


def test_a_job_over_its_memory_is_ended_and_told_both_figures(tmp_path):
    report = report_of(tmp_path, jobs.fills_memory, 200, memory_bytes=100 << 20)
    assert report.failure.type == "memory"
    assert report.failure.message.endswith("of memory, more than its 105 MB")
    assert report.peak_memory_bytes > 100 << 20


def test_a_result_that_cannot_be_pickled_is_told_in_a_sentence(tmp_path):
    failure = report_of(tmp_path, jobs.gives_a_lock).failure
    assert (failure.type, failure.retryable) == ("exception", False)
    assert failure.message.startswith("the job ran, but its result (a lock) cannot be pickled")


def test_a_call_from_another_python_is_refused_by_name(tmp_path):
    failure = report_of(tmp_path, jobs.add, 1, python="3.9").failure
    assert failure.type == "mismatch"
    assert "Python 3.9" in failure.message


def test_a_call_that_needs_a_module_the_node_lacks_names_it(tmp_path):
    report = report_of(tmp_path, jobs.add, 1, pickled=b"cnowhere_at_all\nthing\n.")
    assert report.failure.type == "mismatch"
    assert "no module named 'nowhere_at_all'" in report.failure.message


def test_output_belongs_to_its_own_attempt_and_keeps_the_last_lines(tmp_path):
    async def main():
        fleet = CoordinatorDouble()
        async with Site(fleet) as site, Node(site.url, tmp_path):
            first = await fleet.report(fleet.submit(jobs.prints, "one"))
            second = await fleet.report(fleet.submit(jobs.prints, "two"))
            long = await fleet.report(fleet.submit(jobs.prints, "x" * 99, 1000))
        assert first.output == "one\nto stderr\n"
        assert second.output == "two\nto stderr\n"
        assert len(long.output) == 16 << 10
        assert long.output.endswith("x\nto stderr\n")

    asyncio.run(main())
