from __future__ import annotations

import re
import struct
import sys
import xml.etree.ElementTree as ElementTree
import zlib
from pathlib import Path
from typing import Any

import kaleido
import pytest
from kaleido.errors import ChromeNotFoundError

from nexapod.views import figures
from nexapod.views.figures.paper import PX_PER_MM, TEXT_PX
from tests.browser.lab import chromium
from tests.unit.views.builders import attempts, fleet_frame, history

needs_chromium = pytest.mark.skipif(chromium() is None, reason="needs Chromium")

FIGURES: dict[str, Any] = {
    "fleet": lambda: figures.fleet(fleet_frame(6)),
    "tiles": lambda: figures.fleet(fleet_frame(130)),
    "timeline": lambda: figures.timeline(attempts(60)),
    "throughput": lambda: figures.throughput(*history(60)),
}


@needs_chromium
def test_a_pdf_is_one_column_wide_and_carries_its_fonts(tmp_path: Path) -> None:
    path = figures.save(FIGURES["timeline"](), tmp_path / "timeline.pdf", height_mm=60)
    pdf = path.read_bytes()
    assert path == tmp_path / "timeline.pdf"
    assert pdf.startswith(b"%PDF-")
    (box,) = set(re.findall(rb"/MediaBox ?\[([\d. ]+)\]", pdf))
    left, bottom, right, top = (float(number) for number in box.split())
    assert (left, bottom) == (0, 0)
    assert right == pytest.approx(89 * 72 / 25.4, abs=1)  # points
    assert top == pytest.approx(60 * 72 / 25.4, abs=1)
    assert pdf.count(b"/Type /Page\n") == 1
    fonts = set(re.findall(rb"/FontDescriptor", pdf))
    assert fonts
    assert re.search(rb"/FontFile[23]?\b", pdf)


@needs_chromium
def test_an_svg_tells_its_size_in_millimetres_and_its_words_are_text(tmp_path: Path) -> None:
    path = figures.save(FIGURES["throughput"](), tmp_path / "throughput.svg", columns=2)
    root = ElementTree.parse(path).getroot()
    assert root.attrib["width"] == "183.00mm"
    assert root.attrib["height"].endswith("mm")
    words = "".join(root.itertext())
    assert "Jobs that ended per second" in words
    assert "Jobs waiting" in words
    text = path.read_text()
    assert "currentcolor" not in text
    assert "rgb(255, 255, 255)" in text  # the page
    sizes = {float(size) for size in re.findall(r"font-size: ([\d.]+)px", text)}
    assert sizes
    assert min(sizes) == pytest.approx(TEXT_PX, abs=0.01)


def pixels(png: bytes) -> tuple[int, int, bytes]:
    """Width, height and the first pixel's channels of a PNG."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height, depth, kind = struct.unpack(">IIBB", png[16:26])
    data = b"".join(
        png[match.end() : match.end() + int.from_bytes(png[match.start() - 4 : match.start()])]
        for match in re.finditer(rb"IDAT", png)
    )
    row = zlib.decompressobj().decompress(data, 5)
    assert depth == 8
    return width, height, row[1 : 1 + {2: 3, 6: 4}[kind]]


@needs_chromium
def test_a_png_has_the_pixels_that_its_resolution_asks_for(tmp_path: Path) -> None:
    path = tmp_path / "fleet.png"
    figures.save(FIGURES["fleet"](), path, width_mm=50.8, height_mm=50.8, dpi=150)
    width, height, first = pixels(path.read_bytes())
    assert (width, height) == (300, 300)
    assert set(first) == {255}  # white, and opaque


@pytest.mark.parametrize("name", FIGURES)
def test_papers_get_black_eight_point_text_on_white_without_a_title(name: str) -> None:
    screen = FIGURES[name]()
    before = screen.to_json()
    page = figures.paper(screen)
    assert screen.to_json() == before
    assert page.layout.width == pytest.approx(89 * PX_PER_MM)
    assert page.layout.height < screen.layout.height
    assert page.layout.paper_bgcolor == page.layout.plot_bgcolor == "#ffffff"
    assert page.layout.title.text is None
    axes = [page.layout[axis] for axis in page.layout if re.fullmatch(r"[xy]axis\d*", axis)]
    fonts = [page.layout.font, page.layout.legend.font, *(axis.tickfont for axis in axes)]
    assert {(font.size, font.color) for font in fonts} == {(TEXT_PX, "#000000")}
    assert [trace.meta for trace in page.data] == [trace.meta for trace in screen.data]


def test_a_title_is_kept_where_it_is_wanted() -> None:
    page = figures.paper(FIGURES["timeline"](), columns=2, title=True)
    assert "60 attempts" in page.layout.title.text
    assert page.layout.title.subtitle.font.size == TEXT_PX


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("a.gif", {}, "a figure is saved as .pdf, .svg or .png, not as 'a.gif'"),
        ("a", {}, "a figure is saved as .pdf, .svg or .png, not as 'a'"),
        ("a.pdf", {"width_mm": 3}, "width_mm=3 is no size of a figure; 10 to 2000 mm are"),
        ("a.pdf", {"columns": 3}, "columns=3: a figure is 1 or 2 columns wide, or width_mm"),
        ("a.png", {"dpi": 5}, "dpi=5 is out of range; 300 suits print, 36 to 2400 are possible"),
    ],
)
def test_what_cannot_be_saved_is_refused_in_one_sentence(
    tmp_path: Path, name: str, options: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        figures.save(FIGURES["fleet"](), tmp_path / name, **options)
    assert not list(tmp_path.iterdir())


def test_without_kaleido_one_sentence_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "kaleido", None)
    with pytest.raises(RuntimeError, match=r"^saving a figure needs kaleido: pip install 'nexa"):
        figures.save(FIGURES["fleet"](), tmp_path / "a.pdf")


def test_without_a_chrome_one_sentence_says_how_to_get_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_: Any, **__: Any) -> bytes:
        raise ChromeNotFoundError

    monkeypatch.setattr(kaleido, "calc_fig_sync", none)
    with pytest.raises(RuntimeError, match=r"^saving a figure needs Chrome or Chromium: install"):
        figures.save(FIGURES["fleet"](), tmp_path / "a.pdf")
