"""The JupyterLab extension in a real browser, beside real coordinators."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import nbformat
import pytest
from nbformat.sign import NotebookNotary
from playwright.sync_api import Page, Response

from tests.browser.lab import (
    COMPLETED,
    browser_page,
    chromium,
    jupyter,
    run_all,
    until_restored,
    write_notebook,
)
from tests.integration.parts import Coordinator

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium() is None, reason="needs Chromium"),
]

LAUNCH = "import time, nexapod\nfleet = nexapod.launch({name!r}, local_nodes=1, port=0)"
SWEEP = (
    "def nap(pause_s):\n    time.sleep(pause_s)\n"
    "sweep = fleet.options(sweep='naps').sweep(nap, pause_s=[{pause_s}] * {jobs})"
)
#: It holds the interpreter: neither the kernel's loop nor its subshells come to anything.
BLOCK = "end = time.time() + 60\nwhile time.time() < end: pass"
TAB = ".nxp-FleetTab"


class Site(NamedTuple):
    """A JupyterLab, and the folder that it shows."""

    url: str
    folder: Path

    def serve(self, name: str, *options: str) -> Coordinator:
        """A coordinator as its own process, of the same user."""
        return Coordinator(
            self.folder / f"{name}.db", "--name", name, *options,
            XDG_DATA_HOME=str(self.folder / "data"),
        ).start()  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    settings = folder / "config" / "lab" / "user-settings" / "nexapod"
    settings.mkdir(parents=True)
    (settings / "coordinators.jupyterlab-settings").write_text('{"pollInterval": 1}')
    with jupyter(folder) as url:
        yield Site(url, folder)


@pytest.fixture
def page(tmp_path: Path, site: Site) -> Iterator[Page]:
    """A page whose kernels end with the test, and in which nothing goes wrong."""
    faults: list[str] = []
    with browser_page(tmp_path, 1300, 850) as page:
        page.on("pageerror", lambda error: faults.append(str(error)))
        yield page
        page.evaluate("() => window.jupyterapp.serviceManager.sessions.shutdownAll()")
    assert not faults


def open_lab(page: Page, site: Site, path: str = "lab") -> None:
    page.goto(f"{site.url}/{path}?token=tests&reset")
    until_restored(page)


def show_sidebar(page: Page) -> None:
    page.evaluate("() => window.jupyterapp.shell.activateById('nexapod-sidebar')")
    page.wait_for_selector(".nxp-Sidebar-header")


def card(name: str) -> str:
    return f".nxp-Card:has(.nxp-Card-name:text-is('{name}'))"


def tabs(page: Page) -> int:
    return page.locator(TAB).count()


def until_completed(page: Page, least: int) -> None:
    page.wait_for_function(COMPLETED, arg=[TAB, least], timeout=60_000)


def is_blocked(page: Page) -> bool:
    prompts = page.locator(".jp-InputArea-prompt").all_inner_texts()
    return any("*" in text for text in prompts)


def test_the_sidebar_says_how_to_begin_then_follows_who_runs(page: Page, site: Site) -> None:
    open_lab(page, site)
    show_sidebar(page)
    page.wait_for_selector(".nxp-Sidebar-empty >> text=Launch Coordinator")
    coordinator = site.serve("followed", "--tls")
    try:
        page.wait_for_selector(card("followed"), timeout=60_000)
        page.wait_for_selector(".nxp-StatusItem >> text=0 nodes · 0 running")
    finally:
        coordinator.end()
    page.wait_for_selector(card("followed"), state="detached", timeout=60_000)
    page.wait_for_selector(".nxp-StatusItem", state="hidden")


def test_a_coordinator_is_stopped_from_the_sidebar_once_that_is_meant(
    page: Page, site: Site
) -> None:
    coordinator = site.serve("stopped")
    try:
        open_lab(page, site)
        show_sidebar(page)
        stop = f"{card('stopped')} [aria-label='Stop stopped']"
        page.click(stop)
        page.click(".jp-Dialog >> text=Cancel")
        assert coordinator.is_running()
        page.click(stop)
        page.click(".jp-Dialog .jp-mod-warn")
        page.wait_for_selector(card("stopped"), state="detached", timeout=60_000)
        assert coordinator.wait() == 0
    finally:
        coordinator.end()


def test_the_launcher_makes_a_notebook_that_launches_a_fleet(page: Page, site: Site) -> None:
    open_lab(page, site)
    page.click(".jp-LauncherCard[title*='launches a coordinator']")
    show_sidebar(page)
    page.wait_for_selector(f"{card('default')} >> text=Untitled", timeout=60_000)
    page.wait_for_selector(f"{card('default')} >> text=2 nodes", timeout=60_000)
    source = page.evaluate(
        "() => window.jupyterapp.shell.currentWidget.content.model.sharedModel.cells[0].source"
    )
    assert 'nexapod.launch("default", local_nodes=2)' in source
    page.click(f"{card('default')} [aria-label^='Insert a cell']")
    page.wait_for_function(
        "() => window.jupyterapp.shell.currentWidget.content.model.sharedModel.cells"
        """.some((cell) => cell.source.includes('nexapod.connect("default")'))"""
    )


def test_the_tab_moves_and_acts_while_a_cell_blocks_and_is_there_after_a_reload(
    page: Page, site: Site
) -> None:
    jobs = SWEEP.format(pause_s=0.5, jobs=200)
    write_notebook(site.folder / "blocks.ipynb", [LAUNCH.format(name="blocks"), jobs, BLOCK])
    run_all(page, site.url, "blocks.ipynb")
    show_sidebar(page)
    page.click(f"{card('blocks')} .nxp-Card-name", timeout=60_000)
    until_completed(page, 1)
    at = int(page.evaluate(f"() => /(\\d+)\\s*completed/.exec({tab_text()})[1]"))
    until_completed(page, at + 3)
    assert is_blocked(page)

    page.click(f"{card('blocks')} .nxp-Card-name")
    assert tabs(page) == 1, "the one that is open comes to the front"

    page.reload()
    until_restored(page)
    until_completed(page, at + 4)
    assert tabs(page) == 1

    page.get_by_role("button", name="Cancel all open").click()
    page.get_by_role("button", name="Yes").click()
    page.wait_for_function(
        f"() => Number(/(\\d+)\\s*cancelled/.exec({tab_text()})?.[1] ?? 0) > 100", timeout=60_000
    )


def tab_text() -> str:
    return f"(document.querySelector('{TAB}')?.innerText ?? '')"


def test_a_sweep_that_ended_is_told_though_no_tab_is_open(page: Page, site: Site) -> None:
    jobs = SWEEP.format(pause_s=0.5, jobs=12)
    write_notebook(site.folder / "told.ipynb", [LAUNCH.format(name="told"), jobs])
    run_all(page, site.url, "told.ipynb")
    page.wait_for_selector("text=told: the sweep naps has ended, 12 jobs", timeout=60_000)
    page.click(".Toastify__toast >> text=Open panel")
    until_completed(page, 12)


def test_no_token_of_a_fleet_reaches_the_browser(page: Page, site: Site) -> None:
    seen: list[Response] = []
    page.on("response", lambda found: seen.append(found) if "/nexapod/" in found.url else None)
    coordinator = site.serve("secret")
    token = coordinator.token
    assert token
    try:
        open_lab(page, site)
        show_sidebar(page)
        page.click(f"{card('secret')} [aria-label^='Copy the command']")
        page.wait_for_selector("text=Paste it on the machine")
        page.click(f"{card('secret')} .nxp-Card-name")
        page.wait_for_selector(f"{TAB} >> text=secret")
        told = [found for found in seen if not found.url.endswith("/panel")]
        assert {"coordinators", "info", "invite"} <= {f.url.rpartition("/")[2] for f in told}
        assert not [found.url for found in told if token in found.text()]
        assert not [found.url for found in seen if token in str(found.request.headers)]
        assert token not in page.content()
    finally:
        coordinator.end()


def saved_display(folder: Path, name: str, html: str) -> None:
    """A notebook that is trusted, with a live display whose kernel is gone."""
    data = {
        "application/vnd.jupyter.widget-view+json": {
            "version_major": 2, "version_minor": 0, "model_id": "0" * 32,
        },
        "text/html": html,
        "text/plain": "plain",
    }  # fmt: skip
    cell: Any = nbformat.v4.new_code_cell("fleet")
    cell.outputs = [nbformat.v4.new_output("display_data", data=data)]
    notebook = nbformat.v4.new_notebook(cells=[cell])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(notebook, folder / name)
    notary = NotebookNotary(data_dir=str(folder / "jupyter"))
    notary.sign(nbformat.read(folder / name, 4))
    notary.store.close()


def test_a_saved_display_of_ours_shows_its_picture_and_anothers_is_left_alone(
    page: Page, site: Site
) -> None:
    saved_display(site.folder, "ours.ipynb", '<div class="nxp-fleet">as it was</div>')
    saved_display(site.folder, "theirs.ipynb", '<div class="their">as it was</div>')
    output = ".jp-OutputArea-output"
    open_lab(page, site, "lab/tree/ours.ipynb")
    page.wait_for_selector(f"{output} >> text=as it was")
    assert not page.locator(f"{output} >> text=widget").is_visible()
    open_lab(page, site, "lab/tree/theirs.ipynb")
    page.wait_for_selector(f"{output} >> text=widget")
    assert page.locator(f"{output} >> text=as it was").count() == 0


def test_the_settings_are_in_the_editor(page: Page, site: Site) -> None:
    open_lab(page, site)
    found = page.evaluate(
        """async () => {
        const url = new URL('lab/api/settings/nexapod:coordinators', document.baseURI);
        return (await fetch(url)).json(); }"""
    )
    assert found["schema"]["properties"]["localNodes"]["default"] == 2
    page.evaluate(
        "() => window.jupyterapp.commands.execute('settingeditor:open', {query: 'nexapod'})"
    )
    page.wait_for_selector(".jp-SettingsHeader-title >> text=nexapod")
    interval = page.locator(".jp-SettingsForm input[id$='pollInterval']")
    assert interval.input_value() == "1", "as this site's user set it"
