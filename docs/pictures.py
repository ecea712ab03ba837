"""Takes the pictures of the documentation from the running product: ``python -m docs.pictures``.

A real JupyterLab, a real kernel, Chromium. The pictures go to `docs/pictures/`.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from tests.browser.lab import browser_page, jupyter, run_all, write_notebook

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


def main() -> None:
    """Take them, light and dark, while the sweep is running."""
    HERE.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="nexapod-pictures-") as name,
        jupyter(Path(name)) as url,
        browser_page(Path(name), height=1330) as page,
    ):
        write_notebook(Path(name) / "walks.ipynb", CELLS)
        run_all(page, url, "walks.ipynb")
        page.wait_for_function(
            "() => Number(/(\\d+)\\s*completed/"
            ".exec(document.querySelector('.nxp-Panel.nxp-mod-sweep')?.innerText)?.[1]) >= 8",
            timeout=120_000,
        )
        page.screenshot(path=HERE / "notebook.png")
        page.evaluate(
            "window.jupyterapp.commands.execute('apputils:change-theme',"
            " {theme: 'JupyterLab Dark'})"
        )
        time.sleep(1.5)
        page.screenshot(path=HERE / "notebook-dark.png")


if __name__ == "__main__":
    main()
