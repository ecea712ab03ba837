"""One digest over all that the built files are made of, kept beside them.

``python extension/sources.py`` records it after a build; tests/test_extension.py compares.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

HERE = Path(__file__).resolve().parent
RECORD = HERE.parent / "nexapod" / "labextension" / "sources.sha256"


def digest() -> str:
    """Changes with every file that a build reads."""
    files = [HERE / name for name in ("build.mjs", "install.json", "package.json", "yarn.lock")]
    for folder in ("schema", "src", "style"):
        files += sorted(path for path in (HERE / folder).rglob("*") if path.is_file())
    whole = hashlib.sha256()
    for file in files:
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        whole.update(f"{file.relative_to(HERE).as_posix()} {content}\n".encode())
    return whole.hexdigest()


if __name__ == "__main__":
    RECORD.write_text(digest() + "\n")
