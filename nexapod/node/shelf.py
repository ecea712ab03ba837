"""One spool per fleet: what one fleet's jobs gave is sent to no other that answers in its place."""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from pathlib import Path

from nexapod.ids import is_id
from nexapod.node.spool import Spool

_KEEP_S = 30 * 86_400.0


class Shelf:
    """The spool of the fleet that the node works for, and beside it those of fleets before.

    Parameters
    ----------
    directory
        Holds ``spool``, ``fleet`` (whose spool that is) and ``spool-…``, one per other fleet.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._note = directory / "fleet"
        self.spool = Spool(directory / "spool")
        self.fleet_id = ""
        with contextlib.suppress(OSError):
            self.fleet_id = self._note.read_text().strip()
        for aside in directory.glob("spool-*"):
            if time.time() - aside.stat().st_mtime > _KEEP_S:
                aside.unlink()  # a fleet that is not back by now has given those jobs to others

    def serves_another_than(self, fleet_id: str) -> bool:
        """Whether the spool is known to be a different fleet's."""
        return bool(self.fleet_id and fleet_id) and self.fleet_id != fleet_id

    def serve(self, fleet_id: str) -> tuple[int, int]:
        """Work for this fleet from now on. Returns how many reports were laid aside, and taken up.

        It may be interrupted anywhere: a report is then sent twice at worst, which is harmless.
        """
        kept = 0
        if self.serves_another_than(fleet_id):
            kept = len(self.spool)
            if kept:
                _take_up(self._aside(self.fleet_id), self.spool)
                self.spool.close()
                os.replace(self._directory / "spool", self._aside(self.fleet_id))
                self.spool = Spool(self._directory / "spool")
        if fleet_id and fleet_id != self.fleet_id:
            fresh = self._note.with_suffix(".new")
            fresh.write_text(fleet_id)
            fresh.replace(self._note)
            self.fleet_id = fleet_id
        return kept, _take_up(self._aside(fleet_id), self.spool) if fleet_id else 0

    def close(self) -> None:
        """Close the spool; what waits stays in it."""
        self.spool.close()

    def _aside(self, fleet_id: str) -> Path:
        # The coordinator chose this text: it must not lead out of the directory.
        name = fleet_id if is_id(fleet_id) else hashlib.sha256(fleet_id.encode()).hexdigest()
        return self._directory / f"spool-{name}"


def _take_up(path: Path, spool: Spool) -> int:
    """Add the reports in the file at `path` to `spool`. Returns how many those were."""
    if not path.exists():
        return 0
    aside = Spool(path)
    count = len(aside)
    for item in aside.first(count, 1 << 62) if count else ():
        spool.add([(item.job_id, item.epoch, aside.frame(item))])
    aside.close()
    path.unlink()
    return count
