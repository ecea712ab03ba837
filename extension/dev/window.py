"""The page with the simulated coordinator, in Chromium."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

HERE = Path(__file__).parent
PAGE = (HERE / "index.html").as_uri()
_ARGS = [
    "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
    "--disable-background-networking",
]  # fmt: skip


@contextlib.contextmanager
def window(**options: Any) -> Iterator[Page]:
    """An empty page; `options` are Playwright's for a new one."""
    names = ("chromium", "chromium-browser", "google-chrome")
    path = next((found for name in names if (found := shutil.which(name))), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_ARGS)
        try:
            yield browser.new_page(**options)
        finally:
            browser.close()
