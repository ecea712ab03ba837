from __future__ import annotations

import subprocess
import sys

import pytest

from nexapod import views

HEAVY = ("pandas", "plotly", "ipywidgets", "anywidget", "tqdm", "rich", "IPython")


@pytest.mark.parametrize("name", views.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(views, name).__name__.endswith(name)
    assert name in dir(views)


def test_unknown_names_are_refused() -> None:
    with pytest.raises(AttributeError, match="no attribute 'frobnicate'"):
        views.frobnicate  # noqa: B018


@pytest.mark.parametrize(
    ("module", "allowed"),
    [
        ("nexapod.views", ()),
        ("nexapod.views.reprs", ()),
        ("nexapod.views.live", ()),
        ("nexapod.views.progress", ()),
        ("nexapod.views.terminal", ("rich",)),
    ],
)
def test_nothing_heavy_is_imported_before_it_is_needed(
    module: str, allowed: tuple[str, ...]
) -> None:
    code = f"import sys, {module}\nprint(*sorted(set(sys.modules) & set({HEAVY!r})))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert tuple(done.stdout.split()) == allowed
