"""Every bad request is a 4xx with one clear sentence, echoes nothing, and changes nothing."""

from __future__ import annotations

import gzip
import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from uuid import uuid4

import pytest

from nexapod.wire.routes import ROUTES
from tests.integration.conftest import Serve
from tests.integration.parts import Client, Coordinator, Reply

#: Stands in every input that could be echoed, and in no answer.
MARK = "zebra"

BLOB = b"a blob"
BLOB_NAME = hashlib.sha256(BLOB).hexdigest()

NODE = {"node_id": "bad-node", "profile": {}}


class Scene(NamedTuple):
    """What the bad requests meet: a node with a job, another node's job, a finished one."""

    api: Client
    mine: str
    others: str
    done: str
    cancelled: str

    def state(self) -> Any:
        nodes = self.api.get("/nodes")
        for node in nodes:
            del node["last_seen_at"]
        return self.api.get("/jobs"), nodes, self.api.get("/sweeps"), self.api.get("/attempts")


@pytest.fixture(scope="module")
def scene(open_coordinator: Coordinator) -> Iterator[Scene]:
    api = open_coordinator.client()
    held = []
    for node_id in ("good", "other"):
        api.register(node_id)
        job_id = api.submit()
        assert api.poll(node_id)["job_id"] == job_id
        held.append(job_id)
    done, cancelled = api.submit(), api.submit()
    for _ in range(2):
        api.poll("good")
    assert api.report("good", done, {"kept": True}).status == 200
    api.post(f"/jobs/{cancelled}/cancel")
    assert api.ask("PUT", f"/blobs/{BLOB_NAME}", BLOB).status == 200
    yield Scene(api, held[0], held[1], done, cancelled)


def post(path: str, body: Any, **headers: str) -> Callable[[Scene], Reply]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda scene: scene.api.ask("POST", path, body, named)


def get(path: str, **headers: str) -> Callable[[Scene], Reply]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda scene: scene.api.ask("GET", path, headers=named)


def raw(sent: bytes) -> Callable[[Scene], Reply]:
    return lambda scene: scene.api.raw(sent.replace(b"PORT", str(scene.api.port).encode()))


def deep(depth: int) -> bytes:
    return b'{"data":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"


REFUSED: dict[str, tuple[int, Callable[[Scene], Reply]]] = {
    # cannot be parsed
    "no body at all": (400, post("/register", b"")),
    "not JSON": (400, post("/register", b"{zebra")),
    "two JSON values": (400, post("/jobs", b'{"data": 1} {"zebra": 2}')),
    "a comma too many": (400, post("/jobs", b'{"data": ["zebra",]}')),
    "single quotes": (400, post("/jobs", b"{'data': 'zebra'}")),
    "NaN": (400, post("/jobs", b'{"data": NaN}')),
    "Infinity": (400, post("/jobs", b'{"data": -Infinity}')),
    "a number beyond a double": (400, post("/jobs", b'{"data": 1e999}')),
    "an integer of 10,000 digits": (400, post("/jobs", b'{"data": ' + b"9" * 10_000 + b"}")),
    "a leading zero": (400, post("/jobs", b'{"data": 007}')),
    "the same key twice": (400, post("/jobs", b'{"data": {"zebra": 1, "zebra": 2}}')),
    "the same key twice, once escaped": (400, post("/jobs", b'{"data": {"a": 1, "\\u0061": 2}}')),
    "65 levels": (400, post("/jobs", deep(65))),
    "66 levels": (400, post("/jobs", deep(66))),
    "100,000 levels": (400, post("/jobs", deep(100_000))),
    "half a surrogate pair": (400, post("/jobs", b'{"data": "zebra \\ud800"}')),
    "the wrong half of one": (400, post("/jobs", b'{"data": {"\\udfff": "zebra"}}')),
    "Latin-1": (400, post("/jobs", '{"data": "zebra é"}'.encode("latin-1"))),
    "UTF-16": (400, post("/jobs", '{"data": "zebra"}'.encode("utf-16"))),
    "a byte order mark": (400, post("/jobs", b'\xef\xbb\xbf{"data": "zebra"}')),
    "an overlong UTF-8 form": (400, post("/jobs", b'{"data": "zebra \xc0\xaf"}')),
    "a control character in a string": (400, post("/jobs", b'{"data": "zebra \x01"}')),
    "a MessagePack body that is none": (
        400, post("/jobs", b"\xc1zebra", Content_Type="application/msgpack")),
    "an Idempotency-Key that is not ASCII": (
        422, post("/jobs", {"data": MARK}, Idempotency_Key="k\xe9")),
    "MessagePack that JSON cannot hold": (
        400, post("/jobs", b"\x81\xa4data\xc7\x05\x05zebra", Content_Type="application/msgpack")),
    "MessagePack text that is not UTF-8": (
        400, post("/jobs", b"\x81\xa4data\xa2\xff\xfe", Content_Type="application/msgpack")),
    "MessagePack NaN": (
        400, post("/jobs", b"\x81\xa4data\xcb\x7f\xf8" + b"\0" * 6,
                  Content_Type="application/msgpack")),
    "MessagePack of 65 levels": (
        400, post("/jobs", b"\x81\xa4data" + b"\x91" * 64 + b"\xc0",
                  Content_Type="application/msgpack")),
    # parsed, but wrong
    "a list as a node": (422, post("/register", [NODE])),
    "a string as a node": (422, post("/register", MARK)),
    "no node_id": (422, post("/register", {"profile": {}})),
    "no profile": (422, post("/register", {"node_id": MARK})),
    "a profile that is a list": (422, post("/register", {"node_id": MARK, "profile": []})),
    "a profile that is null": (422, post("/register", {"node_id": MARK, "profile": None})),
    "an empty node_id": (422, post("/register", {**NODE, "node_id": ""})),
    "a node_id of 129 letters": (422, post("/register", {**NODE, "node_id": "z" * 129})),
    "a node_id with a slash": (422, post("/register", {**NODE, "node_id": "zebra/../x"})),
    "a node_id that ends in a line break": (422, post("/register", {**NODE, "node_id": "zebra\n"})),
    "a node_id with a space": (422, post("/register", {**NODE, "node_id": "ze bra"})),
    "a node_id that begins with a dot": (422, post("/register", {**NODE, "node_id": ".zebra"})),
    "a node_id beyond ASCII": (422, post("/register", {**NODE, "node_id": "zébra"})),
    "a node_id that is a number": (422, post("/register", {**NODE, "node_id": 7})),
    "no slots": (422, post("/register", {**NODE, "slots": 0})),
    "a kind of job there is not": (422, post("/register", {**NODE, "kinds": [MARK]})),
    "no X-Node-ID": (422, get("/job")),
    "an empty X-Node-ID": (422, lambda s: s.api.raw(
        f"GET /job HTTP/1.1\r\nHost: {s.api.netloc}\r\nX-Node-ID:\r\nConnection: close\r\n\r\n"
        .encode())),
    "an ill-formed X-Node-ID": (422, get("/job", X_Node_ID="zebra/1")),
    "an ill-formed X-Poll-ID": (422, get("/job", X_Node_ID="good", X_Poll_ID="zebra 1")),
    "a wait of a day": (422, get("/job?wait_s=86400", X_Node_ID="good")),
    "a wait that is no number": (422, get("/job?wait_s=zebra", X_Node_ID="good")),
    "a wait that is NaN": (422, get("/job?wait_s=nan", X_Node_ID="good")),
    "a lease of a second": (422, get("/job?lease_s=1", X_Node_ID="good")),
    "a lease given twice": (422, get("/job?lease_s=20&lease_s=30", X_Node_ID="good")),
    "a query that there is not": (422, get("/job?zebra=1", X_Node_ID="good")),
    "a job without data": (422, post("/jobs", {"name": MARK})),
    "a job that is a number": (422, post("/jobs", 1)),
    "a job_id that ends in a line break": (422, post("/jobs", {"data": 1, "job_id": "zebra\n"})),
    "a hash that ends in a line break": (
        422, post("/jobs", {"data": 1, "hashes": {"runner": "0" * 64 + "\n"}})),
    "a job_id with a slash": (422, post("/jobs", {"data": MARK, "job_id": "zebra/1"})),
    "a negative priority beyond bounds": (422, post("/jobs", {"data": MARK, "priority": -10**9})),
    "a priority that is a text": (422, post("/jobs", {"data": 1, "priority": MARK})),
    "no cpus": (422, post("/jobs", {"data": MARK, "cpus": 0})),
    "a timeout of no time": (422, post("/jobs", {"data": MARK, "timeout_s": 0})),
    "a hash that is none": (422, post("/jobs", {"data": 1, "hashes": {"runner": MARK}})),
    "a job that waits for an unknown one": (422, post("/jobs", {"data": 1, "after": [MARK]})),
    "a job that waits for itself": (
        422, post("/jobs", {"data": 1, "job_id": MARK, "after": [MARK]})),
    "a function job with data": (422, post("/jobs", {"data": MARK, "kind": "function"})),
    "a function job with a blob that is not there": (
        422, post("/jobs", {"kind": "function", "blob": "0" * 64})),
    "an Idempotency-Key of 151 letters": (
        422, post("/jobs", {"data": MARK}, Idempotency_Key="k" * 151)),
    "one bad job in a list of good ones": (
        422, post("/jobs", [{"data": MARK}, {"data": 2, "cpus": -1}, {"data": 3}])),
    "a status that there is not": (422, get("/jobs?status=zebra")),
    "a limit of none": (422, get("/jobs?limit=0")),
    "a field that there is not": (422, get("/jobs?fields=job_id,zebra")),
    "a cursor that is no number": (422, get("/jobs?cursor=zebra")),
    "no result": (422, lambda s: s.api.ask(
        "POST", "/result", {"job_id": s.mine, "node_id": "good"})),
    "a failure without an error": (422, lambda s: s.api.ask(
        "POST", "/result", {"job_id": s.mine, "node_id": "good", "status": "failed"})),
    "a result that is also an error": (422, lambda s: s.api.ask(
        "POST", "/result",
        {"job_id": s.mine, "node_id": "good", "result": 1, "error": {"message": MARK}})),
    "a status of a result that there is not": (422, lambda s: s.api.ask(
        "POST", "/result", {"job_id": s.mine, "node_id": "good", "result": 1, "status": MARK})),
    "a kind of failure that there is not": (422, lambda s: s.api.ask(
        "POST", "/result",
        {"job_id": s.mine, "node_id": "good", "status": "failed", "error": {"type": MARK}})),
    "a list as a result's body": (422, lambda s: s.api.ask(
        "POST", "/result", [{"job_id": s.mine, "node_id": "good", "result": MARK}])),
    "a list as a heartbeat": (422, post("/heartbeat", [MARK])),
    "a blob whose name is no hash": (422, lambda s: s.api.ask("PUT", "/blobs/zebra", b"zebra")),
    "a blob whose bytes are others": (
        422, lambda s: s.api.ask("PUT", f"/blobs/{'0' * 64}", b"zebra")),
    # not there
    "an unregistered node's poll": (404, get("/job", X_Node_ID=MARK)),
    "an unregistered node's lease": (404, post("/lease", {"node_id": MARK})),
    "an unregistered node's heartbeat": (404, post("/heartbeat", {"node_id": MARK})),
    "an unregistered node's leave": (404, post("/leave", {"node_id": MARK})),
    "an unregistered node's result": (404, lambda s: s.api.report(MARK, s.mine, 1)),
    "a result of no job": (404, lambda s: s.api.report("good", MARK, 1)),
    "a look at no job": (404, get("/jobs/zebra")),
    "a look at an id that cannot be": (404, get("/jobs/%2e%2e%2fzebra")),
    "a cancel of no job": (404, post("/jobs/zebra/cancel", None)),
    "a retry of no job": (404, post("/jobs/zebra/retry", None)),
    "a blob that is not there": (404, get(f"/blobs/{'0' * 64}")),
    "no such path": (404, get("/zebra")),
    "no such path below one": (404, get("/jobs/x/zebra")),
    "a path that climbs": (404, get("/jobs/../../zebra")),
    "a slash too many": (404, get("/jobs/")),
    # the wrong method
    "GET /register": (405, get("/register")),
    "POST /job": (405, post("/job", {"data": MARK})),
    "DELETE /jobs": (405, lambda s: s.api.ask("DELETE", "/jobs")),
    "PATCH /jobs": (405, lambda s: s.api.ask("PATCH", "/jobs", {"data": MARK})),
    "a method of its own": (400, lambda s: s.api.ask("ZEBRA", "/jobs")),
    "OPTIONS": (405, lambda s: s.api.ask("OPTIONS", "/jobs")),
    # against what is recorded
    "the result of another node's job": (409, lambda s: s.api.report("good", s.others, MARK)),
    "a result under an epoch to come": (
        409, lambda s: s.api.report("good", s.mine, MARK, epoch=2)),
    "a result under an epoch gone by": (
        409, lambda s: s.api.report("good", s.mine, MARK, epoch=0)),
    "another result of a finished job": (409, lambda s: s.api.report("good", s.done, MARK)),
    "the same result from another node": (
        409, lambda s: s.api.report("other", s.done, {"kept": True})),
    "a job_id that is taken": (409, lambda s: s.api.ask(
        "POST", "/jobs", {"data": MARK, "job_id": s.done})),
    "a taken job_id among good ones": (409, lambda s: s.api.ask(
        "POST", "/jobs", [{"data": MARK}, {"data": MARK, "job_id": s.done}])),
    "a job_id twice in one list": (409, lambda s: s.api.ask(
        "POST", "/jobs", [{"data": 1, "job_id": "x"}, {"data": 2, "job_id": "x"}])),
    "a retry of what has not ended": (
        409, lambda s: s.api.ask("POST", f"/jobs/{s.mine}/retry")),
    "the result of a cancelled job": (410, lambda s: s.api.report("good", s.cancelled, MARK)),
    # too large
    "over 1 MiB to /register": (413, post("/register", b" " * (2**20 + 1))),
    "over 1 MiB to /register in chunks": (413, raw(
        b"POST /register HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nContent-Type: application/json\r\n"
        b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        + b"40000\r\n" + b" " * 0x40000 + b"\r\n" + (b"40000\r\n" + b" " * 0x40000 + b"\r\n") * 4
        + b"0\r\n\r\n")),
    "a body with GET": (413, lambda s: s.api.ask("GET", "/jobs", {"zebra": 1})),
    "10,001 jobs at once": (413, post("/jobs", [{"data": 0}] * 10_001)),
    # not what it takes
    "no content type": (415, post("/register", NODE, Content_Type="")),
    "a form": (415, post("/jobs", b"data=1", Content_Type="application/x-www-form-urlencoded")),
    "plain text, as a hostile page can send": (
        415, post("/jobs", {"data": MARK}, Content_Type="text/plain")),
    "JSON in Latin-1": (
        415, post("/jobs", {"data": MARK}, Content_Type="application/json; charset=latin-1")),
    "gzip": (415, post("/jobs", gzip.compress(b'{"data": 1}'), Content_Encoding="gzip")),
    "a made-up encoding": (415, post("/jobs", {"data": 1}, Content_Encoding=MARK)),
    # from where it may not come
    "another Host": (421, get("/jobs", Host="zebra.example")),
    "the right Host on another port": (421, get("/jobs", Host="127.0.0.1:1")),
    "a rebound name": (421, post("/jobs", {"data": MARK}, Host="zebra.127.0.0.1.nip.io")),
    "another page's Origin": (403, post("/jobs", {"data": MARK}, Origin="https://zebra.example")),
    "a page's null Origin": (403, post("/jobs", {"data": MARK}, Origin="null")),
    "a cross-site GET": (403, get("/jobs", Sec_Fetch_Site="cross-site")),
    "a same-site GET": (403, get("/jobs", Sec_Fetch_Site="same-site")),
    "a range beyond the blob": (416, lambda s: s.api.ask(
        "GET", f"/blobs/{BLOB_NAME}", headers={"Range": "bytes=9-"})),
    # not HTTP
    "garbage": (400, raw(b"\x16\x03\x01\x02zebra\r\n\r\n")),
    "a request line without a version": (404, raw(b"GET /zebra\r\n\r\n")),
    "a version of the future": (400, raw(b"GET /jobs HTTP/9.zebra\r\nHost: x\r\n\r\n")),
    "a header without a colon": (400, raw(
        b"GET /jobs HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nzebra\r\n\r\n")),
    "a length that is no number": (400, raw(
        b"POST /jobs HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nContent-Length: zebra\r\n\r\n")),
    "both a length and chunks": (400, raw(
        b"POST /jobs HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nContent-Type: application/json\r\n"
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")),
    "chunks that are none": (400, raw(
        b"POST /jobs HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nContent-Type: application/json\r\n"
        b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\nzebra\r\n")),
    "a header of 64 KiB": (400, get("/jobs", X_Zebra="z" * 65_536)),
    "no Host": (421, raw(b"GET /jobs HTTP/1.0\r\n\r\n")),
}  # fmt: skip


def test_there_are_more_than_two_dozen():
    assert len(REFUSED) > 100


@pytest.mark.parametrize("what", REFUSED)
def test_a_bad_request_is_refused_in_one_sentence_and_nothing_changes(scene: Scene, what: str):
    status, send = REFUSED[what]
    before = scene.state()
    reply = send(scene)
    assert reply.status == status, reply.body
    assert_is_refusal(reply)
    assert scene.state() == before


def assert_is_refusal(reply: Reply) -> None:
    assert reply.headers["Content-Type"].partition(";")[0] in (
        "application/json", "application/msgpack",
    )  # fmt: skip
    assert MARK.encode() not in reply.body
    assert b"Traceback" not in reply.body
    if "msgpack" in reply.headers["Content-Type"]:
        return
    answer = json.loads(reply.body)
    assert set(answer) == {"error"}
    assert {"code", "message"} <= set(answer["error"])
    code, message = answer["error"]["code"], answer["error"]["message"]
    assert code.replace("_", "").isalpha()
    assert 10 < len(message) < 200
    assert "\n" not in message


def test_an_unregistered_node_is_told_what_to_do(scene: Scene):
    reply = scene.api.ask("GET", "/job", headers={"X-Node-ID": "stranger"})
    assert reply.json["error"]["details"] == {"action": "register"}


def test_the_wrong_method_names_the_right_ones(scene: Scene):
    reply = scene.api.ask("DELETE", "/jobs")
    assert reply.headers["Allow"] == "GET, POST"


def test_both_own_addresses_are_accepted_as_host(scene: Scene):
    for host in ("127.0.0.1", "localhost", "LocalHost", "[::1]"):
        reply = scene.api.ask("GET", "/jobs", headers={"Host": f"{host}:{scene.api.port}"})
        assert reply.status == 200


def test_its_own_origin_is_accepted(scene: Scene):
    headers = {"Origin": scene.api.url, "Sec-Fetch-Site": "same-origin"}
    assert scene.api.ask("GET", "/jobs", headers=headers).status == 200


def test_a_connection_serves_on_after_a_refusal(open_coordinator: Coordinator, scene: Scene):
    with open_coordinator.client(keep=True) as client:
        for _ in range(3):
            assert client.ask("POST", "/jobs", b'{"data": NaN}').status == 400
            assert client.ask("GET", "/health").status == 200


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_no_route_takes_a_request_from_another_page(scene: Scene, route: Any):
    path = route.path.format(job_id=scene.mine, sha256="0" * 64, token_id="x", node_id="x")
    body = b"{}" if route.method != "GET" else None
    before = scene.state()
    for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert scene.api.ask(route.method, path, body, headers).status == 403
    assert scene.api.ask(route.method, path, body, {"Host": "evil.example"}).status == 421
    assert scene.state() == before


def test_a_refused_name_is_free_afterwards(scene: Scene):
    job_id = f"free-{uuid4()}"
    assert scene.api.ask("POST", "/jobs", {"job_id": job_id, "data": 1, "cpus": -1}).status == 422
    assert scene.api.submit(2, job_id=job_id) == job_id
    scene.api.post(f"/jobs/{job_id}/cancel")


@pytest.mark.parametrize(
    "too_large",
    [
        {"peak_memory_bytes": 2**63},
        {"value": {"data": "MQ==", "size": 2**63}},
    ],
    ids=["memory", "size"],
)
def test_a_number_too_large_for_the_database_stops_nobody(fresh: Client, too_large: dict[str, Any]):
    fresh.register("bystander")
    fresh.register("clumsy")
    job_id = fresh.submit()
    (leased,) = fresh.post("/lease", {"node_id": "clumsy"})["jobs"]
    report = {"job_id": job_id, "epoch": leased["epoch"], "value": {"data": "MQ=="}, **too_large}
    reply = fresh.ask("POST", "/results", {"node_id": "clumsy", "reports": [report]})
    assert reply.status < 500 or reply.status in (503, 507)
    other = fresh.submit()
    assert fresh.poll("bystander")["job_id"] in (job_id, other)
    assert reply.status < 500


def test_a_bad_request_never_costs_its_neighbours_in_the_same_commit(
    open_coordinator: Coordinator, scene: Scene
):
    """Requests that arrive together share a transaction; a refused one must not undo the others."""
    good = [f"neighbour-{uuid4()}" for _ in range(30)]
    failures: list[str] = []

    def submit(job_id: str) -> None:
        with open_coordinator.client() as client:
            if client.ask("POST", "/jobs", {"job_id": job_id, "data": 1}).status != 200:
                failures.append(job_id)

    def spoil() -> None:
        with open_coordinator.client() as client:
            if client.report("good", scene.others, 1).status != 409:
                failures.append("spoiler")

    threads = [threading.Thread(target=submit, args=(job_id,)) for job_id in good]
    threads += [threading.Thread(target=spoil) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    cancelled = scene.api.post("/jobs/cancel", {"job_ids": good})
    assert {row["was"] for row in cancelled} == {"pending"}


@pytest.mark.parametrize("status", [401, 415])
def test_a_refused_compressed_body_is_never_unpacked(serve: Serve, status: int):
    coordinator = serve(*(["--open"] if status == 415 else []))
    headers = {"Content-Encoding": "gzip"}
    reply = Client(coordinator.url).ask("POST", "/jobs", b"this is not gzip", headers)
    assert reply.status == status
    assert Client(coordinator.url).get("/health") == {"status": "ok"}
    time.sleep(0.2)
    assert "Traceback" not in coordinator.output
