"""The Jupyter server extension: a browser reaches coordinators under Jupyter's login alone."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

import nexapod
from nexapod import __version__, errors
from tests.integration.jupyter import JupyterServer, jupyter_server
from tests.integration.parts import Coordinator, Node, eventually


class Site:
    """A Jupyter server and one coordinator beside it."""

    def __init__(self, server: JupyterServer, coordinator: Coordinator, home: str) -> None:
        self.server, self.coordinator, self.home = server, coordinator, home
        self.id = str(server.coordinators()["shown"]["id"])

    def api(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        return self.server.ask(method, f"coordinators/{self.id}/api/{path}", body, **more)

    def fleet(self) -> nexapod.Fleet:
        pin = self.coordinator.until(r"fingerprint: (\w+)")[1]
        return nexapod.connect(self.coordinator.url, self.coordinator.token, fingerprint=pin)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    home = str(folder / "home")
    database = folder / "shown.db"
    coordinator = Coordinator(database, "--name", "shown", "--tls", XDG_DATA_HOME=home)
    try:
        coordinator.start()
        with jupyter_server(folder, XDG_DATA_HOME=home) as server:
            yield Site(server, coordinator, home)
    finally:
        coordinator.end()


PATHS = ["info", "coordinators", "coordinators/ID/panel", "coordinators/ID/api/jobs/x"]
POSTS = ["coordinators/ID/invite", "coordinators/ID/stop", "coordinators/ID/api/jobs/cancel"]


@pytest.mark.parametrize(("method", "path"), [*(("GET", p) for p in PATHS),
                                              *(("POST", p) for p in POSTS)])  # fmt: skip
@pytest.mark.parametrize("token", [None, "wrong"])
def test_without_jupyters_login_nothing_is_answered(
    site: Site, method: str, path: str, token: str | None
) -> None:
    reply = site.server.ask(method, path.replace("ID", site.id), token=token)
    assert reply.status == 403
    assert reply.code == "forbidden"


def test_a_post_with_only_a_cookie_is_refused_without_the_xsrf_header(site: Site) -> None:
    connection = site.server.connection()
    connection.request("GET", f"{site.server.base_url}login?token={site.server.token}")
    response = connection.getresponse()
    response.read()
    cookies = "; ".join(line.split(";")[0] for line in response.headers.get_all("Set-Cookie", []))
    connection.close()
    assert site.server.ask("GET", "info", token=None, Cookie=cookies).status == 200
    refused = site.server.ask("POST", f"coordinators/{site.id}/invite", token=None, Cookie=cookies)
    assert refused.status == 403
    assert "_xsrf" in refused.json["error"]["message"]


READERS_ONLY = """
from jupyter_server.auth import Authorizer

class ReadersOnly(Authorizer):
    def is_authorized(self, handler, user, action, resource):
        return resource != "nexapod" or action == "read"

c.ServerApp.authorizer_class = ReadersOnly
"""


def test_who_may_only_read_by_the_servers_own_rules_changes_nothing(tmp_path: Path) -> None:
    config = tmp_path / "config" / "jupyter_server_config.py"
    config.parent.mkdir()
    config.write_text(READERS_ONLY)
    with jupyter_server(tmp_path, XDG_DATA_HOME=str(tmp_path / "home")) as server:
        assert server.ask("GET", "coordinators").json == []
        for path in POSTS:
            reply = server.ask("POST", path)
            assert (reply.status, reply.code) == (403, "forbidden")
            assert "not authorized to write" in reply.json["error"]["message"]


def test_the_version_is_told(site: Site) -> None:
    assert site.server.ask("GET", "info").json == {"version": __version__}


def test_a_coordinator_that_runs_is_listed(site: Site) -> None:
    row = site.server.coordinators()["shown"]
    assert row["url"] == site.coordinator.url
    assert row["pid"] == site.coordinator.pid
    assert row["in_kernel"] is False
    assert row["notebook"] is None
    assert row["started_at"] > 0


def test_what_the_panel_may_ask_is_passed_on(site: Site) -> None:
    reply = site.api("GET", "jobs/no-such-job")
    assert (reply.status, reply.code) == (404, "not_found")
    with site.fleet() as fleet:
        job = fleet.submit_data(1)
        fleet.flush()
        assert site.api("GET", f"jobs/{job.job_id}").json["status"] == "pending"
        reply = site.api("POST", "jobs/cancel", {"job_ids": [job.job_id]})
        assert reply.status == 200
        with pytest.raises(errors.JobCancelled):
            job.exception(60)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "tokens"), ("POST", "tokens"), ("GET", "audit"), ("GET", "jobs"),
        ("GET", "status"), ("POST", "invitation"), ("POST", "register"), ("GET", "job"),
        ("GET", "jobs/x/result"), ("GET", "jobs/x?fields=y"), ("POST", "jobs/x"),
        ("GET", "jobs/../tokens"), ("GET", "jobs/%2e%2e/tokens"), ("GET", "jobs/..%2ftokens"),
        ("GET", "jobs/x%2F..%2F..%2Ftokens"), ("GET", "/tokens"), ("GET", "jobs//x"),
        ("GET", "jobs/x/log?after=1&epoch=2&token=3"), ("GET", "jobs/.."), ("GET", ""),
        ("POST", "nodes/x/drain/"), ("POST", "nodes/x/drain?y=1"), ("GET", "http://x/jobs/y"),
    ],
)  # fmt: skip
def test_what_it_may_not_ask_stays_here(site: Site, method: str, path: str) -> None:
    reply = site.api(method, path)
    assert (reply.status, reply.code) == (403, "forbidden"), reply


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_other_methods_are_refused(site: Site, method: str) -> None:
    assert site.api(method, "jobs/x").status == 405


@pytest.mark.parametrize("entry", ["nobody", "..", "%2e%2e", "x" * 200])
def test_an_unknown_coordinator_is_not_found(site: Site, entry: str) -> None:
    for path in ("panel", "api/jobs/x"):
        assert site.server.ask("GET", f"coordinators/{entry}/{path}").status == 404


def test_an_invitation_makes_a_machine_join(site: Site, tmp_path: Path) -> None:
    reply = site.server.ask("POST", f"coordinators/{site.id}/invite")
    assert reply.status == 200
    secret, _, call = reply.json["command"].partition(" ")
    token = secret.removeprefix("NEXAPOD_TOKEN=")
    assert call.startswith(f"nexapod node {site.coordinator.url} --fingerprint ")
    assert token != site.coordinator.token
    node = Node(site.coordinator, "joined", tmp_path, *call.split()[3:])
    node._environment = {"NEXAPOD_TOKEN": token}
    try:
        node.start()
    finally:
        node.end()


def test_no_answer_carries_the_fleets_token(site: Site) -> None:
    server, token = site.server, site.coordinator.token
    assert token
    replies = [
        server.ask("GET", "info"), server.ask("GET", "coordinators"),
        server.ask("POST", f"coordinators/{site.id}/invite"),
        site.api("GET", "jobs/x"), site.api("GET", "tokens"),
        site.api("POST", "jobs/cancel", {"job_ids": "wrong"}),
    ]  # fmt: skip
    for reply in replies:
        assert token.encode() not in reply.body
        assert token not in str(reply.headers)
    with Reading(site) as reading:
        while b'"ready"' not in (line := reading.response.readline()):
            assert token.encode() not in line
    assert token not in server.log.read_text()


class Reading:
    """The panel's stream through the relay, as it comes."""

    def __init__(self, site: Site, **headers: str) -> None:
        self._connection = site.server.connection()
        headers["Authorization"] = f"token {site.server.token}"
        path = f"{site.server.base_url}nexapod/coordinators/{site.id}/panel"
        self._connection.request("GET", path, headers=headers)
        self.response = self._connection.getresponse()

    def __enter__(self) -> Reading:
        return self

    def __exit__(self, *exc: object) -> None:
        self._connection.close()

    def until(self, kind: str) -> dict[str, Any]:
        """The next message of this kind."""
        while True:
            line = self.response.readline()
            assert line, "the stream ended"
            if line.startswith(b"data: "):
                found: dict[str, Any] = json.loads(line[6:])
                if found["t"] == kind:
                    return found


def test_the_stream_comes_message_by_message(site: Site) -> None:
    with Reading(site) as reading:
        assert reading.response.headers["Content-Type"] == "text/event-stream"
        assert reading.response.headers["X-Accel-Buffering"] == "no"
        assert reading.until("hello")["name"] == "shown"
        reading.until("ready")
        with site.fleet() as fleet:
            job = fleet.submit_data("streamed")
            fleet.flush()
            assert job.job_id in {row[1] for row in reading.until("jobs")["rows"]}


def test_several_read_the_stream_and_one_that_goes_disturbs_nobody(site: Site) -> None:
    with Reading(site) as stays:
        with Reading(site) as goes:
            goes.until("ready")
        stays.until("ready")
        with site.fleet() as fleet:
            fleet.submit_data("still")
            fleet.flush()
            assert stays.until("jobs")["rows"]


def test_a_browser_that_goes_leaves_no_stream_behind(site: Site) -> None:
    def streams() -> int:
        found = psutil.Process(site.coordinator.pid).net_connections("tcp")
        return sum(connection.status == psutil.CONN_ESTABLISHED for connection in found)

    site.server.coordinators()
    before = eventually(streams, "the list is followed")
    readings = [Reading(site) for _ in range(5)]
    for reading in readings:
        reading.until("ready")
    assert streams() >= before + 5
    for reading in readings:
        reading.__exit__()
    eventually(lambda: streams() <= before, "every stream ended")


def test_the_list_follows_what_happens(site: Site) -> None:
    with site.fleet() as fleet:
        before = site.server.coordinators()["shown"]
        assert before["state"] == "live"
        fleet.options(sweep="counted").sweep(abs, x=[1, 2, 3])
        fleet.flush()

        def counted() -> bool:
            row = site.server.coordinators()["shown"]
            sweep = {"name": "counted", "total": 3, "open": 3, "failed": 0}
            return (
                row["jobs"]["pending"] >= before["jobs"]["pending"] + 3 and sweep in row["sweeps"]
            )

        eventually(counted, "the sweep is in the list")


def test_an_entry_that_another_user_owns_is_not_listed(site: Site) -> None:
    if os.geteuid() != 0:
        pytest.skip("cannot run here: only root can give files away")
    (entry,) = Path(site.home, "nexapod", "running").glob("*.json")
    os.chown(entry, 65_534, 65_534)
    try:
        assert site.server.coordinators() == {}
    finally:
        os.chown(entry, 0, 0)
    assert "shown" in site.server.coordinators()


def test_one_that_was_killed_disappears_from_the_list(site: Site, tmp_path: Path) -> None:
    short = Coordinator(tmp_path / "short.db", "--name", "short", "--open", XDG_DATA_HOME=site.home)
    try:
        short.start()
        assert set(site.server.coordinators()) == {"shown", "short"}
        short.kill()
        assert set(site.server.coordinators()) == {"shown"}
        entries = Path(site.home, "nexapod", "running").glob("*.json")
        assert len(list(entries)) == 1
    finally:
        short.end()


def test_one_that_ended_is_gone_at_once(site: Site, tmp_path: Path) -> None:
    short = Coordinator(tmp_path / "short.db", "--name", "short", "--open", XDG_DATA_HOME=site.home)
    short.start()
    short.terminate()
    assert len(list(Path(site.home, "nexapod", "running").glob("*.json"))) == 1
    assert eventually(lambda: set(site.server.coordinators()) == {"shown"}, "it is gone")


def test_one_that_is_stopped_ends_and_is_gone(site: Site, tmp_path: Path) -> None:
    short = Coordinator(tmp_path / "short.db", "--name", "short", XDG_DATA_HOME=site.home).start()
    try:
        entry = site.server.coordinators()["short"]["id"]
        assert site.server.ask("POST", f"coordinators/{entry}/stop").status == 200
        assert short.wait() == 0
        assert set(site.server.coordinators()) == {"shown"}
    finally:
        short.end()
