"""What is sent for a call, what a repeat is compared by, and what futures say of themselves."""

from __future__ import annotations

import asyncio
import concurrent.futures
import copy
import pickle
import threading
from collections.abc import Coroutine, Iterator
from concurrent.futures import Future
from typing import Any, cast

import msgspec
import numpy as np
import pytest

from nexapod import errors
from nexapod.client.calls import PYTHON, Shipped, identity, seal_call, ship
from nexapod.client.connection import Connection
from nexapod.client.futures import JobFuture, raised_by
from nexapod.client.invitation import Invitation
from nexapod.client.transport import Change, Columns
from nexapod.core.records import Failure, Value
from nexapod.core.states import JobState
from nexapod.wire import sealed
from nexapod.wire.messages import NewJob, Submitted


class Wire:
    """A transport that keeps what it is given and refuses what it is told to."""

    url = "http://127.0.0.1:1"
    token = None
    is_local = True

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.blobs: list[bytes] = []
        self.jobs: list[NewJob] = []
        self.batches: list[int] = []
        self.bad: set[str] = set()
        self.hold = threading.Event()
        self.hold.set()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()

    def post(self, work: Coroutine[Any, Any, Any]) -> Future[Any]:
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    def listen(self, listener: Any, pending: Any) -> None:
        self.tell = listener

    async def put_blob(self, data: bytes) -> str:
        self.blobs.append(data)
        return f"{len(self.blobs):064x}"

    async def submit(self, jobs: list[NewJob]) -> list[Submitted]:
        await asyncio.to_thread(self.hold.wait, 30)
        self.batches.append(len(jobs))
        if any(job.name in self.bad for job in jobs):
            raise errors.Conflict("this one is bad")
        self.jobs += jobs
        return [Submitted(job.job_id or "", "pending") for job in jobs]

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(30)
        self.loop.close()


@pytest.fixture
def wire() -> Iterator[Wire]:
    made = Wire()
    yield made
    made.hold.set()
    made.close()


@pytest.fixture
def link(wire: Wire) -> Connection:
    return Connection(cast(Any, wire))


def made(source: str, **scope: Any) -> Any:
    names: dict[str, Any] = {"__name__": "__main__", **scope}
    exec(source, names)
    return names["f"]


# ── calls ────────────────────────────────────────────────────────────────────────────────────────


def test_a_functions_bytes_are_sent_once(wire: Wire, link: Connection) -> None:
    fn = made("def f(x):\n    return x")
    first = ship(link, fn)
    assert ship(link, fn) == first == ship(link, made("def f(x):\n    return x"))
    assert first.name == "f"
    assert len(wire.blobs) == 1


def test_a_function_whose_global_was_rebound_is_sent_again(wire: Wire, link: Connection) -> None:
    fn = made("def f(x):\n    return x * k", k=2)
    first = ship(link, fn)
    fn.__globals__["k"] = 3
    assert ship(link, fn).sha256 != first.sha256
    assert len(wire.blobs) == 2


def test_a_function_over_a_list_is_looked_at_every_time(wire: Wire, link: Connection) -> None:
    fn = made("def f(x):\n    return x + len(k)", k=[1])
    first = ship(link, fn)
    fn.__globals__["k"].append(2)
    assert ship(link, fn).sha256 != first.sha256


def test_partials_and_objects_have_a_name(link: Connection) -> None:
    import functools

    class Model:
        def __call__(self) -> int:
            return 1

    assert ship(link, functools.partial(made("def f(x):\n    return x"), 1)).name == "f"
    assert ship(link, Model()).name == "Model"
    assert ship(link, len).name == "len"


def test_a_call_names_its_python_and_the_jobs_it_needs(link: Connection) -> None:
    future = JobFuture(link, "j1")
    fields = seal_call(link, Shipped("ab" * 32, "f"), (1, [future]), {"k": future})
    assert (fields["kind"], fields["python"], fields["after"]) == ("function", PYTHON, ("j1",))
    call = msgspec.msgpack.decode(fields["payload"], type=sealed.Call)
    assert call.function == "ab" * 32
    assert sealed.unseal(call.arguments, {"j1": 5}) == ((1, [5]), {"k": 5})


def test_a_large_call_is_a_blob(wire: Wire, link: Connection) -> None:
    fields = seal_call(link, Shipped("ab" * 32, "f"), (bytes(17 * 2**20),), {})
    assert "payload" not in fields
    assert fields["blob"] == f"{1:064x}"


def test_an_identity_is_the_name_and_the_arguments_and_not_the_bytes() -> None:
    def of(name: str, *args: Any, **kwargs: Any) -> str:
        return identity(Shipped("cd" * 32, name), args, kwargs)

    assert of("f", 1, k=2) == identity(Shipped("ef" * 32, "f"), (1,), {"k": 2})
    assert len({of("f", 1), of("f", 2), of("g", 1), of("f", 1.0), of("f", k=1), of("f", "1")}) == 6


def test_equal_sets_are_the_same_argument() -> None:
    one, two = {0, 8}, {8, 0}
    assert one == two
    function = Shipped("ab" * 32, "f")
    assert identity(function, (one,), {}) == identity(function, (two,), {})


def test_equal_texts_are_the_same_argument_whichever_object_they_are() -> None:
    text = "temperature " + str(300)
    twin = "temperature " + str(300)
    assert text is not twin
    function = Shipped("ab" * 32, "f")
    assert identity(function, (text, text), {}) == identity(function, (text, twin), {})


@pytest.mark.parametrize(
    "pair",
    [
        ([1, 2], [12]), ([1], (1,)), ([[1], 2], [1, [2]]), ({"a": 1, "b": 2}, {"a": 2, "b": 1}),
        ({1}, frozenset({1})), ("1", b"1"), (True, 1), (0.0, -0.0), ({1: "2"}, {"1": 2}),
        (np.ones(2), np.ones(2, np.float32)), (np.ones((2, 1)), np.ones((1, 2))),
        (["a", "b"], ["ab"]), (["a'", "b"], ["a", "'b"]),
    ],
    ids=repr,
)  # fmt: skip
def test_different_arguments_have_different_identities(pair: tuple[Any, Any]) -> None:
    function = Shipped("ab" * 32, "f")
    one, two = (identity(function, (value,), {}) for value in pair)
    assert one != two


# ── the outbox ───────────────────────────────────────────────────────────────────────────────────


def send(link: Connection, name: str) -> JobFuture:
    future = JobFuture(link, f"id-{name}", name)
    link.send(NewJob(job_id=future.job_id, payload=b"1", name=name), future)
    return future


def test_jobs_gather_while_a_batch_is_on_its_way(wire: Wire, link: Connection) -> None:
    wire.hold.clear()
    for n in range(50):
        send(link, f"j{n}")
    wire.hold.set()
    link.flush()
    assert sum(wire.batches) == 50
    assert len(wire.batches) < 10
    assert [job.name for job in wire.jobs] == [f"j{n}" for n in range(50)]


def test_one_refused_job_lets_its_neighbours_pass(wire: Wire, link: Connection) -> None:
    wire.bad = {"bad"}
    wire.hold.clear()
    futures = [send(link, name) for name in ("first", "good", "bad", "also")]
    wire.hold.set()
    link.flush()
    assert {job.name for job in wire.jobs} == {"first", "good", "also"}
    with pytest.raises(errors.Conflict, match="this one is bad"):
        futures[2].result(30)
    assert futures[2].status == "failed"
    assert [f.done() for f in futures] == [False, False, True, False]


# ── futures ──────────────────────────────────────────────────────────────────────────────────────


def test_a_future_cannot_be_pickled_or_copied(link: Connection) -> None:
    future = JobFuture(link, "j")
    for way in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="pass it as an argument"):
            way(future)


def test_a_future_follows_its_job_and_its_end_is_final(link: Connection) -> None:
    future = JobFuture(link, "j", "f")
    assert (future.status, future.running(), future.done()) == ("pending", False, False)
    assert not future._move(Change("j", JobState.ASSIGNED, "a"))
    assert (future.running(), future.node) == (True, "a")
    assert not future._move(Change("j", JobState.PENDING))
    assert future._move(Change("j", JobState.COMPLETED, "a", Value("json", 2, b"42")))
    assert future._move(Change("j", JobState.CANCELLED)), "said again, and unheard"
    assert future.result(0) == 42
    assert future.result(0) == 42
    assert repr(future) == "<JobFuture f completed on a j>"


def test_a_cancelled_future_is_one_for_the_standard_library_too(link: Connection) -> None:
    future = JobFuture(link, "j")
    future._move(Change("j", JobState.CANCELLED, "a"))
    assert concurrent.futures.wait([future], 30).done == {future}
    with pytest.raises(errors.JobCancelled) as caught:
        future.result(0)
    assert isinstance(caught.value, concurrent.futures.CancelledError)


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (Failure(type="timeout", message="too long"), errors.JobTimedOut),
        (Failure(type="mismatch", message="Python 3.12"), errors.NodeMismatch),
        (Failure(type="signal", message="segfault", signal="SIGSEGV"), errors.JobFailed),
        (Failure(type="exception", exception=b"garbage"), errors.JobFailed),
        (Failure(type="exception", exception=pickle.dumps("no exception")), errors.JobFailed),
        (Failure(type="exception", exception=pickle.dumps(KeyError("k"))), KeyError),
    ],
)
def test_a_failure_is_raised_as_what_it_is(failure: Failure, kind: type[BaseException]) -> None:
    error = raised_by(failure, "a")
    assert type(error) is kind
    if isinstance(error, errors.JobFailed):
        assert error.details["node"] == "a"
        assert error.details["signal"] == failure.signal


def test_columns_by_name_know_their_names_even_when_empty() -> None:
    assert Columns(("a", "b"), [(1, 2), (3, 4)]).by_name() == {"a": [1, 3], "b": [2, 4]}
    assert Columns(("a", "b"), []).by_name() == {"a": [], "b": []}


# ── invitations ──────────────────────────────────────────────────────────────────────────────────


def test_an_invitation_masks_its_token_everywhere_but_in_the_command() -> None:
    token = "s3cret-s3cret"
    invitation = Invitation("http://10.0.0.5:8000", token)
    assert invitation.command == f"NEXAPOD_TOKEN={token} nexapod node http://10.0.0.5:8000"
    assert token not in repr(invitation)
    assert token not in invitation.shown
    assert token not in str(invitation)
    assert token not in invitation.hint
    assert token not in invitation.url


def test_a_token_with_odd_characters_is_quoted() -> None:
    assert "NEXAPOD_TOKEN='a b;$(c)'" in Invitation("http://h:1", "a b;$(c)").command


def test_an_open_fleets_invitation_has_no_token() -> None:
    assert Invitation("http://h:1", None).command == "nexapod node http://h:1"


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://127.0.0.1:8000", "ssh -N -L 8000:127.0.0.1:8000"),
        ("http://[::1]:9000", "ssh -N -L 9000:127.0.0.1:9000"),
        ("http://10.0.0.5:8000", "can join"),
    ],
)
def test_an_invitation_says_who_can_use_it(url: str, says: str) -> None:
    assert says in Invitation(url, "t").hint
