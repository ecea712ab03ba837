"""Whose code a node runs, and whose pickles it sends and opens."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from nexapod.core.records import Value
from nexapod.wire import formats, sealed
from tests.unit.node import jobs
from tests.unit.node.doubles import CoordinatorDouble, Node, Site


class Future:
    """An argument that stands for the job ``earlier``."""

    def __nexapod_job_id__(self) -> str:
        return "earlier"


class Opens:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


@pytest.mark.parametrize(
    ("value", "form"),
    [
        ([1, {"a": None}], "json"),
        (b"raw", "bytes"),
        (np.arange(3), "npy"),
        (np.zeros(3 << 20), "npy"),  # as a blob
    ],
)
def test_a_node_that_is_not_trusted_sends_what_opens_without_running_code(
    tmp_path: Path, value: Any, form: str
):
    async def main():
        fleet = CoordinatorDouble()
        fleet.trusted = False
        async with Site(fleet) as site, Node(site.url, tmp_path):
            report = await fleet.report(fleet.submit(jobs.sleep, 0, value))
            assert report.value.format == form
            assert np.array_equal(fleet.open(report.value), value)

    asyncio.run(main())


def test_a_node_that_is_not_trusted_fails_what_only_a_pickle_could_carry(tmp_path: Path):
    async def main():
        fleet = CoordinatorDouble()
        fleet.trusted = False
        async with Site(fleet) as site, Node(site.url, tmp_path):
            report = await fleet.report(fleet.submit(jobs.sleep, 0, (1, 2)))
            assert report.failure.type == "untrusted"
            assert "its result (a tuple) could only be sent as a pickle" in report.failure.message
            assert await fleet.result(fleet.submit(jobs.add, 1, 1)) == 2

    asyncio.run(main())


def test_a_node_that_is_trusted_again_sends_pickles_again(tmp_path: Path):
    async def main():
        fleet = CoordinatorDouble(lease_s=1.5)
        fleet.trusted = False
        async with Site(fleet) as site, Node(site.url, tmp_path):
            assert await fleet.result(fleet.submit(jobs.sleep, 0, 2)) == 2
            fleet.trusted, fleet.forgotten = True, True
            await fleet.wake()
            await fleet.until(lambda: not fleet.forgotten)
            report = await fleet.report(fleet.submit(jobs.sleep, 0, (1, 2)))
            assert report.value.format == "pickle"

    asyncio.run(main())


@pytest.mark.parametrize("is_large", [False, True])
def test_an_input_of_a_node_that_is_not_trusted_is_not_unpickled(tmp_path: Path, is_large: bool):
    mark = tmp_path / "opened"
    raw = sealed.seal(Opens(mark))
    sha256 = hashlib.sha256(raw).hexdigest()
    value = Value("pickle", len(raw), **({"blob": sha256} if is_large else {"data": raw}))

    async def main():
        fleet = CoordinatorDouble()
        fleet.blobs[sha256] = raw
        async with Site(fleet) as site, Node(site.url, tmp_path / "n"):
            job = fleet.submit(jobs.add, Future(), 2, inputs={"earlier": value})
            failure = (await fleet.report(job)).failure
            assert (failure.type, failure.retryable) == ("untrusted", False)
            assert "is not opened" in failure.message
            assert not mark.exists()
            trusted = msgspec.structs.replace(value, trusted=True)
            await fleet.report(fleet.submit(jobs.add, Future(), 2, inputs={"earlier": trusted}))
            assert mark.exists(), "the control: this one would have been seen"

    asyncio.run(main())


def test_an_input_of_a_node_that_is_not_trusted_is_opened_in_any_other_format(tmp_path: Path):
    form, raw = formats.pack(np.arange(3))

    async def main():
        fleet = CoordinatorDouble()
        async with Site(fleet) as site, Node(site.url, tmp_path):
            value = Value(form, len(raw), raw)
            job = fleet.submit(jobs.add, Future(), 2, inputs={"earlier": value})
            assert (await fleet.result(job) == [2, 3, 4]).all()

    asyncio.run(main())


def test_a_node_without_a_token_runs_data_jobs_only_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.INFO, "nexapod.node")
    (tmp_path / "r.py").write_text("def run(data): return data")

    async def main():
        fleet = CoordinatorDouble()
        options = {"token": None, "runner": tmp_path / "r.py"}
        async with Site(fleet) as site, Node(site.url, tmp_path / "n", **options):
            assert await fleet.result(fleet.submit_data(1)) == 1
            assert fleet.registered[0].kinds == ("data",)
            # Also when a coordinator sends one nevertheless.
            failure = (await fleet.report(fleet.submit(jobs.add, 1, 1))).failure
            assert failure.message == "this node was started without a token and runs no functions"

    asyncio.run(main())
    (said,) = (line for line in caplog.messages if "without a token (" in line)
    assert "this node runs data jobs only" in said


def test_a_node_with_neither_token_nor_runner_registers_for_nothing_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    async def main():
        fleet = CoordinatorDouble()
        async with Site(fleet) as site, Node(site.url, tmp_path, token=None):
            await fleet.until(lambda: fleet.registered)
            assert fleet.registered[0].kinds == ()

    asyncio.run(main())
    assert "runs nothing without a --runner" in caplog.text
