"""The agent and its coordinator: joining, being forgotten, being alone."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import subprocess
import sys
from typing import Any

import pytest

from nexapod.core.records import Value
from nexapod.errors import Invalid
from nexapod.node.agent import NodeOptions, run
from nexapod.node.estimates import Estimates
from nexapod.wire import sealed
from tests.unit.node import jobs
from tests.unit.node.doubles import CoordinatorDouble, Node, Site, serving


def test_a_node_registers_with_what_it_is_and_can(tmp_path):
    async def main():
        fleet = CoordinatorDouble()
        async with Site(fleet) as site, Node(site.url, tmp_path, slots=3, tags=("lab",)):
            await fleet.until(lambda: fleet.registered)
            (body,) = fleet.registered
            assert (body.node_id, body.slots, body.prefetch) == ("n1", 3, 256)
            assert body.kinds == ("function",)
            assert (body.tags, body.holding) == (("lab",), ())
            assert bytes(body.profile).startswith(b'{"os":')

    asyncio.run(main())


def test_a_refused_token_ends_the_node_with_one_sentence(tmp_path, caplog):
    caplog.set_level(logging.INFO, "nexapod.node")
    with serving(CoordinatorDouble(token="right")) as url:
        code = run(NodeOptions(url=url, name="n1", token="wrong", scratch=tmp_path))
    assert code == 2
    assert caplog.messages == [f"{url} does not let this node in: unknown token"]


def test_a_token_is_taken_from_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("NEXAPOD_TOKEN", "right")

    async def main():
        fleet = CoordinatorDouble(token="right")
        async with Site(fleet) as site, Node(site.url, tmp_path, token=None):
            assert await fleet.result(fleet.submit(jobs.add, 1, 1)) == 2
            job = fleet.submit(lambda: __import__("os").environ.get("NEXAPOD_TOKEN"))
            assert await fleet.result(job) is None  # jobs never see it

    asyncio.run(main())


def test_a_forgotten_node_registers_again_with_what_it_holds(tmp_path):
    async def main():
        fleet = CoordinatorDouble()
        async with Site(fleet) as site, Node(site.url, tmp_path) as node:
            job = fleet.submit(jobs.sleep, 0.5, "done")
            await fleet.wake()
            await fleet.until(node.agent.pool.busy)
            fleet.forgotten = True
            assert await fleet.result(job) == "done"
            assert len(fleet.registered) == 2
            assert fleet.registered[0].boot_id == fleet.registered[1].boot_id

    asyncio.run(main())


def test_a_coordinator_that_goes_and_comes_back_finds_the_work_done(tmp_path, caplog):
    caplog.set_level(logging.INFO, "nexapod.node")

    async def main():
        fleet = CoordinatorDouble()
        site = Site(fleet)
        port = await site.up()
        async with Node(site.url, tmp_path) as node:
            job = fleet.submit(jobs.sleep, 0.3, "done")
            await fleet.wake()
            await fleet.until(node.agent.pool.busy)
            await site.gone()
            await fleet.until(lambda: not node.agent.pool.busy())
            await asyncio.sleep(0.3)
            await site.up(port)
            assert await fleet.result(job) == "done"
            assert await fleet.result(fleet.submit(jobs.add, 1, 1)) == 2
        await site.gone()

    asyncio.run(main())
    assert any(text.startswith("coordinator away (") for text in caplog.messages)
    assert any(text.startswith("coordinator is back after") for text in caplog.messages)


def test_a_refused_report_is_an_answer(tmp_path):
    async def main():
        fleet = CoordinatorDouble()
        async with Site(fleet) as site, Node(site.url, tmp_path) as node:
            job = fleet.submit(jobs.add, 1)
            fleet.refuse[job] = "lease_lost"
            await fleet.wake()
            assert await fleet.result(fleet.submit(jobs.add, 2)) == 2
            await fleet.until(lambda: not node.agent._reporter.unsent)
            assert job not in fleet.reports

    asyncio.run(main())


def test_one_report_that_spoils_its_batch_is_found_and_reported_as_a_failure(tmp_path):
    async def main():
        fleet = CoordinatorDouble()
        async with Site(fleet) as site, Node(site.url, tmp_path, slots=2) as node:
            await fleet.result(fleet.submit(jobs.add, 0))
            fleet.down = True
            calls = [fleet.submit(jobs.add, i) for i in range(6)]
            fleet.poison.add(calls[3])
            fleet.down = False
            for i, job in enumerate(calls):
                report = await fleet.report(job)
                if job in fleet.poison:
                    assert report.failure.message == "the result was refused: a report is wrong"
                    assert not report.failure.retryable
                else:
                    assert fleet.open(report.value) == i
            assert fleet.refusals >= 1
            await fleet.until(lambda: not node.agent._reporter.unsent)

    asyncio.run(main())


def test_a_report_the_coordinator_cannot_store_yet_is_kept(tmp_path):
    async def main():
        fleet = CoordinatorDouble()
        async with Site(fleet) as site, Node(site.url, tmp_path) as node:
            job = fleet.submit(jobs.add, 1)
            fleet.refuse[job] = "storage_full"
            await fleet.wake()
            await fleet.until(lambda: fleet.refusals)
            assert node.agent._reporter.unsent == 1
            fleet.refuse.clear()
            assert await fleet.result(job) == 1

    asyncio.run(main())


def test_large_results_and_payloads_travel_as_blobs(tmp_path):
    async def main():
        fleet = CoordinatorDouble()
        async with Site(fleet) as site, Node(site.url, tmp_path):
            report = await fleet.report(fleet.submit(jobs.gives_bytes, 20 << 20))
            assert report.value.data is None
            assert report.value.size > 20 << 20
            assert fleet.open(report.value) == b"x" * (20 << 20)
            large = fleet.submit(jobs.size_of, b"y" * (5 << 20))
            lease: Any = fleet.queue.pop()
            fleet.blobs["a" * 64] = lease.payload  # a wrong name for these bytes
            fleet.queue.append(type(lease)(large, 1, "function", blob="a" * 64))
            refused = await fleet.report(large)
            assert "other bytes than the hash says" in refused.failure.message
            sha256 = hashlib.sha256(lease.payload).hexdigest()
            fleet.blobs[sha256] = lease.payload
            fleet.reports.clear()
            fleet.queue.append(type(lease)(large, 2, "function", blob=sha256))
            assert await fleet.result(large) == 5 << 20

    asyncio.run(main())


def test_a_job_whose_function_cannot_be_fetched_fails_and_the_next_one_runs(tmp_path):
    async def main():
        fleet = CoordinatorDouble()
        async with Site(fleet) as site, Node(site.url, tmp_path):
            for _ in range(3):
                job = fleet.submit(jobs.add, 1, pickled=b"bytes that are not kept")
                fleet.blobs.clear()
                report = await fleet.report(job)
                assert report.failure.message.startswith("the node could not fetch")
                await asyncio.sleep(0.1)  # the node has room again, and knows it
            assert await fleet.result(fleet.submit(jobs.add, 1, 1)) == 2

    asyncio.run(main())


def test_a_job_cut_off_from_its_coordinator_is_ended_before_its_lease_is_given_away(
    tmp_path, caplog
):
    async def main():
        fleet = CoordinatorDouble(lease_s=1.5)
        async with Site(fleet) as site, Node(site.url, tmp_path) as node:
            job = fleet.submit(jobs.sleep, 60)
            await fleet.wake()
            await fleet.until(node.agent.pool.busy)
            fleet.down = True  # it answers, but renews nothing
            await fleet.until(lambda: not node.agent.pool.busy(), 5)
            fleet.down = False
            assert await fleet.result(fleet.submit(jobs.add, 1, 1)) == 2
            assert job not in fleet.reports

    asyncio.run(main())
    assert "no contact with the coordinator" in caplog.text


def test_a_job_goes_on_while_the_coordinator_is_merely_down(tmp_path):
    async def main():
        fleet = CoordinatorDouble(lease_s=1.0)
        site = Site(fleet)
        port = await site.up()
        async with Node(site.url, tmp_path) as node:
            job = fleet.submit(jobs.sleep, 2.5, "done")
            await fleet.wake()
            await fleet.until(node.agent.pool.busy)
            await site.gone()
            await asyncio.sleep(2)
            assert node.agent.pool.busy()
            await site.up(port)
            assert await fleet.result(job) == "done"
        await site.gone()

    asyncio.run(main())


def test_results_of_earlier_jobs_fill_the_places_of_futures(tmp_path):
    class Future:
        def __nexapod_job_id__(self):
            return "earlier"

    async def main():
        fleet = CoordinatorDouble()
        async with Site(fleet) as site, Node(site.url, tmp_path):
            value = Value("pickle", 1, sealed.seal(40), trusted=True)
            job = fleet.submit(jobs.add, Future(), 2, inputs={"earlier": value})
            assert await fleet.result(job) == 42

    asyncio.run(main())


def test_a_node_gives_up_when_told_to_and_nobody_answers(tmp_path, caplog):
    caplog.set_level(logging.INFO, "nexapod.node")
    options = NodeOptions(url="http://127.0.0.1:9", name="n1", scratch=tmp_path, give_up_s=0.3)
    assert run(options) == 0
    assert "stopping" in caplog.messages[-1]


def test_a_second_node_of_the_same_name_is_refused(tmp_path, caplog):
    async def main():
        fleet = CoordinatorDouble()
        async with Site(fleet) as site, Node(site.url, tmp_path):
            options = NodeOptions(url=site.url, name="n1", scratch=tmp_path)
            assert await asyncio.to_thread(run, options) == 2

    asyncio.run(main())
    assert "already runs on this machine" in caplog.text


@pytest.mark.parametrize(
    "options",
    [
        {"url": "127.0.0.1:8000"},
        {"url": "http://h:1", "name": "no spaces"},
        {"url": "http://h:1", "slots": 0},
    ],
)
def test_options_that_cannot_work_are_told_in_a_sentence(options):
    with pytest.raises(Invalid):
        NodeOptions(**options).check()


def test_short_calls_raise_the_number_asked_for_and_one_long_call_lowers_it():
    estimates = Estimates()
    for _ in range(10):
        estimates.learn("f", 0.001)
    assert estimates.recent_s == pytest.approx(0.001)
    estimates.learn("g", 5.0)
    assert estimates.recent_s == 5.0
    assert estimates.of("f") == pytest.approx(0.001)
    assert estimates.of("unknown") is None


def test_importing_the_agent_is_light():
    code = (
        "import sys; import nexapod.node.agent; "
        "print([m for m in ('pandas', 'numpy', 'plotly', 'ipywidgets', 'aiohttp', 'cloudpickle') "
        "if m in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert answer.stdout == "[]\n", answer
