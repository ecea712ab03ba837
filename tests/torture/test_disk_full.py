"""The disk fills up, and has room again: who was told yes can rely on it, and nobody restarts."""

from __future__ import annotations

import collections
import random
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.parts import Client, Reply, assert_sound, eventually, reading
from tests.torture.conftest import Size
from tests.torture.small_disk import MIB, DiskCoordinator, SmallDisk

pytestmark = pytest.mark.proves("disk-full")

DISK_BYTES, RESERVE_BYTES = 48 * MIB, 12 * MIB
#: A job's data: big enough that a few hundred jobs are felt.
DATA = "x" * 8_000
LATER = {503, 507}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with SmallDisk(tmp_path / "disk", DISK_BYTES) as disk:
        yield disk


@pytest.fixture
def coordinator(disk: SmallDisk, tmp_path: Path) -> Iterator[DiskCoordinator]:
    options = ["--open", "--disk-reserve", str(RESERVE_BYTES), "--backup-every-s", "0"]
    coordinator = DiskCoordinator(disk, tmp_path / "fleet.out", *options)
    try:
        yield coordinator.start()
    finally:
        coordinator.end()


class Clients:
    """Submitters and nodes that never tire, each counting what it was answered."""

    def __init__(self, url: str, seed: int) -> None:
        self.url = url
        self.accepted: set[str] = set()
        self.recorded: set[str] = set()
        self.answers: collections.Counter[tuple[str, int]] = collections.Counter()
        self.submits, self.stops = True, False
        self.problems: list[BaseException] = []
        self._rng = random.Random(seed)
        self._threads = [
            threading.Thread(target=self._run, args=(live, f"{n}"))
            for n, live in enumerate([self._submit] * 2 + [self._work] * 3)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def refused(self) -> list[int]:
        """Every answer that said "later"."""
        answers = list(self.answers.items())  # the threads go on counting
        return [status for (_, status), n in answers for _ in range(n) if status in LATER]

    def until_more(self, what: str, count: int) -> None:
        """Wait until so many more were recorded, or refused."""
        before = len(getattr(self, what))
        eventually(
            lambda: self.problems or len(getattr(self, what)) >= before + count,
            f"{count} more {what}",
        )

    def join(self) -> None:
        self.stops = True
        for thread in self._threads:
            thread.join()
        if self.problems:
            raise self.problems[0]

    def _run(self, live: Callable[[Client, str], None], name: str) -> None:
        try:
            with Client(self.url, keep=True) as client:
                live(client, name)
        except BaseException as problem:
            self.problems.append(problem)

    def _ask(self, client: Client, method: str, path: str, body: Any, **more: str) -> Reply:
        """Until it is answered with something else than "later", or the test is over."""
        headers = {name.replace("_", "-"): value for name, value in more.items()}
        while True:
            reply = client.ask(method, path, body, headers)
            self.answers[path.partition("?")[0], reply.status] += 1
            assert reply.status == 200 or reply.status in LATER, reply
            if reply.status == 200 or self.stops:
                return reply
            assert int(reply.headers["Retry-After"]) >= 1
            time.sleep(0.05)

    def _submit(self, client: Client, name: str) -> None:
        for n in range(1_000_000):
            if self.stops:
                return
            if not self.submits or len(self.accepted) - len(self.recorded) > 300:
                time.sleep(0.02)
                continue
            job_id = f"job-{name}-{n}"
            reply = self._ask(client, "POST", "/jobs", {"job_id": job_id, "data": DATA})
            if reply.status == 200:
                self.accepted.add(job_id)

    def _work(self, client: Client, name: str) -> None:
        node = f"node-{name}"
        if self._ask(client, "POST", "/register", {"node_id": node, "profile": {}}).status != 200:
            return
        for n in range(1_000_000):
            if self.stops:
                return
            poll = {"X_Node_ID": node, "X_Poll_ID": f"poll-{n}"}
            reply = self._ask(client, "GET", "/job?wait_s=0.1", None, **poll)
            if reply.status == 200 and reply.json["status"] == "assigned":
                self._report(client, node, reply.json)
            time.sleep(0.005)

    def _report(self, client: Client, node: str, job: Any) -> None:
        assert job["job_id"] in self.accepted or job["data"] == DATA
        body = {"job_id": job["job_id"], "node_id": node, "epoch": job["epoch"], "result": DATA}
        if self._ask(client, "POST", "/result", body).status == 200:
            self.recorded.add(job["job_id"])


def test_below_the_reserve_submissions_are_refused_and_results_are_stored(
    coordinator: DiskCoordinator, disk: SmallDisk, reached: Callable[[str], None]
):
    with coordinator.client(keep=True) as client:
        client.register("node")
        jobs = [client.submit(DATA) for _ in range(20)]
        disk.fill(leave_bytes=RESERVE_BYTES // 2)
        refused = eventually(lambda: is_refused_for_room(client), "a submission to be refused")
        assert (refused.status, refused.code) == (507, "storage_full")
        assert int(refused.headers["Retry-After"]) >= 1
        for _ in jobs:
            job = client.poll("node")
            assert client.report("node", job["job_id"], DATA, epoch=job["epoch"]).status == 200
        assert is_refused_for_room(client)
        disk.drop_ballast()
        eventually(lambda: not is_refused_for_room(client), "submissions to be taken again")
    reached("below the reserve submissions get 507, results 200")


def is_refused_for_room(client: Client) -> Reply | None:
    reply = client.ask("POST", "/jobs", {"data": DATA})
    return reply if reply.status != 200 else None


def test_every_accepted_job_completes_when_the_disk_was_full_and_has_room_again(
    coordinator: DiskCoordinator,
    disk: SmallDisk,
    tmp_path: Path,
    size: Size,
    seed: int,
    reached: Callable[[str], None],
):
    times, rng = size(commit=1, full=6), random.Random(seed)
    clients = Clients(coordinator.url, seed)
    filled = 0
    try:
        # What is stored stays: in the end the disk is full without any ballast.
        while filled < times and disk.free_bytes > 2 * RESERVE_BYTES:
            clients.until_more("recorded", 20)
            # Every other time down to the last byte, where not even a result fits.
            disk.fill(leave_bytes=RESERVE_BYTES // 2 if filled % 2 else 0)
            clients.until_more("refused", 5)
            time.sleep(rng.uniform(0.2, 1.0))
            disk.drop_ballast()
            filled += 1
        clients.submits = False
        eventually(
            lambda: clients.problems or clients.accepted <= clients.recorded,
            "every accepted job to complete",
        )
    finally:
        clients.join()
    assert coordinator.is_running()  # the same process as at first
    coordinator.end()
    copy = tmp_path / "copy"
    shutil.copytree(disk.seen, copy)
    assert_sound(copy / "fleet.db")
    with reading(copy / "fleet.db") as db:
        states = dict(db.execute("SELECT id, state FROM jobs"))
    assert clients.accepted <= states.keys()
    assert set(states.values()) == {"completed"}
    told = collections.Counter(status for _, status in clients.answers.elements())
    assert told.keys() <= {200, *LATER}
    reached(
        f"disk filled {filled} times: {len(clients.accepted):,} of {len(clients.accepted):,} "
        f"accepted jobs completed; {told[507]:,} answers of 507, {told[503]:,} of 503; no restart"
    )
