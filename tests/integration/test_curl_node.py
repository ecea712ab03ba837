"""`docs/curl-node.md`, run word for word with the real curl: docs that cannot rot."""

from __future__ import annotations

import json
import math
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import Serve
from tests.integration.parts import Coordinator, assert_sound, clean_environment, eventually

PAGE = Path(__file__).resolve().parents[2] / "docs" / "curl-node.md"


def blocks(language: str) -> list[str]:
    """The page's code blocks in that language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text("utf-8"), re.M | re.S)


def transcript() -> list[tuple[str, str]]:
    """Every (command, answer) that the page shows."""
    shown = []
    for block in blocks("console"):
        for part in block.removeprefix("$ ").split("\n$ "):
            command, _, answer = part.partition("\n")
            shown.append((command, answer.rstrip("\n")))
    return shown


def test_the_page_shows_all_five_endpoints_and_a_loop():
    assert len(transcript()) >= 9
    (loop,) = blocks("bash")
    assert len(loop.splitlines()) == 10
    text = PAGE.read_text("utf-8")
    for path in ("/register", "/job ", "/result", "/jobs", "no_job_available"):
        assert path in text


def test_every_command_of_the_page_answers_what_the_page_shows(serve: Serve):
    environment = clean_environment(URL=serve("--open").url)
    for command, shown in transcript():
        assert command.startswith("curl ")
        found = subprocess.run(
            ["bash", "-c", command],
            capture_output=True,
            text=True,
            env=environment,
            timeout=60,
            check=True,
        )
        assert found.stderr == ""
        assert shows(json.loads(shown), json.loads(found.stdout)), (command, found.stdout)


def shows(shown: Any, answer: Any) -> bool:
    """Whether `answer` is what is shown; its objects may have keys that the page leaves out."""
    if isinstance(shown, dict):
        return isinstance(answer, dict) and all(
            name in answer and shows(value, answer[name]) for name, value in shown.items()
        )
    if isinstance(shown, list):
        return (
            isinstance(answer, list)
            and len(shown) == len(answer)
            and all(map(shows, shown, answer))
        )
    return bool(shown == answer)


class Loop:
    """The page's node, running."""

    def __init__(self, url: str, name: str, token: str | None) -> None:
        more = {"URL": url, "NODE": name} | ({} if token is None else {"TOKEN": token})
        self._process = subprocess.Popen(
            ["bash", "-c", blocks("bash")[0]],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env=clean_environment(**more),
            start_new_session=True,
        )

    def end(self) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(30)


NUMBERS = [2**k + 1 for k in range(20, 36)]


def check(coordinator: Coordinator, name: str) -> None:
    client = coordinator.client()
    jobs = client.post("/jobs", [{"data": {"factor": n}} for n in NUMBERS])
    ids = {job["job_id"]: n for job, n in zip(jobs, NUMBERS, strict=True)}

    def all_done() -> bool:
        return bool(client.get("/status")["jobs"]["completed"] >= len(ids))

    eventually(all_done, "the curl node to finish")
    for row in client.get("/jobs"):
        if row["job_id"] in ids:
            assert (row["status"], row["assigned_to"]) == ("completed", name)
            assert math.prod(row["result"]) == ids[row["job_id"]]


@pytest.mark.parametrize("options", [("--open",), ()], ids=["open", "token"])
def test_the_ten_line_node_completes_jobs(serve: Serve, options: tuple[str, ...]):
    coordinator = serve(*options)
    node = Loop(coordinator.url, "ten-lines", coordinator.token)
    try:
        check(coordinator, "ten-lines")
    finally:
        node.end()


def test_the_ten_line_node_lives_through_a_kill_of_the_coordinator(serve: Serve):
    coordinator = serve()
    node = Loop(coordinator.url, "patient", coordinator.token)
    try:
        client = coordinator.client()
        client.post("/jobs", [{"data": {"factor": n}} for n in NUMBERS])
        eventually(lambda: client.get("/status")["jobs"]["completed"] >= 3, "the first results")
        coordinator.kill()
        coordinator.start()
        eventually(
            lambda: client.get("/status")["jobs"]["completed"] == len(NUMBERS), "the last results"
        )
        assert {row["epoch"] for row in client.get("/jobs")} == {1}
    finally:
        node.end()
    coordinator.end()
    assert_sound(coordinator.database)
