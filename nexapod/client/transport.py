"""How a fleet reaches its coordinator. One suite tests both ways: in process and over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Sequence
from concurrent.futures import Future
from typing import Any, Protocol, TypeVar

import msgspec

from nexapod.core.records import Failure, Value
from nexapod.core.states import JobState
from nexapod.store.base import JobFilter
from nexapod.wire.messages import (
    Cancelled,
    Draining,
    JobLog,
    MadeToken,
    NewJob,
    NewToken,
    NodeRow,
    Submitted,
    TokenRow,
)

T = TypeVar("T")

#: Rows in one page of the audit.
AUDIT_PAGE = 10_000


class Change(msgspec.Struct, frozen=True, gc=False):
    """A job is somewhere else now. `value` and `failure` come along where that is free."""

    job_id: str
    state: JobState
    node_id: str | None = None
    value: Value | None = None
    failure: Failure | None = None


class Columns(msgspec.Struct, frozen=True):
    """Rows and the names of their cells."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]

    def by_name(self) -> dict[str, list[Any]]:
        """One list per column."""
        cells: list[Any] = list(zip(*self.rows, strict=True)) if self.rows else []
        return {
            name: list(cells[at]) if cells else [] for at, name in enumerate(self.columns)
        }  # fmt: skip


def gathered(pages: Iterable[Columns]) -> dict[str, list[Any]]:
    """All pages of a listing as one: a list per column."""
    columns: dict[str, list[Any]] = {}
    for page in pages:
        for name, cells in page.by_name().items():
            columns.setdefault(name, []).extend(cells)
    return columns


Listener = Callable[[Sequence[Change]], None]


class Transport(Protocol):
    """The verbs, as coroutines for `loop`; `run` starts one from any other thread."""

    url: str
    token: str | None
    fingerprint: str | None
    is_local: bool
    fleet_id: str

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop its coroutines run on."""

    def post(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Start `work` on the loop."""

    def listen(self, listener: Listener, pending: Callable[[], list[str]]) -> None:
        """Tell `listener`, on the loop, of every change from now on.

        After a gap in what is heard, the jobs that `pending` names are asked about one and all.
        """

    async def submit(self, jobs: Sequence[NewJob]) -> list[Submitted]:
        """Submit, all or none; on disk when this returns."""

    async def cancel(self, job_ids: Sequence[str]) -> list[Cancelled]:
        """Cancel; unknown jobs are left out of the answer."""

    async def retry(self, job_id: str) -> Submitted:
        """Submit a finished job again, as a new one."""

    async def changes(self, job_ids: Sequence[str]) -> list[Change]:
        """Where these jobs are now; unknown ones are left out."""

    async def foreign(self, job_ids: Sequence[str]) -> set[str]:
        """Those of these jobs that were submitted with another token than this transport's."""

    async def value(self, job_id: str, most_bytes: int | None = None) -> Value | None:
        """The result, None when there is none; `TooLarge` where it has more than `most_bytes`."""

    async def failure(self, job_id: str) -> Failure | None:
        """Why the job failed."""

    async def output(self, job_id: str) -> str:
        """The last lines the job wrote."""

    async def log(self, job_id: str, epoch: int | None = None, after: int = 0) -> JobLog:
        """What is kept of what an attempt (None: the latest) printed, from byte `after` on."""

    async def progress(self, job_id: str) -> tuple[float, str] | None:
        """How far the job says it is, while it runs."""

    async def job_columns(self, which: JobFilter) -> Columns:
        """One page of jobs."""

    async def attempt_columns(self, after: tuple[int, int] = (0, 0)) -> Columns:
        """One page of attempts: those past this (seq, epoch), in that order."""

    async def nodes(self) -> list[NodeRow]:
        """All nodes."""

    async def counts(self) -> tuple[dict[str, int], float]:
        """Jobs by state, and since when (Unix seconds) the coordinator runs."""

    async def sweeps(self) -> dict[str, int]:
        """Jobs by sweep, oldest sweep first."""

    async def put_blob(self, data: bytes) -> str:
        """Store bytes under their sha256, which is returned."""

    async def get_blob(self, sha256: str) -> bytes:
        """Stored bytes."""

    async def tokens(self) -> list[TokenRow]:
        """Every token, without its secret."""

    async def make_token(self, wanted: NewToken) -> MadeToken:
        """A new token; its secret is told this once."""

    async def revoke_token(self, token_id: str) -> TokenRow:
        """End a token."""

    async def node_token(self) -> str | None:
        """The secret with which machines join."""

    async def audit_columns(self, after_seq: int) -> Columns:
        """One page of who did what."""

    async def waiting(self, job_id: str) -> list[str]:
        """Why the job waits, a sentence each; empty unless it does."""

    async def drain(self, node_id: str) -> Draining:
        """Have a node take no more jobs; what it has it finishes."""

    async def stop(self) -> None:
        """Stop the coordinator, wherever it runs."""

    def panel(self) -> AsyncGenerator[bytes, None]:
        """The messages of the panel's stream, one JSON text each.

        They begin with ``hello``, and again after every gap: whoever gets that forgets all it
        knew. Ends with the coordinator in process; over HTTP it waits for it to come back. Close
        it (`contextlib.aclosing`) when it is read no more.

        Raises
        ------
        Unauthorized
            When the token may not watch.
        """

    async def forward(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        """A request that a panel may make (`nexapod.wire.panel`): its answer's status and JSON.

        A refusal is an answer too; nothing is raised, and nothing repeated.
        """

    def close(self) -> None:
        """Let go."""
