"""The suite's own rules: a clean home for every run, no skip that nobody notices."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

# How a skip says that no machine of this kind could have run the test.
UNAVOIDABLE = "cannot run here:"

# Nothing in the suite asserts a time, and a busy machine must not fail a property.
hypothesis.settings.register_profile("nexapod", deadline=None, print_blob=True)
hypothesis.settings.load_profile("nexapod")


class NoSilentSkips:
    """With CI set, a skip fails unless its reason begins with `UNAVOIDABLE`.

    A skip that `.ci/run` could have avoided (a missing package, a missing browser) is a test that
    stopped testing. Registered as a plugin, so that it also sees the notebooks.
    """

    @staticmethod
    def _judge(report: pytest.TestReport | pytest.CollectReport) -> None:
        if report.outcome != "skipped" or hasattr(report, "wasxfail"):
            return
        where = report.longrepr
        reason = where[2] if isinstance(where, tuple) else str(where)
        reason = reason.removeprefix("Skipped: ")
        if not reason.startswith(UNAVOIDABLE):
            report.outcome = "failed"
            report.longrepr = (
                f"skipped in CI: {reason}\n"
                f"If no machine of this kind can run it, begin the reason with '{UNAVOIDABLE}'."
            )

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        self._judge(report)
        return report

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(
        self,
    ) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        report = yield
        self._judge(report)
        return report


_HOME = pytest.StashKey[str]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("torture", "the proof in tests/torture")
    group.addoption("--tier", choices=("commit", "full", "nightly"), default="commit")
    group.addoption("--seed", type=int, help="replay a run")
    group.addoption("--page", help="write the table of a whole run here")


def pytest_configure(config: pytest.Config) -> None:
    if os.environ.get("CI", "").lower() in {"1", "true", "yes"}:
        config.pluginmanager.register(NoSilentSkips(), "no-silent-skips")

    # Fleets, tokens, kernels and profiles of a test run live and die with it. Set here rather than
    # in a fixture because notebook cells take no fixtures.
    home = tempfile.mkdtemp(prefix="nexapod-tests-")
    config.stash[_HOME] = home
    for name, folder in {
        "XDG_CACHE_HOME": "cache",
        "XDG_CONFIG_HOME": "config",
        "XDG_DATA_HOME": "data",
        "XDG_RUNTIME_DIR": "run",
        "XDG_STATE_HOME": "state",
        "IPYTHONDIR": "ipython",
        "JUPYTER_CONFIG_DIR": "jupyter/config",
        "JUPYTER_DATA_DIR": "jupyter/data",
        "JUPYTER_RUNTIME_DIR": "jupyter/run",
    }.items():
        path = Path(home, folder)
        path.mkdir(parents=True, mode=0o700)
        os.environ[name] = str(path)
    os.environ.pop("NEXAPOD_TOKEN", None)


def pytest_unconfigure(config: pytest.Config) -> None:
    shutil.rmtree(config.stash.get(_HOME, ""), ignore_errors=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        # A cell of the demo waits for a whole sweep.
        if item.path.suffix == ".ipynb":
            item.add_marker(pytest.mark.timeout(600))


@pytest.fixture
def repository() -> Path:
    """The root of the checkout."""
    return Path(__file__).resolve().parents[1]


@pytest.fixture
def artifacts(repository: Path) -> Path:
    """Where pictures are kept that a test takes."""
    folder = repository / "artifacts"
    folder.mkdir(exist_ok=True)
    return folder


def pytest_report_header() -> list[str]:
    found: dict[str, Any] = {
        "chromium": shutil.which("chromium") or shutil.which("google-chrome"),
        "curl": shutil.which("curl"),
    }
    return [f"{name}: {path or 'not installed'}" for name, path in found.items()]
