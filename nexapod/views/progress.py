"""Progress while waiting: a bar in notebooks, a line in terminals, silence everywhere else."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any, Self

from nexapod.views.place import is_terminal, kernel
from nexapod.views.theme import colour_of


class Progress:
    """A bar over jobs; `progress` makes one.

    Attributes
    ----------
    shown
        Whether anything is drawn at all.
    """

    def __init__(self, bar: Any) -> None:
        self._bar = bar
        self._done = 0

    @property
    def shown(self) -> bool:
        """Whether anything is drawn at all."""
        return self._bar is not None

    def update(self, done: int, failed: int = 0, running: int = 0) -> None:
        """Show that `done` jobs have ended so far, `failed` of them badly, while `running` run."""
        if self._bar is None:
            return
        words = [f"{running:,} running"] if running else []
        words += [f"{failed:,} failed"] if failed else []
        self._bar.set_postfix_str(", ".join(words), refresh=False)
        if failed:
            self._bar.colour = colour_of("failed")
        self._bar.update(done - self._done)
        self._done = done

    def close(self) -> None:
        """Draw the last state and let go of the line."""
        if self._bar is not None:
            self._bar.refresh()
            self._bar.close()
            self._bar = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def progress(total: int, desc: str = "", show: bool | None = None) -> Progress:
    """A progress bar over `total` jobs, to be used as a context.

    Parameters
    ----------
    total
        Number of jobs.
    desc
        What is being waited for.
    show
        False: never. True: always, as text where there is no notebook. None: in notebooks and on
        terminals; not into log files.
    """
    return Progress(_bar(total, desc, show))


def _bar(total: int, desc: str, show: bool | None) -> Any:
    notebook = kernel() is not None
    if show is False or not (notebook or show or is_terminal(sys.stderr)):
        return None
    options: dict[str, Any] = {
        "total": total,
        "desc": desc or None,
        "unit": "job",
        "dynamic_ncols": True,
        "colour": colour_of("completed"),
    }
    try:
        if notebook:
            from tqdm.notebook import tqdm as notebook_bar

            try:
                return notebook_bar(**options)
            except ImportError:  # a notebook without ipywidgets still shows text
                pass
        from tqdm import tqdm
    except ImportError:
        return None
    return tqdm(**options, file=sys.stderr)
