"""Data jobs: JSON for the function in the node's own file."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging

import msgspec

from nexapod.node.agent import NodeOptions, run
from nexapod.node.probe import profile
from tests.unit.node.doubles import CoordinatorDouble, Node, Site

RUNNER = """
import os
import neighbour
LOADED = []
LOADED.append(1)

def run(data):
    if data == "nan":
        return [1.0, float("nan")]
    if data == "object":
        return object()
    return {"twice": data * 2, "loaded": len(LOADED), "neighbour": neighbour.NAME,
            "weights": open(os.environ["NEXAPOD_WEIGHTS"]).read()}
"""


def test_the_runner_file_serves_json_and_is_loaded_once(tmp_path):
    (tmp_path / "r.py").write_text(RUNNER)
    (tmp_path / "neighbour.py").write_text("NAME = 'next door'")
    (tmp_path / "w.bin").write_text("heavy")

    async def main():
        fleet = CoordinatorDouble()
        files = {"runner": tmp_path / "r.py", "weights": tmp_path / "w.bin"}
        async with Site(fleet) as site, Node(site.url, tmp_path / "n", **files):
            expected = {"twice": 42, "loaded": 1, "neighbour": "next door", "weights": "heavy"}
            assert await fleet.result(fleet.submit_data(21)) == expected
            assert await fleet.result(fleet.submit_data(21)) == expected
            report = await fleet.report(fleet.submit_data("nan"))
            assert "holds NaN or infinity" in report.failure.message
            assert report.failure.retryable is False
            report = await fleet.report(fleet.submit_data("object"))
            assert "is not plain JSON" in report.failure.message
            body = fleet.registered[0]
            assert body.kinds == ("function", "data")
            hashes = msgspec.json.decode(body.profile)["hashes"]
            assert hashes["runner"] == hashlib.sha256(RUNNER.encode()).hexdigest()

    asyncio.run(main())


def test_a_runner_file_that_does_not_load_ends_the_node_with_one_sentence(tmp_path, caplog):
    caplog.set_level(logging.INFO, "nexapod.node")
    (tmp_path / "r.py").write_text("import not_installed_anywhere")
    options = NodeOptions(
        url="http://127.0.0.1:9", name="n1", runner=tmp_path / "r.py", scratch=tmp_path / "n"
    )
    assert run(options) == 2
    (message,) = caplog.messages
    assert "r.py does not load: ModuleNotFoundError" in message
    assert "not_installed_anywhere" in message


def test_a_runner_file_without_run_says_so(tmp_path, caplog):
    (tmp_path / "r.py").write_text("x = 1")
    options = NodeOptions(
        url="http://127.0.0.1:9", name="n1", runner=tmp_path / "r.py", scratch=tmp_path / "n"
    )
    assert run(options) == 2
    assert "has no function run(data)" in caplog.text


def test_the_profile_is_json_and_has_the_seed_keys():
    found = profile()
    assert json.loads(json.dumps(found)) == found
    assert {"os", "cpu", "gpu"} <= found.keys()
    assert "hashes" not in found
    assert found["cores"] >= 1
    assert found["memory_bytes"] > 1 << 28
    assert found["packages"]["msgspec"]
