"""Power is lost at any moment: what was acknowledged is there, and nothing by halves."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from nexapod.core.board import Board
from nexapod.core.events import Event
from nexapod.store import sqlite
from nexapod.store.memory import MemoryStore
from nexapod.store.sqlite import SqliteStore
from tests.contract.histories import history
from tests.torture.conftest import Size
from tests.torture.power import Disk
from tests.torture.told import Told, digest_of
from tests.torture.vfs import Step, watched

#: Cuts per history.
CUTS = 50
#: Rows between checkpoints: few, so that each history has some.
CHECKPOINT_ROWS = 150


@pytest.fixture
def folder() -> Iterator[Path]:
    """In memory where that can be: what these disks keep is decided here."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    made = Path(tempfile.mkdtemp(prefix="nexapod-power-", dir=memory))
    yield made
    shutil.rmtree(made)


class Work:
    """A history written by a real store, with all that it did to its disk.

    `acknowledged[n]` is how many steps there were when the n-th commit returned; the store is
    closed and opened again in the middle.
    """

    def __init__(self, folder: Path, seed: int, synchronous: str) -> None:
        dice = random.Random(seed)
        self.commits = list(_grouped(history(seed, 80).commits, dice))
        self.steps: list[Step] = []
        self.acknowledged: list[int] = []
        middle = len(self.commits) // 2
        with watched(self._note):
            for half in (self.commits[:middle], self.commits[middle:]):
                self._write(folder / "work.db", half, synchronous)

    def _note(self, step: Step) -> int:
        self.steps.append(step)
        return 0

    def _write(self, database: Path, commits: Sequence[list[Event]], synchronous: str) -> None:
        with contextlib.closing(SqliteStore(database)) as store:
            if synchronous != "FULL":
                store._db.execute(f"PRAGMA synchronous = {synchronous}")
            for events in commits:
                store.commit(events)
                self.acknowledged.append(len(self.steps))

    def digests(self) -> dict[bytes, int]:
        """What the database holds after each number of commits."""
        with contextlib.closing(MemoryStore()) as store:
            found = {digest_of(store._db): 0}
            for count, events in enumerate(self.commits, 1):
                store.commit(events)
                found[digest_of(store._db)] = count
        return found


def _grouped(commits: list[list[Event]], dice: random.Random) -> Iterator[list[Event]]:
    """Some decisions share a commit."""
    while commits:
        some, commits = commits[: (size := dice.choice((1, 1, 2, 5)))], commits[size:]
        yield [event for events in some for event in events]


def losses(folder: Path, work: Work, dice: random.Random, cuts: int) -> list[int]:
    """Cut the power that often; how many commits and facts that were acknowledged each cut lost.

    Whatever was lost, what is left must be sound, and what some number of commits made.
    """
    digests = work.digests()
    disk, told, done, lost = Disk(), Told(), 0, []
    moments = sorted(dice.randrange(len(work.steps) + 1) for _ in range(cuts))
    for at, step in enumerate([*work.steps, None]):
        while done < len(work.acknowledged) and work.acknowledged[done] <= at:
            told.hear(work.commits[done])
            done += 1
        while moments and moments[0] == at:
            moments.pop(0)
            image = folder / "image"
            image.mkdir()
            disk.cut(image, dice)
            _open(image / "work.db")
            with contextlib.closing(sqlite3.connect(image / "work.db")) as db:
                assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
                whole = digests.get(digest_of(db))
                assert whole is not None, "a commit is there by halves"
                lost.append(max(0, done - whole) + told.lost(db))
            assert whole <= done + 1, "something is there that nobody sent"
            shutil.rmtree(image)
        if step is not None:
            disk.see(step)
    return lost


def _open(database: Path) -> None:
    """What a coordinator does first after the power is back."""
    with contextlib.closing(SqliteStore(database)) as store:
        board = Board()
        board.restore(store.load(), 0.0, 0.0)
        board.check()


@pytest.mark.proves("power-cuts")
def test_a_power_cut_loses_nothing_that_was_acknowledged(
    size: Size,
    seed: int,
    reached: Callable[[str], None],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sqlite, "CHECKPOINT_ROWS", CHECKPOINT_ROWS)
    cuts = size(commit=50, full=2_000, nightly=20_000)
    dice = random.Random(seed)
    lost: dict[str, list[int]] = {"FULL": [], "NORMAL": []}
    for number in range(cuts // CUTS):
        for synchronous, losses_so_far in lost.items():
            if synchronous == "NORMAL" and number % 4:
                continue  # the control, to see that a loss would be seen
            place = folder / f"{number}-{synchronous}"
            place.mkdir()
            work = Work(place, dice.randrange(2**32), synchronous)
            losses_so_far += losses(place, work, dice, CUTS)
            shutil.rmtree(place)
    assert not any(lost["FULL"])
    assert any(lost["NORMAL"]), "the control lost nothing: these cuts prove nothing"
    reached(
        f"{len(lost['FULL']):,} cuts, 0 lost; with synchronous=NORMAL "
        f"{sum(map(bool, lost['NORMAL'])):,} of {len(lost['NORMAL']):,} lost something"
    )
