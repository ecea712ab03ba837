"""Jupyter finds its extensions at the package's root, which stays as light as it was."""

from __future__ import annotations

import subprocess
import sys

import nexapod


def test_jupyter_finds_both_extensions_at_the_root() -> None:
    (server,) = nexapod._jupyter_server_extension_points()
    assert server == {"module": "nexapod.jupyter.extension"}
    (lab,) = nexapod._jupyter_labextension_paths()
    assert lab == {"src": "labextension", "dest": "nexapod"}


def test_asking_for_them_imports_nothing_of_jupyter() -> None:
    code = (
        "import sys, nexapod; nexapod._jupyter_server_extension_points(); "
        "print(*sorted(set(sys.modules) & {'jupyter_server', 'tornado', 'aiohttp', 'msgspec'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
