"""The shell: group commit, answers after the commit, and polls that wait."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from nexapod import errors
from nexapod.coordinator.service import Service, digest_of
from nexapod.core import commands as c
from nexapod.core import events as e
from nexapod.core.board import Board
from nexapod.core.events import Event
from nexapod.core.records import Value
from nexapod.core.states import JobState
from tests.unit.coordinator.desk import (
    TestedStore,
    acquisition,
    registration,
    serve,
    submission,
    turns,
)
from tests.unit.core.builders import completed, failed, order, portrait, value

# ── commits ──────────────────────────────────────────────────────────────────────────────────────


def test_commands_that_arrive_together_share_a_commit(tmp_path: Path) -> None:
    async def story(service: Service, store: TestedStore) -> None:
        await asyncio.gather(*(service.execute(submission(f"j{n}")) for n in range(200)))
        assert len(store.commits) < 20
        assert len(store.load().jobs) == 200

    serve(tmp_path, story)


def test_what_comes_during_a_commit_shares_the_next_one(tmp_path: Path) -> None:
    async def story(service: Service, store: TestedStore) -> None:
        store.go.clear()
        first = asyncio.create_task(service.execute(submission("first")))
        await turns()
        rest = [asyncio.create_task(service.execute(submission(f"j{n}"))) for n in range(50)]
        await turns()
        store.go.set()
        await asyncio.gather(first, *rest)
        assert [len(events) for events in store.commits] == [1, 50]

    serve(tmp_path, story)


def test_no_answer_leaves_before_its_commit(tmp_path: Path) -> None:
    async def story(service: Service, store: TestedStore) -> None:
        heard: list[str] = []
        service.feed.listen(lambda events: heard.extend(type(e).__name__ for e in events))
        store.go.clear()
        asked = asyncio.create_task(service.execute(submission("j")))
        await turns()
        assert "j" in service.board.jobs, "the next command sees it"
        assert not asked.done()
        assert heard == []
        store.go.set()
        assert await asked == [("j", JobState.PENDING)]
        assert heard == ["JobQueued"]

    serve(tmp_path, story)


def test_a_repeat_waits_for_the_commit_of_the_first(tmp_path: Path) -> None:
    async def story(service: Service, store: TestedStore) -> None:
        store.go.clear()
        first = asyncio.create_task(service.execute(submission("j")))
        await turns()
        again = asyncio.create_task(service.execute(submission("j")))
        await turns()
        assert not again.done(), "what it repeats is not on disk yet"
        store.go.set()
        assert await first == await again

    serve(tmp_path, story)


def test_a_poll_in_vain_waits_for_no_disk(tmp_path: Path) -> None:
    async def story(service: Service, store: TestedStore) -> None:
        await service.execute(registration())
        store.go.clear()
        other = asyncio.create_task(service.execute(registration("b")))
        await turns()
        assert (await service.execute(acquisition())).jobs == []
        assert not other.done()
        store.go.set()
        await other

    serve(tmp_path, story)


def test_a_refused_command_does_not_spoil_its_neighbours(tmp_path: Path) -> None:
    async def story(service: Service, store: TestedStore) -> None:
        bad = c.Submit((order("x", after=("nobody",)),))
        answers = await asyncio.gather(
            service.execute(submission("j")), service.execute(bad),
            service.execute(submission("k")), return_exceptions=True,
        )  # fmt: skip
        assert isinstance(answers[1], errors.Invalid)
        assert [job.spec.id for job in store.load().jobs] == ["j", "k"]

    serve(tmp_path, story)


async def _failing(service: Service, store: TestedStore, error: BaseException) -> list[Any]:
    """Three commands of which the first is being committed when the disk fails."""
    await service.execute(registration())
    await service.execute(submission("before"))
    store.go.clear()
    asked = [asyncio.create_task(service.execute(submission("lost1")))]
    await turns()
    asked += [asyncio.create_task(service.execute(submission(f"lost{n}"))) for n in (2, 3)]
    await turns()
    store.fail_with = error
    store.go.set()
    answers: list[Any] = await asyncio.gather(*asked, return_exceptions=True)
    return answers


@pytest.mark.parametrize(
    "error", [errors.StorageFull("the disk is full"), OSError(5, "Input/output error")]
)
def test_a_failed_commit_refuses_everyone_and_the_store_says_what_is_true(
    tmp_path: Path, error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(service: Service, store: TestedStore) -> None:
        answers = await _failing(service, store, error)
        wanted = errors.StorageFull if isinstance(error, errors.StorageFull) else errors.Unavailable
        assert [type(answer) for answer in answers] == [wanted] * 3
        while service._refusal is not None:
            with pytest.raises(errors.Unavailable, match="recovering"):
                await service.execute(submission("too early"))
            await asyncio.sleep(0.001)
        assert set(service.board.jobs) == {"before"}
        fresh = Board()
        fresh.restore(store.load(), 0.0, 0.0)
        assert portrait(fresh)["jobs"] == portrait(service.board)["jobs"]
        assert await service.execute(submission("lost1")) == [("lost1", JobState.PENDING)]
        assert len(store.load().jobs) == 2

    serve(tmp_path, story)


def test_a_store_that_closed_stays_refused_and_says_to_restart(tmp_path: Path) -> None:
    async def story(service: Service, store: TestedStore) -> None:
        store.close()
        with pytest.raises(errors.Unavailable):
            await service.execute(submission("j"))
        await service._recovery
        with pytest.raises(errors.Unavailable, match="restart the coordinator"):
            await service.execute(submission("j"))

    serve(tmp_path, story)


def test_a_listener_that_fails_costs_nobody_an_answer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(service: Service, store: TestedStore) -> None:
        def stumble(events: Sequence[Event]) -> None:
            raise RuntimeError("a view that broke")

        service.feed.listen(stumble)
        assert await service.execute(submission("j")) == [("j", JobState.PENDING)]

    serve(tmp_path, story)
    assert "a listener of the feed failed" in caplog.text


def test_draining_writes_what_is_gathered_and_refuses_the_rest(tmp_path: Path) -> None:
    async def story(service: Service, store: TestedStore) -> None:
        await service.execute(registration())
        asked = asyncio.create_task(service.execute(submission("j")))
        poll = asyncio.create_task(service.acquire(acquisition("a", 1), 60.0))
        await turns(1)
        await service.drain()
        assert service.is_stopping
        assert await asked == [("j", JobState.PENDING)]
        await asyncio.gather(poll, return_exceptions=True)
        with pytest.raises(errors.Unavailable, match="stopping"):
            await service.execute(submission("k"))
        assert len(store.load().jobs) == 1

    serve(tmp_path, story)


# ── polls that wait ──────────────────────────────────────────────────────────────────────────────


def test_a_submit_wakes_one_waiting_poll_and_no_other(tmp_path: Path) -> None:
    async def story(service: Service, store: TestedStore) -> None:
        polls = []
        for node_id in "abc":
            await service.execute(registration(node_id))
            polls.append(asyncio.create_task(service.acquire(acquisition(node_id), 60.0)))
            await turns()
        await service.execute(submission("j"))
        done, waiting = await asyncio.wait(polls, return_when=asyncio.FIRST_COMPLETED)
        await turns()
        assert done == {polls[0]}, "first come, first served"
        assert [job.id for job in polls[0].result().jobs] == ["j"]
        assert not any(poll.done() for poll in polls[1:])
        for poll in waiting:
            poll.cancel()

    serve(tmp_path, story)


def test_a_poll_that_waits_in_vain_gets_an_empty_grant(tmp_path: Path) -> None:
    async def story(service: Service, store: TestedStore) -> None:
        await service.execute(registration())
        assert (await service.acquire(acquisition(), 0.01)).jobs == []
        assert not service._polls

    serve(tmp_path, story)


def test_a_woken_poll_whose_commit_fails_is_refused(tmp_path: Path) -> None:
    async def story(service: Service, store: TestedStore) -> None:
        await service.execute(registration())
        poll = asyncio.create_task(service.acquire(acquisition(), 60.0))
        await turns()
        store.fail_with = errors.StorageFull("full")
        with pytest.raises(errors.StorageFull):
            await service.execute(submission("j"))
        with pytest.raises((errors.StorageFull, errors.Unavailable)):
            await poll
        assert store.load().jobs == []

    serve(tmp_path, story)


def test_a_woken_poll_is_answered_after_its_commit(tmp_path: Path) -> None:
    async def story(service: Service, store: TestedStore) -> None:
        await service.execute(registration())
        poll = asyncio.create_task(service.acquire(acquisition(), 60.0))
        await turns()
        store.go.clear()
        asked = asyncio.create_task(service.execute(submission("j")))
        await turns()
        assert service.board.leased
        assert not poll.done()
        store.go.set()
        assert len((await poll).jobs) == 1
        await asked

    serve(tmp_path, story)


def test_a_poll_that_is_gone_gets_nothing(tmp_path: Path) -> None:
    async def story(service: Service, store: TestedStore) -> None:
        await service.execute(registration())
        poll = asyncio.create_task(service.acquire(acquisition(), 60.0))
        await turns()
        poll.cancel()
        await turns()
        await service.execute(submission("j"))
        await turns()
        assert not service.board.leased

    serve(tmp_path, story)


def test_a_poll_that_is_gone_before_its_answer_gives_the_job_back(tmp_path: Path) -> None:
    async def story(service: Service, store: TestedStore) -> None:
        await service.execute(registration())
        poll = asyncio.create_task(service.acquire(acquisition(), 60.0))
        await turns()
        store.go.clear()
        asked = asyncio.create_task(service.execute(submission("j")))
        await turns()
        assert service.board.leased
        poll.cancel()
        await turns()
        assert not service.board.leased
        store.go.set()
        await asked
        assert len((await service.acquire(acquisition(), 0)).jobs) == 1

    serve(tmp_path, story)


def test_a_named_poll_that_is_gone_keeps_its_job_for_the_repeat(tmp_path: Path) -> None:
    async def story(service: Service, store: TestedStore) -> None:
        await service.execute(registration())
        poll = asyncio.create_task(service.acquire(acquisition(request_id="p"), 60.0))
        await turns()
        store.go.clear()
        asked = asyncio.create_task(service.execute(submission("j")))
        await turns()
        poll.cancel()
        await turns()
        assert service.board.leased
        store.go.set()
        await asked
        again = await service.acquire(acquisition(request_id="p"), 0)
        assert [(job.id, job.epoch) for job in again.jobs] == [("j", 1)]

    serve(tmp_path, story)


def test_a_poll_that_is_gone_while_its_lease_is_written_gives_the_job_back(tmp_path: Path) -> None:
    async def story(service: Service, store: TestedStore) -> None:
        await service.execute(registration())
        await service.execute(submission("j"))
        store.go.clear()
        poll = asyncio.create_task(service.acquire(acquisition(), 60.0))
        await turns()
        assert service.board.leased
        poll.cancel()
        await turns()
        store.go.set()
        await turns()
        assert not service.board.leased

    serve(tmp_path, story)


def test_a_heartbeat_that_waits_wakes_on_a_cancel(tmp_path: Path) -> None:
    async def story(service: Service, store: TestedStore) -> None:
        await service.execute(registration())
        await service.execute(submission("j"))
        await service.execute(acquisition())
        beat = asyncio.create_task(service.heartbeat(c.Renew("a", (("j", 1, 1.0),), 60.0), 60.0))
        await turns()
        assert not beat.done()
        await service.cancel(["j"])
        assert await beat == [("j", 1, "cancel")]
        assert not service._told

    serve(tmp_path, story)


def test_a_heartbeat_with_nothing_to_hear_ends_after_its_wait(tmp_path: Path) -> None:
    async def story(service: Service, store: TestedStore) -> None:
        await service.execute(registration())
        await service.execute(submission("j"))
        await service.execute(acquisition())
        renew = c.Renew("a", (("j", 1, 1.0),), 60.0)
        assert await service.heartbeat(renew, 0.01) == [("j", 1, "ok")]
        assert await service.heartbeat(c.Renew("a", (("x", 1, 1.0),), 60.0), 60.0) == [
            ("x", 1, "lost")
        ]

    serve(tmp_path, story)


def test_a_released_dependant_wakes_a_waiting_poll(tmp_path: Path) -> None:
    async def story(service: Service, store: TestedStore) -> None:
        await service.execute(registration("a"))
        await service.execute(registration("b"))
        await service.submit([order("j"), order("k", after=("j",))])
        await service.execute(acquisition("a"))
        poll = asyncio.create_task(service.acquire(acquisition("b"), 60.0))
        await turns()
        await service.report("a", [completed("j", 1, "7")])
        assert [job.id for job in (await poll).jobs] == ["k"]
        [leased] = [job.lease for job in service.board.leased.values()]
        assert leased.node_id == "b"
        grant = await service.acquire(acquisition("b"), 0)
        assert grant.jobs == []
        inputs = await service.inputs((await poll).jobs)
        assert inputs["k"]["j"].data == b"7"

    serve(tmp_path, story)


# ── what the board has forgotten is in the store ─────────────────────────────────────────────────


def test_finished_jobs_are_looked_up_in_the_store(tmp_path: Path) -> None:
    async def story(service: Service, store: TestedStore) -> None:
        await service.execute(registration())
        await service.submit([order("j", key="k")])
        await service.execute(acquisition())
        await service.report("a", [completed("j", 1)])
        service.board.recent.clear()
        assert await service.submit([order("j", key="k")]) == [("j", JobState.COMPLETED)]
        again = await service.submit([order("other", key="k", body="j")])
        assert again == [("j", JobState.COMPLETED)]
        assert await service.submit([order("child", after=("j",))]) == [("child", JobState.PENDING)]
        assert (await service.report("a", [completed("j", 1)]))[0].error is None
        assert (await service.cancel(["j"]))[0].state is JobState.COMPLETED
        made, state = await service.retry("j")
        assert (made != "j", state) == (True, JobState.PENDING)
        with pytest.raises(errors.NotFound):
            await service.retry("nobody")

    serve(tmp_path, story)


@pytest.mark.parametrize("when", ["ends just before", "ends meanwhile"])
def test_a_key_repeated_while_its_job_ends_is_the_same_job(tmp_path: Path, when: str) -> None:
    async def story(service: Service, store: TestedStore) -> None:
        await service.execute(registration())
        await service.submit([order("j", key="k")])
        await service.execute(acquisition())
        report = service.report("a", [completed("j", 1)])
        again = service.submit([order("other", key="k", body="j")])
        both = (report, again) if when == "ends just before" else (again, report)
        answers = dict(zip(both, await asyncio.gather(*both, return_exceptions=True), strict=True))
        assert answers[again] in ([("j", JobState.ASSIGNED)], [("j", JobState.COMPLETED)])

    serve(tmp_path, story)


@pytest.mark.parametrize("keep", [True, False])
def test_payloads_come_from_memory_or_from_the_store(tmp_path: Path, keep: bool) -> None:
    async def story(service: Service, store: TestedStore) -> None:
        await service.execute(registration())
        await service.execute(submission("j"))
        grant = await service.execute(acquisition())
        if not keep:
            service._payloads.clear()
        found = await service.payloads(grant.jobs)
        assert [payload.data for payload in found.values()] == [b'{"n": 1}']

    serve(tmp_path, story)


def test_the_cache_lets_go_of_finished_jobs(tmp_path: Path) -> None:
    async def story(service: Service, store: TestedStore) -> None:
        await service.execute(registration())
        await service.execute(submission(*"uvw"))
        assert service._payload_bytes > 0
        grant = await service.execute(acquisition(most=3))
        await service.report("a", [completed(job.id, 1) for job in grant.jobs])
        await service.cancel(list("uvw"))
        assert (service._payloads, service._payload_bytes) == ({}, 0)

    serve(tmp_path, story)


def test_a_digest_is_that_of_the_bytes_wherever_they_are() -> None:
    assert digest_of(None) == b""
    inline = digest_of(value("x"))
    assert digest_of(Value("json", 1, None, inline.hex())) == inline


def test_a_failure_is_durable_when_it_is_answered(tmp_path: Path) -> None:
    async def story(service: Service, store: TestedStore) -> None:
        await service.execute(registration())
        await service.execute(submission("j"))
        await service.execute(acquisition())
        await service.report("a", [failed("j", 1)])
        assert b"ValueError" in store.failures(["j"])["j"]

    serve(tmp_path, story)


def test_a_node_that_joins_while_a_token_is_revoked_is_in_nobodys_way(tmp_path: Path) -> None:
    async def story(service: Service, store: TestedStore) -> None:
        made, _ = await service.keyring.make(["node"])
        for node_id in ("a", "b"):
            joined = msgspec.structs.replace(registration(node_id).record, credential=made.id)
            await service.execute(c.Register(joined, None, 60.0))
        await service.execute(submission("j", "k"))
        for node_id in ("a", "b"):
            await service.execute(acquisition(node_id))
        ended = asyncio.create_task(
            service.revoke(made.id, lambda ended: e.Audited(0.0, "owner", "", "revoke", ended.id))
        )
        while len(service.board.leased) == 2:
            await asyncio.sleep(0)
        service._decide(registration("c"))  # while the first lease's way back is being written
        await ended
        assert not service.board.leased

    serve(tmp_path, story)
