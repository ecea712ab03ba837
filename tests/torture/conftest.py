"""The proof in three sizes, and the table it ends with.

Every test here runs at each tier: ``commit`` (seconds, in `make test`), ``full`` (`make torture`)
and ``nightly``. A test says which row of the proof it is for, and what it reached::

    @pytest.mark.proves("power-cuts")
    def test_a_power_cut_loses_nothing(size, seed, reached):
        cuts = size(commit=50, full=2_000, nightly=20_000)
        ...
        reached(f"{cuts:,} cuts, 0 lost")
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.acceptance.conftest import kernel  # noqa: F401  # the same real one
from tests.torture.page import Line, page, rows_of, table
from tests.torture.rows import ROWS

TIERS = ("commit", "full", "nightly")

_LINES = pytest.StashKey[dict[str, "Line"]]()
_REACHED = pytest.StashKey[list[str]]()
_SEED = pytest.StashKey[int]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_LINES] = {}
    given = config.getoption("--seed")
    config.stash[_SEED] = random.SystemRandom().randrange(2**32) if given is None else given


def pytest_report_header(config: pytest.Config) -> str:
    return f"torture: tier {config.getoption('--tier')}, --seed {config.stash[_SEED]}"


class Size(NamedTuple):
    """Picks a figure by the tier of this run."""

    tier: str

    def __call__(self, *, commit: int, full: int, nightly: int | None = None) -> int:
        return {"commit": commit, "full": full, "nightly": nightly or full * 10}[self.tier]


@pytest.fixture
def size(request: pytest.FixtureRequest) -> Size:
    """``size(commit=…, full=…, nightly=…)``: how much of it to do this time."""
    return Size(request.config.getoption("--tier"))


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """The seed of this test: another for each test, the same for the same ``--seed``."""
    whole = f"{request.config.stash[_SEED]}/{request.node.name}"
    return random.Random(whole).randrange(2**32)


@pytest.fixture
def reached(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Say what was reached, in a few words with figures, for the table."""
    said: list[str] = []
    request.node.stash[_REACHED] = said
    return said.append


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[Any]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    mark = item.get_closest_marker("proves")
    if mark is None or (report.when != "call" and not (report.failed or report.skipped)):
        return report
    if report.failed:
        report.sections.append(("seed", f"replay with --seed {item.config.stash[_SEED]}"))
    lines = item.config.stash[_LINES]
    told: list[str] = item.stash.get(_REACHED, [])
    said = "; ".join(told)
    for row in mark.args:
        line = Line(row, said if report.passed else "", report.outcome, report.duration)
        lines[row] = line if row not in lines else lines[row].and_also(line)
    return report


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    lines = config.stash[_LINES]
    if not lines:
        return
    tier, seed = config.getoption("--tier"), config.stash[_SEED]
    terminalreporter.section(f"proof, tier {tier}, --seed {seed}")
    for text in table(lines):
        terminalreporter.write_line(text)
    wanted = config.getoption("--page")
    if wanted is not None:
        path = Path(wanted)
        before = rows_of(path.read_text()) if path.exists() else {}
        missing = [row for row in ROWS if row not in lines and row not in before]
        if missing:
            terminalreporter.write_line(f"no page: nobody ran {', '.join(missing)}")
        else:
            path.write_text(page(lines, tier, seed, time.gmtime(), before))
            terminalreporter.write_line(f"written: {wanted}")
