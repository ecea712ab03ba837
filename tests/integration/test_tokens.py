"""Who may ask, and where the secret may be: in a 0600 file and in a header, and nowhere else."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

import nexapod as package
from nexapod.wire.routes import ROUTES
from tests.integration.conftest import Serve
from tests.integration.parts import Client, Coordinator, Node, eventually, free_port, nexapod

SECRET = "correct-horse-battery-staple"


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Coordinator]:
    """A coordinator that made its own token."""
    coordinator = Coordinator(tmp_path_factory.mktemp("closed") / "closed.db")
    try:
        yield coordinator.start()
    finally:
        coordinator.end()


def ask(route: Any, client: Client, **headers: str) -> int:
    """The status of the least that could be asked of the route, with these headers."""
    path = route.path.format(
        job_id="never-was", sha256="0" * 64, token_id="never-was", node_id="never-was"
    )
    body = None if route.method == "GET" else b"{}"
    sent = {"Content-Type": "application/json", **headers}
    if route.streams:  # an endless answer: its head is all there is to see
        client._connection.request("GET", path, headers=sent)
        with client._connection.getresponse() as response:
            status = response.status
        client._connection.close()
        return status
    return client.ask(route.method, path, body, sent).status


GUARDED = [route for route in ROUTES if route.name not in ("health", "stop")]


@pytest.mark.parametrize("route", GUARDED, ids=lambda route: route.name)
def test_only_the_right_token_opens_a_route(closed: Coordinator, route: Any):
    client = Client(closed.url)
    token = closed.token
    assert token is not None
    assert ask(route, client) == 401
    for wrong in (
        f"Bearer {token}x", f"Bearer {token[:-1]}", f"Bearer {token.upper()}", "Bearer ", "Bearer",
        f"Basic {token}", token, f"bearer  {token}", f"Bearer {token} {token}",
    ):  # fmt: skip
        assert ask(route, client, Authorization=wrong) == 401, wrong
    assert ask(route, client, Authorization=f"Bearer {token}") not in (401, 403, 405, 500)


def test_a_token_that_is_not_ascii_is_only_a_wrong_token(closed: Coordinator):
    reply = Client(closed.url).ask("GET", "/jobs", headers={"Authorization": "Bearer \xff\xfe"})
    assert reply.status == 401
    assert "Traceback" not in closed.output


@pytest.mark.parametrize("place", ["token", "access_token", "api_key"])
def test_a_token_in_the_url_or_a_cookie_is_no_token(closed: Coordinator, place: str):
    client = Client(closed.url)
    reply = client.ask("GET", f"/jobs?{place}={closed.token}")
    assert (reply.status, reply.code) == (401, "unauthorized")
    assert closed.token.encode() not in reply.body
    assert client.ask("GET", "/jobs", headers={"Cookie": f"{place}={closed.token}"}).status == 401


def test_health_is_open_and_silent(closed: Coordinator):
    reply = Client(closed.url).ask("GET", "/health")
    assert (reply.status, reply.json) == (200, {"status": "ok"})
    assert "Server" not in reply.headers or "Python" not in reply.headers["Server"]


def test_a_refusal_without_a_token_changes_nothing(closed: Coordinator):
    known = closed.client()
    before = known.get("/jobs"), known.get("/nodes")
    stranger = Client(closed.url)
    for path, body in (
        ("/register", {"node_id": "stranger", "profile": {}}),
        ("/jobs", {"data": 1}),
        ("/jobs", [{"data": 1}]),
    ):
        assert stranger.ask("POST", path, body).status == 401
    assert (known.get("/jobs"), known.get("/nodes")) == before


def test_no_body_is_read_from_a_stranger(closed: Coordinator):
    """The refusal comes before the body: a stranger cannot make the coordinator hold 64 MiB."""
    with socket.create_connection(("127.0.0.1", closed.port), timeout=30) as connection:
        connection.sendall(
            b"POST /jobs HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: application/json\r\n"
            b"Content-Length: 60000000\r\n\r\n" % closed.port
        )
        assert connection.recv(12) == b"HTTP/1.1 401"


# ── where the secret is ──────────────────────────────────────────────────────────────────────────


def files_of(coordinator: Coordinator) -> Iterator[tuple[Path, bytes]]:
    for path in coordinator.database.parent.rglob("*"):
        if path.is_file() and not path.is_symlink():
            yield path, path.read_bytes()


def test_the_token_file_is_for_its_owner_alone(closed: Coordinator):
    path = closed.database.with_suffix(".token")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(closed.token) >= 43  # 256 bits


def test_a_token_file_that_others_can_read_is_closed_at_the_next_start(serve: Serve):
    coordinator = serve()
    coordinator.end()
    path = coordinator.database.with_suffix(".token")
    path.chmod(0o644)
    coordinator.start()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_token_is_in_no_output_no_url_and_no_arguments(serve: Serve, tmp_path: Path):
    coordinator = serve(NEXAPOD_TOKEN=SECRET)
    node = Node(coordinator, "careful", tmp_path)
    try:
        node.start()
        client = Client(coordinator.url, SECRET)
        eventually(lambda: client.get("/nodes"), "the node to be there")
        Client(coordinator.url, SECRET + "x").ask("GET", "/jobs")  # a refusal may be logged
        assert coordinator.token == SECRET
        for pid in (coordinator.pid, node.pid):
            for process in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True)):
                assert SECRET not in " ".join(process.cmdline())
        assert SECRET not in coordinator.output + node.output
        for path in ("/nodes", "/jobs", "/attempts", "/status", "/openapi.json"):
            assert SECRET.encode() not in client.ask("GET", path).body
    finally:
        node.end()
    holders = [path.name for path, content in files_of(coordinator) if SECRET.encode() in content]
    assert holders == ["fleet.token"]


def test_local_nodes_get_the_token_in_their_environment_only(tmp_path: Path):
    fleet = package.launch("secret", port=0, database=tmp_path / "secret.db", local_nodes=1)
    try:
        assert fleet.token is not None
        assert fleet.submit(max, 1, 2).result(60) == 2
        assert fleet.token not in fleet.url
        assert fleet.token not in repr(fleet) + repr(fleet.invite()) + repr(fleet.local_nodes)
        (local,) = fleet.local_nodes
        family = [psutil.Process(local.pid), *psutil.Process(local.pid).children(recursive=True)]
        assert len(family) > 1
        for process in family:
            assert fleet.token not in " ".join(process.cmdline())
        assert fleet.token not in local.log.read_text()
    finally:
        fleet.stop()


def test_a_job_does_not_see_the_token(tmp_path: Path):
    """A node runs what it is sent, but what it is sent has no business with the fleet."""

    def environment() -> dict[str, str]:
        return dict(os.environ)

    fleet = package.launch("curious", port=0, database=tmp_path / "curious.db", local_nodes=1)
    try:
        seen = fleet.submit(environment).result(60)
        assert fleet.token not in seen.values()
    finally:
        fleet.stop()


def test_a_node_with_a_wrong_token_says_so_and_ends(closed: Coordinator, tmp_path: Path):
    found = nexapod("node", closed.url, "--scratch", str(tmp_path / "n"), "--token", "wrong-one")
    assert found.returncode == 2
    assert "token" in found.stderr
    assert "wrong-one" not in found.stderr
    assert "Traceback" not in found.stderr


# ── what is refused at the start ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (("--open", "--host", "0.0.0.0"), "open"),
        (("--open", "--insecure", "--host", "0.0.0.0"), "open"),
        (("--host", "0.0.0.0", "--no-tls"), "insecure"),
        (("--host", "192.0.2.1", "--no-tls"), "insecure"),
        (("--name", "../escape"), "name"),
        (("--host", "no-such-host.invalid", "--insecure"), "no-such-host.invalid"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_would_be_unsafe_is_refused_in_one_sentence(
    tmp_path: Path, options: tuple[str, ...], word: str
):
    database = tmp_path / "x" / "refused.db"
    found = nexapod("serve", "--port", "0", "--database", str(database), *options)
    assert found.returncode == 2
    assert found.stdout == ""
    (line,) = found.stderr.strip().splitlines()
    assert line.startswith("nexapod: ")
    assert word in line
    assert not database.exists()


def test_a_network_address_with_insecure_warns_and_checks_the_host(serve: Serve):
    coordinator = serve("--host", "0.0.0.0", "--insecure")
    assert "warning: plain HTTP" in coordinator.output
    client = coordinator.client()
    for host in ("evil.example", "0.0.0.1", "127.0.0.1.nip.io"):
        headers = {"Host": f"{host}:{coordinator.port}"}
        assert client.ask("GET", "/jobs", headers=headers).status == 421
        assert client.ask("GET", "/health", headers=headers).status == 421
    for host in ("127.0.0.1", "localhost", socket.gethostname()):
        headers = {"Host": f"{host}:{coordinator.port}"}
        assert client.ask("GET", "/jobs", headers=headers).status == 200
    assert client.ask("GET", "/jobs", headers={"Host": "127.0.0.1"}).status == 421


def test_an_open_coordinator_asks_for_no_token_and_says_so(serve: Serve):
    coordinator = serve("--open", NEXAPOD_TOKEN=SECRET)
    assert "open: no token" in coordinator.output
    assert coordinator.token is None
    assert Client(coordinator.url).get("/jobs") == []


def test_a_token_stays_the_same_from_start_to_start(serve: Serve):
    coordinator = serve()
    before = coordinator.token
    coordinator.kill()
    coordinator.start()
    assert coordinator.token == before
    assert Client(coordinator.url, before).get("/jobs") == []


@pytest.mark.parametrize("token", [None, "wrong"])
def test_connecting_with_a_wrong_token_is_one_sentence(
    closed: Coordinator, token: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    # As somebody else: the token of one's own coordinators is found without being given.
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    with pytest.raises(package.errors.Unauthorized) as caught:
        package.connect(closed.url, token)
    assert "token" in str(caught.value)
    assert "wrong" not in str(caught.value)


def test_connecting_to_nobody_is_one_sentence():
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(package.errors.Unreachable, match="no coordinator answers"):
        package.connect(url)
    found = nexapod("status", url)
    assert found.returncode == 2
    assert len(found.stderr.strip().splitlines()) == 1
    assert "no coordinator answers" in found.stderr
