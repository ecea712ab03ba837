"""What the relay of a panel costs a kernel: ``python -m benchmarks.relay [--seconds S]``.

A real ipykernel shows a panel, whose stream is played from memory: the snapshot of a large fleet,
then an update every half a second. What the coordinator spends on making those is measured apart,
so that this is the kernel's own share: reading, counting, packing and sending.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import threading
import time
from collections.abc import AsyncGenerator, Coroutine
from typing import Any, cast

import msgspec

#: An update comes so often.
TICK_S = 0.5
#: Jobs that end per second.
JOBS_PER_S = 400
EPOCH = 1_760_000_000.0

_encode = msgspec.json.encode


class Relayed(msgspec.Struct, frozen=True):
    """What was measured.

    Attributes
    ----------
    cpu_share
        Of one core, while updates come.
    idle_share
        Of one core, while nothing changes but the time.
    update_bytes
        The mean update.
    snapshot_bytes, snapshot_cpu_s
        A whole snapshot, and what relaying it costs.
    """

    nodes: int
    jobs: int
    cpu_share: float
    idle_share: float
    update_bytes: float
    snapshot_bytes: int
    snapshot_cpu_s: float


def snapshot(nodes: int, jobs: int) -> list[bytes]:
    """The messages that a new reader gets."""
    rows = [job(seq) for seq in range(1, jobs + 1)]
    chunks = [rows[start : start + 2_000] for start in range(0, jobs, 2_000)]
    profile = {"os": "Linux 6.1", "cpu": "AMD EPYC 7763", "python": "3.11", "gpu": "NVIDIA A100"}
    hello = {
        "t": "hello", "v": 1, "run": "r", "name": "large", "url": "http://127.0.0.1:8765",
        "fleet_id": "f", "started_at": EPOCH, "now": EPOCH, "window": 100_000,
    }  # fmt: skip
    pace = [[EPOCH + 5 * at, 100, 100, 1, 5_000, 4_000] for at in range(720)]
    attempts = [attempt(seq) for seq in range(max(1, jobs - 5_000), jobs + 1)]
    return [
        _encode(hello),
        _encode({"t": "nodes", "rows": [node(at, profile) for at in range(nodes)]}),
        *(_encode({"t": "jobs", "rows": chunk}) for chunk in chunks),
        _encode({"t": "attempts", "rows": attempts}),
        _encode({"t": "pace", "width_s": 5, "rows": pace}),
        tick(0),
        b'{"t":"ready"}',
    ]


def update(number: int, nodes: int, jobs: int) -> list[bytes]:
    """The messages of one half second, in which jobs end and others begin."""
    dice = random.Random(number)
    count = int(JOBS_PER_S * TICK_S)
    seqs = [dice.randint(1, jobs) for _ in range(2 * count)]
    touched = dice.sample(range(nodes), min(nodes, count))
    return [
        _encode({"t": "patch", "rows": [patch(seq) for seq in seqs]}),
        _encode({"t": "attempts", "rows": [attempt(seq) for seq in seqs]}),
        _encode({"t": "nodes", "rows": [node(at, None) for at in touched]}),
        tick(number),
    ]


def job(seq: int) -> list[Any]:
    at = EPOCH + seq / 100
    return [
        seq, f"01JXY{seq:021d}", "completed", f"node-{seq % 1000:04d}", "fold", "fold", 1, at,
        at + 1, at + 3.25, 2.25, 0, None, "",
    ]  # fmt: skip


def patch(seq: int) -> list[Any]:
    at = EPOCH + seq / 100
    return [seq, "completed", f"node-{seq % 1000:04d}", 1, at + 1, at + 3.25, 2.25, ""]


def attempt(seq: int) -> list[Any]:
    at = EPOCH + seq / 100
    return [seq, 1, f"node-{seq % 1000:04d}", at, at + 1, at + 3.25, "completed"]


def node(at: int, profile: Any) -> list[Any]:
    return [
        f"node-{at:04d}", "online", 4, 4, 4, 1234, 5, EPOCH, 64.0, 256 * 10**9, 1, ["lab"], [],
        profile, EPOCH, 0,
    ]  # fmt: skip


def tick(number: int) -> bytes:
    counts = {"pending": 5_000, "assigned": 4_000, "completed": 91_000 + number, "failed": 0}
    now = EPOCH + TICK_S * number
    return _encode({"t": "tick", "now": now, "counts": counts, "rate_per_s": 400.0, "eta_s": 12.5})


class Player:
    """A transport whose panel plays messages from memory."""

    url, token, fingerprint, fleet_id, is_local = "http://127.0.0.1:1", None, None, "f", False

    def __init__(self, first: list[bytes]) -> None:
        self.loop = asyncio.new_event_loop()
        self.first = first
        self.updates: list[list[bytes]] = []
        self.played = 0
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    def post(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    async def panel(self) -> AsyncGenerator[bytes, None]:
        for message in self.first:
            yield message
        number = 0
        while True:
            await asyncio.sleep(TICK_S)
            number += 1
            news = self.updates[number % len(self.updates)] if self.updates else [tick(number)]
            for message in news:
                self.played += len(message)
                yield message


class _Link:
    def __init__(self, transport: Player) -> None:
        self.transport = transport


def relayed(nodes: int, jobs: int, seconds: float) -> Relayed:
    """Measure, in a kernel: it is called by `measure`."""
    from nexapod.client.connection import Connection
    from nexapod.views.panel.fleet import FleetStream
    from nexapod.views.panel.panel import Panel

    first = snapshot(nodes, jobs)
    updates = [update(number, nodes, jobs) for number in range(20)]
    player = Player(first)
    link = cast(Connection, _Link(player))
    panel = Panel(FleetStream(link, "-"), lambda: ("", ""))
    before_s = time.process_time()
    panel.mimebundle()
    panel._asked("POST", "/hello", None)
    time.sleep(4.0)  # the snapshot, and what follows in its wake
    snapshot_cpu_s = time.process_time() - before_s
    idle_share = _share(seconds / 2)
    player.updates, player.played = updates, 0
    time.sleep(2 * TICK_S)
    share = _share(seconds)
    panel.close()
    return Relayed(
        nodes=nodes,
        jobs=jobs,
        cpu_share=share,
        idle_share=idle_share,
        update_bytes=sum(map(len, (m for news in updates for m in news))) / len(updates),
        snapshot_bytes=sum(map(len, first)),
        snapshot_cpu_s=snapshot_cpu_s,
    )


def _share(seconds: float) -> float:
    before_s, started_s = time.process_time(), time.perf_counter()
    time.sleep(seconds)
    return (time.process_time() - before_s) / (time.perf_counter() - started_s)


def measure(nodes: int = 1_000, jobs: int = 100_000, seconds: float = 20.0) -> Relayed:
    """The cost in a kernel of its own, with a front end that takes what it is sent."""
    from jupyter_client.manager import start_new_kernel

    code = (
        f"import sys; sys.path.insert(0, {str(sys.path[0])!r})\n"
        "import msgspec\nfrom benchmarks.relay import relayed\n"
        f"print(msgspec.json.encode(relayed({nodes}, {jobs}, {seconds})).decode())"
    )
    kernel, client = start_new_kernel(kernel_name="python3")
    said: list[str] = []
    heard_bytes = 0

    def hear(message: dict[str, Any]) -> None:
        nonlocal heard_bytes
        heard_bytes += sum(map(len, message.get("buffers", ())))
        if message["msg_type"] == "stream":
            said.append(message["content"]["text"])
        elif message["msg_type"] == "error":
            said.append("\n".join(message["content"]["traceback"]))

    try:
        client.execute_interactive(code, timeout=seconds * 3 + 60, output_hook=hear)
    finally:
        client.stop_channels()
        kernel.shutdown_kernel(now=True)
    text = "".join(said)
    try:
        found = msgspec.json.decode(text, type=Relayed)
    except msgspec.DecodeError:
        raise RuntimeError(f"the kernel said: {text}") from None
    if heard_bytes < found.snapshot_bytes + found.update_bytes * seconds:
        raise RuntimeError(f"the page got {heard_bytes:,} bytes only")
    return found


def main() -> None:
    """Measure and say it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.relay")
    parser.add_argument("--seconds", type=float, default=20.0)
    found = measure(seconds=parser.parse_args().seconds)
    print(
        f"{found.nodes:,} nodes, {found.jobs:,} jobs, {JOBS_PER_S} jobs/s, an update every "
        f"{TICK_S} s: {100 * found.cpu_share:.1f} % of a core "
        f"({100 * found.idle_share:.1f} % with nothing but ticks); "
        f"{found.update_bytes / 1000:.0f} kB an update; the snapshot "
        f"{found.snapshot_bytes / 1e6:.1f} MB in {found.snapshot_cpu_s:.2f} s of processor time"
    )


if __name__ == "__main__":
    main()
