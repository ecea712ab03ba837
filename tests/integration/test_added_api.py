"""What is added around the seed: submitting, cancelling, leases in batches, listings, the feed."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from nexapod.wire.routes import ROUTES
from tests.integration.parts import DEADLINE_S, Client, Coordinator, eventually


def unique(what: str) -> str:
    return f"{what}-{uuid4()}"


# ── submit ───────────────────────────────────────────────────────────────────────────────────────


def test_one_job_or_a_list_of_jobs_can_be_submitted(api: Client):
    one = api.post("/jobs", {"data": {"n": 1}})
    assert one["status"] == "pending"
    assert api.job(one["job_id"])["data"] == {"n": 1}
    many = api.post("/jobs", [{"data": n} for n in range(5)])
    assert [api.job(job["job_id"])["data"] for job in many] == list(range(5))
    assert api.post("/jobs", []) == []


def test_what_was_asked_for_is_what_is_stored(api: Client):
    asked: dict[str, Any] = {
        "name": "fold",
        "sweep": unique("s"),
        "params": {"t": 300.5},
        "priority": -3,
    }
    row = api.job(api.submit(1, **asked))
    assert asked.items() <= row.items()
    assert row["status"] == "pending"
    assert row["attempts"] == []
    assert row["created_at"] == pytest.approx(time.time(), abs=DEADLINE_S)


def test_a_list_is_taken_whole_or_not_at_all(api: Client):
    taken = api.submit(1, job_id=unique("taken"))
    before = api.get("/jobs?fields=job_id")
    jobs: list[dict[str, Any]] = [
        {"data": 1, "job_id": unique("new")},
        {"data": "other", "job_id": taken},
    ]
    assert api.ask("POST", "/jobs", jobs).status == 409
    assert api.get("/jobs?fields=job_id") == before
    assert api.ask("GET", f"/jobs/{jobs[0]['job_id']}").status == 404


def test_the_same_job_id_and_body_is_the_same_job(api: Client):
    job: dict[str, Any] = {"data": {"n": 1}, "job_id": unique("again"), "priority": 2}
    assert api.post("/jobs", job) == api.post("/jobs", job)
    assert api.ask("POST", "/jobs", {**job, "priority": 3}).status == 409
    api.register("again")
    assert api.poll("again")["job_id"] == job["job_id"]
    assert api.post("/jobs", job)["status"] == "assigned"
    api.report("again", job["job_id"], 1)
    assert api.post("/jobs", job)["status"] == "completed"
    assert api.ask("POST", "/jobs", {**job, "data": {"n": 2}}).status == 409


def test_the_same_idempotency_key_and_body_is_the_same_job(api: Client):
    key = {"Idempotency-Key": unique("key")}
    first = api.ask("POST", "/jobs", {"data": 1}, key).json
    assert api.ask("POST", "/jobs", {"data": 1}, key).json == first
    assert api.ask("POST", "/jobs", {"data": 2}, key).code == "conflict"
    assert api.submit(1) != first["job_id"]


def test_a_repeated_list_under_one_key_is_the_same_jobs(api: Client):
    key = {"Idempotency-Key": unique("key")}
    jobs = [{"data": n} for n in range(3)]
    first = api.ask("POST", "/jobs", jobs, key).json
    assert len({job["job_id"] for job in first}) == 3
    assert api.ask("POST", "/jobs", jobs, key).json == first
    assert api.ask("POST", "/jobs", [*jobs[:2], {"data": "x"}], key).status == 409


def test_ten_thousand_jobs_go_in_one_request(api: Client):
    jobs = api.post("/jobs", [{"data": n} for n in range(10_000)])
    assert len({job["job_id"] for job in jobs}) == 10_000


def test_higher_priority_goes_first_and_then_the_older_one(api: Client):
    api.register("order")
    low, first, second, high = (api.submit(1, priority=p) for p in (-1, 0, 0, 9))
    assert [api.poll("order")["job_id"] for _ in range(4)] == [high, first, second, low]


def test_a_job_waits_for_those_it_depends_on(api: Client):
    api.register("chain")
    first = api.submit(1)
    second = api.submit(2, after=[first])
    assert api.poll("chain")["job_id"] == first
    assert api.poll("chain") == {"status": "no_job_available"}
    api.report("chain", first, "one")
    assert api.poll("chain")["job_id"] == second


def test_a_job_is_only_given_to_a_node_with_its_hashes_and_the_table_says_why(api: Client):
    sha = hashlib.sha256(b"runner").hexdigest()
    api.post("/register", {"node_id": "old", "profile": {"hashes": {"runner": "0" * 64}}})
    api.post("/register", {"node_id": "new", "profile": {"hashes": {"runner": sha}}})
    job_id = api.submit(1, hashes={"runner": sha})
    assert api.poll("old") == {"status": "no_job_available"}
    rows = {row["id"]: row for row in api.get("/nodes")}
    assert any("runner" in why for why in rows["old"]["unmatched"]), rows["old"]
    assert rows["new"]["unmatched"] == []
    assert api.poll("new")["job_id"] == job_id


# ── cancel ───────────────────────────────────────────────────────────────────────────────────────


def test_a_pending_job_is_cancelled_and_never_given_out(api: Client):
    api.register("c-1")
    job_id = api.submit()
    cancelled = api.post(f"/jobs/{job_id}/cancel")
    assert (cancelled["status"], cancelled["was"]) == ("cancelled", "pending")
    assert api.poll("c-1") == {"status": "no_job_available"}
    assert api.status_of(job_id) == "cancelled"


def test_an_assigned_job_is_cancelled_and_its_late_result_is_gone(api: Client):
    api.register("c-2")
    job_id = api.submit()
    api.poll("c-2")
    cancelled = api.post(f"/jobs/{job_id}/cancel")
    assert (cancelled["was"], cancelled["node_id"]) == ("assigned", "c-2")
    late = api.report("c-2", job_id, "too late")
    assert (late.status, late.code) == (410, "gone")
    row = api.job(job_id)
    assert (row["status"], row["result"]) == ("cancelled", None)
    assert [a["end"] for a in row["attempts"]] == ["cancelled"]


def test_a_finished_job_keeps_its_end_when_it_is_cancelled(api: Client):
    api.register("c-3")
    job_id = api.submit()
    api.poll("c-3")
    api.report("c-3", job_id, [1])
    assert api.post(f"/jobs/{job_id}/cancel")["status"] == "completed"
    assert api.job(job_id)["result"] == [1]


def test_cancelling_twice_is_the_same_as_once(api: Client):
    job_id = api.submit()
    api.post(f"/jobs/{job_id}/cancel")
    again = api.post(f"/jobs/{job_id}/cancel")
    assert (again["status"], again["was"]) == ("cancelled", "cancelled")


def test_many_are_cancelled_at_once_and_unknown_ones_left_out(api: Client):
    ids = [api.submit() for _ in range(3)]
    answer = api.post("/jobs/cancel", {"job_ids": [*ids, "never-was"]})
    assert [row["job_id"] for row in answer] == ids


def test_what_depends_on_a_cancelled_job_fails_and_says_so(api: Client):
    first = api.submit()
    second = api.submit(after=[first])
    third = api.submit(after=[second])
    api.post(f"/jobs/{first}/cancel")
    for job_id, cause in ((second, first), (third, second)):
        row = api.job(job_id)
        assert (row["status"], row["error"]["type"]) == ("failed", "dependency")
        assert cause in row["error"]["message"]


# ── reports of seed nodes ────────────────────────────────────────────────────────────────────────


def test_the_same_result_twice_is_one_result(api: Client):
    api.register("twice")
    job_id = api.submit()
    api.poll("twice")
    first = api.report("twice", job_id, {"x": 1})
    assert api.report("twice", job_id, {"x": 1})[:1] == first[:1] == (200,)
    assert api.report("twice", job_id, {"x": 2}).code == "conflict"
    assert api.job(job_id)["result"] == {"x": 1}


def test_a_failure_is_recorded_and_tried_again_as_often_as_asked(api: Client):
    api.register("clumsy")
    job_id = api.submit(retries=1)
    for attempt in (1, 2):
        job = eventually(lambda: _a_job(api, "clumsy"), "the job to come back")
        assert job["epoch"] == attempt
        body = {
            "job_id": job_id, "node_id": "clumsy", "status": "failed",
            "error": {"message": f"no. {attempt}"},
        }  # fmt: skip
        assert api.post("/result", body) == {"status": "result_received", "job_id": job_id}
    row = api.job(job_id)
    assert (row["status"], row["error"]["message"]) == ("failed", "no. 2")
    assert [a["end"] for a in row["attempts"]] == ["failed", "failed"]


def _a_job(api: Client, node_id: str) -> Any:
    job = api.poll(node_id, "?wait_s=5")
    return job if job["status"] == "assigned" else None


def test_a_failed_job_can_be_submitted_again_as_a_new_one(api: Client):
    api.register("once-more")
    job_id = api.submit({"n": 1}, name="fold")
    api.poll("once-more")
    error = {"message": "out of luck"}
    api.post("/result", {"job_id": job_id, "node_id": "once-more", "status": "failed",
                         "error": error})  # fmt: skip
    again = api.post(f"/jobs/{job_id}/retry")["job_id"]
    assert again != job_id
    assert (api.job(again)["data"], api.job(again)["name"]) == ({"n": 1}, "fold")
    assert api.status_of(job_id) == "failed"


# ── polls ────────────────────────────────────────────────────────────────────────────────────────


def test_a_repeated_poll_gets_the_same_lease(api: Client):
    api.register("poll")
    api.submit(1)
    api.submit(2)
    first = api.poll("poll", poll_id="p-1")
    assert api.poll("poll", poll_id="p-1") == first
    other = api.poll("poll", poll_id="p-2")
    assert other["job_id"] != first["job_id"]
    api.report("poll", first["job_id"], 1)
    assert api.poll("poll", poll_id="p-1") == {"status": "no_job_available"}


def test_the_poll_of_another_node_under_the_same_id_is_another_poll(api: Client):
    api.register("poll-a")
    api.register("poll-b")
    api.submit(1)
    api.submit(2)
    assert api.poll("poll-a", poll_id="p")["job_id"] != api.poll("poll-b", poll_id="p")["job_id"]


def test_a_waiting_poll_is_answered_by_the_submit(open_coordinator: Coordinator, api: Client):
    api.register("patient")
    answers: list[Any] = []

    def poll() -> None:
        with open_coordinator.client() as mine:
            answers.append(mine.poll("patient", "?wait_s=60"))

    thread = threading.Thread(target=poll)
    thread.start()
    time.sleep(0.3)
    assert answers == []
    job_id = api.submit()
    thread.join(DEADLINE_S / 2)  # half the wait: it was the submit that ended it
    assert [answer["job_id"] for answer in answers] == [job_id]


def test_a_submit_of_one_job_answers_one_of_many_waiting_polls(
    open_coordinator: Coordinator, api: Client
):
    answers: list[Any] = []

    def poll(name: str) -> None:
        with open_coordinator.client() as mine:
            mine.register(name)
            answers.append(mine.poll(name, "?wait_s=2"))

    threads = [threading.Thread(target=poll, args=(f"crowd-{n}",)) for n in range(6)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    job_id = api.submit()
    for thread in threads:
        thread.join()
    assert sorted(a.get("job_id", "") for a in answers) == [""] * 5 + [job_id]


def test_a_poll_that_hung_up_takes_no_job_with_it(open_coordinator: Coordinator, api: Client):
    api.register("gone")
    api.register("here")
    with open_coordinator.client() as gone:
        gone._connection.request("GET", "/job?wait_s=60", headers={"X-Node-ID": "gone"})
        time.sleep(0.2)
    job_id = api.submit()
    assert api.poll("here", "?wait_s=30")["job_id"] == job_id


def test_a_plain_node_can_say_how_long_its_lease_is(api: Client):
    api.register("leases")
    api.submit()
    assert api.poll("leases", "?lease_s=10")["lease_s"] == 10
    api.submit(timeout_s=123)
    assert api.poll("leases")["lease_s"] == 123
    api.submit()
    assert api.poll("leases")["lease_s"] == 3600


# ── the agent's endpoints ────────────────────────────────────────────────────────────────────────


def agent(api: Client, node_id: str, slots: int = 4, **more: Any) -> None:
    api.register(node_id, slots=slots, kinds=["data", "function"], boot_id="boot-1", **more)


def lease(api: Client, node_id: str, most: int = 1, **more: Any) -> list[Any]:
    jobs: list[Any] = api.post("/lease", {"node_id": node_id, "max": most, **more})["jobs"]
    return jobs


def holding(jobs: list[Any]) -> list[Any]:
    return [[job["job_id"], job["epoch"]] for job in jobs]


def test_a_lease_brings_many_jobs_with_their_payloads(api: Client):
    agent(api, "a-1")
    call = base64.b64encode(b"a sealed call").decode()
    ids = [api.post("/jobs", {"kind": "function", "payload": call})["job_id"], api.submit({"n": 1})]
    jobs = lease(api, "a-1", 10)
    assert [job["job_id"] for job in jobs] == ids
    assert [job["kind"] for job in jobs] == ["function", "data"]
    assert [base64.b64decode(job["payload"]) for job in jobs] == [b"a sealed call", b'{"n": 1}']
    assert lease(api, "a-1", 10) == []


def test_a_lease_never_brings_more_than_the_slots_or_than_was_asked_for(api: Client):
    agent(api, "a-2", slots=3)
    for _ in range(9):
        api.submit()
    assert len(lease(api, "a-2", 1)) == 1
    assert len(lease(api, "a-2", 9)) == 2
    assert lease(api, "a-2", 9) == []


def test_the_same_request_id_gets_the_same_leases(api: Client):
    agent(api, "a-3")
    for _ in range(3):
        api.submit()
    first = lease(api, "a-3", 2, request_id="r-1")
    assert lease(api, "a-3", 2, request_id="r-1") == first
    assert len(lease(api, "a-3", 2, request_id="r-2")) == 1


def test_a_heartbeat_says_ok_cancel_or_lost(api: Client):
    agent(api, "a-4")
    kept, cancelled = api.submit(), api.submit()
    jobs = lease(api, "a-4", 2)
    api.post(f"/jobs/{cancelled}/cancel")
    beat = {"node_id": "a-4", "leases": [*([*h, 1.5] for h in holding(jobs)), ["never-was", 1, 0]]}
    told = {job_id: status for job_id, _, status in api.post("/heartbeat", beat)["leases"]}
    assert told == {kept: "ok", cancelled: "cancel", "never-was": "lost"}


def test_a_waiting_heartbeat_returns_at_once_when_something_is_cancelled(
    open_coordinator: Coordinator, api: Client
):
    agent(api, "a-5")
    job_id = api.submit()
    jobs = lease(api, "a-5")
    answers: list[Any] = []

    def beat() -> None:
        with open_coordinator.client() as mine:
            body = {"node_id": "a-5", "leases": holding(jobs), "wait_s": 60}
            answers.append(mine.post("/heartbeat", body))

    thread = threading.Thread(target=beat)
    thread.start()
    time.sleep(0.3)
    assert answers == []
    api.post(f"/jobs/{job_id}/cancel")
    thread.join(DEADLINE_S / 2)
    assert [answer["leases"] for answer in answers] == [[[job_id, 1, "cancel"]]]


def test_each_report_of_a_batch_is_judged_alone(api: Client):
    agent(api, "a-6")
    good, failing, back, gone = (api.submit() for _ in range(4))
    assert len(lease(api, "a-6", 4)) == 4
    api.post(f"/jobs/{gone}/cancel")
    one = base64.b64encode(b'{"ok": 1}').decode()
    reports = [
        {"job_id": good, "epoch": 1, "value": {"data": one}, "run_s": 0.5, "output": "hello\n"},
        {"job_id": failing, "epoch": 1, "end": "failed", "failure": {"message": "no"}},
        {"job_id": back, "epoch": 1, "end": "released"},
        {"job_id": gone, "epoch": 1, "value": {"data": one}},
        {"job_id": "never-was", "epoch": 1, "value": {"data": one}},
        {"job_id": good, "epoch": 7, "value": {"data": one}},
        {"job_id": back, "epoch": 1, "value": {"data": base64.b64encode(b"NaN").decode()}},
    ]
    verdicts = api.post("/results", {"node_id": "a-6", "reports": reports})["reports"]
    assert [job_id for job_id, *_ in verdicts] == [report["job_id"] for report in reports]
    assert [status for _, status, _ in verdicts] == [
        "recorded", "recorded", "recorded", "gone", "not_found", "conflict", "bad_request",
    ]  # fmt: skip
    assert api.job(good)["result"] == {"ok": 1}
    assert (api.job(good)["run_s"], api.job(good)["output"]) == (0.5, "hello\n")
    assert [api.status_of(j) for j in (failing, back, gone)] == ["failed", "pending", "cancelled"]
    again = api.post("/results", {"node_id": "a-6", "reports": reports[:1]})["reports"]
    assert again == [[good, "recorded", ""]]


def test_leaving_gives_everything_back_at_once(api: Client):
    agent(api, "a-7")
    agent(api, "a-8")
    ids = [api.submit() for _ in range(3)]
    lease(api, "a-7", 3)
    left = api.post("/leave", {"node_id": "a-7"})
    assert left == {"status": "left", "node_id": "a-7", "released": 3}
    assert lease(api, "a-7", 3) == []
    assert [(job["job_id"], job["epoch"]) for job in lease(api, "a-8", 3)] == [(i, 2) for i in ids]
    assert [a["end"] for a in api.job(ids[0])["attempts"]] == ["released", "running"]


def test_draining_gives_back_only_what_is_named(api: Client):
    agent(api, "a-9")
    kept, back = api.submit(), api.submit()
    lease(api, "a-9", 2)
    left = api.post("/leave", {"node_id": "a-9", "release": [[back, 1]]})
    assert (left["status"], left["released"]) == ("draining", 1)
    assert [api.status_of(kept), api.status_of(back)] == ["assigned", "pending"]
    assert api.report("a-9", kept, "finished while draining").status == 200


def test_a_new_boot_frees_what_it_no_longer_holds(api: Client):
    agent(api, "a-10")
    kept, dropped = api.submit(), api.submit()
    lease(api, "a-10", 2)
    answer = api.register(
        "a-10", slots=4, kinds=["data"], boot_id="boot-2", holding=[[kept, 1], ["never-was", 3]]
    )
    assert answer["lost"] == [["never-was", 3]]
    assert [api.status_of(kept), api.status_of(dropped)] == ["assigned", "pending"]
    assert [a["end"] for a in api.job(dropped)["attempts"]] == ["lost"]
    assert api.report("a-10", kept, 1).status == 200


def test_the_same_boot_registering_again_frees_nothing(api: Client):
    agent(api, "a-11")
    job_id = api.submit()
    lease(api, "a-11")
    agent(api, "a-11", holding=[])
    assert api.status_of(job_id) == "assigned"


def test_messagepack_says_the_same_as_json(api: Client):
    kind = {"Content-Type": "application/msgpack"}
    body = msgspec.msgpack.encode({"node_id": "packed", "profile": {"cores": 3, "os": "Linux"}})
    reply = api.ask("POST", "/register", body, kind)
    assert reply.headers["Content-Type"] == "application/msgpack"
    assert msgspec.msgpack.decode(reply.body)["status"] == "registered"
    (node,) = [row for row in api.get("/nodes") if row["id"] == "packed"]
    assert (node["profile"], node["cpus"]) == ({"cores": 3, "os": "Linux"}, 3)


# ── listings ─────────────────────────────────────────────────────────────────────────────────────


def test_a_listing_is_walked_page_by_page(api: Client):
    sweep = unique("walk")
    ids = [j["job_id"] for j in api.post("/jobs", [{"data": n, "sweep": sweep} for n in range(25)])]
    seen: list[str] = []
    cursor, pages = "0", 0
    while True:
        reply = api.ask("GET", f"/jobs?sweep={sweep}&limit=10&cursor={cursor}")
        if not reply.json:
            break
        seen += [row["job_id"] for row in reply.json]
        cursor = reply.headers["X-Next-Cursor"]
        pages += 1
    assert seen == ids
    assert pages == 3


@pytest.mark.parametrize("kind", ["application/json", "application/msgpack"])
def test_attempts_are_walked_page_by_page(api: Client, kind: str):
    node = unique("walker")
    api.register(node)
    ids = [api.submit(n) for n in range(5)]
    for _ in ids:
        api.poll(node)
    seen: list[str] = []
    cursor, pages = "0.0", 0
    while True:
        reply = api.ask("GET", f"/attempts?limit=2&cursor={cursor}", headers={"Accept": kind})
        told = msgspec.msgpack.decode(reply.body)["rows"] if "msgpack" in kind else reply.json
        if not told:
            break
        seen += [row["job_id"] if isinstance(row, dict) else row[0] for row in told]
        cursor = reply.headers["X-Next-Cursor"]
        pages += 1
    assert reply.headers["X-Next-Cursor"] == cursor
    assert [job_id for job_id in seen if job_id in ids] == ids
    assert pages == (len(seen) + 1) // 2
    for wrong in ("1", "1.2.3", "-1.0", "x.y", "1.", "9" * 20 + ".0", "%D9%A1.0"):
        assert api.ask("GET", f"/attempts?cursor={wrong}").status == 422, wrong
    for wrong in ("0", "10001", "x"):
        assert api.ask("GET", f"/attempts?limit={wrong}").status == 422, wrong


def test_a_listing_can_be_cut_to_some_fields_and_states(api: Client):
    sweep = unique("cut")
    api.register("cutter")
    ids = [api.submit(n, sweep=sweep) for n in range(3)]
    api.poll("cutter")
    api.report("cutter", ids[0], "r")
    api.post(f"/jobs/{ids[1]}/cancel")
    rows = api.get(f"/jobs?sweep={sweep}&fields=job_id,status,result&status=completed,cancelled")
    assert rows == [
        {"job_id": ids[0], "status": "completed", "result": "r"},
        {"job_id": ids[1], "status": "cancelled", "result": None},
    ]
    newest = api.get(f"/jobs?sweep={sweep}&limit=2&newest=1&fields=job_id")
    assert {row["job_id"] for row in newest} == set(ids[1:])


def test_sweeps_states_and_counts_agree_with_the_jobs(api: Client):
    sweep = unique("sweep")
    before = api.get("/status")["jobs"]["pending"]
    ids = [api.submit(n, sweep=sweep) for n in range(4)]
    assert {"name": sweep, "jobs": 4} in api.get("/sweeps")
    assert api.get("/status")["jobs"]["pending"] == before + 4
    states = api.post("/jobs/states", {"job_ids": [*ids, "never-was"]})
    assert {s["job_id"]: s["status"] for s in states} == dict.fromkeys(ids, "pending")


def test_a_result_over_many_pages_of_jobs_is_one_json_list(api: Client):
    api.post("/jobs", [{"data": n, "sweep": "many"} for n in range(2500)])
    assert len(api.get("/jobs?sweep=many")) == 2500


# ── the feed ─────────────────────────────────────────────────────────────────────────────────────


class Feed:
    """A reader of ``GET /events``."""

    def __init__(self, api: Client, last_id: str | None = None) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", api.port, timeout=DEADLINE_S)
        headers = {} if last_id is None else {"Last-Event-ID": last_id}
        self._connection.request("GET", "/events", headers=headers)
        self._response = self._connection.getresponse()
        assert self._response.status == 200
        assert self._response.headers["Content-Type"] == "text/event-stream"
        self.last_id = last_id
        self.resets = 0

    def close(self) -> None:
        self._response.close()
        self._connection.close()

    def frames(self) -> Iterator[tuple[str, Any]]:
        frame: dict[str, str] = {}
        while True:
            line = self._response.readline().decode().rstrip("\n")
            if line.startswith(":"):
                continue
            if line:
                name, _, frame[name] = line.partition(": ")
                frame[name] = line.partition(": ")[2]
            elif frame:
                self.last_id = frame["id"]
                yield frame["event"], json.loads(frame["data"])
                frame = {}

    def until(self, last: tuple[str, str]) -> list[tuple[str, str]]:
        """Every (job, status) up to and with `last`."""
        seen = []
        for event, data in self.frames():
            if event == "reset":
                self.resets += 1
                continue
            seen += [(patch["job_id"], patch["status"]) for patch in data]
            if last in seen:
                return seen
        raise AssertionError("the feed ended")


def test_the_feed_tells_each_job_in_order_and_resumes_without_a_gap(api: Client):
    api.register("fed")
    feed = Feed(api)
    try:
        assert next(feed.frames()) == ("reset", {})
        first = api.submit()
        api.poll("fed")
        api.report("fed", first, 1)
        seen = feed.until((first, "completed"))
        assert [s for j, s in seen if j == first] == ["pending", "assigned", "completed"]
    finally:
        feed.close()

    missed = [api.submit() for _ in range(20)]  # while nobody listens
    for job_id in missed[:10]:
        api.post(f"/jobs/{job_id}/cancel")
    again = Feed(api, feed.last_id)
    try:
        seen = again.until((missed[9], "cancelled"))
        assert again.resets == 0
        mine = [(job_id, status) for job_id, status in seen if job_id in missed]
        assert mine == [(j, "pending") for j in missed] + [(j, "cancelled") for j in missed[:10]]
        assert not [s for s in seen if s[0] == first]
    finally:
        again.close()


@pytest.mark.parametrize("last_id", ["", "nonsense", "0000000000000000-5", "run-", "-1"])
def test_the_feed_says_when_it_cannot_resume(api: Client, last_id: str):
    feed = Feed(api, last_id)
    try:
        assert next(feed.frames()) == ("reset", {})
        job_id = api.submit()
        assert feed.until((job_id, "pending"))
    finally:
        feed.close()


def test_the_feed_is_not_confused_by_other_digits(api: Client):
    feed = Feed(api)
    next(feed.frames())
    feed.close()
    assert feed.last_id is not None
    run, _, _ = feed.last_id.partition("-")
    head = f"GET /events HTTP/1.1\r\nHost: {api.netloc}\r\nLast-Event-ID: {run}-²\r\n\r\n"
    with socket.create_connection(("127.0.0.1", api.port), DEADLINE_S) as connection:
        connection.sendall(head.encode())
        assert connection.recv(12) == b"HTTP/1.1 200"


def test_the_feed_of_a_later_run_does_not_pretend_to_resume(serve: Any):
    coordinator = serve("--open")
    feed = Feed(coordinator.client())
    feed.until((coordinator.client().submit(), "pending"))
    feed.close()
    coordinator.kill()
    coordinator.start()
    again = Feed(coordinator.client(), feed.last_id)
    try:
        assert next(again.frames()) == ("reset", {})
    finally:
        again.close()


# ── blobs ────────────────────────────────────────────────────────────────────────────────────────

BLOB = bytes(range(256)) * 4096


def test_a_blob_comes_back_whole_or_in_part(api: Client):
    sha = hashlib.sha256(BLOB).hexdigest()
    stored = api.ask("PUT", f"/blobs/{sha}", BLOB).json
    assert stored == {"sha256": sha, "size": len(BLOB)}
    assert api.ask("PUT", f"/blobs/{sha}", BLOB).json == stored
    assert api.ask("GET", f"/blobs/{sha}").body == BLOB
    part = api.ask("GET", f"/blobs/{sha}", headers={"Range": "bytes=1000-1999"})
    assert (part.status, part.body) == (206, BLOB[1000:2000])
    assert part.headers["Content-Range"] == f"bytes 1000-1999/{len(BLOB)}"
    tail = api.ask("GET", f"/blobs/{sha}", headers={"Range": "bytes=-10"})
    assert (tail.status, tail.body) == (206, BLOB[-10:])


def test_a_blob_under_a_wrong_name_is_not_kept(open_coordinator: Coordinator, api: Client):
    sha = hashlib.sha256(b"something else").hexdigest()
    assert api.ask("PUT", f"/blobs/{sha}", b"not that").status == 422
    assert api.ask("GET", f"/blobs/{sha}").status == 404
    folder = open_coordinator.database.with_suffix(".blobs")
    assert not list(folder.glob("incoming-*"))


def test_a_large_payload_travels_as_a_blob(api: Client):
    agent(api, "blobs")
    sha = hashlib.sha256(BLOB).hexdigest()
    api.ask("PUT", f"/blobs/{sha}", BLOB)
    job_id = api.post("/jobs", {"kind": "function", "blob": sha})["job_id"]
    (job,) = lease(api, "blobs")
    assert (job["job_id"], job["blob"], job.get("payload")) == (job_id, sha, None)


# ── what describes it ────────────────────────────────────────────────────────────────────────────


def test_health_says_ok_and_nothing_else(api: Client):
    assert api.get("/health") == {"status": "ok"}


def test_the_openapi_document_lists_every_route(api: Client):
    document = api.get("/openapi.json")
    assert document["openapi"].startswith("3.1.")
    assert {"title", "version"} <= set(document["info"])
    listed = {
        (method.upper(), path): operation
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }
    assert set(listed) == {(route.method, route.path) for route in ROUTES}
    ids = [operation["operationId"] for operation in listed.values()]
    assert len(set(ids)) == len(ids)
    for operation in listed.values():
        assert "200" in operation["responses"]
        assert "4XX" in operation["responses"]
    for ref in _refs(document):
        *_, name = ref.split("/")
        assert ref == f"#/components/schemas/{name}"
        assert name in document["components"]["schemas"]


def _refs(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for child in value.values():
            yield from _refs(child)
    elif isinstance(value, list):
        for child in value:
            yield from _refs(child)
