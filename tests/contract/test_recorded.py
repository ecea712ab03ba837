"""What the extension's tests replay is what a coordinator says: `extension/tests/recorded`.

``NEXAPOD_RECORD=1 pytest tests/contract/test_recorded.py`` records it anew.
"""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from nexapod.api.rows import job_rows_json, node_rows
from nexapod.coordinator.panel import panel
from nexapod.coordinator.service import Service
from nexapod.core import commands as c
from nexapod.core.records import AttemptReport, Capacity, Demand, NodeRecord
from nexapod.core.states import AttemptEnd, JobState
from nexapod.store.base import JobFilter
from tests.unit.coordinator.desk import TestedStore, serve
from tests.unit.coordinator.fleets import Clock
from tests.unit.coordinator.replica import Replica
from tests.unit.core.builders import GB, KINDS, LEASE_S, completed, failed, order

FOLDER = Path(__file__).parents[2] / "extension" / "tests" / "recorded"
IS_RECORDING = bool(os.environ.get("NEXAPOD_RECORD"))


class Recorder:
    """A scripted fleet, and a reader of its stream that comes, goes and comes back."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.messages: list[Any] = []
        self.replica = Replica()
        self._clock = Clock(service)
        service.feed.run, service.fleet_id = "run-1", "fleet-1"
        service.name, service.url = "recorded", "http://127.0.0.1:8000"
        self._reader = service.panel.follow(0.0)

    async def read(self) -> None:
        """A tick, and all that the reader hears of it."""
        await self.service.panel.tick()
        nothing: list[bytes] = []
        while news := await anext(self._reader, nothing):
            for message in news:
                self.messages.append(json.loads(message))
                self.replica.hear(message)

    async def come_back(self) -> None:
        """The connection broke; the stream begins again."""
        await self._reader.aclose()
        self._reader = self.service.panel.follow(0.0)
        await self.read()

    async def do(self, command: c.Command, after_s: float = 1.0) -> Any:
        self._clock.passed_s += after_s
        return await self.service.execute(command)

    async def register(self, node_id: str, boot_id: str = "boot-1", **capacity: Any) -> None:
        profile = json.dumps({"os": "Linux", "cpu": "EPYC", "cores": 8}, indent=1).encode()
        offers = Capacity(cpus=8.0, memory_bytes=16 * GB, kinds=("data", "function"), **capacity)
        at = self._clock.now().at
        record = NodeRecord(node_id, profile, offers, boot_id, at, "127.0.0.1")
        await self.do(c.Register(record, None, LEASE_S))

    async def submit(self, *orders: c.Order) -> None:
        await self.do(c.Submit(orders))

    async def lease(self, node_id: str, most: int = 1) -> list[str]:
        grant = await self.do(c.Acquire(node_id, most, KINDS, None, LEASE_S))
        return [job.id for job in grant.jobs]

    async def report(self, node_id: str, *reports: AttemptReport) -> None:
        digests = tuple(b"" if report.value is None else b"d" for report in reports)
        await self.do(c.Report(node_id, reports, digests))

    async def close(self) -> dict[str, Any]:
        """What was heard, and what the REST API says in the end."""
        await self.read()
        await self._reader.aclose()
        service, store = self.service, self.service.store
        rows = await service.read(store.job_rows, JobFilter())
        values = await service.read(store.shown_values, [row[1] for row in rows], 1_000_000)
        counts = {state.value: service.board.counts[state] for state in JobState}
        return {
            "messages": self.messages,
            "jobs": [json.loads(row) for row in job_rows_json(rows, values, ())],
            "nodes": json.loads(msgspec.json.encode(node_rows(service))),
            "status": {"jobs": counts},
        }


async def a_fleet_at_work(recorder: Recorder) -> None:
    """Submit, lease, complete, fail, try again, lose a node, cancel, and a broken connection."""
    await recorder.read()
    await recorder.register("lab-1", slots=2, tags=("lab",))
    await recorder.register("lab-2", slots=1, gpus=1)
    await recorder.submit(
        order("fold-300", name="fold", sweep="villin", retries=1, params=b'{"t":300}'),
        order("fold-310", name="fold", sweep="villin", params=b'{"t":310}'),
        order("fold-320", name="fold", sweep="villin", params=b'{"t":320}'),
        order("report", name="report", after=("fold-310",)),
        order("urgent", Demand(kind="function"), name="urgent", priority=5),
        order("moon", Demand(tags=("moon",)), name="moon"),
    )
    await recorder.read()
    assert await recorder.lease("lab-1", 2) == ["urgent", "fold-300"]
    assert await recorder.lease("lab-2") == ["fold-310"]
    await recorder.do(c.Renew("lab-1", (("urgent", 1, 1.5), ("fold-300", 1, 0.5)), LEASE_S))
    await recorder.read()
    recorder.service.panel.progressed(1, 0.25, "step 250 of 1,000")
    recorder.service.panel.progressed(2, None, "minimising")
    await recorder.read()
    await recorder.report("lab-1", completed("urgent", 1, '"done"'))
    await recorder.report("lab-1", failed("fold-300", 1, message="ValueError: NaN in positions"))
    await recorder.read()
    await recorder.do(c.Tick(), after_s=5.0)  # its back-off is over
    assert await recorder.lease("lab-1", 2) == ["fold-300", "fold-320"]
    await recorder.read()

    await recorder.come_back()
    await recorder.report("lab-1", AttemptReport("fold-320", 1, AttemptEnd.RELEASED))
    await recorder.report("lab-1", failed("fold-300", 2, message="", type="memory"))
    await recorder.submit(order("fold-300-again", name="fold", sweep="villin", retry_of="fold-300"))
    await recorder.read()
    await recorder.do(c.Cancel(("moon",)))
    await recorder.do(c.Renew("lab-1", (), LEASE_S), after_s=61.0)
    await recorder.do(c.Tick())  # the lease of fold-310 on lab-2 ran out
    await recorder.read()
    await recorder.register("lab-1", "boot-2", slots=4, tags=("lab", "new"))
    assert await recorder.lease("lab-1", 1) == ["fold-310"]
    await recorder.report("lab-1", failed("fold-310", 2, message="it diverged", retryable=False))
    await recorder.do(c.Leave("lab-1", ()))
    await recorder.do(c.Renew("lab-1", (), LEASE_S), after_s=70.0)
    await recorder.read()


async def an_idle_fleet(recorder: Recorder) -> None:
    """No node, no job, nothing but that all is well."""
    await recorder.read()
    recorder._clock.passed_s += 5.0
    await recorder.read()


STORIES = {"work": a_fleet_at_work, "idle": an_idle_fleet}


def as_text(recorded: dict[str, Any]) -> str:
    """A line for each message and row, so that a change can be read."""
    parts = []
    for name, value in recorded.items():
        if isinstance(value, list):
            lines = ",\n".join(f"  {json.dumps(one)}" for one in value)
            value_text = f"[\n{lines}\n ]" if value else "[]"
        else:
            value_text = json.dumps(value)
        parts.append(f" {json.dumps(name)}: {value_text}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


@pytest.mark.parametrize("name", STORIES)
def test_what_the_extension_replays_is_what_a_coordinator_says(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(panel, "TICK_S", 3600.0)
    tell: Callable[[Recorder], Awaitable[None]] = STORIES[name]

    async def story(service: Service, store: TestedStore) -> dict[str, Any]:
        recorder = Recorder(service)
        await tell(recorder)
        recorded = await recorder.close()
        known = recorder.replica.jobs.values()
        assert [row[1] for row in known] == [job["job_id"] for job in recorded["jobs"]]
        assert [row[2] for row in known] == [job["status"] for job in recorded["jobs"]]
        return recorded

    text = as_text(serve(tmp_path, story))
    path = FOLDER / f"{name}.json"
    if IS_RECORDING:
        path.write_text(text)
    assert path.read_text() == text, "record it anew, and look at what changed"
