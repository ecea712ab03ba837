"""A database is refused where nobody can keep it safe."""

from __future__ import annotations

from pathlib import Path

import pytest

from nexapod import errors
from nexapod.coordinator.files import FleetFiles
from nexapod.store.place import CLOUD_MARKERS, check_place, network_type

MOUNTS = """\
22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
23 22 0:5 / /proc rw - proc proc rw
30 22 0:40 / /home rw,relatime shared:7 - nfs4 server:/export/home rw,vers=4.2
31 30 254:2 / /home/ana/local rw - xfs /dev/vdb rw
32 22 0:41 / /mnt/c rw - 9p C:\\134 rw,aname=drvfs
33 22 0:42 / /mnt/share\\040of\\040ana rw - cifs //server/share rw
34 22 0:43 / /mnt/far rw - fuse.sshfs ana@server:/ rw
35 22 0:44 / /mnt/usb rw - fuseblk /dev/sdb1 rw
36 22 0:45 / /mnt/secret rw - fuse.gocryptfs /home/x rw
37 22 0:46 / /mnt/twice rw - nfs server:/a rw
38 37 0:47 / /mnt/twice rw - ext4 /dev/vdc rw
39 22 0:48 / /container rw - overlay overlay rw
40 22 0:49 / /dev/shm rw - tmpfs tmpfs rw
41 22 0:50 / /guest rw - virtiofs share rw
half a line
"""


@pytest.fixture
def mounts(tmp_path: Path) -> Path:
    path = tmp_path / "mountinfo"
    path.write_text(MOUNTS)
    return path


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/home/ana", "nfs4"),
        ("/mnt/c/Users/ana", "9p"),
        ("/mnt/share of ana/fleets", "cifs"),
        ("/mnt/far", "fuse.sshfs"),
    ],
)
def test_a_network_file_system_is_refused_by_its_type(mounts: Path, folder: str, kind: str) -> None:
    assert network_type(Path(folder), mounts) == kind
    with pytest.raises(errors.Invalid, match=rf"network file system \({kind}\).*name a file on a"):
        check_place(Path(folder) / "fleet.db", mounts)


@pytest.mark.parametrize(
    "folder",
    [
        "/", "/homework", "/home/ana/local/data", "/mnt/usb", "/mnt/secret", "/mnt/twice",
        "/container/data", "/dev/shm/x", "/guest",
    ],
)  # fmt: skip
def test_a_disk_of_this_machine_is_taken(mounts: Path, folder: str) -> None:
    check_place(Path(folder) / "fleet.db", mounts)


@pytest.mark.parametrize(
    ("name", "program"),
    [
        ("Dropbox", "Dropbox"),
        ("Dropbox (Lab)", "Dropbox"),
        ("OneDrive - University of Somewhere", "OneDrive"),
        ("OneDrive-Personal", "OneDrive"),
        ("Google Drive", "Google Drive"),
        ("GoogleDrive-ana@example.org", "Google Drive"),
        ("Mobile Documents", "iCloud"),
        ("Nextcloud", "Nextcloud"),
        ("ownCloud", "ownCloud"),
    ],
)
def test_a_cloud_folder_is_known_by_its_name(tmp_path: Path, name: str, program: str) -> None:
    with pytest.raises(errors.Invalid, match=f"a folder that {program} synchronises"):
        check_place(tmp_path / name / "deep" / "fleet.db")


@pytest.mark.parametrize("name", ["dropbox-paper", "my nextcloud notes", "drive", "onedriver"])
def test_a_name_that_only_looks_like_one_is_taken(tmp_path: Path, name: str) -> None:
    check_place(tmp_path / name / "fleet.db")


@pytest.mark.parametrize("marker", CLOUD_MARKERS)
def test_a_cloud_folder_is_known_by_its_marker(tmp_path: Path, marker: str) -> None:
    (tmp_path / marker).touch()
    with pytest.raises(errors.Invalid, match=f"a folder that {CLOUD_MARKERS[marker]} synchronises"):
        check_place(tmp_path / "deep" / "fleet.db")


def test_a_link_into_a_cloud_folder_is_followed(tmp_path: Path) -> None:
    (tmp_path / "Dropbox" / "lab").mkdir(parents=True)
    (tmp_path / "lab").symlink_to(tmp_path / "Dropbox" / "lab")
    with pytest.raises(errors.Invalid, match="Dropbox"):
        check_place(tmp_path / "lab" / "fleet.db")


def test_without_a_list_of_mounts_nothing_is_known_of_networks(tmp_path: Path) -> None:
    assert network_type(tmp_path, tmp_path / "missing") is None


def test_a_fleet_is_refused_there_before_anything_is_made(tmp_path: Path) -> None:
    (tmp_path / "Dropbox").mkdir()
    with pytest.raises(errors.Invalid, match="name a file in another folder"):
        FleetFiles("lab", tmp_path / "Dropbox" / "lab" / "fleet.db")
    assert list((tmp_path / "Dropbox").iterdir()) == []
