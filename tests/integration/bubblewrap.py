"""Whether there can be a sandbox here."""

from __future__ import annotations

import shutil

import pytest

from nexapod import errors
from nexapod.node.engines.sandbox import Sandbox


def need_sandbox() -> None:
    """Skip the test where there cannot."""
    if shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not installed")
    try:
        Sandbox().probe()
    except errors.Invalid as why:
        pytest.skip(f"cannot run here: {why}")
