"""Coordinators of one user find each other, and nobody else's."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from nexapod import errors
from nexapod.coordinator import registry
from nexapod.coordinator.files import FleetFiles, RunFile
from nexapod.coordinator.lock import DatabaseLock
from nexapod.coordinator.registry import Running


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    return tmp_path


class Run:
    """A coordinator as the registry sees it: a lock that is held, and an entry."""

    def __init__(self, database: Path, name: str = "fold", port: int = 8000) -> None:
        self.files = FleetFiles(name, database)
        self.lock = DatabaseLock(self.files.lock, self.files.database)
        self.run = RunFile(name, f"http://127.0.0.1:{port}", os.getpid(), float(port))
        path = registry.enter(self.run, self.files)
        assert path is not None
        self.path = path


@pytest.fixture
def run(home: Path) -> Iterator[Run]:
    made = Run(home / "fold.db")
    yield made
    made.lock.release()


def test_a_coordinator_that_runs_is_found_wherever_its_database_is(run: Run, home: Path) -> None:
    (found,) = registry.running()
    assert (found.name, found.url, found.pid) == ("fold", run.run.url, os.getpid())
    assert found.database == str(home / "fold.db")
    assert registry.named("fold") == registry.at(run.run.url) == found


def test_the_entry_is_its_owner_s_alone_and_holds_no_token(run: Run) -> None:
    token = run.files.token()
    assert run.path.stat().st_mode & 0o777 == 0o600
    assert run.path.parent.stat().st_mode & 0o777 == 0o700
    assert token not in run.path.read_text()
    assert registry.named("fold").token == token


def test_the_notebook_is_the_one_whose_kernel_started_it(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JPY_SESSION_NAME", "/here/fold.ipynb")
    made = Run(home / "fold.db")
    assert registry.named("fold").notebook == "/here/fold.ipynb"
    made.lock.release()


def test_who_left_is_not_found(run: Run) -> None:
    registry.leave(run.path)
    assert registry.running() == []
    registry.leave(run.path)


def test_an_entry_without_its_lock_is_removed_by_whoever_looks(run: Run) -> None:
    run.lock.release()
    assert registry.running() == []
    assert not run.path.exists()


def test_an_entry_whose_folder_is_gone_is_removed_and_the_folder_stays_gone(home: Path) -> None:
    made = Run(home / "short" / "fold.db")
    made.lock.release()
    shutil.rmtree(home / "short")
    assert registry.running() == []
    assert not made.path.exists()
    assert not (home / "short").exists()


def test_an_entry_whose_lock_another_process_holds_is_left_to_that_one(run: Run) -> None:
    entry = msgspec.structs.replace(registry.named("fold"), pid=1)
    run.path.write_bytes(msgspec.json.encode(entry))
    assert registry.running() == []
    assert run.path.exists(), "its owner may be writing it this moment"


def test_an_entry_of_another_machine_is_left_alone(run: Run) -> None:
    entry = msgspec.structs.replace(registry.named("fold"), machine="elsewhere")
    run.path.write_bytes(msgspec.json.encode(entry))
    assert registry.running() == []
    assert run.path.exists()


@pytest.mark.parametrize("spoil", ["others can write", "a link", "no JSON", "another name"])
def test_an_entry_that_cannot_be_believed_is_ignored(run: Run, spoil: str, home: Path) -> None:
    if spoil == "others can write":
        run.path.chmod(0o666)
    elif spoil == "a link":
        run.path.rename(home / "real.json")
        run.path.symlink_to(home / "real.json")
    elif spoil == "no JSON":
        run.path.write_text("{")
    else:
        run.path.rename(run.path.with_name("other.json"))
    assert registry.running() == []


@pytest.mark.skipif(os.geteuid() != 0, reason="cannot run here: only root can give files away")
@pytest.mark.parametrize("what", ["entry", "folder"])
def test_what_another_user_owns_is_ignored(run: Run, what: str) -> None:
    os.chown(run.path if what == "entry" else run.path.parent, 65_534, 65_534)
    assert registry.running() == []


def test_a_folder_in_which_others_can_write_is_neither_read_nor_written(
    run: Run, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    registry.folder().chmod(0o777)
    assert registry.running() == []
    assert registry.enter(run.run, run.files) is None
    assert "will not find this coordinator by its name" in caplog.text


def test_without_any_the_sentence_says_to_launch_one() -> None:
    with pytest.raises(errors.Unreachable, match="none does, so launch it first"):
        registry.named("fold")


def test_an_unknown_name_is_answered_with_those_that_run(run: Run) -> None:
    with pytest.raises(errors.Unreachable, match="these do: fold"):
        registry.named("unfold")


def test_a_name_that_several_have_needs_a_url(run: Run, home: Path) -> None:
    other = Run(home / "other.db", port=8001)
    with pytest.raises(errors.Invalid, match=r"by its url: http://127.0.0.1:8000 .*:8001"):
        registry.named("fold")
    other.lock.release()
    assert registry.named("fold").url == run.run.url


def test_an_id_outlives_a_restart_and_belongs_to_one_database(run: Run, home: Path) -> None:
    first = registry.named("fold").id
    run.lock.release()
    again, other = Run(home / "fold.db", port=9), Run(home / "other.db", port=10)
    ids = [entry.id for entry in registry.running()]
    assert ids[0] == first != ids[1]
    again.lock.release()
    other.lock.release()


def test_an_open_coordinator_has_no_token(run: Run) -> None:
    entry: Running = msgspec.structs.replace(registry.named("fold"), open=True)
    run.files.token()
    assert entry.token is None
