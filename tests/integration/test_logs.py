"""The logs of real processes: JSON lines that can be followed, and no secret in any of them."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nexapod.ids import new_secret
from tests.integration.parts import Client, Coordinator, Node, run_python

Serve = Callable[..., Coordinator]

#: A coordinator one of whose handlers breaks, and says all it knows in its exception.
BROKEN = """
import logging, os, sys, threading, urllib.request
from nexapod.api import app
from nexapod.coordinator.host import Host
from nexapod.coordinator.options import HostOptions
from nexapod.logs import log_to_stderr

mask = log_to_stderr(logging.DEBUG, sys.argv[2])

async def broken(request, body):
    secret = request.http.headers["Authorization"]
    logging.getLogger("nexapod.api").info("asked by %s", secret)
    raise RuntimeError(f"{secret} at {request.http.path_qs} with {dict(request.http.headers)}")

app._HANDLERS["events"] = broken
host = Host(HostOptions(database=sys.argv[1], port=0, token=os.environ["SECRET"]))
mask.hide(host.token)
asked = urllib.request.Request(
    host.url + "/events", headers={"Authorization": "Bearer " + host.token})
try:
    urllib.request.urlopen(asked, timeout=30)
except urllib.error.HTTPError as error:
    print(error.code, error.read().decode())
host.stop()
"""


def records(program: Any) -> list[dict[str, Any]]:
    """The JSON lines of a program's output; what it says before it logs is none."""
    return [json.loads(line) for line in program.output.splitlines() if line.startswith("{")]


def test_no_secret_is_in_any_log_of_a_busy_run(serve: Serve, tmp_path: Path):
    secret = new_secret()
    coordinator = serve("--log-format", "json", NEXAPOD_TOKEN=secret)
    client = coordinator.client()
    assert client.token == secret
    made = [client.post("/tokens", {"scopes": [s]})["token"] for s in ("view", "submit", "node")]
    invited = client.post("/invitation")["token"]
    wrong = [new_secret() for _ in range(5)]
    runner = tmp_path / "runner.py"
    runner.write_text("def run(data):\n    raise ValueError('no')\n")
    node = Node(coordinator, "n1", tmp_path, "--runner", str(runner), "--log-format", "json")
    node.start()
    try:
        for number in range(5):
            client.submit(number)
        for token in wrong:
            assert Client(coordinator.url, token).ask("GET", "/jobs").status == 401
            assert Client(coordinator.url).ask("GET", f"/jobs?token={token}").status == 401
            client.ask("GET", f"/{token}")
            client.raw(b"GET /%s HTTP/1.1\r\nHost\r\n\r\n" % token.encode())
            client.raw(b"\x16\x03%s\r\n\r\n" % token.encode())
        for token in made:
            assert client.ask("GET", f"/status?token={token}").status == 422
        node.until('"event":"node"')
        coordinator.until("job_failed")
    finally:
        node.end()
    coordinator.terminate()
    for log in (coordinator.log, node.log):
        text = log.read_text()
        assert text
        for token in (secret, invited, *made, *wrong):
            assert token not in text, f"{token} in {log}"
    said = {record["event"] for record in records(coordinator)}
    assert {"started", "node_registered", "token_refused", "job_failed", "node_left",
            "stopped"} <= said  # fmt: skip


@pytest.mark.parametrize(
    ("form", "secret"), [("text", "a short one"), ("json", new_secret())], ids=["text", "json"]
)
def test_a_traceback_shows_no_secret_either(tmp_path: Path, form: str, secret: str):
    done = run_python(BROKEN, str(tmp_path / "fleet.db"), form, SECRET=secret)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("503 ")
    assert "Traceback" in done.stderr
    assert "RuntimeError" in done.stderr
    assert "asked by Bearer ***" in done.stderr
    assert secret not in done.stdout + done.stderr


def test_json_lines_have_times_levels_events_and_ids(serve: Serve):
    coordinator = serve("--open", "--log-format", "json")
    client = coordinator.client()
    client.register("n1")
    job_id = client.submit(1)
    lease = client.poll("n1")
    body = {"job_id": job_id, "node_id": "n1", "status": "failed", "epoch": lease["epoch"],
            "error": {"type": "exit", "message": "broke", "retryable": False}}  # fmt: skip
    assert client.ask("POST", "/result", body).status == 200
    coordinator.until("job_failed")
    coordinator.signal(signal.SIGTERM)
    assert coordinator.wait() == 0
    lines = records(coordinator)
    times = [line["time"] for line in lines]
    assert times == sorted(times)
    assert all(time.endswith("Z") and len(time) == 24 for time in times)
    assert {line["level"] for line in lines} == {"info"}
    (failed,) = (line for line in lines if line["event"] == "job_failed")
    assert failed["job_id"] == job_id
    assert (failed["node_id"], failed["epoch"], failed["reason"]) == ("n1", 1, "exit")
    assert [line["event"] for line in lines] == [
        "started", "node_registered", "job_failed", "stopped",
    ]  # fmt: skip
