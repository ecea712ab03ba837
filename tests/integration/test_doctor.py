"""``nexapod doctor``: every fault is found and comes with what to do; nothing is changed."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nexapod.coordinator.files import FleetFiles
from nexapod.doctor import fleet, machine, place, reach
from nexapod.doctor.finding import Finding, examine
from nexapod.doctor.fleet import FleetChecks
from nexapod.store.sqlite import SqliteStore
from tests.integration.parts import Coordinator, free_port, nexapod

Serve = Callable[..., Coordinator]
Levels = dict[str, tuple[str, str, str]]


def levels(findings: Any) -> Levels:
    """By check: level, what it says, what to do."""
    rows = [f if isinstance(f, Finding) else Finding(**f) for f in findings]
    for row in rows:
        assert bool(row.mend) is (row.level != "ok"), row
    return {row.check: (row.level, row.says, row.mend) for row in rows}


def doctor(*arguments: str, **environment: str) -> tuple[int, Levels]:
    """Exit code and findings of the command."""
    done = nexapod("doctor", "--json", *arguments, **environment)
    assert not done.stderr, done.stderr
    return done.returncode, levels(json.loads(done.stdout))


def test_a_sound_fleet_is_found_sound(serve: Serve):
    coordinator = serve()
    assert nexapod("backup", "--database", str(coordinator.database)).returncode == 0
    code, found = doctor("--database", str(coordinator.database))
    assert code == 0
    assert {check: level for check, (level, *_) in found.items() if level == "FAIL"} == {}
    assert str(coordinator.pid) in found["coordinator"][1]
    assert "ours" in found["port"][1]
    assert found["token"][1].startswith("the token is good")
    assert {"python", "disk", "fsync", "permissions", "backups", "tcp", "health", "clock"} <= set(
        found
    )


def test_people_get_a_line_for_each_check(serve: Serve):
    coordinator = serve()
    done = nexapod("doctor", "--database", str(coordinator.database), coordinator.url, COLUMNS="80")
    assert done.returncode == 0
    assert "ok    python" in done.stdout
    assert "warn  backups      there is none yet\n" in done.stdout
    assert "→ nexapod backup" in done.stdout
    assert coordinator.token not in done.stdout


def test_tokens_are_judged(serve: Serve):
    coordinator = serve()
    node = coordinator.client().post("/tokens", {"scopes": ["node"]})["token"]
    code, found = doctor(coordinator.url, NEXAPOD_TOKEN="wrong")
    assert (code, found["token"][0]) == (1, "FAIL")
    for token, level in ((node, "ok"), (coordinator.token, "ok"), (None, "warn")):
        assert levels(reach.reach(coordinator.url, token))["token"][0] == level


def test_a_certificate_is_believed_only_by_its_fingerprint(serve: Serve):
    coordinator = serve("--tls")
    pin = coordinator.until(r"fingerprint: (\w+)")[1]
    secret = coordinator.token
    assert secret is not None
    right = levels(reach.reach(coordinator.url, secret, pin))
    assert right["tls"][0] == "ok"
    assert right["token"][0] == "ok"
    for wrong in (None, "0" * 64):
        found = levels(reach.reach(coordinator.url, secret, wrong))
        assert found["tls"][0] == "FAIL"
        assert "token" not in found, "the token was sent to somebody unknown"
    assert levels(reach.reach(coordinator.url.replace("https", "http"), secret))["health"][0] == (
        "FAIL"
    )


# ── the way ──────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def answering() -> Iterator[Callable[[bytes], str]]:
    """A server that says the same to everybody: ``answering(b"HTTP/1.1 …")`` is its URL."""
    sockets: list[socket.socket] = []

    def serve_for_ever(listener: socket.socket, said: bytes) -> None:
        while True:
            try:
                line, _ = listener.accept()
                with line:
                    while line.recv(65536):
                        line.sendall(said)
            except OSError:
                return

    def start(said: bytes) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        sockets.append(listener)
        threading.Thread(target=serve_for_ever, args=(listener, said), daemon=True).start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    yield start
    for listener in sockets:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def http_answer(status: str, body: str, *headers: str) -> bytes:
    head = "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers])
    return f"{head}\r\n\r\n{body}".encode()


def test_each_step_of_the_way_can_fail(answering: Callable[[bytes], str]):
    other = http_answer("200 OK", "<html>hello")
    ssh = b"SSH-2.0-OpenSSH_9.2\r\n"
    moved = http_answer("421 Misdirected Request", "{}")
    for url, check in (
        ("ftp://host", "url"),
        ("http://host:99999", "url"),
        ("http://no-such-host.invalid:8000", "dns"),
        (f"http://127.0.0.1:{free_port()}", "tcp"),
        (answering(other), "health"),
        (answering(ssh), "health"),
        (answering(moved), "health"),
        (answering(other).replace("http", "https"), "tls"),
    ):
        found = levels(reach.reach(url, None))
        failed = {name for name, (level, *_) in found.items() if level == "FAIL"}
        assert failed == {check}, url


def test_a_wrong_clock_is_seen_in_either_direction(answering: Callable[[bytes], str]):
    for date, side in (("Mon, 01 Jan 2001", "ahead of"), ("Tue, 01 Jan 2030", "behind")):
        said = http_answer("200 OK", '{"status":"ok"}', f"Date: {date} 00:00:00 GMT")
        level, says, mend = levels(reach.reach(answering(said), None))["clock"]
        assert level == "warn"
        assert side in says
        assert "set the clocks" in mend


# ── the files ────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def files(tmp_path: Path) -> FleetFiles:
    found = FleetFiles("fleet", tmp_path / "fleet.db")
    SqliteStore(found.database).close()
    found.token()
    return found


def of(files: FleetFiles) -> Levels:
    return levels(examine(FleetChecks(files).all()))


def test_a_damaged_database_is_found(files: FleetFiles):
    assert of(files)["database"][0] == "ok"
    whole = files.database.read_bytes()
    files.database.write_bytes(whole[:8192] + b"\xff" * 8192 + whole[16384:])
    level, says, mend = of(files)["database"]
    assert level == "FAIL"
    assert "damaged" in says
    assert "nexapod restore" in mend


@pytest.mark.parametrize("ending", [".db", ".token", ".key.pem"])
def test_a_secret_that_others_can_read_is_found(files: FleetFiles, ending: str):
    path = files.beside(ending)
    path.touch()
    path.chmod(0o640)
    found = [f for f in FleetChecks(files).permissions() if f.level == "FAIL"]
    assert [f.mend for f in found] == [f"chmod 600 {path}"]
    assert path.stat().st_mode & 0o777 == 0o640  # the doctor mends nothing


def test_a_full_disk_a_slow_disk_and_old_backups_are_found(
    files: FleetFiles, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(fleet, "SLOW_SYNC_S", 0.0)
    monkeypatch.setattr("nexapod.coordinator.room.RESERVE_BYTES", 1 << 60)
    monkeypatch.setattr("nexapod.coordinator.room.RESERVE_PART", 1.0)
    found = of(files)
    assert found["disk"][0] == "FAIL"
    assert found["fsync"][0] == "warn"
    assert found["backups"][0] == "warn"


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "fuse.sshfs", "smbfs"])
def test_a_database_on_a_network_folder_is_found(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
):
    assert levels(place.place(tmp_path))["place"][0] != "FAIL"
    monkeypatch.setattr(place, "network_type", lambda path: kind)
    assert levels(place.place(tmp_path))["place"][0] == "FAIL"


@pytest.mark.parametrize("name", ["Dropbox", "OneDrive - University", "Nextcloud"])
def test_a_database_in_a_folder_that_a_cloud_syncs_is_found(tmp_path: Path, name: str):
    folder = tmp_path / name / "fleets"
    folder.mkdir(parents=True)
    assert levels(place.place(folder))["place"][0] == "FAIL"


def test_a_port_that_somebody_else_has_is_found(files: FleetFiles):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        files.beside(".run").write_text(
            f'{{"name":"fleet","url":"http://127.0.0.1:{port}","pid":1,"started_at":0}}'
        )
        assert of(files)["port"][0] == "warn"
    assert of(files)["port"][0] == "ok"


def test_looking_changes_nothing(files: FleetFiles):
    def state() -> dict[str, Any]:
        return {
            p.name: (p.stat().st_mtime_ns, p.stat().st_mode, p.read_bytes())
            for p in files.database.parent.iterdir()
        }

    before = state()
    of(files)
    assert state() == before


# ── the machine ──────────────────────────────────────────────────────────────────────────────────


def test_a_proxy_is_named_without_its_password(monkeypatch: pytest.MonkeyPatch):
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    assert levels(machine.proxies())["proxies"][0] == "ok"
    monkeypatch.setenv("http_proxy", "http://me:hidden@proxy:3128")
    level, says, mend = levels(machine.proxies())["proxies"]
    assert level == "warn"
    assert "hidden" not in says + mend


def test_a_missing_sandbox_and_a_low_limit_are_found(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(machine, "OPEN_FILES", 1 << 40)
    monkeypatch.setenv("PATH", "/nowhere")
    assert levels(machine.open_files())["open files"][0] == "warn"
    assert levels(machine.sandbox())["sandbox"][0] == "warn"


def test_a_check_that_breaks_stops_no_other():
    def broken() -> Iterator[Finding]:
        raise OSError("no /proc here")

    found = levels(examine([("first", broken), ("python", machine.python)]))
    assert found["first"][0] == "warn"
    assert "no /proc here" in found["first"][1]
    assert found["python"][0] == "ok"
