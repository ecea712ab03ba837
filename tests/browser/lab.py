"""A real JupyterLab in a real Chromium, for tests and for the documentation's pictures."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
            "--disable-background-networking", "--hide-scrollbars"]  # fmt: skip

#: Whether a panel, by its selector, says that at least so many jobs are completed.
COMPLETED = """([selector, least]) => Number(
    /(\\d+)\\s*completed/.exec(document.querySelector(selector)?.innerText ?? '')?.[1] ?? -1
) >= least"""


def chromium() -> str | None:
    """Where the browser is, if there is one."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((path for name in names if (path := shutil.which(name))), None)


@contextlib.contextmanager
def jupyter(folder: Path, *, extension: bool = True) -> Iterator[str]:
    """A JupyterLab on loopback that knows nothing of the user's own; gives its URL.

    Without `extension` the panels in notebooks are the only ones who read from coordinators.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **os.environ,
        "XDG_DATA_HOME": str(folder / "data"),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "jupyter"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "IPYTHONDIR": str(folder / "ipython"),
    }
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1", f"--port={port}",
        "--allow-root", f"--ServerApp.root_dir={folder}", "--IdentityProvider.token=tests",
        "--ServerApp.port_retries=0", "--LabApp.expose_app_in_browser=True",
    ]  # fmt: skip
    # No pop-up that asks about news: it would cover the page.
    labconfig = folder / "config" / "labconfig"
    labconfig.mkdir(parents=True)
    _install_extension(folder)
    disabled = {"@jupyterlab/apputils-extension:announcements": True, "nexapod": not extension}
    (labconfig / "page_config.json").write_text(json.dumps({"disabledExtensions": disabled}))
    server = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            if _answers(url):
                break
            time.sleep(0.25)
        yield url
    finally:
        server.terminate()
        server.wait(30)
        # The kernel went without a word, and its nodes would wait a while for it to come back.
        for pidfile in folder.rglob("*.nodes/*.pid"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(json.loads(pidfile.read_text())["pid"], signal.SIGKILL)


def _install_extension(folder: Path) -> None:
    """This checkout's extension, whatever is installed."""
    labextensions = folder / "jupyter" / "labextensions"
    labextensions.mkdir(parents=True)
    (labextensions / "nexapod").symlink_to(ROOT / "nexapod" / "labextension")
    enabled = folder / "config" / "jupyter_server_config.d"
    enabled.mkdir()
    shutil.copy(ROOT / "extension" / "jupyter_server_config.json", enabled / "nexapod.json")


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(f"{url}/api?token=tests", timeout=1).close()
    except OSError:
        return False
    return True


def run_all(page: Page, url: str, notebook: str) -> None:
    """Open the notebook and run every cell."""
    page.goto(f"{url}/lab/tree/{notebook}?token=tests&reset")
    page.wait_for_selector("#jupyterlab-splash", state="detached", timeout=60_000)
    page.wait_for_function(
        "() => window.jupyterapp?.shell?.currentWidget?.sessionContext?.session?.kernel"
        "?.connectionStatus === 'connected'",
        timeout=60_000,
    )
    for command in ("application:toggle-left-area", "notebook:run-all-cells"):
        # Not its promise: that is kept only when the last cell has run.
        page.evaluate(f"() => void window.jupyterapp.commands.execute('{command}')")


def until_restored(page: Page) -> None:
    """Until JupyterLab stands as it was left."""
    page.wait_for_function("() => window.jupyterapp?.restored.then(() => true)", timeout=60_000)
    page.wait_for_selector("#jupyterlab-splash", state="detached", timeout=60_000)


def scroll_to_cell(page: Page, source: str) -> None:
    """Bring the cell with exactly this source into view: cells far from it are not in the page."""
    page.evaluate(
        """async (source) => {
            const { content } = window.jupyterapp.shell.currentWidget;
            const cells = [...content.model.sharedModel.cells];
            await content.scrollToItem(cells.findIndex((cell) => cell.source === source), 'start');
        }""",
        source,
    )


def use_theme(page: Page, name: str) -> None:
    """Put another theme on, and wait until the page has it."""
    page.evaluate(
        "(theme) => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", name
    )
    page.wait_for_function("(name) => document.body.dataset.jpThemeName === name", arg=name)


def write_notebook(path: Path, cells: list[str]) -> None:
    """A notebook of these code cells, not yet run."""
    notebook: Any = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell) for cell in cells]
    )
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(notebook, path)


@contextlib.contextmanager
def browser_page(folder: Path, width: int = 1180, height: int = 1330) -> Iterator[Page]:
    """A page of a fresh browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch_persistent_context(
            str(folder / "browser"),
            executable_path=chromium(),
            headless=True,
            args=CHROMIUM,
            viewport={"width": width, "height": height},
            device_scale_factor=1.5,
        )
        try:
            yield browser.pages[0]
        finally:
            browser.close()
