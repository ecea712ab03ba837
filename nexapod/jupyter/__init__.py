"""What Jupyter asks a package for: where its extensions are. Imports nothing of Jupyter."""

from __future__ import annotations


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "nexapod.jupyter.extension"}]


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    return [{"src": "labextension", "dest": "nexapod"}]
