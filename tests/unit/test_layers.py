"""Imports point one way, the core is pure, the node is lean, and words mean one thing."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "nexapod"

# Upper may import lower; names on one line are strangers (docs/decisions/0001).
LAYERS = (
    ("__init__", "__main__"),
    ("cli",),
    ("commandline",),
    ("doctor",),
    ("views", "frontends", "jupyter"),
    ("client",),
    ("coordinator.host",),
    ("api", "node"),
    ("coordinator",),
    ("store",),
    ("wire",),
    ("core",),
    ("errors", "ids", "logs"),
)
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}

# The front door has no layer, but its version is anyone's to read.
FREE = frozenset({"__version__"})


def sources() -> list[tuple[str, str]]:
    """(module name inside the package, source) of every module, ``__init__`` for the root."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        if len(parts) > 1 and parts[-1] == "__init__":
            parts = parts[:-1]
        found.append((".".join(parts), path.read_text("utf-8")))
    return found


def imports(source: str) -> Iterator[tuple[int, str, str]]:
    """(line, module, name or "") of every import, inside functions and TYPE_CHECKING too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name, ""
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield node.lineno, "." * node.level + (node.module or ""), alias.name


def layer(module: str) -> str | None:
    """The longest layer name that `module` is, or is inside of."""
    parts = module.split(".")
    for end in range(len(parts), 0, -1):
        name = ".".join(parts[:end])
        if name in RANK:
            return name
    return None


def violations(module: str, source: str) -> list[str]:
    """One sentence for each import in `source` that points the wrong way."""
    own = layer(module)
    if own is None:
        return [f"nexapod.{module} has no layer"]
    wrong = []
    for line, target, name in imports(source):
        if target.startswith("."):
            wrong.append(f"nexapod.{module}:{line} imports relatively; write the full name")
            continue
        if target != "nexapod" and not target.startswith("nexapod."):
            continue
        inside = target.removeprefix("nexapod").removeprefix(".")
        if not inside and name in FREE:
            continue
        # `from nexapod.coordinator import host` names a module of a higher layer than its package.
        longer = f"{inside}.{name}".strip(".") if name else inside
        other = layer(longer) or "__init__"
        if other != own and RANK[other] <= RANK[own]:
            wrong.append(
                f"nexapod.{module}:{line} imports nexapod.{longer}: {own} may not know {other}"
            )
    return wrong


def test_imports_point_one_way():
    assert [v for module, source in sources() for v in violations(module, source)] == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("core.board", "from nexapod.wire import messages"),  # upwards
        ("core.board", "def f():\n    import nexapod.store"),  # upwards, inside a function
        ("wire.codec", "import nexapod.api.app as app"),
        ("api.app", "from nexapod.node import agent"),  # a stranger on the same line
        ("node.agent", "from nexapod.api.app import make_app"),
        ("store.sqlite", "from nexapod.coordinator.service import Service"),
        ("api.app", "from nexapod.coordinator.host import Host"),
        ("coordinator.service", "from nexapod.coordinator import host"),
        ("node.agent", "from nexapod import client"),
        ("node.agent", "from nexapod.views import frames"),
        ("client.fleet", "def frame():\n    from nexapod.views import frames"),
        ("node.agent", "from nexapod import launch"),  # the front door, from inside
        ("node.agent", "from .. import client"),
        ("plugins.extra", "import json"),  # in no layer
    ],
)
def test_a_wrong_import_is_caught(module: str, source: str):
    assert len(violations(module, source)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("cli", "from nexapod.node import agent"),
        ("views.portraits", "from nexapod.client.fleet import Fleet"),
        ("coordinator.service", "from nexapod.store.base import Store"),
        ("coordinator.host", "from nexapod.api import app\nfrom nexapod.coordinator import feed"),
        ("core.decide", "from nexapod.core import board\nfrom nexapod import errors"),
        ("node.probe", "from nexapod import __version__"),
        ("wire.codec", "import msgspec\nfrom nexapod.core.records import Value"),
    ],
)
def test_a_right_import_is_not(module: str, source: str):
    assert violations(module, source) == []


# ── the core ─────────────────────────────────────────────────────────────────────────────────────

# Time and ids are arguments there; waiting, logging and input or output are the shell's.
IMPURE = frozenset(
    "asyncio concurrent datetime io logging multiprocessing os pathlib queue random secrets select "
    "signal socket sqlite3 subprocess sys tempfile threading time uuid warnings".split()
)


def impurities(source: str) -> list[str]:
    """What in `source` a pure module does not do."""
    wrong = []
    for line, target, name in imports(source):
        makes_ids = (target, name) in {("nexapod", "ids"), ("nexapod.ids", "")} or (
            target == "nexapod.ids" and name.startswith("new_")
        )
        if target.split(".")[0] in IMPURE or makes_ids:
            wrong.append(f"line {line} imports {target} {name}".rstrip())
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.AsyncFunctionDef | ast.Await):
            wrong.append(f"line {node.lineno} waits")
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in {"print", "open", "input"}
        ):
            wrong.append(f"line {node.lineno} calls {node.func.id}")
    return wrong


def test_the_core_is_pure():
    core = [(module, source) for module, source in sources() if layer(module) == "core"]
    assert {module: impurities(s) for module, s in core if impurities(s)} == {}
    assert len(core) > 3


@pytest.mark.parametrize(
    "source",
    [
        "import time",
        "from datetime import datetime",
        "import os.path",
        "def f():\n    import random",
        "from nexapod.ids import new_job_id",
        "from nexapod import ids",
        "async def f(): ...",
        "print('x')",
    ],
)
def test_an_impure_core_is_caught(source: str):
    assert len(impurities(source)) == 1


# ── the lean node ────────────────────────────────────────────────────────────────────────────────

# Everything that comes only with the extras.
HEAVY = (
    "IPython anywidget humanize ipykernel ipywidgets jupyterlab jupyter_server kaleido nbclient "
    "nbconvert nbformat numpy openmm pandas plotly tqdm"
).split()

BLOCKER = """
import importlib.abc, sys
class Blocker(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {heavy!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}} (blocked)", name=name)
sys.meta_path.insert(0, Blocker())
import {module}
"""


def import_lean(module: str) -> subprocess.CompletedProcess[str]:
    code = BLOCKER.format(heavy=HEAVY, module=module)
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize("module", ["nexapod", "nexapod.cli", "nexapod.node.agent"])
def test_a_node_needs_no_notebook_package(module: str):
    done = import_lean(module)
    assert done.returncode == 0, done.stderr


def test_the_blocker_blocks():
    done = import_lean("pandas")
    assert done.returncode == 1
    assert "No module named 'pandas' (blocked)" in done.stderr


# ── words ────────────────────────────────────────────────────────────────────────────────────────

FORBIDDEN = frozenset(
    "task tasks worker workers manager managers helper helpers util utils".split()
)


def words(name: str) -> set[str]:
    """The words in a snake_case or CamelCase name, in lower case."""
    return {w.lower() for w in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)}


def names(module: str, source: str) -> Iterator[str]:
    """The parts of the module's name and its classes."""
    yield from module.split(".")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef):
            yield node.name


def test_no_file_or_class_has_a_vague_name():
    vague = [
        f"nexapod.{module}: {name}"
        for module, source in sources()
        for name in names(module, source)
        if words(name) & FORBIDDEN
    ]
    assert vague == []


@pytest.mark.parametrize("name", ["TaskQueue", "HTTPWorker", "node_manager", "utils", "HelperX"])
def test_a_vague_name_is_caught(name: str):
    assert words(name) & FORBIDDEN


@pytest.mark.parametrize("name", ["Taskless", "JobFuture", "workerd", "AttemptEnd"])
def test_a_clear_name_is_not(name: str):
    assert not words(name) & FORBIDDEN
