"""Takes the pictures of the documentation from the running product: ``python -m docs.pictures``.

A real JupyterLab, a real kernel, Chromium. The pictures go to `docs/pictures/`.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from tests.browser.lab import COMPLETED, browser_page, jupyter, run_all, use_theme, write_notebook
from tests.integration.parts import Coordinator

HERE = Path(__file__).parent / "pictures"
CELLS = [
    """import time, math, random, nexapod

def walk(steps, seed):
    \"\"\"How far a random walker gets.\"\"\"
    draw = random.Random(seed)
    x = y = 0.0
    for _ in range(steps):
        angle = draw.uniform(0, 2 * math.pi)
        x, y = x + math.cos(angle), y + math.sin(angle)
    return {"distance": math.hypot(x, y)}

fleet = nexapod.launch("walks", local_nodes=2)""",
    "fleet",
    "sweep = fleet.sweep(walk, steps=[1_000_000, 2_000_000, 4_000_000], seed=range(5))\nsweep",
    "fleet.plot.timeline()",
]


def take_notebook() -> None:
    """Take them, light and dark, while the sweep is running."""
    with (
        tempfile.TemporaryDirectory(prefix="nexapod-pictures-") as name,
        jupyter(Path(name)) as url,
        browser_page(Path(name), height=1330) as page,
    ):
        write_notebook(Path(name) / "walks.ipynb", CELLS)
        run_all(page, url, "walks.ipynb")
        page.wait_for_function(COMPLETED, arg=[".nxp-Panel.nxp-mod-sweep", 8], timeout=120_000)
        page.screenshot(path=HERE / "notebook.png")
        use_theme(page, "JupyterLab Dark")
        time.sleep(1.5)
        page.screenshot(path=HERE / "notebook-dark.png")


#: Long enough to be seen at work.
EXTENSION = [
    CELLS[0].replace('"walks", local_nodes=2', '"walks", local_nodes=3'),
    "sweep = fleet.sweep(walk, steps=range(200_000, 1_400_000, 100_000), seed=range(20))",
    "time.sleep(600)",
]


def take_extension() -> None:
    """The sidebar, and the tab beside a cell that keeps the kernel busy."""
    with (
        tempfile.TemporaryDirectory(prefix="nexapod-pictures-") as name,
        jupyter(Path(name)) as url,
        browser_page(Path(name), width=1300, height=850) as page,
    ):
        write_notebook(Path(name) / "walks.ipynb", EXTENSION)
        environment = {"XDG_DATA_HOME": f"{name}/data"}
        other = Coordinator(Path(name) / "villin.db", "--name", "villin", **environment).start()
        try:
            run_all(page, url, "walks.ipynb")
            page.evaluate("() => window.jupyterapp.shell.activateById('nexapod-sidebar')")
            page.click(".nxp-Card-name:text-is('walks')", timeout=60_000)
            page.wait_for_function(COMPLETED, arg=[".nxp-FleetTab", 80], timeout=120_000)
            page.mouse.move(800, 300)
            page.screenshot(path=HERE / "jupyterlab.png")
            use_theme(page, "JupyterLab Dark")
            time.sleep(1.5)
            page.screenshot(path=HERE / "jupyterlab-dark.png")
        finally:
            other.end()


def main() -> None:
    """Take all of them."""
    HERE.mkdir(exist_ok=True)
    take_notebook()
    take_extension()


if __name__ == "__main__":
    main()
