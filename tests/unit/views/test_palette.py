"""The panel's colours are those of the other views."""

from __future__ import annotations

import importlib.util
from pathlib import Path

EXTENSION = Path(__file__).parents[3] / "extension"


def test_the_panels_palette_is_made_from_the_theme() -> None:
    spec = importlib.util.spec_from_file_location("palette", EXTENSION / "palette.py")
    palette = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(palette)
    made = palette.TARGET.read_text(encoding="utf-8")
    assert made == palette.source(), "run `python extension/palette.py` and build the panel anew"
