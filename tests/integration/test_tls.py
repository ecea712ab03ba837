"""TLS with real processes: made and pinned by default, and a clear no to everybody else."""

from __future__ import annotations

import hashlib
import http.client
import json
import re
import socket
import ssl
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import nexapod
from nexapod import errors
from tests.integration.conftest import Serve
from tests.integration.parts import Coordinator, Node
from tests.integration.parts import nexapod as command

WRONG = "00" * 32


@pytest.fixture(scope="module")
def coordinator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Coordinator]:
    """``nexapod serve --tls`` for all tests of this file."""
    found = Coordinator(tmp_path_factory.mktemp("tls") / "fleet.db", "--tls")
    try:
        yield found.start()
    finally:
        found.end()


def fingerprint(coordinator: Coordinator) -> str:
    return coordinator.until(r"fingerprint: ([0-9a-f]{64})\n")[1]


def anyone() -> ssl.SSLContext:
    """A context that believes everybody."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def get(coordinator: Coordinator, path: str, context: ssl.SSLContext, **headers: str) -> Any:
    headers["Authorization"] = f"Bearer {coordinator.token}"
    connection = http.client.HTTPSConnection("127.0.0.1", coordinator.port, context=context)
    try:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def presented(port: int) -> str:
    """The fingerprint of the certificate that is shown at this port."""
    with (
        socket.create_connection(("127.0.0.1", port)) as plain,
        anyone().wrap_socket(plain) as secure,
    ):
        return hashlib.sha256(secure.getpeercert(True)).hexdigest()


# ── the certificate ──────────────────────────────────────────────────────────────────────────────


def test_the_certificate_that_is_shown_is_the_one_that_is_announced(coordinator: Coordinator):
    assert coordinator.url.startswith("https://127.0.0.1:")
    assert presented(coordinator.port) == fingerprint(coordinator)


def test_the_key_is_its_owner_s_alone(coordinator: Coordinator):
    key = coordinator.database.with_suffix(".key.pem")
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert "PRIVATE KEY" in key.read_text()


def test_other_programs_can_verify_the_certificate_by_its_file(coordinator: Coordinator):
    context = ssl.create_default_context(cafile=coordinator.database.with_suffix(".cert.pem"))
    assert get(coordinator, "/nodes", context)[0] == 200


def test_the_certificate_stays_over_restarts(serve: Serve):
    coordinator = serve("--tls")
    before = fingerprint(coordinator)
    coordinator.terminate()
    assert fingerprint(coordinator.start()) == before


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_old_versions_of_tls_are_refused(coordinator: Coordinator, version: ssl.TLSVersion):
    context = anyone()
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning):
        context.minimum_version = version
        context.maximum_version = version
    with (
        socket.create_connection(("127.0.0.1", coordinator.port)) as plain,
        pytest.raises(ssl.SSLError),
    ):
        context.wrap_socket(plain)


def test_tls_1_2_and_1_3_are_spoken(coordinator: Coordinator):
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = anyone()
        context.minimum_version = context.maximum_version = version
        assert get(coordinator, "/nodes", context)[0] == 200


def test_a_certificate_of_one_s_own_is_shown(
    serve: Serve, coordinator: Coordinator, tmp_path: Path
):
    cert, key = (coordinator.database.with_suffix(f".{kind}.pem") for kind in ("cert", "key"))
    other = serve("--cert", str(cert), "--key", str(key), name="other")
    assert presented(other.port) == fingerprint(other) == fingerprint(coordinator)
    assert not (tmp_path / "other.key.pem").exists()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--cert", "{cert}"), "go together"),
        (("--cert", "{cert}", "--key", "{cert}"), "cannot be used"),
        (("--cert", "/none.pem", "--key", "/none.pem"), "No such file"),
        (("--insecure", "--tls"), "leave it out for TLS"),
        (("--host", "0.0.0.0", "--no-tls"), "insecure=True"),
    ],
)
def test_what_cannot_work_is_refused_in_one_sentence(
    coordinator: Coordinator, tmp_path: Path, options: tuple[str, ...], says: str
):
    cert = str(coordinator.database.with_suffix(".cert.pem"))
    given = [option.format(cert=cert) for option in options]
    ended = command("serve", "--database", str(tmp_path / "x.db"), "--port", "0", *given)
    assert ended.returncode == 2
    assert says in ended.stderr.splitlines()[-1]
    assert "Traceback" not in ended.stderr


# ── those who were invited ───────────────────────────────────────────────────────────────────────


def test_a_node_and_a_client_that_pin_the_certificate_work_together(
    coordinator: Coordinator, tmp_path: Path
):
    node = Node(coordinator, "pinned", tmp_path, "--fingerprint", fingerprint(coordinator))
    try:
        node.start()
        pin = fingerprint(coordinator).upper()
        with nexapod.connect(coordinator.url, coordinator.token, fingerprint=pin) as fleet:
            assert fleet.submit(sum, [1, 2, 3]).result(60) == 6
            blob = fleet.submit(bytes, 3_000_000).result(60)
            assert len(blob) == 3_000_000
            invitation = fleet.invite()
            assert f"nexapod node {coordinator.url} --fingerprint {pin.lower()}" in (
                invitation.command
            )
    finally:
        node.end()


def test_the_fingerprint_may_come_from_the_environment(
    coordinator: Coordinator, monkeypatch: pytest.MonkeyPatch
):
    token = coordinator.token or ""
    ended = command(
        "status", coordinator.url, NEXAPOD_TOKEN=token, NEXAPOD_FINGERPRINT=fingerprint(coordinator)
    )
    assert ended.returncode == 0, ended.stderr
    monkeypatch.setenv("NEXAPOD_FINGERPRINT", fingerprint(coordinator))
    nexapod.connect(coordinator.url, token).stop()


def test_beyond_loopback_tls_is_the_default_and_the_invitation_works(serve: Serve, tmp_path: Path):
    coordinator = serve("--host", "0.0.0.0")
    pin = fingerprint(coordinator)
    url = f"https://127.0.0.1:{coordinator.port}"
    assert coordinator.url.startswith("https://")
    with nexapod.connect(url, coordinator.token, fingerprint=pin) as fleet:
        line = fleet.invite().command
    found = re.fullmatch("NEXAPOD_TOKEN=(.+) nexapod (node .+)", line)
    ended = Node(coordinator, "invited", tmp_path)
    ended.arguments[ended.arguments.index("node") :] = [
        *found[2].split(), "--name", "invited", "--scratch", str(tmp_path / "invited"),
    ]  # fmt: skip
    ended._environment = {"NEXAPOD_TOKEN": found[1]}
    try:
        ended.start()
    finally:
        ended.end()


def test_a_detached_coordinator_and_its_local_nodes_are_pinned(tmp_path: Path):
    fleet = nexapod.launch(
        "detached", database=tmp_path / "d.db", port=0, detached=True, tls=True, local_nodes=1
    )
    try:
        assert fleet.url.startswith("https://")
        assert fleet.submit(sum, [1, 2]).result(60) == 3
    finally:
        fleet.stop()


def test_a_launched_coordinator_and_its_local_nodes_are_pinned(tmp_path: Path):
    with nexapod.launch("t", database=tmp_path / "t.db", port=0, tls=True, local_nodes=1) as fleet:
        assert fleet.submit(sum, [1, 2]).result(60) == 3
        assert fleet.invite().fingerprint in fleet.invite().command


# ── those who were not ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("scheme", "pin", "says"),
    [
        ("https", WRONG, "not the coordinator that the invitation came from"),
        ("https", None, "pass --fingerprint"),
        ("http", None, "speaks TLS"),
    ],
)
def test_who_cannot_tell_who_answers_is_told_so(
    coordinator: Coordinator, tmp_path: Path, scheme: str, pin: str | None, says: str
):
    url = f"{scheme}://127.0.0.1:{coordinator.port}"
    with pytest.raises(errors.Untrusted, match=says):
        nexapod.connect(url, coordinator.token, fingerprint=pin)
    options = [] if pin is None else ["--fingerprint", pin]
    ended = command("node", url, "--scratch", str(tmp_path / "n"), *options, NEXAPOD_TOKEN="x")
    assert ended.returncode == 2
    assert says in ended.stderr
    assert "Traceback" not in ended.stderr


def test_https_to_a_plain_coordinator_is_told_so(serve: Serve):
    coordinator = serve()
    with pytest.raises(errors.Untrusted, match="does not speak TLS"):
        nexapod.connect(f"https://127.0.0.1:{coordinator.port}", coordinator.token)


def test_a_fingerprint_from_the_environment_is_not_dropped_over_plain_http(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setenv("NEXAPOD_FINGERPRINT", WRONG)
    with pytest.raises(errors.Invalid, match="a fingerprint belongs to https://"):
        nexapod.connect("http://127.0.0.1:9", "x")


@pytest.mark.parametrize(("url", "pin"), [("https://h:1", "abc"), ("http://h:1", WRONG)])
def test_a_fingerprint_that_makes_no_sense_is_refused(url: str, pin: str):
    with pytest.raises(errors.Invalid, match="fingerprint"):
        nexapod.connect(url, "x", fingerprint=pin)


def test_a_node_that_was_joined_waits_for_its_own_coordinator(serve: Serve, tmp_path: Path):
    coordinator = serve("--tls")
    node = Node(coordinator, "n", tmp_path, "--fingerprint", fingerprint(coordinator))
    impostor = None
    try:
        node.start()
        coordinator.kill()
        impostor = Coordinator(tmp_path / "impostor.db", "--tls", port=coordinator.port).start()
        assert impostor.port == coordinator.port
        node.until("not the coordinator that the invitation came from")
        assert node.is_running()
        impostor.terminate()
        coordinator.start()
        pin = fingerprint(coordinator)
        with nexapod.connect(coordinator.url, coordinator.token, fingerprint=pin) as fleet:
            assert fleet.submit(sum, [1, 2]).result(60) == 3
    finally:
        node.end()
        if impostor is not None:
            impostor.end()
