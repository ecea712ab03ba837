"""The wheel in an environment of its own, on a machine without Node.js."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def environment(folder: Path) -> dict[str, str]:
    """One in which nothing called node can be found."""
    tools = folder / "tools"
    tools.mkdir()
    return {
        "PATH": f"{folder / 'venv' / 'bin'}:{tools}",
        "HOME": str(folder),
        "JUPYTER_PREFER_ENV_PATH": "1",
    }


@pytest.mark.timeout(400)
def test_the_installed_wheel_is_an_extension_that_works_without_node(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=100)
    (wheel,) = tmp_path.glob("*.whl")
    # Packages of this environment, so that no network is needed; but nexapod from the wheel.
    venv.create(tmp_path / "venv", with_pip=True, symlinks=True)
    python = tmp_path / "venv" / "bin" / "python"
    environ = environment(tmp_path)
    assert shutil.which("node", path=environ["PATH"]) is None

    def run(*command: str) -> str:
        done = subprocess.run(
            [str(python), *command], env=environ, cwd=tmp_path, capture_output=True, text=True,
            timeout=200, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return re.sub(r"\x1b\[\d*m", "", done.stdout + done.stderr)

    run("-m", "pip", "install", "--no-index", "--no-deps", "--quiet", str(wheel))
    (site,) = (tmp_path / "venv" / "lib").glob("python*/site-packages")
    ours = next(path for path in sys.path if path.endswith("site-packages"))
    (site / "zz_rest.pth").write_text(ours + os.linesep)

    where = run("-c", "import nexapod; print(nexapod.__file__)")
    assert str(site) in where, "the wheel's nexapod, not the checkout's"
    labs = run("-c", "from jupyterlab.labextensions import main; main()", "list")
    (line,) = (line for line in labs.splitlines() if "nexapod v" in line)
    assert "enabled" in line
    assert "OK" in line
    assert str(tmp_path / "venv" / "share") in labs
    servers = run("-c", "from jupyter_server.extension.serverextension import main; main()", "list")
    assert "nexapod enabled" in servers
    assert re.search(r"nexapod \S+ .*OK", servers)
