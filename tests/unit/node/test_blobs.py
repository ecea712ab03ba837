"""Where a node keeps blobs."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any, cast

from nexapod.node.blobs import Blobs


def test_the_folder_of_blobs_is_for_its_user_alone(tmp_path: Path) -> None:
    nobody = cast(Any, None)
    blobs = Blobs(nobody, nobody, tmp_path / "blobs")
    assert stat.S_IMODE(blobs.directory.stat().st_mode) == 0o700
