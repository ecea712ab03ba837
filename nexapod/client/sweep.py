"""A sweep: a named group of jobs over a parameter grid."""

from __future__ import annotations

import concurrent.futures
import contextlib
import itertools
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from nexapod import errors
from nexapod.client.face import Shown, changed, view
from nexapod.client.futures import JobFuture
from nexapod.client.options import plain
from nexapod.core.states import JobState
from nexapod.store.base import JobFilter

if TYPE_CHECKING:
    import pandas as pd

    from nexapod.client.connection import Connection


class Sweep(Shown):
    """A named group of jobs. Iterating gives its futures, in the order of the grid.

    Attributes
    ----------
    name
        Its name; ``fleet.sweeps[name]`` finds it again, also after a restart.
    futures
        One per point of the grid.
    started_at
        When its first job was submitted, Unix seconds.
    """

    def __init__(
        self, connection: Connection, name: str, futures: list[JobFuture], started_at: float
    ) -> None:
        self._link = connection
        self.name = name
        self.futures = futures
        self.started_at = started_at

    def __len__(self) -> int:
        return len(self.futures)

    def __iter__(self) -> Iterator[JobFuture]:
        return iter(self.futures)

    def __getitem__(self, at: int) -> JobFuture:
        return self.futures[at]

    def __repr__(self) -> str:
        counts = ", ".join(f"{n} {state}" for state, n in self.counts.items())
        return f"<Sweep {self.name}: {len(self)} jobs, {counts}>"

    @property
    def counts(self) -> dict[str, int]:
        """Jobs by state."""
        found = Counter(future.status for future in self.futures)
        return {str(s): found[s] for s in JobState if found[s]}

    @property
    def frame(self) -> pd.DataFrame:
        """One row per job: parameters, results, state, node, times, error.

        A result that is a dict becomes columns; any other is in the column ``result``. Jobs that
        are not done have missing values there.
        """
        self._link.flush()
        columns = self._columns()
        results = []
        for at, future in enumerate(self.futures):
            try:
                results.append(_result_or_none(future))
            except Exception as error:  # its class is gone, say: the other rows are still wanted
                results.append(None)
                message = f"the result cannot be opened: {type(error).__name__}: {error}"
                columns["error"][at] = msgspec.json.encode({"message": message}).decode()
        frame: pd.DataFrame = view("sweeps").sweep_frame(
            [future.params for future in self.futures], results, columns
        )
        return frame

    def _columns(self) -> dict[str, list[Any]]:
        """The store's columns for this sweep's jobs, in the order of the futures."""
        rows: dict[str, tuple[Any, ...]] = {}
        columns: tuple[str, ...] = ()
        for page in pages(self._link, JobFilter(sweep=self.name)):
            columns = page.columns
            at = columns.index("job_id")
            rows.update((row[at], row) for row in page.rows)
        known = [rows[f.job_id] for f in self.futures if f.job_id in rows]
        if len(known) != len(self.futures):
            raise errors.NotFound(f"some jobs of the sweep {self.name} are no longer stored")
        cells: list[Any] = list(zip(*known, strict=True))
        return {name: list(cells[at]) if cells else [] for at, name in enumerate(columns)}

    def results(self, timeout_s: float | None = None) -> list[Any]:
        """Every result, in the order of the grid; raises what the first failed job raised."""
        self.wait(timeout_s)
        return [future.result(0) for future in self.futures]

    def wait(self, timeout_s: float | None = None, *, progress: bool | None = None) -> Sweep:
        """Wait until every job ended, well or not.

        Parameters
        ----------
        timeout_s
            Seconds; None for ever.
        progress
            Show a bar. None: in notebooks and terminals.

        Raises
        ------
        TimeoutError
            Not all ended in time. They go on.
        """
        wait_for(self.futures, timeout_s, progress, self.name, self._link)
        return self

    def cancel(self) -> int:
        """Cancel every job that has not ended; running ones are killed. Returns how many."""
        self._link.flush()
        open_ = [f for f in self.futures if not f.done()]
        told = self._link.ask(self._link.transport.cancel([f.job_id for f in open_]))
        return sum(t.status == JobState.CANCELLED and t.was != JobState.CANCELLED for t in told)

    def retry_failed(self) -> int:
        """Submit again what failed or was cancelled, as new jobs in the same places.

        Returns
        -------
        int
            How many.
        """
        count = 0
        for at, old in enumerate(self.futures):
            if old._place in (JobState.FAILED, JobState.CANCELLED):
                made = self._link.ask(self._link.transport.retry(old.job_id))
                new = JobFuture(self._link, made.job_id, old.name, old.params)
                self.futures[at] = new  # at once: an interrupt must not lose the new job
                self._link.adopt([new])
                count += 1
        changed(self)
        return count


class Sweeps(Mapping[str, Sweep]):
    """Every sweep this fleet ever had, by name."""

    def __init__(self, connection: Connection) -> None:
        self._link = connection

    def _names(self) -> dict[str, int]:
        self._link.flush()
        return self._link.ask(self._link.transport.sweeps())

    def __iter__(self) -> Iterator[str]:
        return iter(self._names())

    def __len__(self) -> int:
        return len(self._names())

    def __contains__(self, name: object) -> bool:
        return name in self._names()

    def __getitem__(self, name: str) -> Sweep:
        return find_sweep(self._link, name)

    def __repr__(self) -> str:
        return (
            f"<Sweeps {', '.join(f'{k} ({n} jobs)' for k, n in self._names().items()) or 'none'}>"
        )


def pages(connection: Connection, which: JobFilter) -> Iterator[Any]:
    """Every page of a listing."""
    which = msgspec.structs.replace(which, limit=10_000)
    while True:
        page = connection.ask(connection.transport.job_columns(which))
        yield page
        if len(page.rows) < which.limit:
            return
        which = msgspec.structs.replace(which, after_seq=page.rows[-1][0])


def find_sweep(connection: Connection, name: str) -> Sweep:
    """The sweep of that name, with futures that know how far each job got.

    Raises
    ------
    KeyError
        When there is none.
    """
    connection.flush()
    futures: dict[str, JobFuture] = {}
    states: dict[str, str] = {}
    places: dict[str, str] = {}
    started_at = time.time()
    for page in pages(connection, JobFilter(sweep=name)):
        named = page.by_name()
        for job_id, status, node, label, params, created_at, retry_of in zip(
            named["job_id"], named["status"], named["assigned_to"], named["name"],
            named["params"], named["created_at"], named["retry_of"], strict=True,
        ):  # fmt: skip
            future = JobFuture(connection, job_id, label, _params(params))
            future.submitted_at = created_at
            future._on = node
            future._is_own = False  # until the coordinator says so
            # A retry is listed after the job it replaces, and takes its place.
            place = places.pop(retry_of, job_id) if retry_of is not None else job_id
            places[job_id] = place
            futures[place], states[place] = future, status
            started_at = min(started_at, created_at)
    if not futures:
        raise KeyError(f"this fleet has no sweep '{name}'")
    connection.adopt(list(futures.values()), list(states.values()))
    return Sweep(connection, name, list(futures.values()), started_at)


def _params(text: str | None) -> dict[str, Any]:
    params = msgspec.json.decode(text) if text else None
    return params if isinstance(params, dict) else {}


def grid(axes: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every combination of the axes, the last one varying fastest.

    A list, tuple, range, set, array, Series or other iterable is an axis; a text, number or any
    other single value is the same for every job.

    Raises
    ------
    Invalid
        When an axis is empty.
    """
    values = {name: _axis(value) for name, value in axes.items()}
    for name, axis in values.items():
        if not axis:
            raise errors.Invalid(f"the axis '{name}' of the sweep has no values")
    return [dict(zip(values, point, strict=True)) for point in itertools.product(*values.values())]


def _axis(value: Any) -> list[Any]:
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        return [value]
    if getattr(value, "ndim", 1) != 1:
        return [value]
    return [plain(item) for item in value]


def shown_params(point: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters as JSON can hold them: what it cannot is kept as text."""
    shown = {}
    for name, value in point.items():
        try:
            shown[name] = msgspec.json.decode(msgspec.json.encode(value))
            msgspec.msgpack.encode(shown[name])  # which holds no integer beyond 64 bits
        except (TypeError, ValueError, msgspec.MsgspecError, OverflowError):
            shown[name] = repr(value)[:200]
    return shown


def wait_for(
    futures: list[JobFuture],
    timeout_s: float | None,
    progress: bool | None,
    label: str,
    connection: Connection,
) -> None:
    """Wait for futures, with a bar. An interrupt stops the waiting, not the jobs, and says so.

    Raises
    ------
    TimeoutError
        Some are not done in time.
    """
    give_up_s = None if timeout_s is None else time.monotonic() + timeout_s
    open_ = {future for future in futures if not future.done()}
    if not open_:
        return
    connection.check_may_wait()
    with _bar(len(futures), label, progress) as bar:
        try:
            while open_:
                _update(bar, futures, open_)
                left_s = None if give_up_s is None else give_up_s - time.monotonic()
                if left_s is not None and left_s <= 0:
                    raise TimeoutError(
                        f"{len(open_)} of {len(futures)} jobs have not ended after "
                        f"{timeout_s:g} s; they go on"
                    )
                concurrent.futures.wait(
                    open_,
                    timeout=0.25 if left_s is None else min(0.25, left_s),
                    return_when=concurrent.futures.FIRST_COMPLETED,
                )
                open_ = {future for future in open_ if not future.done()}
            _update(bar, futures, open_)
        except KeyboardInterrupt:
            going_on = f"Stopped waiting; {len(open_)} jobs go on. Call .cancel() to stop them."
            print(going_on)  # noqa: T201  # in the cell that was interrupted
            raise


def _update(bar: Any, futures: list[JobFuture], open_: set[JobFuture]) -> None:
    if bar is not None:
        failed = sum(f.status in ("failed", "cancelled") for f in futures)
        running = sum(f.running() for f in open_)
        bar.update(done=len(futures) - len(open_), failed=failed, running=running)


@contextlib.contextmanager
def _bar(total: int, label: str, show: bool | None) -> Iterator[Any]:
    if show is False:
        yield None
        return
    try:
        progress = view("progress").progress
    except errors.Invalid:
        yield None
        return
    with progress(total, label, show) as bar:
        yield bar


def _result_or_none(future: JobFuture) -> Any:
    return future.result() if future._place is JobState.COMPLETED else None
