"""Figures in a real browser: their text follows the page, and is legible on each."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import plotly
import pytest
from playwright.sync_api import Page

from nexapod.views import figures
from tests.browser.lab import browser_page, chromium
from tests.unit.views.builders import attempts, fleet_frame, history

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium() is None, reason="needs Chromium"),
]

SCRIPT = (Path(plotly.__file__).parent / "package_data" / "plotly.min.js").as_uri()
#: What JupyterLab's light and dark notebooks paint, and the colour of their text.
PAGES = {
    "light": ((255, 255, 255), "rgba(0,0,0,0.87)"),
    "dark": ((17, 17, 17), "rgba(255,255,255,0.87)"),
}
FIGURES: dict[str, Any] = {
    "fleet": lambda: figures.fleet(fleet_frame(6)),
    "fleet of many": lambda: figures.fleet(fleet_frame(130)),
    "timeline": lambda: figures.timeline(attempts(60)),
    "timeline by clock": lambda: figures.timeline(attempts(60), colour="sweep", clock=True),
    "timeline with a long key": lambda: figures.timeline(
        attempts(60).assign(sweep=[f"villin at {at % 7}00 K and more" for at in range(60)]),
        colour="sweep",
    ),
    "wide timeline": lambda: figures.timeline(attempts(3000, nodes=700)),
    "throughput": lambda: figures.throughput(*history(60)),
    "status": lambda: figures.status(history(60)[0]),
    "nothing": lambda: figures.status(history(0)[0]),
}
# Of every piece of text that is drawn: its words, its fill, that fill's opacity.
TEXTS = """() => [...document.querySelectorAll('#it text')].flatMap(text => {
  const found = [], walk = document.createTreeWalker(text, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const style = getComputedStyle(walk.currentNode.parentElement);
    found.push([walk.currentNode.textContent.trim(), style.fill, style.fillOpacity]);
  }
  return found;
}).filter(([words]) => words && words !== '●')"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browser_page(tmp_path_factory.mktemp("figures"), 700, 500) as page:
        page.goto("about:blank")
        page.set_content("<body style='margin:0'><div id='it'></div></body>")
        page.add_script_tag(path=SCRIPT.removeprefix("file://"))
        yield page


def draw(page: Page, figure: Any) -> None:
    spec = json.loads(figure.to_json())
    page.evaluate("([data, layout]) => Plotly.newPlot('it', data, layout)", list(spec.values())[:2])


def luminance(channels: tuple[float, ...]) -> float:
    linear = [
        share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4
        for share in (channel / 255 for channel in channels)
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(fill: str, opacity: str, back: tuple[int, int, int]) -> float:
    """WCAG's contrast of a fill that lets some of the page through."""
    *channels, alpha = (float(part) for part in re.findall(r"[\d.]+", f"{fill},1")[:4])
    share = alpha * float(opacity)
    seen = tuple(share * a + (1 - share) * b for a, b in zip(channels, back, strict=True))
    light, dark = sorted((luminance(seen), luminance(back)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("name", FIGURES)
def test_text_is_legible_on_a_light_and_on_a_dark_page(page: Page, name: str) -> None:
    page.evaluate("() => Plotly.purge('it')")
    draw(page, FIGURES[name]())
    for back, ink in PAGES.values():  # the figure is not drawn again when the theme changes
        page.evaluate(
            "([back, ink]) => Object.assign(document.body.style, {background: back, color: ink})",
            [f"rgb{back}", ink],
        )
        texts = page.evaluate(TEXTS)
        assert texts
        faint = [words for words, fill, opacity in texts if contrast(fill, opacity, back) < 4.5]
        assert faint == []


@pytest.mark.parametrize("name", sorted(FIGURES.keys() - {"nothing"}))
@pytest.mark.parametrize("width", [700, 1100])
def test_title_and_key_and_plot_do_not_overlap(page: Page, name: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 500})
    page.evaluate("() => Plotly.purge('it')")
    draw(page, FIGURES[name]())
    subtitle_ends, key_begins, key_ends, plot_begins = page.evaluate(
        """() => {
          const box = name => document.querySelector('#it ' + name).getBoundingClientRect();
          return [box('.gtitle-subtitle').bottom, box('.legend').top, box('.legend').bottom,
                  document.querySelector('#it')._fullLayout._size.t];
        }"""
    )
    assert subtitle_ends <= key_begins
    assert key_ends <= plot_begins + 1
