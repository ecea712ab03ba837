"""GPUs: found through NVML, reserved per job, shown to its process alone."""

from __future__ import annotations

import asyncio
import os
import sys
from types import SimpleNamespace

import pytest

from nexapod.node import agent as agent_module
from nexapod.node.attempt import Attempt
from nexapod.node.engines.slots import Resources
from nexapod.node.gpus import Gpu, find_gpus
from nexapod.wire.messages import Leased
from tests.unit.node import jobs
from tests.unit.node.doubles import CoordinatorDouble, Node, Site


@pytest.fixture
def two_cards(monkeypatch):
    nvml = SimpleNamespace(
        nvmlInit=lambda: None,
        nvmlShutdown=lambda: None,
        nvmlDeviceGetCount=lambda: 2,
        nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetName=lambda index: b"Card %d" % index,
        nvmlDeviceGetUUID=lambda index: f"GPU-{index}abc",
        nvmlDeviceGetMemoryInfo=lambda index: SimpleNamespace(total=(index + 1) << 30),
    )
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def test_no_driver_means_no_gpus(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert find_gpus() == []


@pytest.mark.parametrize(
    ("visible", "found"),
    [(None, ["0", "1"]), ("1", ["1"]), ("", []), ("GPU-1a,0", ["GPU-1a", "0"]), ("7,0", [])],
)
def test_only_devices_this_process_may_use_are_offered(two_cards, monkeypatch, visible, found):
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert [gpu.index for gpu in find_gpus()] == found


def test_a_job_sees_the_gpus_reserved_for_it_and_others_see_no_change(tmp_path, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    cards = [Gpu(str(index), "Card", 1 << 30) for index in range(2)]
    monkeypatch.setattr(agent_module, "find_gpus", lambda: cards)

    def visible():
        return os.getpid(), os.environ.get("CUDA_VISIBLE_DEVICES")

    async def main():
        fleet = CoordinatorDouble()
        async with Site(fleet) as site, Node(site.url, tmp_path):
            first = await fleet.result(fleet.submit(visible, gpus=1))
            again = await fleet.result(fleet.submit(visible, gpus=1))
            both = await fleet.result(fleet.submit(visible, gpus=2))
            none = await fleet.result(fleet.submit(visible))
        assert first == again  # a warm process keeps its device
        assert (first[1], both[1], none[1]) == ("0", "0,1", None)

    asyncio.run(main())


def test_a_gpu_is_one_jobs_alone_also_where_warm_processes_had_none(tmp_path, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(agent_module, "find_gpus", lambda: [Gpu("0", "Card", 1 << 30)])
    mark = str(tmp_path / "in-use")

    def uses_it():
        import time

        with open(mark, "x"):
            time.sleep(0.3)
        os.unlink(mark)

    async def main():
        fleet = CoordinatorDouble()
        async with Site(fleet) as site, Node(site.url, tmp_path / "n", slots=2):
            warm = [fleet.submit(jobs.sleep, 0.3) for _ in range(2)]
            for job in warm:
                await fleet.result(job)
            both = [fleet.submit(uses_it, gpus=1) for _ in range(2)]
            for job in both:
                await fleet.result(job)

    asyncio.run(main())


def attempt(**needs) -> Attempt:
    return Attempt(Leased(job_id="j", epoch=1, kind="function", **needs), "f")


def test_resources_are_reserved_until_given_back():
    resources = Resources(cores=4, memory_bytes=100, devices=("0", "1"))
    large = attempt(cpus=3, memory_bytes=60, gpus=1)
    assert resources.take(large, None)
    assert large.devices == ("0",)
    assert not resources.take(attempt(cpus=2), None)
    assert not resources.take(attempt(memory_bytes=50), None)
    assert not resources.take(attempt(gpus=2), None)
    assert resources.take(small := attempt(gpus=1), None)
    assert small.devices == ("1",)
    resources.give_back(large)
    assert resources.take(attempt(cpus=3, memory_bytes=100, gpus=1), ("0",))


def test_a_job_larger_than_the_node_runs_alone_rather_than_never():
    resources = Resources(cores=2, memory_bytes=100, devices=())
    assert resources.take(attempt(cpus=3, memory_bytes=200), None)
    assert not resources.take(attempt(cpus=1), None)
