"""The panel in JupyterLab, in a real browser: it lives beside a busy cell, and closes clean."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.browser.lab import browser_page, chromium, jupyter, run_all, write_notebook

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium() is None, reason="needs Chromium"),
]

LAUNCH = (
    "import time, nexapod\n"
    "fleet = nexapod.launch('seen', local_nodes=1, port=0, database='seen.db')\n"
    "def nap(pause_s):\n    time.sleep(pause_s)\n    return {'slept_s': pause_s}"
)
# Shown and blocked by one cell: what the page says while it loads meets a busy kernel.
SHOWN = (
    "sweep = fleet.sweep(nap, pause_s=[0.5] * 60)\ndisplay(fleet); display(fleet)\ntime.sleep(90)"
)
CLOSED = (
    "from nexapod.views import portraits\n"
    "from ipywidgets.widgets.widget import _instances\n"
    "panel = fleet._link.transport.host.service.panel\n"
    "time.sleep(3)\n"
    "before = panel.readers\n"
    "portraits._displays[fleet].close()\n"
    "while panel.readers: time.sleep(0.05)\n"
    "print('readers', before, 'then', panel.readers, 'widgets', len(_instances))"
)
FLEET = ".nxp-Panel.nxp-mod-fleet"
NUMBERS = f"""() => [...document.querySelectorAll('{FLEET}')].map((panel) =>
    Number(/(\\d+)\\s*completed/.exec(panel.innerText)?.[1] ?? -1))"""


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    faults: list[str] = []
    with browser_page(tmp_path) as page:
        page.on("pageerror", lambda error: faults.append(str(error)))
        yield page
    assert not faults


def until_completed(page: Page, least: int) -> None:
    page.wait_for_function(
        f"(least) => {{ const all = ({NUMBERS})(); "
        "return all.length && all.every((number) => number >= least); }",
        arg=least,
        timeout=60_000,
    )


def test_panels_stay_live_and_agree_beside_a_cell_that_sleeps(tmp_path: Path, page: Page) -> None:
    with jupyter(tmp_path) as url:
        write_notebook(tmp_path / "seen.ipynb", [LAUNCH, SHOWN])
        run_all(page, url, "seen.ipynb")
        until_completed(page, 1)
        until_completed(page, 4)
        numbers = page.evaluate(NUMBERS)
        assert len(numbers) == 2
        assert numbers[0] == numbers[1], "two displays of one fleet are one panel"
        # A request is answered at once, too, by a thread of the kernel that is not the cell's.
        page.get_by_role("button", name="Invite a node").first.click()
        page.wait_for_function(
            "() => document.body.innerText.includes('nexapod node http://127.0.0.1')"
        )
        until_completed(page, numbers[0] + 2)
        assert any("*" in text for text in page.locator(".jp-InputArea-prompt").all_inner_texts())


def test_closing_a_panel_leaves_no_reader_and_no_widget(tmp_path: Path, page: Page) -> None:
    with jupyter(tmp_path, extension=False) as url:
        write_notebook(tmp_path / "seen.ipynb", [LAUNCH, "fleet", CLOSED])
        run_all(page, url, "seen.ipynb")
        page.wait_for_function(
            "() => document.body.innerText.includes('readers 1 then 0 widgets 0')", timeout=60_000
        )
        page.wait_for_selector(FLEET, state="detached")
