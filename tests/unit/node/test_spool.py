"""Results outlive the agent that has them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from nexapod.core.records import AttemptReport, Value
from nexapod.node.spool import Spool, encode_report
from tests.unit.node import jobs
from tests.unit.node.doubles import CoordinatorDouble, serving, wait_for
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
