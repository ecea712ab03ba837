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
    "def nap(pause_s): time.sleep(pause_s)\nsweep = fleet.sweep(nap, pause_s=[0.5] * 12)",
    "fleet.node('local-1')",
    "last = sweep[11]\nlast",
    "time.sleep(60)",
]
COMPLETED = """([selector, least]) => Number(
    /(\\d+)\\s+completed/.exec(document.querySelector(selector)?.innerText ?? '')?.[1] ?? 0
) >= least"""

UNTIL = """([selector, words]) =>
    document.querySelector(selector)?.innerText.includes(words)"""


def until_completed(page: Page, selector: str, least: int) -> None:
    page.wait_for_function(COMPLETED, arg=[selector, least], timeout=60_000)


def test_displays_refresh_while_a_cell_sleeps_and_nothing_jumps(tmp_path: Path) -> None:
    faults: list[str] = []
    with jupyter(tmp_path) as url, browser_page(tmp_path) as page:
        page.on("pageerror", lambda error: faults.append(str(error)))
        write_notebook(tmp_path / "seen.ipynb", CELLS)
        run_all(page, url, "seen.ipynb")
        page.wait_for_function(UNTIL, arg=[".nxp-future", "Waiting for"], timeout=60_000)
        until_completed(page, ".nxp-node", 1)
        height = page.evaluate("() => document.querySelector('.nxp-future').offsetHeight")
        until_completed(page, ".nxp-node", 4)
        page.wait_for_function(UNTIL, arg=[".nxp-future", "Completed on"], timeout=60_000)
        # Not the kernel's status: it flickers with every message of a display.
        prompts = page.locator(".jp-InputArea-prompt").all_inner_texts()
        assert any("*" in text for text in prompts), "the numbers move while a cell runs"
        assert page.evaluate("() => document.querySelector('.nxp-future').offsetHeight") >= height
    assert not faults
