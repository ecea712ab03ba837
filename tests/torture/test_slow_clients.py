"""A crowd that drips, and a good client in the middle of it."""

from __future__ import annotations

import http.client
import json
import os
import select
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from nexapod.coordinator.options import Limits
from tests.integration.parts import DEADLINE_S, Client, Coordinator, clean_environment, eventually
from tests.torture.conftest import Size
from tests.torture.limited import ENDLESS, Limited

#: The default limits, so much shorter that a few seconds show them.
SHORT = Limits(
    head_s=0.8, idle_body_s=1.0, slow_body_s=1.0, unread_s=1.0, keep_alive_s=60.0, handshake_s=0.8,
    connections=50,
)  # fmt: skip
CONTROL_DRIPS = 30


class SecureClient(Client):
    """A client that speaks TLS to whoever is there."""

    def __init__(self, coordinator: Coordinator, *, keep: bool) -> None:
        super().__init__(coordinator.url, coordinator.token, keep=keep)
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self._connection = http.client.HTTPSConnection(
            "127.0.0.1", self.port, timeout=DEADLINE_S, context=context
        )


class GoodClient:
    """Does what a seed node and its submitter do, over a kept connection and over new ones."""

    def __init__(self, coordinator: Coordinator) -> None:
        self._kept = SecureClient(coordinator, keep=True)
        self._new = SecureClient(coordinator, keep=False)
        self._kept.register("good")
        self.times_s: list[float] = []

    def cycle(self) -> None:
        for client in (self._kept, self._new):
            job_id = self._timed(client.submit, {"x": 1})
            assert self._timed(client.poll, "good")["job_id"] == job_id
            assert self._timed(client.report, "good", job_id, {"y": 2}).status == 200

    def _timed(self, ask: Callable[..., Any], *given: Any) -> Any:
        began_s = time.perf_counter()
        answer = ask(*given)
        self.times_s.append(time.perf_counter() - began_s)
        return answer

    def close(self) -> None:
        for client in (self._kept, self._new):
            client.__exit__()

    @property
    def p99_ms(self) -> float:
        return sorted(self.times_s)[int(len(self.times_s) * 0.99)] * 1000


@contextmanager
def drips(
    coordinator: Coordinator, count: int, seconds: int, seed: int
) -> Iterator[subprocess.Popen[str]]:
    """The crowd, all connected."""
    command = [sys.executable, "-m", "tests.torture.drips", str(coordinator.port)]
    command += [coordinator.token or "", str(count), str(seconds), str(seed)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=clean_environment()
    ) as crowd:
        try:
            assert crowd.stdout.readline() == "ready\n"
            yield crowd
        finally:
            crowd.kill()


def ended(crowd: subprocess.Popen[str]) -> dict[str, list[int]]:
    """By kind: how many there were, and how many the coordinator had ended."""
    told: dict[str, list[int]] = json.loads(crowd.stdout.readline())
    return told


def descriptors(coordinator: Coordinator) -> int:
    return len(os.listdir(f"/proc/{coordinator.pid}/fd"))


@pytest.mark.timeout(300)
@pytest.mark.proves("slow-clients")
def test_a_crowd_that_drips_is_cut_off_and_delays_nobody(
    size: Size, seed: int, reached: Callable[[str], None], tmp_path: Path
):
    count = size(commit=100, full=1_000)
    seconds = size(commit=3, full=45, nightly=120)
    is_short = size.tier == "commit"
    with ExitStack() as stack:
        control = Limited(tmp_path / "control.db", ENDLESS)
        stack.callback(control.end)
        if is_short:
            coordinator: Coordinator = Limited(tmp_path / "fleet.db", SHORT)
        else:
            coordinator = Coordinator(tmp_path / "fleet.db", "--tls")
        stack.callback(coordinator.end)
        good = GoodClient(coordinator.start())
        stack.callback(good.close)
        good.cycle()
        before = descriptors(coordinator)
        uncut = stack.enter_context(drips(control.start(), CONTROL_DRIPS, 3, seed))
        stayed = None if is_short else ended(uncut)
        crowd = stack.enter_context(drips(coordinator, count, seconds, seed))
        while not select.select([crowd.stdout], [], [], 0)[0]:
            good.cycle()
            time.sleep(0.02)
        cut = ended(crowd)
        stayed = stayed or ended(uncut)
        crowd.kill()
        eventually(lambda: descriptors(coordinator) <= before + 2, "the descriptors are back")
        good.cycle()
        assert "Traceback" not in coordinator.output
    assert all(some == all_ for all_, some in cut.values()), cut
    # Without the limits they would have stayed: it is the limits that end them.
    assert not any(some for _, some in stayed.values()), stayed
    if not is_short:
        assert good.p99_ms < 100, good.p99_ms
    reached(
        f"{count:,} connections that drip, all cut off; {len(good.times_s):,} requests of a good "
        f"client, half on new connections: p99 {good.p99_ms:.1f} ms"
    )
