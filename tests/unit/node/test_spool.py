"""Results outlive the agent that has them."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import subprocess
import sys

import pytest

from nexapod.core.records import AttemptReport, Value
from nexapod.node.spool import Spool, encode_report
from tests.unit.node import jobs
from tests.unit.node.doubles import CoordinatorDouble, Node, Site, serving, wait_for
from tests.unit.node.test_isolation import is_gone


def reports(count: int, size: int = 10):
    return [
        encode_report(AttemptReport(f"j{i}", i, value=Value(size=size, data=b"x" * size)))
        for i in range(count)
    ]


def test_reports_are_there_again_in_order_after_a_restart(tmp_path):
    spool = Spool(tmp_path / "spool")
    spool.add(reports(3))
    spool.close()
    again = Spool(tmp_path / "spool")
    assert again.keys() == [("j0", 0), ("j1", 1), ("j2", 2)]
    assert [again.frame(item) for item in again.first(10, 1 << 20)] == [r[2] for r in reports(3)]


def test_a_torn_last_frame_is_ignored_and_overwritten(tmp_path):
    spool = Spool(tmp_path / "spool")
    spool.add(reports(2))
    spool.close()
    with (tmp_path / "spool").open("r+b") as file:
        file.truncate((tmp_path / "spool").stat().st_size - 3)
    again = Spool(tmp_path / "spool")
    assert again.keys() == [("j0", 0)]
    again.add(reports(4)[3:])
    again.close()
    assert Spool(tmp_path / "spool").keys() == [("j0", 0), ("j3", 3)]


def test_an_acknowledged_report_is_forgotten_and_the_file_emptied(tmp_path):
    spool = Spool(tmp_path / "spool")
    spool.add(reports(3))
    spool.remove(spool.first(2, 1 << 20))
    assert spool.keys() == [("j2", 2)]
    spool.remove(spool.first(2, 1 << 20))
    assert (len(spool), (tmp_path / "spool").stat().st_size) == (0, 0)


def test_a_batch_has_at_least_one_report_and_no_more_bytes_than_asked(tmp_path):
    spool = Spool(tmp_path / "spool")
    spool.add(reports(5, size=1000))
    assert len(spool.first(10, 2500)) == 2
    assert len(spool.first(10, 10)) == 1
    assert len(spool.first(3, 1 << 20)) == 3


def test_a_busy_spool_is_compacted_and_large_frames_are_read_back(tmp_path):
    spool = Spool(tmp_path / "spool")
    frames = reports(14, size=3 << 20)
    for report in frames:
        spool.add([report])
    batch = spool.first(8, 100 << 20)
    spool.remove(batch)
    assert (tmp_path / "spool").stat().st_size < 20 << 20
    rest = spool.first(100, 100 << 20)
    assert [spool.frame(item) for item in rest] == [report[2] for report in frames[8:]]
    spool.add(reports(1))
    spool.close()
    assert len(Spool(tmp_path / "spool")) == 7


class FullDisk:
    """Takes `room_bytes` more, then refuses as a full disk does: after a part of the write."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, room_bytes: int) -> None:
        self.room_bytes = room_bytes
        self.refusals = 0
        self._write = os.write
        monkeypatch.setattr("nexapod.node.spool.os.write", self.write)

    def write(self, descriptor: int, data: memoryview) -> int:
        part = data[: self.room_bytes]
        if not part:
            self.refusals += 1
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.room_bytes -= len(part)
        return self._write(descriptor, part)


def test_what_a_full_disk_refuses_leaves_no_trace(tmp_path, monkeypatch):
    spool = Spool(tmp_path / "spool")
    first, torn, third, fourth = reports(4, size=1000)
    spool.add([first])
    disk = FullDisk(monkeypatch, room_bytes=300)
    with pytest.raises(OSError, match="No space left"):
        spool.add([torn])
    assert spool.keys() == [("j0", 0)]
    disk.room_bytes = 1 << 20
    spool.add([third])
    spool.add([fourth])
    waiting = spool.first(10, 1 << 20)
    assert [os.pread(spool._fd, item.size, item.offset) for item in waiting] == [
        first[2], third[2], fourth[2],
    ]  # fmt: skip
    # As after a kill -9: nothing is closed.
    assert Spool(tmp_path / "spool").keys() == [("j0", 0), ("j2", 2), ("j3", 3)]


def test_a_spool_that_cannot_be_compacted_stays_as_it_is(tmp_path, monkeypatch):
    spool = Spool(tmp_path / "spool")
    frames = reports(5, size=3 << 20)
    spool.add(frames)
    disk = FullDisk(monkeypatch, room_bytes=1 << 20)
    spool.remove(spool.first(4, 100 << 20))
    assert disk.refusals == 1
    (last,) = spool.first(10, 100 << 20)
    assert os.pread(spool._fd, last.size, last.offset) == spool.frame(last) == frames[4][2]
    assert [path.name for path in tmp_path.iterdir()] == ["spool"]
    assert Spool(tmp_path / "spool").keys()[-1] == ("j4", 4)


def test_results_wait_in_memory_while_the_disk_is_full(tmp_path, monkeypatch, caplog):
    async def main():
        fleet = CoordinatorDouble()
        async with Site(fleet) as site, Node(site.url, tmp_path) as node:
            disk = FullDisk(monkeypatch, room_bytes=10)
            first = fleet.submit(jobs.add, 1, 1)
            await fleet.wake()
            await fleet.until(lambda: disk.refusals)
            before = disk.refusals
            node.agent._reporter.add_encoded(*reports(1)[0])
            for _ in range(5):
                await asyncio.sleep(0)
            assert disk.refusals == before, "the write that is tried again takes this one too"
            await fleet.until(lambda: disk.refusals > before)
            assert node.agent._reporter.holdings() == [(first, 1), ("j0", 0)]
            assert not fleet.reports
            disk.room_bytes = 1 << 20
            assert await fleet.result(first) == 2
            await fleet.report("j0")

    asyncio.run(main())
    told = [text for text in caplog.messages if "takes no results" in text]
    assert told == [
        "the node's disk takes no results: No space left on device; they are held in memory until "
        "there is room"
    ]


def test_reports_are_not_mixed_while_the_disk_is_too_full_to_lay_them_aside(tmp_path, monkeypatch):
    async def main():
        first, other = (
            CoordinatorDouble(lease_s=3.0, fleet_id=name) for name in ("first", "other")
        )
        site, there = Site(first), Site(other)
        port = await site.up()
        async with Node(site.url, tmp_path) as node:
            disk = FullDisk(monkeypatch, room_bytes=0)
            job = first.submit(jobs.add, 1, 1)
            await first.wake()
            await first.until(lambda: disk.refusals)
            await site.gone()
            await there.up(port)
            await other.until(lambda: len(other.registered) > 1)  # it could not be noted
            assert node.agent._reporter.holdings() == [(job, 1)]
            disk.room_bytes = 1 << 20
            await other.until(lambda: not node.agent._reporter.unsent)
            await there.gone()
            assert job not in other.reports
            await site.up(port)
            assert await first.result(job) == 2
        await site.gone()

    asyncio.run(main())


def start_node(url: str, scratch) -> subprocess.Popen:
    code = (
        "import sys; from pathlib import Path; from nexapod.node.agent import NodeOptions, run\n"
        f"sys.exit(run(NodeOptions(url={url!r}, token='secret', name='n1', "
        f"scratch=Path({str(scratch)!r}))))"
    )
    return subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)


def test_jobs_die_with_an_agent_that_is_killed(tmp_path):
    fleet = CoordinatorDouble()
    fleet.submit(jobs.starts_family_and_waits, str(tmp_path / "pids"))
    with serving(fleet) as url:
        node = start_node(url, tmp_path / "n")
        try:
            wait_for(lambda: (tmp_path / "pids").exists() and (tmp_path / "pids").read_text())
        finally:
            os.kill(node.pid, signal.SIGKILL)
            node.communicate()
        runner, *family = (int(part) for part in (tmp_path / "pids").read_text().split())
        assert is_gone(runner)
        node = start_node(url, tmp_path / "n")
        try:
            assert all(is_gone(pid) for pid in family)
        finally:
            node.terminate()
            node.communicate(timeout=20)


def test_a_result_survives_kill_9_of_the_agent_while_the_coordinator_is_away(tmp_path):
    fleet = CoordinatorDouble()
    job = fleet.submit(jobs.starts_and_sleeps, str(tmp_path / "started"), 0.3, "kept")
    with serving(fleet) as url:
        node = start_node(url, tmp_path)
        try:
            wait_for((tmp_path / "started").exists)
            fleet.down = True
            wait_for(lambda: (tmp_path / "spool").stat().st_size)
        finally:
            os.kill(node.pid, signal.SIGKILL)
            node.communicate()
        assert job not in fleet.reports
        fleet.down = False
        node = start_node(url, tmp_path)
        try:
            wait_for(lambda: job in fleet.reports)
            assert fleet.open(fleet.reports[job].value) == "kept"
            assert (job, 1) in (fleet.registered[-1].holding or ())
            assert fleet.registered[0].boot_id != fleet.registered[-1].boot_id
        finally:
            node.terminate()
            _, log = node.communicate(timeout=20)
    assert node.returncode == 0
    assert "sending 1 result from an earlier run first" in log
    assert "stopping" in log
