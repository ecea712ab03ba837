"""Room on the disk, and what is kept of it for results."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from nexapod import errors
from nexapod.coordinator.room import JOB_BYTES, RESERVE_BYTES, DiskRoom


class Disk(NamedTuple):
    total: int
    used: int
    free: int


def disk(monkeypatch: pytest.MonkeyPatch, total: int, free: int) -> None:
    def usage(folder: Any) -> Disk:
        return Disk(total, total - free, free)

    monkeypatch.setattr(shutil, "disk_usage", usage)


def test_submissions_are_refused_below_the_reserve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk(monkeypatch, total=10**9, free=10**6)
    room = DiskRoom(tmp_path, reserve_bytes=10**6 - 5000)
    room.take(1000, jobs=1)
    with pytest.raises(errors.StorageFull, match="free some space"):
        room.take(5000 - 1000 - JOB_BYTES + 1)
    room.take(0)


def test_a_look_finds_what_was_freed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk(monkeypatch, total=10**9, free=100)
    room = DiskRoom(tmp_path, reserve_bytes=1000)
    with pytest.raises(errors.StorageFull):
        room.take(0)
    disk(monkeypatch, total=10**9, free=5000)
    room.look()
    room.take(4000)
    with pytest.raises(errors.StorageFull):
        room.take(1)


def test_the_reserve_of_a_small_disk_is_a_part_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk(monkeypatch, total=100 * 10**6, free=90 * 10**6)
    assert DiskRoom(tmp_path).reserve_bytes == 5 * 10**6
    disk(monkeypatch, total=10**12, free=10**11)
    assert DiskRoom(tmp_path).reserve_bytes == RESERVE_BYTES


def test_a_store_in_memory_has_no_disk() -> None:
    room = DiskRoom(None)
    room.look()
    room.take(10**18)


def test_the_true_disk_is_asked(tmp_path: Path) -> None:
    room = DiskRoom(tmp_path, 0)
    free_bytes = shutil.disk_usage(tmp_path).free
    assert abs(room.free_bytes - free_bytes) < 10**9
