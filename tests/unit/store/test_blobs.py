"""Blobs: whole under their hash, or not there."""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path

import pytest

from nexapod import errors
from nexapod.store.blobs import BlobStore


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path / "x.blobs")


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def files(blobs: BlobStore) -> list[str]:
    return [path.name for path in blobs.folder.rglob("*") if path.is_file()]


def test_a_blob_is_found_by_the_hash_of_its_bytes(blobs: BlobStore) -> None:
    for data in (b"", b"x", b"y" * 100_000):
        assert blobs.put(data) == sha(data)
        assert blobs.has(sha(data))
        assert blobs.read(sha(data)) == data


def test_the_same_blob_twice_is_one_file(blobs: BlobStore) -> None:
    blobs.put(b"x")
    blobs.put(b"x")
    assert files(blobs) == [sha(b"x")]


def test_a_blob_arrives_in_pieces(blobs: BlobStore) -> None:
    incoming = blobs.incoming()
    for piece in (b"ab", b"", b"c"):
        incoming.write(piece)
    assert incoming.size == 3
    assert not blobs.has(sha(b"abc"))
    assert incoming.keep(sha(b"abc")) == sha(b"abc")
    incoming.drop()
    assert blobs.read(sha(b"abc")) == b"abc"


def test_the_wrong_hash_keeps_nothing(blobs: BlobStore) -> None:
    incoming = blobs.incoming()
    incoming.write(b"abc")
    with pytest.raises(errors.Invalid, match="sha256"):
        incoming.keep(sha(b"other"))
    incoming.drop()
    assert files(blobs) == []
    assert not blobs.has(sha(b"abc"))


def test_an_upload_that_breaks_off_leaves_nothing(blobs: BlobStore) -> None:
    incoming = blobs.incoming()
    incoming.write(b"half of it")
    incoming.drop()
    incoming.drop()
    assert files(blobs) == []


def test_a_blob_that_is_not_here_is_not_found(blobs: BlobStore) -> None:
    assert not blobs.has("0" * 64)
    with pytest.raises(errors.NotFound):
        blobs.read("0" * 64)


@pytest.mark.parametrize(
    "name",
    ["", "..", "../" * 20 + "etc/passwd", "/etc/passwd", "ab" * 31, "AB" * 32, "ab" * 32 + "\n",
     "ab" * 32 + "/x", "../" + "a" * 61, "g" * 64, "٣" * 64],
)  # fmt: skip
def test_what_is_no_hash_never_becomes_a_path(blobs: BlobStore, name: str) -> None:
    for verb in (blobs.path, blobs.has, blobs.read):
        with pytest.raises(errors.Invalid, match="sha256"):
            verb(name)


def test_nobody_else_may_look_into_the_folder(blobs: BlobStore) -> None:
    sha256 = blobs.put(b"x")
    for folder in (blobs.folder, blobs.path(sha256).parent):
        assert stat.S_IMODE(folder.stat().st_mode) & 0o077 == 0


def test_a_full_disk_is_said_as_such(blobs: BlobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(errors.StorageFull, match="No space left"):
        blobs.put(b"x")
    monkeypatch.undo()
    assert not blobs.has(sha(b"x"))
    assert files(blobs) == []
