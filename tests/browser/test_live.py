"""What people see in JupyterLab, in a real browser: displays that keep themselves current."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.browser.lab import browser_page, chromium, jupyter, run_all, write_notebook

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium() is None, reason="needs Chromium"),
]

CELLS = [
    "import time, nexapod\n"
    "fleet = nexapod.launch('seen', local_nodes=1, port=0, database='seen.db')",
    "fleet",
    "def nap(pause_s): time.sleep(pause_s)\nsweep = fleet.sweep(nap, pause_s=[0.5] * 12)\nsweep",
    "time.sleep(60)",
]
COMPLETED = """([selector, least]) => Number(
    /(\\d+)\\s+completed/.exec(document.querySelector(selector)?.innerText ?? '')?.[1] ?? 0
) >= least"""


def until_completed(page: Page, selector: str, least: int) -> None:
    page.wait_for_function(COMPLETED, arg=[selector, least], timeout=60_000)


def test_displays_refresh_while_a_cell_sleeps_and_nothing_jumps(tmp_path: Path) -> None:
    faults: list[str] = []
    with jupyter(tmp_path) as url, browser_page(tmp_path) as page:
        page.on("pageerror", lambda error: faults.append(str(error)))
        write_notebook(tmp_path / "seen.ipynb", CELLS)
        run_all(page, url, "seen.ipynb")
        until_completed(page, ".nxp-sweep", 1)
        height = page.evaluate("() => document.querySelector('.nxp-sweep').offsetHeight")
        until_completed(page, ".nxp-sweep", 4)
        until_completed(page, ".nxp-fleet", 4)
        # Not the kernel's status: it flickers with every message of a display.
        prompts = page.locator(".jp-InputArea-prompt").all_inner_texts()
        assert any("*" in text for text in prompts), "the numbers move while a cell runs"
        assert page.evaluate("() => document.querySelector('.nxp-sweep').offsetHeight") == height
    assert not faults
