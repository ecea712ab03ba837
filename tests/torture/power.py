"""A disk that may lose power: what SQLite did to it, and what could be left of that.

What was synced is there. Every write since the file's last sync is kept, dropped, torn at its
sectors, or has only made the file longer, whatever came of its neighbours; so with names in a
folder.
"""

from __future__ import annotations

import random
from pathlib import Path

from tests.torture.vfs import Step

SECTOR = 512
#: How one cut treats the writes on their way: mostly anything, at times all alike.
MOODS = (("keep", "drop", "tear", "grow"),) * 4 + (("keep",), ("drop",), ("tear",))


class File:
    """One file, whatever its name: what is safe in it, and what is on its way."""

    def __init__(self) -> None:
        self.safe = bytearray()
        self.pending: list[Step] = []

    def sync(self) -> None:
        for step in self.pending:
            _apply(self.safe, step, "keep")
        self.pending.clear()

    def after_a_cut(self, dice: random.Random) -> bytes:
        """What might be found in it."""
        found = bytearray(self.safe)
        fates = dice.choice(MOODS)
        for step in self.pending:
            _apply(found, step, dice.choice(fates), dice)
        return bytes(found)


class Disk:
    """A folder as the steps seen so far left it."""

    def __init__(self) -> None:
        self._files: dict[str, File] = {}
        #: What each name may stand for after a cut: one of those since the folder's last sync.
        self._names: dict[str, list[File | None]] = {}
        self._new_journals: set[str] = set()

    def see(self, step: Step) -> None:
        """Do what SQLite did."""
        name = step.path
        if step.kind == "open":
            self._new_journals.add(name)
            if name not in self._files:
                self._files[name] = File()
                self._names.setdefault(name, [None]).append(self._files[name])
        elif step.kind == "delete":
            self._files.pop(name)
            self._names[name].append(None)
            if step.at:
                self._sync_folder()
        elif step.kind == "sync":
            self._files[name].sync()
            if step.is_journal and name in self._new_journals:  # SQLite syncs the folder then
                self._new_journals.discard(name)
                self._sync_folder()
        elif step.kind in ("write", "truncate"):
            self._files[name].pending.append(step)

    def _sync_folder(self) -> None:
        self._names = {name: files[-1:] for name, files in self._names.items()}

    def cut(self, folder: Path, dice: random.Random) -> None:
        """Lose power, and put what is found afterwards into `folder`."""
        for name, files in self._names.items():
            file = dice.choice(files)
            if file is not None:
                (folder / Path(name).name).write_bytes(file.after_a_cut(dice))


def _apply(to: bytearray, step: Step, fate: str, dice: random.Random | None = None) -> None:
    """One write or truncation, whole or what became of it."""
    if fate == "drop":
        return
    end = step.at + len(step.data)
    if step.kind == "truncate" and fate != "grow":
        del to[step.at :]
    if len(to) < end:
        to += bytes(end - len(to))
    at = step.at
    while at < end and fate != "grow":
        sector = end if dice is None or fate == "keep" else min(end, at - at % SECTOR + SECTOR)
        if sector == end or dice is None or dice.random() < 0.5:
            to[at:sector] = step.data[at - step.at : sector - step.at]
        at = sector
