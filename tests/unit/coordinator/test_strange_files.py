"""What others put into a shared folder, under the names of a fleet's files, is not believed."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from nexapod import errors
from nexapod.coordinator.files import FleetFiles, RunFile
from nexapod.coordinator.options import HostOptions
from nexapod.coordinator.tls import tls_of

SECRETS = (".token", ".node-token", ".key.pem", ".cert.pem", ".run")


def believe(files: FleetFiles, suffix: str) -> object:
    """Read the file of that suffix for what it is there for."""
    if suffix == ".run":
        return files.read_run()
    if suffix.endswith(".pem"):
        return tls_of(HostOptions(tls=True), files)
    return files.token() if suffix == ".token" else files.node_token.read()


@pytest.fixture
def placed(tmp_path: Path) -> FleetFiles:
    """The files of a fleet that ran once."""
    files = FleetFiles("x", tmp_path / "x.db")
    files.database.touch(mode=0o600)
    files.write_run(RunFile("x", "http://127.0.0.1:1", 1, 1.0))
    files.node_token.write("a node's")
    files.token()
    tls_of(HostOptions(tls=True), files)
    return files


@pytest.mark.parametrize("suffix", SECRETS)
def test_a_file_of_another_user_is_not_believed(
    placed: FleetFiles, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    believe(placed, suffix)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(errors.Invalid, match="belongs to another user; remove it"):
        believe(placed, suffix)


@pytest.mark.parametrize("suffix", SECRETS)
@pytest.mark.parametrize("mode", [0o620, 0o602])
def test_a_file_that_others_can_write_is_not_believed(
    placed: FleetFiles, suffix: str, mode: int
) -> None:
    placed.beside(suffix).chmod(mode)
    with pytest.raises(errors.Invalid, match="others can have written"):
        believe(placed, suffix)


@pytest.mark.parametrize("suffix", SECRETS)
def test_a_link_or_a_pipe_in_the_place_of_a_secret_is_not_followed(
    placed: FleetFiles, suffix: str
) -> None:
    path = placed.beside(suffix)
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")
    with pytest.raises(errors.Invalid, match="is a link"):
        believe(placed, suffix)
    path.unlink()
    os.mkfifo(path, 0o600)
    with pytest.raises(errors.Invalid, match="no plain file"):
        believe(placed, suffix)


def test_a_key_that_others_can_read_is_closed_and_the_certificate_stays_readable(
    placed: FleetFiles,
) -> None:
    placed.key.path.chmod(0o644)
    placed.certificate.path.chmod(0o644)
    tls_of(HostOptions(tls=True), placed)
    assert stat.S_IMODE(placed.key.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(placed.certificate.path.stat().st_mode) == 0o644


@pytest.mark.parametrize("ending", ["", "-wal", "-journal"])
def test_a_database_that_may_be_somebody_elses_is_refused(
    placed: FleetFiles, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = placed.database.with_name(f"x.db{ending}")
    path.touch()
    path.chmod(0o666)
    with pytest.raises(errors.Invalid, match="others can have written"):
        FleetFiles("x", placed.database)
    path.chmod(0o644)
    FleetFiles("x", placed.database)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(errors.Invalid, match="belongs to another user"):
        FleetFiles("x", placed.database)


def test_a_folder_where_anybody_replaces_files_is_refused_unless_it_is_sticky(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(errors.Invalid, match="everybody can replace the files"):
        FleetFiles("x", folder / "x.db")
    folder.chmod(0o1777)
    FleetFiles("x", folder / "x.db")
