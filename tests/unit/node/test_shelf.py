"""What one fleet's jobs gave is for that fleet, whoever else answers at its address."""

from __future__ import annotations

import asyncio
import logging

import pytest

from nexapod.node.shelf import Shelf
from tests.unit.node import jobs
from tests.unit.node.doubles import CoordinatorDouble, Node, Site
from tests.unit.node.test_spool import reports


def test_a_spool_without_a_fleet_becomes_that_of_the_first(tmp_path):
    shelf = Shelf(tmp_path)
    shelf.spool.add(reports(2))
    assert shelf.serve("a") == (0, 0)
    shelf.close()
    again = Shelf(tmp_path)
    assert (again.fleet_id, len(again.spool)) == ("a", 2)
    assert not again.serves_another_than("")  # one that does not say who it is


def test_reports_of_the_fleet_before_are_laid_aside_and_taken_up_again(tmp_path):
    shelf = Shelf(tmp_path)
    shelf.serve("a")
    shelf.spool.add(reports(2))
    assert shelf.serve("b") == (2, 0)
    assert len(shelf.spool) == 0
    shelf.spool.add(reports(5)[4:])
    shelf.close()
    shelf = Shelf(tmp_path)
    assert shelf.serve("a") == (1, 2)
    assert shelf.spool.keys() == [("j0", 0), ("j1", 1)]
    assert shelf.serve("b") == (2, 1)
    assert shelf.spool.keys() == [("j4", 4)]
    assert sorted(path.name for path in tmp_path.glob("spool*")) == ["spool", "spool-a"]


def test_what_an_interrupted_change_left_aside_is_taken_up(tmp_path):
    shelf = Shelf(tmp_path)
    shelf.serve("a")
    shelf.spool.add(reports(1))
    shelf.close()
    (tmp_path / "spool").rename(tmp_path / "spool-a")  # and there the agent was killed
    again = Shelf(tmp_path)
    assert again.serve("a") == (0, 1)
    assert again.spool.keys() == [("j0", 0)]


@pytest.mark.parametrize("fleet_id", ["../../etc/x", "a/b", "", ".", "é"])
def test_no_fleet_leads_out_of_the_directory(tmp_path, fleet_id):
    inner = tmp_path / "in"
    inner.mkdir()
    shelf = Shelf(inner)
    shelf.serve(fleet_id)
    shelf.spool.add(reports(1))
    shelf.serve("b")
    shelf.close()
    assert list(tmp_path.iterdir()) == [inner]


def away_and_another(tmp_path, other_knows_the_node: bool) -> None:
    async def main() -> None:
        first = CoordinatorDouble(fleet_id="first", lease_s=6.0)
        other = CoordinatorDouble(fleet_id="other", lease_s=6.0)
        other.forgotten = not other_knows_the_node
        site = Site(first)
        port = await site.up()
        async with Node(site.url, tmp_path / "n", slots=2) as node:
            assert await first.result(first.submit(jobs.add, 1, 1)) == 2
            done = first.submit(jobs.sleep, 0.3, "done")
            endless = first.submit(jobs.sleep, 60)
            await first.wake()
            await first.until(lambda: node.agent.pool.busy() == 2)
            await site.gone()
            await first.until(lambda: node.agent.pool.busy() == 1)
            there = Site(other)
            await there.up(port)
            await other.until(lambda: other.registered)
            await other.until(lambda: not node.agent.pool.busy())  # the endless one is lost
            assert await other.result(other.submit(jobs.add, 2, 2)) == 4
            assert not {done, endless} & set(other.reports)
            await there.gone()
            await site.up(port)
            assert await first.result(done) == "done"
            assert endless not in first.reports
            assert not other.queue
        await site.gone()

    asyncio.run(main())


@pytest.mark.parametrize("other_knows_the_node", [False, True])
def test_results_wait_for_their_own_fleet_while_another_answers(
    tmp_path, caplog, other_knows_the_node
):
    caplog.set_level(logging.INFO, "nexapod.node")
    away_and_another(tmp_path, other_knows_the_node)
    assert any("keeping 1 result for the one before" in text for text in caplog.messages)
    assert "sending 1 result kept for this fleet" in caplog.messages


def test_a_report_that_the_same_fleet_does_not_know_is_dropped(tmp_path):
    async def main():
        fleet = CoordinatorDouble(fleet_id="first")
        async with Site(fleet) as site, Node(site.url, tmp_path) as node:
            job = fleet.submit(jobs.sleep, 0.2)
            await fleet.wake()
            await fleet.until(node.agent.pool.busy)
            fleet.given.clear()  # the job was deleted
            await fleet.until(lambda: fleet.strangers)
            await fleet.until(lambda: not node.agent._reporter.unsent)
            assert len(fleet.registered) == 2
            assert fleet.strangers == [job, job]  # asked again after registering again

    asyncio.run(main())
