"""What jobs print and say reaches the coordinator while they run, and costs others nothing."""

from __future__ import annotations

import asyncio
import itertools
import os
import socket
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web

import nexapod
from nexapod import errors
from nexapod.core.states import AttemptEnd
from nexapod.node import logs
from nexapod.node.attempt import Attempt
from nexapod.wire import messages as m
from nexapod.wire.routes import ROUTES
from tests.unit.node import jobs
from tests.unit.node.doubles import CoordinatorDouble, Node, Site, error


def speaks_and_waits(path: str, *lines: str) -> str:
    for line in lines:
        print(line)
        print(f"{line}, to stderr", file=sys.stderr)
    while not Path(path).exists():
        time.sleep(0.01)
    return "done"


def floods(count: int) -> int:
    for number in range(count):
        print(f"{number:9}", "x" * 89)
    return count


def says(path: str) -> None:
    for step in range(1000):
        nexapod.progress(step / 1000, f"step {step}")
    talking = threading.Thread(target=nexapod.progress, args=(0.75, "from a thread"))
    talking.start()
    talking.join()
    while not Path(path).exists():
        time.sleep(0.01)


def says_in_a_child(path: str) -> None:
    code = "import nexapod; nexapod.progress(0.5, 'from a child')"
    subprocess.run([sys.executable, "-c", code], check=True)
    while not Path(path).exists():
        time.sleep(0.01)


def lies(path: str) -> None:
    from nexapod.node import progress

    assert progress._CARD is not None
    progress._CARD.say(7.0, b"\xff\xfe")
    speaks_and_waits(path, "meanwhile")


def test_lines_of_both_streams_come_in_their_order_while_the_job_runs(tmp_path: Path):
    async def main() -> None:
        fleet = CoordinatorDouble()
        async with Site(fleet) as site, Node(site.url, tmp_path / "n"):
            job = fleet.submit(speaks_and_waits, str(tmp_path / "go"), "one", "twö")
            await fleet.wake()
            told = "one\none, to stderr\ntwö\ntwö, to stderr\n"
            await fleet.until(lambda: fleet.printed(job) == told.encode())
            assert job not in fleet.reports
            (tmp_path / "go").touch()
            assert await fleet.result(job) == "done"
            assert fleet.reports[job].output == told
            assert fleet.chunks(job)[0].start == 0

    asyncio.run(main())


def test_a_silent_job_and_short_ones_send_nothing(tmp_path: Path):
    async def main() -> None:
        fleet = CoordinatorDouble()
        async with Site(fleet) as site, Node(site.url, tmp_path):
            await fleet.result(fleet.submit(jobs.sleep, 1.2))
            for _ in range(30):
                await fleet.result(fleet.submit(jobs.prints, "short"))
            assert fleet.logs == []

    asyncio.run(main())


def test_a_flood_is_skipped_through_and_its_end_is_whole(tmp_path: Path):
    async def main() -> None:
        fleet = CoordinatorDouble()
        async with Site(fleet) as site, Node(site.url, tmp_path):
            count = 100_000
            job = fleet.submit(floods, count)
            assert await fleet.result(job) == count
            chunks, report = fleet.chunks(job), fleet.reports[job]
            *running, last = chunks
            assert all(len(chunk.data) <= logs.CHUNK_BYTES for chunk in running)
            assert all(a.start + len(a.data) <= b.start for a, b in itertools.pairwise(chunks))
            assert len(last.data) <= 1 << 20
            assert last.start + len(last.data) == report.printed_bytes == count * 100
            assert last.data.endswith(report.output.encode())
            assert f"{count - 1:9}".encode() in last.data
            # Whoever hears of the end may read the log at once.
            assert fleet.order[-2:] == [f"log of {job}", job]

    asyncio.run(main())


def test_more_than_64_mib_of_output_keep_their_numbers_and_not_their_room(tmp_path: Path):
    def prints_and_waits(count: int, path: str) -> None:
        for _ in range(count):
            print("x" * 1_000_000)
        print("the end")
        while not Path(path).exists():
            time.sleep(0.01)

    async def main() -> None:
        fleet = CoordinatorDouble()
        async with Site(fleet) as site, Node(site.url, tmp_path / "n"):
            job = fleet.submit(prints_and_waits, 80, str(tmp_path / "go"))
            await fleet.wake()
            total = 80 * 1_000_001 + len("the end\n")
            await fleet.until(lambda: fleet.printed(job).endswith(b"the end\n"))
            (file,) = (tmp_path / "n").glob("runner-*.out")
            await fleet.until(lambda: file.stat().st_blocks * 512 < 64 << 20)
            assert file.stat().st_size == total
            (tmp_path / "go").touch()
            await fleet.result(job)
            assert fleet.reports[job].printed_bytes == total

    asyncio.run(main())


def test_a_cancelled_job_leaves_what_it_printed(tmp_path: Path):
    async def main() -> None:
        fleet = CoordinatorDouble()
        async with Site(fleet) as site, Node(site.url, tmp_path / "n"):
            started = tmp_path / "started"
            job = fleet.submit(prints_then_waits, str(started))
            await fleet.wake()
            await fleet.until(started.exists)
            await fleet.cancel(job)
            report = await fleet.report(job)
            assert report.end is AttemptEnd.CANCELLED
            assert fleet.printed(job) == b"before the cancel\n"

    asyncio.run(main())


def prints_then_waits(path: str) -> None:
    print("before the cancel")
    Path(path).touch()
    time.sleep(60)


def test_the_last_words_before_a_segmentation_fault_come_before_its_report(tmp_path: Path):
    async def main() -> None:
        fleet = CoordinatorDouble()
        async with Site(fleet) as site, Node(site.url, tmp_path):
            job = fleet.submit(jobs.segfaults)
            report = await fleet.report(job)
            assert report.failure.signal == "SIGSEGV"
            assert fleet.printed(job).startswith(b"last words\n")
            assert fleet.printed(job).decode() == report.output
            assert fleet.order[-2:] == [f"log of {job}", job]

    asyncio.run(main())


@pytest.mark.parametrize(
    "refusal",
    [
        lambda: error(404, "not_found", "there is no such path"),
        lambda: error(503, "unavailable", "later"),
        lambda: error(507, "storage_full", "no room"),
        lambda: error(422, "invalid", "no"),
        lambda: web.Response(status=502, text="<html>a proxy's words</html>"),
    ],
)
def test_a_coordinator_that_takes_no_logs_gets_every_result(tmp_path: Path, refusal):
    async def main() -> None:
        fleet = CoordinatorDouble()
        fleet.refuses_logs = refusal
        async with Site(fleet) as site, Node(site.url, tmp_path / "n", slots=2):
            (tmp_path / "go").touch()
            made = [fleet.submit(speaks_and_waits, str(tmp_path / "go"), "x") for _ in range(5)]
            made += [fleet.submit(floods, 1000), fleet.submit(jobs.sleep, 1)]
            for job in made:
                await fleet.result(job)
            assert fleet.logs == []

    asyncio.run(main())


def test_what_could_not_be_sent_is_sent_later(tmp_path: Path):
    async def main() -> None:
        fleet = CoordinatorDouble()
        fleet.refuses_logs = lambda: error(503, "unavailable", "later")
        async with Site(fleet) as site, Node(site.url, tmp_path):
            job = fleet.submit(floods, 1000)
            await fleet.result(job)
            fleet.refuses_logs = None
            await fleet.until(lambda: fleet.printed(job))
            assert len(fleet.printed(job)) == 100_000

    asyncio.run(main())


def test_a_log_that_is_not_wanted_is_not_offered_again(tmp_path: Path):
    async def main() -> None:
        fleet = CoordinatorDouble()
        fleet.strange_logs = [("job-1", 1)]
        async with Site(fleet) as site, Node(site.url, tmp_path / "n"):
            job = fleet.submit(counts, str(tmp_path / "go"))
            await fleet.wake()
            await fleet.until(lambda: fleet.logs)
            (tmp_path / "go").touch()
            await fleet.result(job)
            assert len(fleet.logs) == 1

    asyncio.run(main())


def counts(path: str) -> None:
    end = None
    while end is None or time.monotonic() < end:
        print("tick")
        time.sleep(0.01)
        if end is None and Path(path).exists():
            end = time.monotonic() + 3 * 0.5


def test_a_job_says_how_far_it_is_from_any_thread_and_only_the_last_word_counts(tmp_path: Path):
    async def main() -> None:
        fleet = CoordinatorDouble()
        async with Site(fleet) as site, Node(site.url, tmp_path / "n"):
            job = fleet.submit(says, str(tmp_path / "go"))
            await fleet.wake()
            await fleet.until(lambda: (0.75, "from a thread") in fleet.words(job))
            assert len(fleet.words(job)) <= 2
            (tmp_path / "go").touch()
            await fleet.result(job)
            other = fleet.submit(jobs.sleep, 1.0)  # the next on the same process says nothing
            await fleet.result(other)
            assert fleet.words(other) == []

    asyncio.run(main())


def test_what_a_job_does_to_the_environment_keeps_none_from_saying(tmp_path: Path):
    def clears_and_says(path: str) -> int:
        os.environ.clear()
        nexapod.progress(0.5)
        while not Path(path).exists():
            time.sleep(0.01)
        return os.getpid()

    async def main() -> None:
        fleet = CoordinatorDouble()
        async with Site(fleet) as site, Node(site.url, tmp_path / "n"):
            pids = set()
            for go in (tmp_path / "one", tmp_path / "two"):
                job = fleet.submit(clears_and_says, str(go))
                await fleet.wake()
                await fleet.until(partial(fleet.words, job))
                assert fleet.words(job) == [(0.5, "")]
                go.touch()
                pids.add(await fleet.result(job))
            assert len(pids) == 1

    asyncio.run(main())


def test_a_process_that_the_job_started_says_how_far_it_is(tmp_path: Path):
    async def main() -> None:
        fleet = CoordinatorDouble()
        async with Site(fleet) as site, Node(site.url, tmp_path / "n"):
            job = fleet.submit(says_in_a_child, str(tmp_path / "go"))
            await fleet.wake()
            await fleet.until(lambda: fleet.words(job) == [(0.5, "from a child")])
            (tmp_path / "go").touch()
            await fleet.result(job)

    asyncio.run(main())


def test_a_data_job_says_how_far_it_is(tmp_path: Path):
    runner = tmp_path / "runner.py"
    runner.write_text(
        "import time, pathlib, nexapod\n"
        "def run(data):\n"
        "    print('computing')\n"
        "    nexapod.progress(0.5, 'half')\n"
        "    while not pathlib.Path(data).exists(): time.sleep(0.01)\n"
    )

    async def main() -> None:
        fleet = CoordinatorDouble()
        async with Site(fleet) as site, Node(site.url, tmp_path / "n", runner=runner):
            job = fleet.submit_data(str(tmp_path / "go"))
            await fleet.wake()
            await fleet.until(lambda: fleet.words(job) == [(0.5, "half")])
            assert fleet.printed(job) == b"computing\n"
            (tmp_path / "go").touch()
            await fleet.result(job)

    asyncio.run(main())


def test_what_a_job_writes_on_its_card_by_itself_does_not_stop_the_logs(tmp_path: Path):
    async def main() -> None:
        fleet = CoordinatorDouble()
        async with Site(fleet) as site, Node(site.url, tmp_path / "n"):
            job = fleet.submit(lies, str(tmp_path / "go"))
            await fleet.wake()
            await fleet.until(lambda: b"meanwhile" in fleet.printed(job))
            assert fleet.words(job) == []
            (tmp_path / "go").touch()
            await fleet.result(job)

    asyncio.run(main())


def forges_what_it_printed() -> None:
    from nexapod.node import progress
    from nexapod.node.engines import frames

    assert progress._CARD is not None
    seq = progress._CARD.started()[0]
    body = frames.DONE.pack(seq, frames.PRINTS, 1) + frames.PRINTED.pack(1, 100) + b"x" * 100
    for descriptor in range(3, 300):
        try:
            with socket.socket(fileno=os.dup(descriptor)) as pipe:
                pipe.sendall(frames.LENGTH.pack(len(body)) + body)
        except OSError:
            continue
    time.sleep(60)


def test_a_job_that_forges_what_it_printed_is_ended(tmp_path: Path):
    async def main() -> None:
        fleet = CoordinatorDouble()
        async with Site(fleet) as site, Node(site.url, tmp_path / "n"):
            job = fleet.submit(forges_what_it_printed)
            await fleet.wake()
            await fleet.until(lambda: job in fleet.reports)
            failure = fleet.reports[job].failure
            assert failure is not None
            assert "what no runner says" in failure.message

    asyncio.run(main())


def test_the_log_of_a_lost_lease_is_not_sent(tmp_path: Path):
    async def main() -> None:
        fleet = CoordinatorDouble()
        async with Site(fleet) as site, Node(site.url, tmp_path / "n"):
            job = fleet.submit(prints_after_sigterm, str(tmp_path / "pid"))
            await fleet.wake()
            await fleet.until((tmp_path / "pid").exists)
            fleet.lost.add(job)
            await fleet.wake()
            assert await fleet.result(fleet.submit(jobs.add, 1, 1)) == 2
            assert fleet.printed(job) == b""

    asyncio.run(main())


def prints_after_sigterm(path: str) -> None:
    import signal

    def goodbye(*_: Any) -> None:
        print("told to end")
        sys.exit(1)

    signal.signal(signal.SIGTERM, goodbye)
    Path(path).write_text(str(os.getpid()))
    time.sleep(60)


# ── the stream by itself ─────────────────────────────────────────────────────────────────────────


LIMIT_BYTES = next(route.limit_bytes for route in ROUTES if route.name == "logs")


class Runs:
    """An attempt on a process, as far as a stream looks at them."""

    def __init__(self) -> None:
        self.attempt = Attempt(m.Leased("j", 1, "data"), "")
        self.on_file = b""
        self.word: tuple[float, bytes] | None = None

    def printed(self, attempt: Attempt, after: int, most_bytes: int) -> tuple[int, bytes]:
        start = max(after, len(self.on_file) - most_bytes)
        return start, self.on_file[start:]

    def said(self, attempt: Attempt) -> tuple[float, bytes] | None:
        return self.word


class Heard:
    """A coordinator that answers when it is let, and may be away."""

    def __init__(self) -> None:
        self.bodies: list[m.Logs] = []
        self.go = asyncio.Event()
        self.go.set()
        self.error: errors.NexapodError | None = None

    async def logs(self, body: m.Logs) -> m.LogsReply:
        self.bodies.append(body)
        await self.go.wait()
        if self.error is not None:
            raise self.error
        return m.LogsReply()

    @property
    def log(self) -> bytes:
        """The bytes of all chunks, each where it belongs."""
        whole = bytearray()
        for body in self.bodies:
            for chunk in body.chunks:
                whole[chunk.start : chunk.start + len(chunk.data)] = chunk.data
        return bytes(whole)


def stream_of(runs: Runs, heard: Heard) -> logs.LogStream:
    return logs.LogStream(
        "n", heard, lambda: [] if runs.attempt.printed else [(runs, runs.attempt, 1.0)]
    )


def ends(runs: Runs, stream: logs.LogStream) -> asyncio.Future[None] | None:
    runs.attempt.printed = len(runs.on_file), runs.on_file
    return stream.ended(runs.attempt)


def test_what_is_printed_while_a_message_is_on_its_way_is_not_taken_for_sent():
    async def main() -> None:
        runs, heard = Runs(), Heard()
        stream = stream_of(runs, heard)
        heard.go.clear()
        runs.on_file = b"one\n"
        stream.look()
        await asyncio.sleep(0)
        runs.on_file += b"two\n"
        sent = ends(runs, stream)
        assert sent is not None
        assert not sent.done()
        heard.go.set()
        await asyncio.wait_for(sent, 5)
        assert heard.log == b"one\ntwo\n"
        stream.close()

    asyncio.run(main())


def test_while_the_coordinator_is_away_nobody_waits_and_the_log_comes_later():
    async def main() -> None:
        runs, heard = Runs(), Heard()
        stream = stream_of(runs, heard)
        heard.error = errors.Unreachable("away")
        runs.on_file = b"one\n"
        stream.look()
        await asyncio.sleep(0.01)
        assert ends(runs, stream) is None
        heard.error = None
        heard.bodies.clear()
        async with asyncio.timeout(5):
            while heard.log != b"one\n":
                await asyncio.sleep(0.01)
        stream.close()

    asyncio.run(main())


def test_after_a_registration_the_last_word_is_said_again():
    async def main() -> None:
        runs, heard = Runs(), Heard()
        stream = stream_of(runs, heard)
        runs.word = 0.5, b"half"

        async def looks() -> int:
            stream._not_before_s = 0.0
            stream.look()
            await stream.drained(5)
            return len(heard.bodies)

        assert [await looks(), await looks()] == [1, 1]
        stream.forget(is_another=False)
        assert await looks() == 2
        assert heard.bodies[1].progress == [m.Progress("j", 1, 0.5, "half")]
        stream.close()

    asyncio.run(main())


def test_what_waits_is_bounded_and_the_newest_is_kept():
    async def main() -> None:
        heard = Heard()
        heard.error = errors.Unreachable("away")
        runs = Runs()
        stream = stream_of(runs, heard)
        for number in range(40):
            runs.attempt = Attempt(m.Leased(f"j{number}", 1, "data"), "")
            runs.on_file = b"x" * (1 << 20)
            ends(runs, stream)
            await asyncio.sleep(0)
        assert [key[0] for key in stream._over] == [f"j{number}" for number in range(32, 40)]
        stream.close()

    asyncio.run(main())


def test_what_runs_and_what_is_over_fit_into_one_message_together():
    async def main() -> None:
        runs, heard = Runs(), Heard()
        running = [Attempt(m.Leased(f"r{number}", 1, "data"), "") for number in range(64)]
        stream = logs.LogStream("n", heard, lambda: [(runs, each, 1.0) for each in running])
        heard.go.clear()
        runs.on_file = b"x" * (1 << 20)
        for number in range(5):
            runs.attempt = Attempt(m.Leased(f"o{number}", 1, "data"), "")
            ends(runs, stream)
            await asyncio.sleep(0)
        runs.on_file += b"y" * (1 << 20)
        heard.go.set()
        await stream.drained(5)
        assert not stream._over
        sizes = [len(msgspec.msgpack.encode(body)) for body in heard.bodies]
        assert max(sizes) < LIMIT_BYTES
        stream.close()

    asyncio.run(main())


def test_many_at_once_share_one_message():
    async def main() -> None:
        runs, heard = Runs(), Heard()
        attempts = [Attempt(m.Leased(f"j{number}", 1, "data"), "") for number in range(200)]
        stream = logs.LogStream("n", heard, lambda: [(runs, each, 1.0) for each in attempts])
        runs.on_file = b"x" * (1 << 20)
        stream.look()
        await stream.drained(5)
        (body,) = heard.bodies
        assert len(body.chunks) == 200
        assert sum(len(chunk.data) for chunk in body.chunks) <= 4 << 20
        stream.close()

    asyncio.run(main())
