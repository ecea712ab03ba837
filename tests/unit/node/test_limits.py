"""What one job may use of a node: each limit ends it, and is named in a sentence."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import click
import pytest

from nexapod.commandline.node import size_bytes
from nexapod.errors import Invalid
from nexapod.node.engines.groups import tree
from nexapod.node.options import NodeOptions
from nexapod.node.runners import calls
from nexapod.node.runners.failures import Refused
from tests.unit.node import jobs
from tests.unit.node.doubles import CoordinatorDouble, Node, Site
from tests.unit.node.test_isolation import is_gone


def failure_on(scratch: Path, options: dict[str, Any], fn: Any, *args: Any) -> Any:
    """Of one call on a node with these limits; the node works on afterwards."""

    async def main() -> Any:
        fleet = CoordinatorDouble()
        async with Site(fleet) as site, Node(site.url, scratch, **options):
            report = await fleet.report(fleet.submit(fn, *args))
            assert await fleet.result(fleet.submit(jobs.add, 40, 2)) == 42
            return report.failure

    return asyncio.run(main())


def starts_many(count: int, path: str) -> None:
    with open(path, "w") as file:
        for _ in range(count):
            print(subprocess.Popen(["sleep", "60"]).pid, file=file, flush=True)
    time.sleep(60)


def test_a_job_of_too_many_processes_is_ended_with_all_of_them(tmp_path: Path):
    told = failure_on(tmp_path, {"max_processes": 8}, starts_many, 20, str(tmp_path / "pids"))
    assert told.type == "processes"
    assert told.message.endswith("more than this node's 8 (--max-processes)")
    pids = (tmp_path / "pids").read_text().split()
    assert all(is_gone(int(pid)) for pid in pids)


def test_a_job_of_some_processes_is_left_alone(tmp_path: Path):
    def runs_eight() -> int:
        children = [subprocess.Popen(["sleep", "0.6"]) for _ in range(8)]
        return sum(child.wait() for child in children)

    async def main() -> Any:
        fleet = CoordinatorDouble()
        async with Site(fleet) as site, Node(site.url, tmp_path, max_processes=8):
            return await fleet.result(fleet.submit(runs_eight))

    assert asyncio.run(main()) == 0


def prints_for_ever() -> None:
    while True:
        print("x" * 100_000)


@pytest.mark.parametrize("limit_bytes", [1_000_000, 200_000_000])
def test_a_job_that_prints_too_much_is_ended(tmp_path: Path, limit_bytes: int):
    """The larger limit is more than is ever kept on file."""
    told = failure_on(tmp_path, {"max_output_bytes": limit_bytes}, prints_for_ever)
    assert told.type == "output"
    assert told.message.startswith("printed ")
    assert told.message.endswith(f"this node's {limit_bytes // 10**6} MB (--max-output)")


def test_a_result_over_the_limit_is_refused_in_a_sentence(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(calls, "RESULT_BYTES", 1000)
    assert calls.value_from(b"x" * 500, False, True).size < 1000
    for may_pickle in (True, False):
        with pytest.raises(Refused) as refused:
            calls.value_from(b"x" * 2000, False, may_pickle)
        assert refused.value.failure.type == "output"
        assert "write it to a file and return its path" in refused.value.failure.message


def test_a_tree_is_a_process_and_all_below_it():
    child = subprocess.Popen(
        [sys.executable, "-c", "import subprocess as s; s.run(['sleep', '60'])"],
        start_new_session=True,
    )
    try:
        give_up_s = time.monotonic() + 10
        while len(found := tree(child.pid)) < 2:
            assert time.monotonic() < give_up_s
            time.sleep(0.01)
        assert found[0] == child.pid
    finally:
        os.killpg(child.pid, 9)
        child.wait()
    assert tree(child.pid) == [child.pid]


@pytest.mark.parametrize(
    ("text", "expected"), [("500MB", 500_000_000), ("1.5 gb", 1_500_000_000), ("17", 17)]
)
def test_sizes_are_given_with_their_unit(text: str, expected: int):
    assert size_bytes(text) == expected


@pytest.mark.parametrize("text", ["", "MB", "-1", "0", "5 parsecs", "1M", "1e9", "1GB2"])
def test_what_is_no_size_is_refused(text: str):
    with pytest.raises(click.BadParameter, match="it looks like 500MB or 2GB"):
        size_bytes(text)


@pytest.mark.parametrize("given", [{"max_disk_bytes": 1000}, {"readable": (Path("/usr"),)}])
def test_limits_of_the_sandbox_are_refused_without_it(given: dict[str, Any]):
    with pytest.raises(Invalid, match="go with --sandbox"):
        NodeOptions(url="http://h:1", **given).check()


def test_what_jobs_are_to_read_must_exist(tmp_path: Path):
    with pytest.raises(Invalid, match="does not exist"):
        NodeOptions(url="http://h:1", sandbox=True, readable=(tmp_path / "none",)).check()
