"""Screenshots of the panel with a simulated coordinator: ``python dev/shots.py FOLDER [NAME …]``.

Run ``node build.mjs --dev`` before.
"""

from __future__ import annotations

import sys
from pathlib import Path

from playwright.sync_api import Page
from window import PAGE, window

#: Name: (address, width of the window, steps in the page).
SHOTS: dict[str, tuple[str, int, list[tuple[str, str]]]] = {
    "ten-light": ("nodes=10&jobs=1000&width=800", 832, []),
    "ten-dark": ("nodes=10&jobs=1000&width=800&theme=lab-dark", 832, []),
    "thousand-light": ("nodes=1000&jobs=100000&width=1068&theme=lab-light", 1100, []),
    "thousand-dark": ("nodes=1000&jobs=100000&width=1268&density=tab&theme=lab-dark", 1300, []),
    "tab-light": ("nodes=12&jobs=3000&width=1268&density=tab", 1300, []),
    "job": (
        "nodes=10&jobs=1000&width=1000", 1032,
        [("click", ".nxp-Chip:has-text('running')"), ("click", ".nxp-Table-row >> nth=2")],
    ),
    "failed": (
        "nodes=10&jobs=1000&width=800&theme=dark", 832,
        [("click", ".nxp-Chip:has-text('failed')"), ("click", ".nxp-Table-row >> nth=1")],
    ),
    "node": ("nodes=10&jobs=1000&width=800", 832, [("click", ".nxp-Tile >> nth=1")]),
    "narrow": ("nodes=6&jobs=800&width=520", 552, []),
    "late": ("nodes=60&jobs=1000&width=800&late=1&theme=lab-dark", 832, []),
    "heat": ("nodes=300&jobs=20000&width=800", 832, [("hover", ".nxp-HeatMap canvas")]),
    "time": (
        "nodes=4&jobs=600&width=800&theme=lab-light", 832,
        [
            ("click", "text=by sweep"), ("click", "[aria-label='Zoom in']"),
            ("hover", ".nxp-Timeline canvas"),
        ],
    ),
    "picked": (
        "nodes=10&jobs=1000&width=700&theme=lab-dark", 732,
        [
            ("click", ".nxp-Table-check input >> nth=1"),
            ("click", ".nxp-Table-check input >> nth=3"),
            ("click", ".nxp-Bulk button"),
        ],
    ),
    "waits": (
        "nodes=10&jobs=1000&width=1068", 1100,
        [("click", ".nxp-Chip:has-text('pending')"), ("click", ".nxp-Table-row >> nth=2")],
    ),
    "sweep-point": ("view=sweep&width=800", 832, [("hover", ".nxp-Mosaic canvas")]),
    "sweep-tab": ("view=sweep&width=1268&density=tab&jobs=2000", 1300, []),
    "invite": ("nodes=0&jobs=0&width=700", 732, [("click", ".nxp-Invite button")]),
    "sweep-light": ("view=sweep&width=800", 832, []),
    "sweep-dark": ("view=sweep&width=1068&theme=lab-dark", 1100, []),
}  # fmt: skip


def shoot(page: Page, name: str, folder: Path) -> None:
    """One screenshot, after its steps."""
    address, width, steps = SHOTS[name]
    page.set_viewport_size({"width": width, "height": 900 if "tab" in address else 740})
    dark = "dark" in address
    page.emulate_media(color_scheme="dark" if dark else "light")
    page.goto(f"{PAGE}?{address}")
    page.wait_for_selector(".nxp-Panel")
    page.wait_for_timeout(1800)
    for verb, selector in steps:
        getattr(page, verb)(selector)
    page.wait_for_timeout(1400 if steps else 200)
    page.screenshot(path=str(folder / f"{name}.png"))


def main() -> None:
    """Take those that are named, or all."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    with window() as page:
        page.on("console", lambda message: print(message.type, message.text))
        page.on("pageerror", lambda error: print("error", error))
        for name in sys.argv[2:] or SHOTS:
            shoot(page, name, folder)


if __name__ == "__main__":
    main()
