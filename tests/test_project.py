"""The project's own files agree with each other, and the suite's rules work."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import nbformat
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]

# ── pyproject.toml and environment.yml ───────────────────────────────────────────────────────────


def required_by_pyproject() -> dict[str, SpecifierSet]:
    """Name → bound, over the base and all extras."""
    extras = PROJECT["optional-dependencies"]
    lines = [*PROJECT["dependencies"], *(line for extra in extras.values() for line in extra)]
    found: dict[str, SpecifierSet] = {}
    for line in lines:
        requirement = Requirement(line)
        name = canonicalize_name(requirement.name)
        if name == "nexapod":
            continue
        assert found.setdefault(name, requirement.specifier) == requirement.specifier, name
    return found


def required_by_environment(text: str) -> dict[str, SpecifierSet]:
    """Name → bound, over the conda packages and those in ``pip:``."""
    lines: list[str] = []
    for entry in yaml.safe_load(text)["dependencies"]:
        lines += entry["pip"] if isinstance(entry, dict) else [entry]
    requirements = [Requirement(line) for line in lines if not line.startswith("--editable")]
    return {canonicalize_name(r.name): r.specifier for r in requirements}


def test_environment_agrees_with_pyproject():
    environment = required_by_environment((ROOT / "environment.yml").read_text("utf-8"))
    assert environment.pop("python") == SpecifierSet(PROJECT["requires-python"])
    assert environment.pop("pip") == SpecifierSet()
    assert environment == required_by_pyproject()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("  - rich>=14\n", ""),  # missing
        ("  - rich>=14\n", "  - rich>=13\n"),  # another bound
        ("  - rich>=14\n", "  - rich>=14\n  - attrs\n"),  # one too many
        ("playwright>=1.50", "playwright"),  # in the pip section
    ],
)
def test_a_disagreement_is_caught(old: str, new: str):
    text = (ROOT / "environment.yml").read_text("utf-8")
    assert old in text
    environment = required_by_environment(text.replace(old, new))
    del environment["python"], environment["pip"]
    assert environment != required_by_pyproject()


def test_every_requirement_has_a_lower_bound():
    unbounded = [
        name
        for name, specifier in required_by_pyproject().items()
        if not any(s.operator == ">=" for s in specifier)
    ]
    assert unbounded == []


def test_extras_contain_each_other():
    extras = PROJECT["optional-dependencies"]
    assert "nexapod[notebook]" in extras["demo"]
    assert "nexapod[notebook]" in extras["export"]
    assert "nexapod[demo]" in extras["dev"]
    assert "nexapod[export]" in extras["dev"]


def test_supported_pythons_are_declared():
    declared = {c.rsplit(" ", 1)[1] for c in PROJECT["classifiers"] if "Python :: 3." in c}
    assert declared == {"3.11", "3.12", "3.13"}


# ── the wheel ────────────────────────────────────────────────────────────────────────────────────


def test_wheel_holds_the_whole_package_and_nothing_else(tmp_path: Path):
    # From a copy, so that a parallel edit or a stray file in the checkout is not what is tested.
    source = tmp_path / "source"
    source.mkdir()
    shutil.copytree(
        ROOT / "nexapod", source / "nexapod", ignore=shutil.ignore_patterns("__pycache__")
    )
    config = "extension/jupyter_server_config.json"
    (source / "extension").mkdir()
    for name in ("pyproject.toml", "LICENSE", "README.md", ".gitignore", config):
        shutil.copy(ROOT / name, source / name)
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr

    (wheel,) = tmp_path.glob("nexapod-*-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = {n for n in archive.namelist() if ".dist-info/" not in n and ".data/" not in n}
        (metadata,) = (n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        (license_,) = (n for n in archive.namelist() if n.endswith("/LICENSE"))
        assert "License-Expression: Apache-2.0" in archive.read(metadata).decode()
        assert "Apache License" in archive.read(license_).decode()
    package = {
        str(path.relative_to(source)) for path in (source / "nexapod").rglob("*") if path.is_file()
    }
    assert names == package
    assert any(name.endswith(".sql") for name in names)
    assert "nexapod/py.typed" in names


# ── notebooks ────────────────────────────────────────────────────────────────────────────────────

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def test_there_are_notebooks():
    assert NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.name)
def test_notebooks_are_kept_without_outputs(path: Path):
    notebook = json.loads(path.read_text("utf-8"))
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [c["outputs"] for c in code if c["outputs"]] == []
    assert [c for c in code if c["execution_count"] is not None] == []
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    assert "widgets" not in notebook["metadata"]


def render(folder: Path, *sources: str) -> subprocess.CompletedProcess[str]:
    """Render a notebook of these code cells, the last of them tagged ``results``."""
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    cells[-1].metadata["tags"] = ["results"]
    heading = nbformat.v4.new_markdown_cell("# A heading")
    notebook = nbformat.v4.new_notebook(cells=[heading, *cells])
    nbformat.write(notebook, folder / "small.ipynb")
    script = ROOT / "notebooks" / "render.py"
    return subprocess.run(
        [sys.executable, script, folder / "small.ipynb", "--to", folder / "pages"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=100,
    )


def test_render_prints_results_and_writes_a_page_that_needs_no_network(tmp_path: Path):
    done = render(
        tmp_path,
        "from tqdm.notebook import tqdm\nfor _ in tqdm(range(4)): pass",
        "import plotly.graph_objects as go\ngo.Figure(go.Scatter(y=[1, 2]))",
        "21 * 2",
    )
    assert done.returncode == 0, done.stderr
    page = tmp_path / "pages" / "small.html"
    lines = done.stdout.splitlines()
    assert lines[0] == "Running small.ipynb"
    assert [line for line in lines if line.endswith("s  A heading")][-1].startswith("[ 3/3]")
    assert "         4 of 4" in lines
    assert "42" in lines
    assert lines[-1] == str(page)
    body = page.read_text("utf-8")
    assert "100%" in body
    assert "Plotly.newPlot" in body
    assert re.findall(r"<(?:script|link|img)[^>]*(?:src|href)=\"(?:https?:)?//[^\"]*", body) == []
    assert not list(tmp_path.glob("kernel-*"))


def test_render_shows_the_cell_that_failed(tmp_path: Path):
    done = render(tmp_path, "x = 1", "x / 0", "x")
    assert done.returncode == 1
    assert "small.ipynb failed." in done.stdout
    assert "x / 0" in done.stdout
    assert "ZeroDivisionError: division by zero" in done.stdout
    assert "\x1b[" not in done.stdout
    assert not (tmp_path / "pages").exists()


# ── the commands ─────────────────────────────────────────────────────────────────────────────────


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    # A make that runs this suite would pass its own flags on.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")}
    return subprocess.run(
        ["make", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
    )


def test_help_lists_every_target():
    done = make("help")
    assert done.returncode == 0
    listed = [line.split()[1] for line in done.stdout.splitlines()]
    for target in "demo lab test torture bench lint format extension clean help".split():
        assert target in listed
    assert make().stdout == done.stdout


def test_an_old_python_is_refused_in_one_line(tmp_path: Path):
    old = tmp_path / "python3"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.18 && exit\nexit 1\n')
    old.chmod(0o755)
    venv = tmp_path / "venv"
    done = make(f"PYTHON={old}", f"VENV={venv}", f"{venv}/bin/python")
    assert done.returncode != 0
    first, *rest = done.stderr.splitlines()
    assert first.startswith("nexapod needs Python 3.11 or newer;")
    assert "is Python 3.9.18." in first
    assert all(line.startswith("make: ***") for line in rest)
    assert not venv.exists()


def test_ci_script_parses():
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert subprocess.run(["bash", "-n", script]).returncode == 0


# ── skips ────────────────────────────────────────────────────────────────────────────────────────

SKIPS = """
import pytest

def test_runs(): ...

@pytest.mark.skip(reason="cannot run here: no GPU")
def test_unavoidable(): ...

@pytest.mark.skipif(True, reason="curl is not installed")
def test_avoidable(): ...

def test_avoidable_inside():
    pytest.skip("no chromium")

@pytest.mark.xfail(reason="known")
def test_expected():
    assert False
"""


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    """A small suite under this one's conftest.py."""
    pytester.makeconftest((ROOT / "tests" / "conftest.py").read_text("utf-8"))
    return pytester


def test_ci_fails_a_skip_that_could_have_run(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("CI", "true")
    suite.makepyfile(SKIPS)
    result = suite.runpytest_subprocess()
    result.assert_outcomes(passed=1, skipped=1, failed=1, errors=1, xfailed=1)
    result.stdout.fnmatch_lines(["*skipped in CI: no chromium*"])
    assert result.ret == pytest.ExitCode.TESTS_FAILED


def test_ci_fails_a_module_that_skips_itself(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("CI", "true")
    suite.makepyfile("import pytest\npytest.importorskip('a_package_that_is_not_there')")
    result = suite.runpytest_subprocess()
    result.assert_outcomes(errors=1)
    assert result.ret != 0


def test_elsewhere_a_skip_is_a_skip(suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("CI", raising=False)
    suite.makepyfile(SKIPS)
    result = suite.runpytest_subprocess()
    result.assert_outcomes(passed=1, skipped=3, xfailed=1)
    assert result.ret == pytest.ExitCode.OK


def test_a_run_leaves_the_users_directories_alone():
    for name in ("XDG_DATA_HOME", "XDG_RUNTIME_DIR", "IPYTHONDIR", "JUPYTER_RUNTIME_DIR"):
        assert "nexapod-tests-" in os.environ[name]
