"""A write or fsync of the coordinator fails: it tells nobody a lie, and does not go on."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.integration.parts import Reply
from tests.torture.conftest import Size
from tests.torture.cycle import Cycle
from tests.torture.faults import Fault, FaultyForks
from tests.torture.resilience import Resilience
from tests.torture.vfs import EIO_SYNC, EIO_WRITE, FULL

FAULTS = {
    "sync": Fault(0, ("sync", "rename"), EIO_SYNC),
    "sync for ever": Fault(0, ("sync", "rename"), EIO_SYNC, lasts=True),
    "write": Fault(0, ("write", "truncate"), EIO_WRITE),
    "full": Fault(0, ("write",), FULL),
}


class Patience:
    """Asks until it is answered well, and sees to it that a spoilt coordinator stops.

    `refused` are the statuses of all refusals.
    """

    def __init__(self, coordinator: Resilience, fault: Fault) -> None:
        self.coordinator = coordinator
        self.refused: list[int] = []
        self._may_go_on = fault.code == FULL
        self._lasts = fault.lasts

    def ask(self, method: str, path: str, body: Any, headers: Mapping[str, str]) -> Reply:
        """What is answered at last."""
        while True:
            stopped = self._is_spoilt()
            reply = self.coordinator.ask(method, path, body, headers)
            if reply.status < 500:
                went_on = stopped and self._is_spoilt() and _is_stored(path)
                assert not went_on, "it went on after its disk failed"
                return reply
            assert reply.status in (503, 507), reply
            assert "Retry-After" in reply.headers
            self.refused.append(reply.status)
            if self._is_spoilt():
                self._stays_refused()
            if self._is_spoilt() or self._lasts:
                self.coordinator.again()

    def _is_spoilt(self) -> bool:
        """Whether the coordinator that now lives should not touch its database again."""
        failed = "of the database" in self.coordinator.log and not self.coordinator.deaths
        return failed and not self._may_go_on

    def _stays_refused(self) -> None:
        """Only a restart helps, once the database is in doubt."""
        for _ in range(3):
            try:
                later = self.coordinator.once("POST", "/jobs", {"data": None}, {})
            except ConnectionError:
                self.coordinator.must_have_died()  # which is a refusal, too
                return
            assert (later.status, later.code) == (503, "unavailable"), later


def _is_stored(path: str) -> bool:
    """Whether the answer to it needs the database."""
    return path in ("/register", "/job", "/jobs", "/result") or path.endswith("/cancel")


def live_through(folder: Path, forks: FaultyForks, fault: Fault) -> tuple[Resilience, list[int]]:
    """One cycle under the fault; all that was acknowledged holds afterwards."""
    folder.mkdir()
    with Resilience(folder, forks, fault) as coordinator:
        patience = Patience(coordinator, fault)
        cycle = Cycle(patience.ask)
        cycle.run()
        coordinator.stop()
    cycle.check(coordinator.lives.database)
    assert "Traceback" not in coordinator.log, coordinator.log
    return coordinator, patience.refused


@pytest.mark.proves("fsync-errors")
@pytest.mark.parametrize("kind", FAULTS)
@pytest.mark.timeout(600)
def test_after_a_failed_write_nothing_acknowledged_is_lost_and_nobody_is_told_a_lie(
    kind: str, tmp_path: Path, size: Size, seed: int, reached: Callable[[str], None]
) -> None:
    count = size(commit=2, full=200, nightly=1_000)
    fault = FAULTS[kind]
    wanted = 507 if fault.code == FULL else 503
    refused: list[int] = []
    tried = 0
    with FaultyForks() as forks:
        whole, none = live_through(tmp_path / "whole", forks, fault)
        assert (whole.deaths, none) == ([0], [])
        steps = whole.steps(*fault.kinds)
        some = random.Random(seed).sample(range(1, steps + 1), min(count, steps))
        # Some steps end a start, or are a blob's; so go on until one meets a change.
        for at in (*some, *range(steps // 2, steps)):
            if tried >= len(some) and wanted in refused:
                break
            spoilt = Fault(at, fault.kinds, fault.code, fault.lasts)
            _, statuses = live_through(tmp_path / str(tried), forks, spoilt)
            refused += statuses
            tried += 1
    assert wanted in refused
    reached(f"{kind}: {tried} of {steps} steps failed, {len(refused)} refusals, 0 lost")
