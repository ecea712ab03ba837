"""What runs in the browser is built, is current, and is in the wheel."""

from __future__ import annotations

import json
import os
import re
import runpy
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import nexapod

ROOT = Path(__file__).resolve().parents[1]
BUILT = ROOT / "nexapod" / "labextension"


def test_what_is_built_is_built_from_these_sources() -> None:
    digest = runpy.run_path(str(ROOT / "extension" / "sources.py"))["digest"]()
    assert (BUILT / "sources.sha256").read_text().strip() == digest, "run: make extension"


def test_both_halves_have_the_version_of_the_package() -> None:
    version = json.loads((ROOT / "extension" / "package.json").read_text())["version"]
    assert nexapod.__version__ == version or nexapod.__version__.startswith(f"{version}.")
    assert json.loads((BUILT / "package.json").read_text())["version"] == version


def test_the_lock_file_names_no_address() -> None:
    lock = (ROOT / "extension" / "yarn.lock").read_text()
    assert "resolution:" in lock
    assert re.findall(r"https?://\S+", lock) == []


def test_nothing_built_is_fetched_from_elsewhere_at_run_time() -> None:
    for file in [*BUILT.rglob("*.js"), ROOT / "nexapod" / "views" / "assets" / "panel.js"]:
        text = file.read_text("utf-8")
        assert not re.search(r"(?:import|fetch|importScripts)\(\s*[\"']https?://", text), file
        assert not re.search(r"//(?:cdn|unpkg)\.", text), file


def test_the_browsers_half_passes_its_own_tests() -> None:
    folder = ROOT / "extension"
    if not (folder / "node_modules" / ".stamp").exists():
        pytest.skip("needs its packages: make extension")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["jlpm", "test"],
        cwd=folder, capture_output=True, text=True, timeout=110, env={**os.environ, "PATH": path},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4_000:] + done.stderr[-2_000:]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    (found,) = folder.glob("*.whl")
    return found


def test_the_wheel_puts_it_where_jupyter_looks(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        data = {
            name.partition(".data/data/")[2]: archive.read(name)
            for name in archive.namelist()
            if ".data/data/" in name
        }
    lab = "share/jupyter/labextensions/nexapod/"
    built = {lab + str(p.relative_to(BUILT)) for p in BUILT.rglob("*") if p.is_file()}
    assert built == {name for name in data if name.startswith("share/")}
    assert lab + "install.json" in built
    entry = json.loads(data[lab + "package.json"])["jupyterlab"]["_build"]["load"]
    assert lab + entry in built
    config = data["etc/jupyter/jupyter_server_config.d/nexapod.json"]
    assert json.loads(config)["ServerApp"]["jpserver_extensions"] == {"nexapod": True}
