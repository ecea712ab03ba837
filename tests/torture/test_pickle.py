"""A pickle from a node without a trusted credential is opened by nobody: not by the kernel, in
whatever way it looks at results, and not by another node that is to work with them.

Opening one writes a file. That a trusted node's does shows that the tests would notice.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import pickle
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import nexapod as package
from nexapod import errors
from nexapod.wire import sealed
from tests.integration.parts import Client, Node, eventually
from tests.torture.conftest import Size

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


class Mark:
    """Writes a file when it is unpickled, and is then the number 1."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return eval, (f"open({str(self.path)!r}, 'w').close() or 1",)


def one() -> int:
    return 1


def add(a: Any, b: Any = 0) -> Any:
    return a + b


class Liar:
    """A node of nobody's making, which answers every job with a pickle."""

    def __init__(self, fleet: package.Fleet, name: str, trusted: bool, marks: Path) -> None:
        made = Client(fleet.url, fleet.token).post(
            "/tokens", {"scopes": ["node"], "trusted": trusted, "label": name}
        )
        self.name = name
        self.marks = marks / name
        self.marks.mkdir()
        self._client = Client(fleet.url, made["token"])
        self._numbers = itertools.count()
        profile = {"python": PYTHON, "cores": 64}
        told = self._client.register(
            name, profile=profile, kinds=["function", "data"], slots=64, boot_id=name
        )
        assert told["trusted"] is trusted

    def evil(self) -> bytes:
        return sealed.seal(Mark(self.marks / str(next(self._numbers))))

    def opened(self) -> list[str]:
        """What of it was opened."""
        return sorted(path.name for path in self.marks.iterdir())

    def leases(self) -> list[Any]:
        body = {"node_id": self.name, "max": 64, "wait_s": 5}
        return list(self._client.post("/lease", body)["jobs"])

    def report(self, job: Any, **what: Any) -> str:
        report = {"job_id": job["job_id"], "epoch": job["epoch"], **what}
        told = self._client.post("/results", {"node_id": self.name, "reports": [report]})
        return str(told["reports"][0][1])

    def inline(self, **claims: Any) -> dict[str, Any]:
        """A result in the report; `claims` are added to it."""
        raw = self.evil()
        data = base64.b64encode(raw).decode()
        return {"value": {"format": "pickle", "size": len(raw), "data": data, **claims}}

    def blob(self, **claims: Any) -> dict[str, Any]:
        """A result that lies in the coordinator's blobs."""
        raw = self.evil()
        sha256 = hashlib.sha256(raw).hexdigest()
        headers = {"Content-Type": "application/octet-stream"}
        assert self._client.ask("PUT", f"/blobs/{sha256}", raw, headers).status == 200
        return {"value": {"format": "pickle", "size": len(raw), "blob": sha256, **claims}}

    def failure(self) -> dict[str, Any]:
        """A failure with an exception object."""
        exception = pickle.dumps(Mark(self.marks / str(next(self._numbers))))
        error = {"type": "exception", "message": "so it says", "retryable": False}
        encoded = base64.b64encode(exception).decode()
        return {"end": "failed", "failure": {**error, "exception": encoded}}

    def answer(self, *ways: Callable[[], dict[str, Any]]) -> int:
        """Answer what there is to do, in these ways by turns; how many that were."""
        jobs = self.leases()
        for job, way in zip(jobs, itertools.cycle(ways), strict=False):
            assert self.report(job, **way()) == "recorded"
        return len(jobs)


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[package.Fleet]:
    fleet = package.launch("fleet", port=0, database=tmp_path / "fleet.db")
    yield fleet
    fleet.stop()


def look_everywhere(fleet: package.Fleet, sweep: package.Sweep) -> None:
    """All that a notebook does by itself, or that somebody who only looks does."""
    for thing in (fleet, sweep, *sweep, fleet.jobs, fleet.attempts, fleet.nodes, fleet.sweeps):
        repr(thing)
        for name in ("_repr_html_", "_repr_mimebundle_"):
            show = getattr(thing, name, None)
            if show is not None:
                show()
    assert isinstance(sweep.frame, pd.DataFrame)
    for future in sweep:
        again = fleet.future(future.job_id)
        for call in (future.result, future.exception, again.result, again.exception):
            try:
                call(10)
            except errors.NexapodError:
                continue
    with pytest.raises(errors.NexapodError):
        sweep.results(10)


def test_a_trusted_nodes_pickles_are_opened_so_the_other_tests_can_fail(
    fleet: package.Fleet, tmp_path: Path
):
    liar = Liar(fleet, "trusted", True, tmp_path)
    futures = [fleet.submit(one) for _ in range(3)]
    fleet.flush()
    assert liar.answer(liar.inline, liar.blob, liar.failure) == 3
    assert [future.result(10) for future in futures[:2]] == [1, 1]
    assert isinstance(futures[2].exception(10), errors.JobFailed)  # it was no exception
    assert liar.opened() == ["0", "1", "2"]


@pytest.mark.proves("pickle")
def test_no_pickle_of_an_untrusted_node_is_opened_in_the_kernel(
    fleet: package.Fleet, tmp_path: Path, size: Size, reached: Callable[[str], None]
):
    count = size(commit=12, full=600)
    liar = Liar(fleet, "untrusted", False, tmp_path)
    ways: list[Callable[[], dict[str, Any]]] = [
        liar.inline, liar.blob, liar.failure,
        lambda: liar.inline(trusted=True), lambda: liar.blob(trusted=True),
    ]  # fmt: skip
    sweep = fleet.sweep(add, a=range(count))
    fleet.flush()
    done = 0
    while done < count:
        done += liar.answer(*ways)
    eventually(lambda: all(future.done() for future in sweep), "the news of all ends")
    look_everywhere(fleet, sweep)
    told = {type(future.exception(10) or _what_opens(future)).__name__ for future in sweep}
    assert told == {"UntrustedResult", "JobFailed"}
    fleet.stop()
    again = package.launch("fleet", port=0, database=tmp_path / "fleet.db")
    try:
        look_everywhere(again, again.sweeps[sweep.name])
        other = package.connect(again.url, again.token)
        try:
            look_everywhere(other, other.sweeps[sweep.name])
        finally:
            other.stop()
    finally:
        again.stop()
    assert liar.opened() == []
    reached(
        f"{count} results and exceptions, inline and as blobs, looked at as text, HTML, tables, "
        "result() and exception(), again after a restart and over HTTP: 0 opened"
    )


def _what_opens(future: package.JobFuture) -> Any:
    with pytest.raises(errors.UntrustedResult, match="without a trusted credential") as refused:
        future.result(10)
    return refused.value


@pytest.mark.proves("pickle")
def test_no_pickle_of_an_untrusted_node_is_opened_in_another_node(
    fleet: package.Fleet, tmp_path: Path, reached: Callable[[str], None]
):
    liar = Liar(fleet, "untrusted", False, tmp_path)
    honest_liar = Liar(fleet, "trusted", True, tmp_path)
    firsts = {}
    for one_liar in (liar, honest_liar):
        firsts[one_liar] = [fleet.submit(one) for _ in range(4)]
        fleet.flush()
        way = (one_liar.inline, one_liar.blob, lambda it=one_liar: it.inline(trusted=True))
        assert one_liar.answer(*way) == 4

    class Here:
        url, token = fleet.url, fleet.token

    node = Node(Here, "real", tmp_path, "--slots", "2").start()  # type: ignore[arg-type]
    try:
        for first in firsts[liar]:
            error = fleet.submit(add, first, b=1).exception(30)
            assert isinstance(error, errors.JobFailed)
            assert "without a trusted credential, and is not opened" in str(error)
        assert liar.opened() == []
        for first in firsts[honest_liar]:
            assert fleet.submit(add, first, b=1).result(30) == 2
        assert len(honest_liar.opened()) == 4
    finally:
        node.end()
    reached("4 as arguments of other jobs on a node: 0 opened, 4 of 4 trusted ones opened")


@pytest.mark.proves("pickle")
def test_what_an_untrusted_real_node_computes_comes_back_without_a_pickle(
    fleet: package.Fleet, tmp_path: Path
):
    class Here:
        url = fleet.url
        token = Client(fleet.url, fleet.token).post(
            "/tokens", {"scopes": ["node"], "trusted": False, "label": "guest"}
        )["token"]

    node = Node(Here, "guest", tmp_path).start()  # type: ignore[arg-type]
    try:
        assert fleet.submit(add, [1, 2], b=[3]).result(30) == [1, 2, 3]
        assert fleet.submit(add, b"a", b=b"b").result(30) == b"ab"
        error = fleet.submit(add, (1,), b=(2,)).exception(30)
        assert isinstance(error, errors.JobFailed)
        assert "could only be sent as a pickle" in str(error)

        def fails() -> None:
            raise ValueError("what it says")

        failed = fleet.submit(fails).exception(30)
        assert type(failed) is errors.JobFailed
        assert "ValueError: what it says" in str(failed)
    finally:
        node.end()
