"""The fleet: what a researcher holds in a notebook."""

from __future__ import annotations

import concurrent.futures
import functools
import itertools
import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from nexapod import errors
from nexapod.client.calls import Shipped, identity, seal_call, ship
from nexapod.client.connection import Connection
from nexapod.client.face import Shown, view
from nexapod.client.futures import JobFuture
from nexapod.client.invitation import Invitation
from nexapod.client.local_nodes import LocalNode, LocalNodes
from nexapod.client.node import Node
from nexapod.client.options import Options
from nexapod.client.sweep import Sweep, Sweeps, grid, pages, shown_params, wait_for
from nexapod.client.tokens import Tokens
from nexapod.client.transport import AUDIT_PAGE, Columns, gathered
from nexapod.ids import is_id, new_job_id
from nexapod.store.base import JobFilter
from nexapod.wire.messages import NewJob

if TYPE_CHECKING:
    import pandas as pd


class Fleet(Shown):
    """A coordinator and its nodes, as seen from a notebook.

    Made by `nexapod.launch` or `nexapod.connect`.

    Attributes
    ----------
    name
        The fleet's name.
    notes
        What happened at launch that one should know (a port that was busy, say).
    """

    def __init__(
        self,
        name: str,
        connection: Connection,
        local: LocalNodes | None = None,
        on_stop: Callable[[], None] | None = None,
        notes: Sequence[str] = (),
    ) -> None:
        self.name = name
        self.notes = list(notes)
        self._link = connection
        self._local = local
        self._on_stop = on_stop
        self._options = Options()

    def __reduce__(self) -> Any:
        raise TypeError(
            "a fleet cannot be sent to a node; inside a job use nexapod.connect(url, token)"
        )

    def __repr__(self) -> str:
        return f"<Fleet {self.name} at {self.url}>"

    # ── where ────────────────────────────────────────────────────────────────────────────────────

    @property
    def url(self) -> str:
        """Where the coordinator listens."""
        return self._link.transport.url

    @property
    def token(self) -> str | None:
        """The fleet's secret; None for an open coordinator."""
        return self._link.transport.token

    # ── jobs ─────────────────────────────────────────────────────────────────────────────────────

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> JobFuture:
        """Run ``fn(*args, **kwargs)`` on a node.

        Returns at once. A future among the arguments, at any depth, makes the job wait for that
        one and is replaced by its result.

        Raises
        ------
        TypeError
            When the function or an argument cannot be pickled.
        """
        return self._send(self._sealed(ship(self._link, fn), args, kwargs))

    def _sealed(
        self,
        function: Shipped,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        *,
        key: str | None = None,
        sweep: str | None = None,
    ) -> dict[str, Any]:
        """A call as the fields of a `NewJob`. What cannot be sent is said here, and nothing is."""
        fields = seal_call(self._link, function, args, kwargs)
        fields = {**self._options.fields(), **fields}
        fields["name"] = fields["name"] or function.name[:200]
        fields["sweep"] = sweep
        if key is not None:
            fields["key"] = key
        if fields["key"] is not None:
            fields["identity"] = identity(function, args, kwargs)
        return fields

    def _send(self, fields: dict[str, Any], params: dict[str, Any] | None = None) -> JobFuture:
        job_id = new_job_id()
        if params is not None:
            fields["params"] = msgspec.Raw(msgspec.msgpack.encode(params))
        future = JobFuture(self._link, job_id, fields["name"], params)
        self._link.send(NewJob(job_id=job_id, **fields), future)
        if fields["key"] is not None:
            self._link.flush()
            if future._raised is not None:  # refused: the key names another call, say
                raise future._raised
        return future

    def submit_data(self, data: Any, *, hashes: dict[str, str] | None = None) -> JobFuture:
        """Submit a plain-JSON job, for a node's own runner or any program that speaks the API.

        Parameters
        ----------
        data
            Anything JSON can hold.
        hashes
            What the node's ``profile.hashes`` must be: ``{"runner": sha256}``.

        Raises
        ------
        TypeError
            When `data` is not JSON.
        """
        try:
            text = json.dumps(data, allow_nan=False, ensure_ascii=False)
            payload = text.encode()
        except (TypeError, ValueError, RecursionError) as error:
            raise TypeError(f"the data of a data job is plain JSON: {error}") from None
        options = self._options if hashes is None else self._options.updated(hashes=hashes)
        return self._send({**options.fields(), "kind": "data", "payload": payload})

    def map(
        self,
        fn: Callable[..., Any],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
    ) -> Iterator[Any]:
        """As `concurrent.futures.Executor.map`: results in order, submitted at once.

        Parameters
        ----------
        timeout
            Seconds from this call after which ``next()`` raises `TimeoutError`.
        chunksize
            Calls per job.
        """
        if chunksize < 1:
            raise ValueError("chunksize must be >= 1.")
        give_up_s = None if timeout is None else time.monotonic() + timeout
        calls = list(zip(*iterables, strict=False))
        if chunksize == 1:
            function = ship(self._link, fn)
        else:
            function = ship(self._link, functools.partial(_run_chunk, fn))
            calls = [(calls[at : at + chunksize],) for at in range(0, len(calls), chunksize)]
        key = self._options.key
        sealed = [
            self._sealed(function, args, {}, key=None if key is None else f"{key}/{at}")
            for at, args in enumerate(calls)
        ]
        found = _in_order(self._link, [self._send(fields) for fields in sealed], give_up_s)
        return found if chunksize == 1 else itertools.chain.from_iterable(found)

    def sweep(self, fn: Callable[..., Any], /, **axes: Any) -> Sweep:
        """Run `fn` for every combination of the axes.

        ``fleet.sweep(fold, temperature_k=[300, 330], seed=range(4))`` makes eight jobs,
        ``fold(temperature_k=300, seed=0)`` and so on. A value that is no list, range, array or
        other iterable is the same for every job.

        Its name is the function's, or ``fleet.options(sweep="name")``; a name that is taken gets
        a number.

        Raises
        ------
        Invalid
            When an axis is empty.
        """
        points = grid(axes)
        function = ship(self._link, fn)
        key = self._options.key
        wanted = self._options.sweep or self._options.name or function.name
        name = wanted if key is not None else self._free_name(wanted)
        started_at = time.time()
        sealed = [
            self._sealed(
                function, (), point, key=None if key is None else f"{key}/{at}", sweep=name
            )
            for at, point in enumerate(points)
        ]
        futures = [
            self._send(fields, shown_params(point))
            for fields, point in zip(sealed, points, strict=True)
        ]
        return Sweep(self._link, name, futures, started_at)

    def _free_name(self, wanted: str) -> str:
        taken = set(self.sweeps)
        names = itertools.chain([wanted], (f"{wanted}-{n}" for n in itertools.count(2)))
        return next(name for name in names if name not in taken)

    def options(self, **given: Any) -> Fleet:
        """The same fleet with other options: ``fleet.options(cpus=4, retries=2).submit(…)``.

        See `nexapod.client.options.Options` for all of them.
        """
        other = object.__new__(type(self))
        vars(other).update(vars(self))
        other._options = self._options.updated(**given)
        return other

    def future(self, job_id: str) -> JobFuture:
        """The future of any job this fleet ever had, by its id.

        Raises
        ------
        NotFound
            When there is no such job.
        """
        if not is_id(job_id):
            raise errors.NotFound("that is no job id")
        found = self._link.ask(self._link.transport.changes([job_id]))
        if not found:
            raise errors.NotFound(f"this fleet has no job {job_id}")
        future = JobFuture(self._link, job_id)
        future._is_own = False  # until the coordinator says so
        future._on = found[0].node_id
        self._link.adopt([future], [found[0].state])
        return future

    def wait(
        self,
        futures: Iterable[JobFuture],
        timeout_s: float | None = None,
        *,
        progress: bool | None = None,
    ) -> None:
        """Wait until all of these ended, well or not, with a progress bar.

        Raises
        ------
        TimeoutError
            Not all ended in time. They go on.
        """
        wait_for(list(futures), timeout_s, progress, self.name, self._link)

    @property
    def sweeps(self) -> Sweeps:
        """Every sweep by name: ``fleet.sweeps["fold"]``, also after a restart."""
        return Sweeps(self._link)

    def flush(self) -> None:
        """Wait until every job submitted so far is on disk."""
        self._link.flush()

    # ── frames and figures ───────────────────────────────────────────────────────────────────────

    @property
    def nodes(self) -> pd.DataFrame:
        """All nodes that ever registered. See `nexapod.views.frames.nodes_frame`."""
        rows = self._link.ask(self._link.transport.nodes())
        frame: pd.DataFrame = view("frames").nodes_frame(rows)
        return frame

    @property
    def jobs(self) -> pd.DataFrame:
        """All jobs, without their results. See `nexapod.views.frames.jobs_frame`."""
        self._link.flush()
        columns = gathered(pages(self._link, JobFilter()))
        frame: pd.DataFrame = view("frames").jobs_frame(columns)
        return frame

    @property
    def attempts(self) -> pd.DataFrame:
        """All attempts. See `nexapod.views.frames.attempts_frame`."""
        self._link.flush()
        frame: pd.DataFrame = view("frames").attempts_frame(self._attempts().by_name())
        return frame

    def _attempts(self) -> Columns:
        """Every page's attempts, oldest first."""
        rows: list[tuple[Any, ...]] = []
        while True:
            after = (rows[-1][-1], rows[-1][1]) if rows else (0, 0)
            page = self._link.ask(self._link.transport.attempt_columns(after))
            rows += page.rows
            if not page.rows:
                at = page.columns.index("leased_at")
                return Columns(page.columns, sorted(rows, key=lambda row: row[at]))

    @property
    def plot(self) -> Any:
        """Figures: ``.fleet()``, ``.timeline()``, ``.throughput()``, ``.status()``."""
        return view("plots").Plots(self)

    def dashboard(self) -> Any:
        """The live view of this fleet, to be shown in a cell."""
        return view("portraits").dashboard(self)

    # ── nodes ────────────────────────────────────────────────────────────────────────────────────

    def invite(self) -> Invitation:
        """The one line to paste on another machine.

        It carries a node's token, which lets nobody submit, cancel or read.

        Raises
        ------
        Forbidden
            When this fleet was connected to with less than an admin's token.
        """
        return Invitation(self.url, self._link.node_token(), self._link.transport.fingerprint)

    @property
    def tokens(self) -> Tokens:
        """Who may look, submit and join: make and revoke tokens here."""
        return Tokens(self._link)

    @property
    def audit(self) -> pd.DataFrame:
        """Who did what. See `nexapod.views.frames.audit_frame`."""
        frame: pd.DataFrame = view("frames").audit_frame(gathered(self._audit()))
        return frame

    def _audit(self) -> Iterator[Columns]:
        """Every page of the audit, oldest first."""
        after_seq = 0
        while True:
            page = self._link.ask(self._link.transport.audit_columns(after_seq))
            yield page
            if len(page.rows) < AUDIT_PAGE:
                return
            after_seq = page.rows[-1][0]

    def node(self, name: str) -> Node:
        """One node, to be shown in a cell."""
        return Node(self._link, name)

    def start_nodes(self, n: int, slots: int = 1) -> list[LocalNode]:
        """Start `n` nodes on this machine, each running `slots` jobs at once.

        Raises
        ------
        Invalid
            When this fleet's coordinator is not on this machine, or a number makes no sense.
        """
        if self._local is None:
            raise errors.Invalid("nodes are started where the coordinator was launched")
        if n < 0 or slots < 1:
            raise errors.Invalid("start at least one node with at least one slot")
        return self._local.add(n, slots)

    @property
    def local_nodes(self) -> list[LocalNode]:
        """The nodes that this fleet runs on this machine."""
        return [] if self._local is None else list(self._local.nodes)

    # ── the end ──────────────────────────────────────────────────────────────────────────────────

    def stop(self) -> None:
        """Stop the local nodes and the coordinator; a connected fleet is only let go.

        Nothing is lost: ``launch`` with the same name goes on where this stopped.
        """
        if self._local is not None:
            self._local.stop()
        if self._on_stop is not None:
            self._on_stop()
        self._link.close()

    def __enter__(self) -> Fleet:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()


def _run_chunk(fn: Callable[..., Any], calls: list[tuple[Any, ...]]) -> list[Any]:
    return [fn(*args) for args in calls]


def _in_order(link: Connection, futures: list[JobFuture], give_up_s: float | None) -> Iterator[Any]:
    """Results in order; what is left is cancelled when the caller stops asking.

    An interrupt only stops the waiting, as everywhere.
    """
    futures.reverse()
    try:
        while futures:
            left_s = None if give_up_s is None else max(0.0, give_up_s - time.monotonic())
            if not futures[-1].done():
                link.check_may_wait()
            concurrent.futures.wait([futures[-1]], left_s)
            if not futures[-1].done():
                raise TimeoutError
            yield futures.pop().result()
    except KeyboardInterrupt:
        going_on = f"Stopped waiting; {len(futures)} jobs go on. fleet.jobs shows them."
        print(going_on)  # noqa: T201  # in the cell that was interrupted
        futures.clear()
        raise
    finally:
        if open_ := [future.job_id for future in futures if not future.done()]:
            link.flush()
            link.ask(link.transport.cancel(open_))
