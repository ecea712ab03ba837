"""Accessibility faults that axe-core finds in the panel; prints them and exits with their number.

Run ``node build.mjs --dev`` before.
"""

from __future__ import annotations

import sys

from playwright.sync_api import Page
from window import HERE, PAGE, window

AXE = HERE.parent / "node_modules" / "axe-core" / "axe.min.js"

#: Address, and what is clicked there.
SIGHTS: list[tuple[str, list[str]]] = [
    ("nodes=10&jobs=1000", []),
    ("nodes=10&jobs=1000&theme=lab-dark", [".nxp-Table-row >> nth=1"]),
    ("nodes=10&jobs=1000", [".nxp-Chip:has-text('failed')", ".nxp-Table-row >> nth=1"]),
    ("nodes=10&jobs=1000&theme=dark", [".nxp-Tile >> nth=0"]),
    ("nodes=200&jobs=1000&theme=lab-light", [".nxp-Bulk button"]),
    ("nodes=0&jobs=0", [".nxp-Invite button"]),
    ("view=sweep", []),
    ("view=sweep&theme=lab-dark", []),
    ("nodes=12&jobs=1000&density=tab&width=1268", [".nxp-Table-check input >> nth=0"]),
]


def faults(page: Page, address: str, clicks: list[str]) -> int:
    """The serious ones in one sight; all are printed."""
    page.emulate_media(
        color_scheme="dark" if "dark" in address else "light", reduced_motion="reduce"
    )
    page.goto(f"{PAGE}?{address}&hertz=0")
    page.wait_for_selector(".nxp-Panel")
    for selector in clicks:
        page.click(selector)
    page.wait_for_timeout(500)
    page.add_script_tag(path=str(AXE))
    found = page.evaluate("axe.run('.nxp-Panel').then(result => result.violations)")
    for one in found:
        print(f"{address} {clicks}: {one['impact']} {one['id']}: {one['help']}")
        for node in one["nodes"][:3]:
            print("   ", node["html"][:160], "|", node["failureSummary"][:300].replace("\n", " "))
    return sum(one["impact"] in ("serious", "critical") for one in found)


def main() -> None:
    """Look everywhere."""
    with window(viewport={"width": 1300, "height": 900}) as page:
        total = sum(faults(page, address, clicks) for address, clicks in SIGHTS)
    print(f"{total} serious faults in {len(SIGHTS)} sights")
    sys.exit(total)


if __name__ == "__main__":
    main()
