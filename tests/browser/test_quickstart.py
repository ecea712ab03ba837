"""The quickstart as a researcher meets it: in JupyterLab, in a real browser, by mouse and key."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.browser.lab import (
    COMPLETED,
    browser_page,
    chromium,
    jupyter,
    run_all,
    scroll_to_cell,
    until_restored,
    use_theme,
    write_notebook,
)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium() is None, reason="needs Chromium"),
]

FLEET = ".nxp-Panel.nxp-mod-fleet"
SWEEP = ".nxp-Panel.nxp-mod-sweep"
PATIENCE_MS = 120_000


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    faults: list[str] = []
    with browser_page(tmp_path, 1180, 900) as page:
        page.on("pageerror", lambda error: faults.append(str(error)))
        yield page
    assert not faults


def until_completed(page: Page, selector: str, least: int) -> None:
    """Look at the panel until it says so: what nobody sees is not drawn."""
    panel = page.locator(selector).first
    for _ in range(PATIENCE_MS // 500):
        panel.scroll_into_view_if_needed()  # what is above it may have grown
        if page.evaluate(COMPLETED, [selector, least]):
            return
        page.wait_for_timeout(500)
    raise AssertionError(f"never {least} completed: {panel.inner_text()[:300]}")


def faults(page: Page, selector: str) -> list[str]:
    """What axe-core calls serious or critical within `selector`."""
    found = Axe().run(page, context=selector).response["violations"]
    return [
        f"{one['id']}: {node['html'][:200]}: {node['failureSummary']}"
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


def picture(page: Page, artifacts: Path, name: str) -> None:
    page.screenshot(path=artifacts / f"{name}.png")


@pytest.mark.timeout(400)
def test_the_quickstart_runs_and_is_seen_again_after_a_reload_and_in_the_dark(
    tmp_path: Path, page: Page, repository: Path, artifacts: Path
) -> None:
    shutil.copy(repository / "notebooks" / "01_quickstart.ipynb", tmp_path)
    with jupyter(tmp_path) as url:
        run_all(page, url, "01_quickstart.ipynb")
        page.wait_for_selector(SWEEP, timeout=PATIENCE_MS)
        until_completed(page, SWEEP, 2)
        picture(page, artifacts, "quickstart-running")
        until_completed(page, SWEEP, 16)
        until_completed(page, FLEET, 16)
        assert faults(page, FLEET) == []
        assert faults(page, SWEEP) == []

        page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
        page.reload()
        until_restored(page)
        page.wait_for_selector(".jp-Cell", timeout=PATIENCE_MS)
        scroll_to_cell(page, "fleet")
        page.wait_for_selector(FLEET, timeout=PATIENCE_MS)
        until_completed(page, FLEET, 16)

        use_theme(page, "JupyterLab Dark")
        assert faults(page, FLEET) == [], "its text can be read on black"
        picture(page, artifacts, "quickstart-dark")
        page.locator(SWEEP).first.scroll_into_view_if_needed()
        assert faults(page, SWEEP) == []
        picture(page, artifacts, "quickstart-dark-sweep")


HOLD = """import os, time, nexapod
fleet = nexapod.launch('held', local_nodes=1, port=0, database='held.db')
def hold(pidfile):
    open(pidfile, 'w').write(str(os.getpid()))
    print('holding', flush=True)
    nexapod.progress(0.25, 'a quarter')
    time.sleep(600)
future = fleet.submit(hold, os.path.abspath('pid'))"""


def test_a_job_is_read_and_cancelled_in_the_panel_and_its_process_dies(
    tmp_path: Path, page: Page, artifacts: Path
) -> None:
    with jupyter(tmp_path) as url:
        write_notebook(tmp_path / "held.ipynb", [HOLD, "fleet"])
        run_all(page, url, "held.ipynb")
        row = page.locator(f"{FLEET} .nxp-Table-row", has_text="hold")
        row.get_by_text("a quarter").wait_for(timeout=PATIENCE_MS)
        process = psutil.Process(int((tmp_path / "pid").read_text()))
        assert process.is_running()
        row.click()
        drawer = page.locator(".nxp-Drawer")
        drawer.get_by_text("holding", exact=True).wait_for(timeout=PATIENCE_MS)
        picture(page, artifacts, "job")
        drawer.get_by_role("button", name="Cancel").click()
        page.wait_for_function(
            "(selector) => /1\\s*cancelled/.test(document.querySelector(selector).innerText)",
            arg=FLEET,
            timeout=PATIENCE_MS,
        )
        psutil.wait_procs([process], timeout=60)
        assert not process.is_running()


MANY = """import nexapod
fleet = nexapod.launch('many', port=0, database='many.db')
jobs = [fleet.options(name='needle' if n % 33_333 == 0 else 'hay').submit_data(n)
        for n in range(100_000)]
fleet.flush()"""


@pytest.mark.timeout(300)
def test_a_hundred_thousand_jobs_are_filtered(tmp_path: Path, page: Page, artifacts: Path) -> None:
    with jupyter(tmp_path) as url:
        write_notebook(tmp_path / "many.ipynb", [MANY, "fleet"])
        run_all(page, url, "many.ipynb")
        jobs = page.locator(f"{FLEET} .nxp-Jobs")
        jobs.get_by_role("status").get_by_text("100,000").wait_for(timeout=PATIENCE_MS)
        assert jobs.locator(".nxp-Table-row").count() < 100, "only what is seen is in the page"
        jobs.get_by_placeholder("Filter").fill("needle")
        page.wait_for_function(
            "() => document.querySelectorAll('.nxp-Jobs .nxp-Table-row').length === 4",
            timeout=PATIENCE_MS,
        )
        assert jobs.locator(".nxp-Table-row", has_text="needle").count() == 4
        picture(page, artifacts, "filtered")
        jobs.get_by_placeholder("Filter").fill("no such job")
        page.wait_for_function(
            "() => document.querySelectorAll('.nxp-Jobs .nxp-Table-row').length === 0"
        )
