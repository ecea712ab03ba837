"""The seed document, word for word, asked of a real `nexapod serve --open`."""

from __future__ import annotations

import json
import threading
from collections import Counter
from typing import Any

import pytest

from tests.integration.parts import Client, Coordinator

PROFILE = {
    "os": "Linux",
    "cpu": "Intel Core i7-12700K",
    "gpu": "NVIDIA RTX 3080",
    "hashes": {"runner": "sha256_hash_of_runner.py", "weights": "sha256_hash_of_model.safetensors"},
}


def includes(answer: dict[str, Any], seed: dict[str, Any]) -> bool:
    """Whether `answer` has every key of the seed's answer with its value; it may have more."""
    return seed.items() <= answer.items()


# ── the five endpoints ───────────────────────────────────────────────────────────────────────────


def test_register_answers_as_in_the_seed(api: Client):
    answer = api.post("/register", {"node_id": "seed-1", "profile": PROFILE})
    assert includes(answer, {"status": "registered", "node_id": "seed-1"})


def test_job_answers_as_in_the_seed(api: Client):
    api.register("seed-2")
    assert api.poll("seed-2") == {"status": "no_job_available"}
    job_id = api.submit({"sequence": "MLSDEDFKAVFGMTRSAFANLPLWKQQNLKKEKGLF"})
    answer = api.poll("seed-2")
    assert includes(
        answer,
        {
            "job_id": job_id,
            "status": "assigned",
            "data": {"sequence": "MLSDEDFKAVFGMTRSAFANLPLWKQQNLKKEKGLF"},
            "assigned_to": "seed-2",
        },
    )


def test_result_answers_as_in_the_seed(api: Client):
    api.register("seed-3")
    job_id = api.submit({"n": 1})
    api.poll("seed-3")
    reply = api.report("seed-3", job_id, {"energy": -12.5})
    assert reply.status == 200
    assert includes(reply.json, {"status": "result_received", "job_id": job_id})


def test_nodes_answers_as_in_the_seed(fresh: Client):
    assert fresh.get("/nodes") == []
    fresh.post("/register", {"node_id": "node_123", "profile": PROFILE})
    (node,) = fresh.get("/nodes")
    assert includes(node, {"id": "node_123", "profile": PROFILE})


def test_jobs_answers_as_in_the_seed(fresh: Client):
    assert fresh.get("/jobs") == []
    fresh.register("node_123")
    done, held, waiting = (fresh.submit(n, job_id=f"job_{n}") for n in range(3))
    for job_id in (done, held):
        assert fresh.poll("node_123")["job_id"] == job_id
    fresh.report("node_123", done, {"x": 1})
    rows = {row["job_id"]: row for row in fresh.get("/jobs")}
    assert list(rows) == [done, held, waiting]
    assert includes(
        rows[done], {"status": "completed", "assigned_to": "node_123", "result": {"x": 1}}
    )
    assert includes(rows[held], {"status": "assigned", "assigned_to": "node_123", "result": None})
    assert includes(rows[waiting], {"status": "pending", "assigned_to": None, "result": None})


def test_every_answer_says_that_it_is_json(api: Client):
    api.register("seed-4")
    for path in ("/nodes", "/jobs", "/job"):
        reply = api.ask("GET", path, headers={"X-Node-ID": "seed-4"})
        assert reply.status == 200
        assert reply.headers["Content-Type"].partition(";")[0] == "application/json"


def test_registering_again_changes_the_profile_and_keeps_the_leases(api: Client):
    api.register("seed-5")
    job_id = api.submit()
    api.poll("seed-5")
    api.post("/register", {"node_id": "seed-5", "profile": {"os": "Plan 9"}})
    (node,) = [node for node in api.get("/nodes") if node["id"] == "seed-5"]
    assert node["profile"] == {"os": "Plan 9"}
    assert api.report("seed-5", job_id, "done").status == 200


def test_extra_keys_of_a_later_version_are_not_an_error(api: Client):
    api.post("/register", {"node_id": "seed-6", "profile": {}, "flavour": "vanilla"})
    job_id = api.submit()
    api.poll("seed-6")
    assert api.report("seed-6", job_id, 1, took_s=3.5).status == 200


# ── values come back as they went in ─────────────────────────────────────────────────────────────

VALUES = [
    "null", "false", "true", "0", "-0", "-0.0", '""', "[]", "{}", "1e308", "5e-324", "0.1",
    str(2**63 - 1), str(-(2**63)), str(2**53 + 1), '"naïve Ünïcödé 蛋白质 🧬"',
    '"\\u00e9 \\ud83e\\uddec \\/ \\u0000"', '{"a":[{"b":[null,{"c":{}}]}],"":0}',
    '{ "odd" :\t[ 1 ,2,\n 3 ] }', "1E+2", "1.50",
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES)
def test_any_json_value_is_data_and_result_and_comes_back_byte_for_byte(api: Client, value: str):
    raw = value.encode()
    api.register("values")
    job_id = json.loads(api.ask("POST", "/jobs", b'{"data":' + raw + b"}").body)["job_id"]
    poll = api.ask("GET", "/job", headers={"X-Node-ID": "values"})
    assert b'"data":' + raw + b"," in poll.body
    body = b'{"node_id":"values","job_id":"' + job_id.encode() + b'","result":' + raw + b"}"
    assert api.ask("POST", "/result", body).status == 200
    for path in (f"/jobs/{job_id}", "/jobs"):
        assert b'"result":' + raw + b"," in api.ask("GET", path).body
    assert api.job(job_id)["status"] == "completed"


def test_a_profile_comes_back_byte_for_byte(api: Client):
    raw = (
        b'{ "os":"Linux",  "weird" : [1.0, 1e2,\t{"deep":{}}], "\\u0041": null,\n"cpu":"\xc3\xa9"}'
    )
    api.ask("POST", "/register", b'{"node_id":"odd-profile","profile":' + raw + b"}")
    assert raw in api.ask("GET", "/nodes").body


def test_a_result_of_megabytes_fits(api: Client):
    api.register("large")
    job_id = api.submit()
    api.poll("large")
    result = "x" * (15 * 2**20)
    assert api.report("large", job_id, result).status == 200
    assert api.job(job_id)["result"] == result


@pytest.mark.parametrize("depth", [1, 10, 63])
def test_nesting_up_to_64_levels_is_fine(api: Client, depth: int):
    raw = b"[" * depth + b"]" * depth  # and the body's own object is one more
    reply = api.ask("POST", "/jobs", b'{"data":' + raw + b"}")
    assert reply.status == 200, reply.body


# ── many nodes ───────────────────────────────────────────────────────────────────────────────────


def test_eight_nodes_drain_200_jobs_and_each_is_handed_out_once(open_coordinator: Coordinator):
    with open_coordinator.client() as api:
        jobs = api.post("/jobs", [{"data": {"n": n}} for n in range(200)])
        handed: list[tuple[str, str]] = []
        start = threading.Barrier(8)

        def node(name: str) -> None:
            with open_coordinator.client(keep=True) as mine:
                mine.register(name)
                start.wait()
                while (job := mine.poll(name))["status"] == "assigned":
                    handed.append((job["job_id"], name))
                    reply = mine.report(name, job["job_id"], {"square": job["data"]["n"] ** 2})
                    assert reply.status == 200

        threads = [threading.Thread(target=node, args=(f"drain-{n}",)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        rows = {row["job_id"]: row for row in api.get("/jobs")}

    assert Counter(job_id for job_id, _ in handed) == Counter(job["job_id"] for job in jobs)
    assert len({name for _, name in handed}) > 1
    for n, job in enumerate(jobs):
        row = rows[job["job_id"]]
        assert row["status"] == "completed"
        assert row["epoch"] == 1
        assert row["result"] == {"square": n**2}
        assert (row["job_id"], row["assigned_to"]) in handed
