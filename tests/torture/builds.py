"""A copy of the checkout in which the package may be broken, and its own tests run on it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

from tests.torture.mutants import Mutant

#: What the tests need of a checkout.
PARTS = ("nexapod", "tests", "benchmarks", "docs", "pyproject.toml")
#: In the copy, and in every program that its tests start, no other nexapod can be imported.
_GUARD = """\
import sys
from importlib.machinery import PathFinder

class Guard:
    @staticmethod
    def find_spec(name, path=None, target=None):
        spec = PathFinder.find_spec(name, path) if name == "nexapod" else None
        if spec is not None and not spec.origin.startswith({root!r}):
            raise ImportError(f"not the build under test: {{spec.origin}}")
        return spec

sys.meta_path.insert(0, Guard)
"""


class Build:
    """The copy; whole until it is broken, and whole again afterwards."""

    def __init__(self, repository: Path, root: Path) -> None:
        self.root = root
        root.mkdir()
        for part in PARTS:
            if (repository / part).is_dir():
                shutil.copytree(repository / part, root / part)
            else:
                shutil.copy(repository / part, root / part)
        (root / "sitecustomize.py").write_text(_GUARD.format(root=f"{root}{os.sep}"))

    def failures(self, tests: Collection[str]) -> set[str]:
        """Which of these tests fail here; that they run at all is asserted."""
        done = subprocess.run(
            [
                sys.executable, "-m", "pytest", "-q", "-rfE", "--tb=no", "-p", "no:cacheprovider",
                "-p", "pytest_timeout", "-o", "addopts=--import-mode=importlib",
                "--timeout=120", *tests,
            ],
            cwd=self.root,
            # Plugins that these tests do not need take longer than most of the tests.
            env={
                **os.environ, "PYTHONPATH": str(self.root), "PYTHONDONTWRITEBYTECODE": "",
                "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "COLUMNS": "1000",
            },
            capture_output=True,
            text=True,
            check=False,
        )  # fmt: skip
        assert done.returncode in (0, 1) and "ERROR " not in done.stdout, done.stdout + done.stderr
        failed = re.findall(r"^FAILED (\S+?::.+?)(?: - .*)?$", done.stdout, re.MULTILINE)
        assert bool(failed) == bool(done.returncode), done.stdout
        return {test for test in tests if any(one.startswith(test) for one in failed)}

    def survives(self, mutant: Mutant) -> set[str]:
        """Those of its killers that do not notice the mutant."""
        path = self.root / "nexapod" / mutant.file
        whole = path.read_text()
        assert whole.count(mutant.right) == 1, (
            f"'{mutant.kind}' changes {mutant.right!r}, which {mutant.file} has "
            f"{whole.count(mutant.right)} times: write the mutant anew"
        )
        try:
            _write(path, whole.replace(mutant.right, mutant.wrong))
            return set(mutant.killers) - self.failures(mutant.killers)
        finally:
            _write(path, whole)


def _write(path: Path, text: str) -> None:
    """Without what was compiled of it: a change within a second may look like none."""
    path.write_text(text)
    for compiled in (path.parent / "__pycache__").glob(f"{path.stem}.*"):
        compiled.unlink()
