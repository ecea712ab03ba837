"""Loads ``run(data)`` from the file given as ``--runner``."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nexapod.node.runners.failures import describe


class NotARunner(Exception):
    """The file cannot serve data jobs; the message is one sentence that says why."""


def load_run(path: str) -> Callable[[Any], Any]:
    """Import the file, once per process, and return its ``run``."""
    sys.path.insert(0, str(Path(path).parent))  # its neighbours, as if it were started as a script
    spec = importlib.util.spec_from_file_location("nexapod_runner", path)
    if spec is None or spec.loader is None:
        raise NotARunner(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules["nexapod_runner"] = module
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        raise NotARunner(f"{path} does not load: {describe(error)}") from error
    run = getattr(module, "run", None)
    if not callable(run):
        raise NotARunner(f"{path} has no function run(data)")
    return run  # type: ignore[no-any-return]
