"""The package is broken on purpose, in fourteen ways, and each time some test says so."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.torture.builds import Build
from tests.torture.conftest import Size
from tests.torture.mutants import MUTANTS, QUICK, Mutant

#: Copies at work at once; only a large run is worth two.
LANES = 2


@pytest.mark.proves("mutants")
@pytest.mark.timeout(900)
def test_every_broken_build_makes_its_tests_fail(
    tmp_path: Path, size: Size, repository: Path, reached: Callable[[str], None]
) -> None:
    is_quick = size.tier == "commit"
    mutants = [mutant for mutant in MUTANTS if not is_quick or mutant.kind in QUICK]
    lanes = 1 if is_quick else LANES

    def try_all(lane: int) -> dict[str, Sequence[str]]:
        build = Build(repository, tmp_path / f"lane-{lane}")
        mine = mutants[lane::lanes]
        killers = dict.fromkeys(killer for mutant in mine for killer in mutant.killers)
        assert build.failures(killers) == set(), "a build without a fault passes"
        return {mutant.kind: sorted(build.survives(mutant)) for mutant in mine}

    with concurrent.futures.ThreadPoolExecutor(lanes) as pool:
        unnoticed = {k: v for found in pool.map(try_all, range(lanes)) for k, v in found.items()}
    assert not any(unnoticed.values()), unnoticed
    reached(f"{len(unnoticed)} of {len(MUTANTS)} kinds tried, every one noticed")


def test_a_mutant_has_a_kind_of_its_own() -> None:
    assert len({mutant.kind for mutant in MUTANTS}) == len(MUTANTS) == 14
    assert set(QUICK) <= {mutant.kind for mutant in MUTANTS}


def test_a_mutant_that_no_longer_fits_says_so(tmp_path: Path, repository: Path) -> None:
    build = Build(repository, tmp_path / "build")
    with pytest.raises(AssertionError, match="write the mutant anew"):
        build.survives(Mutant("old", "core/states.py", "no such text", "", ()))
