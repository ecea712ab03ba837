"""How far jobs say they are: believed of a live lease only, and forgotten with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from nexapod import errors
from nexapod.coordinator.progress import Said
from nexapod.coordinator.service import Service
from nexapod.core import commands as c
from nexapod.wire import messages as m
from tests.unit.coordinator.desk import (
    TestedStore,
    acquisition,
    registration,
    serve,
    submission,
)
from tests.unit.core.builders import completed, failed


def word(job_id: str, fraction: float, message: str = "", epoch: int = 1) -> m.Progress:
    return m.Progress(job_id, epoch, fraction, message)


async def running(service: Service) -> list[Said]:
    """Let `a` run `j`; what a listener hears from then on."""
    heard: list[Said] = []
    service.progress.listen(heard.extend)
    await service.execute(registration("a"))
    await service.execute(registration("b"))
    await service.execute(submission("j"))
    await service.execute(acquisition("a"))
    return heard


def test_the_last_word_of_a_running_job_is_told_and_kept(tmp_path: Path) -> None:
    async def story(service: Service, store: TestedStore) -> None:
        heard = await running(service)
        assert service.progress.of("j") is None
        for fraction in (0.1, 0.2):
            assert await service.hear(m.Logs("a", [], [word("j", fraction, "on")])) == []
        assert service.progress.of("j") == (0.2, "on")
        assert service.progress.all() == [Said("j", 1, 1, 0.2, "on")]
        assert [said.fraction for said in heard] == [0.1, 0.2]

    serve(tmp_path, story)


def test_it_is_forgotten_when_the_attempt_is_over(tmp_path: Path) -> None:
    async def story(service: Service, store: TestedStore) -> None:
        heard = await running(service)
        await service.hear(m.Logs("a", [], [word("j", 0.9)]))
        await service.report("a", [completed("j", 1)])
        assert (service.progress.of("j"), service.progress.all()) == (None, [])
        assert heard[-1] == Said("j", 1, 1, None, "")
        assert await service.hear(m.Logs("a", [], [word("j", 1.0)])) == [("j", 1)]

    serve(tmp_path, story)


def test_the_next_attempt_begins_without_a_word(tmp_path: Path) -> None:
    async def story(service: Service, store: TestedStore) -> None:
        await running(service)
        await service.hear(m.Logs("a", [], [word("j", 0.9)]))
        await service.execute(c.Leave("a"))
        await service.execute(acquisition("b"))
        assert service.progress.of("j") is None
        assert await service.hear(m.Logs("a", [], [word("j", 0.9)])) == [("j", 1)]
        assert await service.hear(m.Logs("b", [], [word("j", 0.1, epoch=2)])) == []
        assert service.progress.of("j") == (0.1, "")

    serve(tmp_path, story)


def test_nobody_else_says_how_far_a_job_is(tmp_path: Path) -> None:
    async def story(service: Service, store: TestedStore) -> None:
        heard = await running(service)
        words = [word("j", 0.5), word("j", 0.5, epoch=2), word("nobody", 0.5)]
        assert await service.hear(m.Logs("b", [], words)) == [("j", 1), ("j", 2), ("nobody", 1)]
        assert heard == []

    serve(tmp_path, story)


def test_an_unknown_node_must_register_and_a_draining_coordinator_hears_nothing(
    tmp_path: Path,
) -> None:
    async def story(service: Service, store: TestedStore) -> None:
        await running(service)
        with pytest.raises(errors.NotFound) as unknown:
            await service.hear(m.Logs("stranger"))
        assert unknown.value.details == {"action": "register"}
        await service.drain()
        with pytest.raises(errors.Unavailable):
            await service.hear(m.Logs("a", [], [word("j", 0.5)]))

    serve(tmp_path, story)


def test_logs_are_no_commit_and_hold_up_none(tmp_path: Path) -> None:
    async def story(service: Service, store: TestedStore) -> None:
        await running(service)
        commits = len(store.commits)
        chunk = m.LogChunk("j", 1, 0, b"a line\n")
        assert await service.hear(m.Logs("a", [chunk])) == []
        assert len(store.commits) == commits
        assert (await service.logs.read("j")).text == "a line\n"
        await service.report("a", [failed("j", 1)])
        assert (await service.logs.read("j")).is_open is False

    serve(tmp_path, story)


def test_of_each_attempt_as_much_is_kept_as_the_options_say(tmp_path: Path) -> None:
    async def story(service: Service, store: TestedStore) -> None:
        await running(service)
        service.logs.most_bytes = 8
        await service.hear(m.Logs("a", [m.LogChunk("j", 1, 0, b"first\nthe end\n")]))
        assert (await service.logs.read("j")).text == "[… 6 bytes not kept …]\nthe end\n"

    serve(tmp_path, story)
