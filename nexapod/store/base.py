"""What a store can do. Every implementation passes the one suite in ``tests/contract``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import msgspec

from nexapod.core.commands import Order
from nexapod.core.credentials import Credential
from nexapod.core.events import Event
from nexapod.core.records import ClosedJob, Snapshot, Value
from nexapod.wire.messages import JobLog, LogChunk

#: The columns of `Store.job_rows`, in order. `params` and `error` are JSON text.
JOB_COLUMNS = (
    "seq", "job_id", "status", "assigned_to", "kind", "name", "sweep", "params", "epoch",
    "priority", "created_at", "started_at", "finished_at", "run_s", "error", "retry_of",
)  # fmt: skip

#: The columns of `Store.attempt_rows`, in order. `error` is JSON text.
ATTEMPT_COLUMNS = (
    "job_id", "epoch", "node", "name", "sweep", "params", "leased_at", "started_at",
    "ended_at", "end", "run_s", "peak_memory_bytes", "error", "seq",
)  # fmt: skip
#: Attempts in one page: read in some hundredths of a second, in which nothing is committed.
ATTEMPT_PAGE = 10_000


#: The columns of `Store.job_briefs`, in order: a job as a live view lists it. `error` is one line.
JOB_BRIEF = (
    "seq", "job_id", "status", "assigned_to", "sweep", "name", "epoch", "created_at",
    "started_at", "finished_at", "run_s", "priority", "retry_of", "error",
)  # fmt: skip
#: The columns of `Store.attempt_briefs`, in order. `end` is None while it runs, `started_at` while
#: nobody said how long it ran.
ATTEMPT_BRIEF = ("seq", "epoch", "node", "leased_at", "started_at", "ended_at", "end")
#: Most of a failure's message in `JOB_BRIEF`.
WHY_CHARACTERS = 300


class Payload(msgspec.Struct, frozen=True):
    """What the node gets: bytes, or the blob that holds them."""

    data: bytes | None
    blob: str | None


class TokenRecord(msgspec.Struct, frozen=True):
    """A credential, and the sha256 of its secret."""

    credential: Credential
    digest: bytes


#: The columns of `Store.audit_rows`, in order.
AUDIT_COLUMNS = ("seq", "at", "actor", "address", "action", "subject", "detail")


class JobFilter(msgspec.Struct, frozen=True):
    """Which jobs `job_rows` gives: those after `after_seq` in order of `seq`, or `newest` first.

    `owner`: only jobs of this credential.
    """

    status: tuple[str, ...] = ()
    sweep: str | None = None
    job_ids: tuple[str, ...] | None = None
    after_seq: int = 0
    limit: int = 1000
    newest: bool = False
    owner: str | None = None


class Store(Protocol):
    """The verbs. All of them run on one thread, the store's own."""

    def load(self) -> Snapshot:
        """Everything open, for a board to start from."""

    def commit(self, events: Sequence[Event]) -> None:
        """Make `events` durable, all or none: when this returns they survive a power cut.

        Raises
        ------
        StorageFull
            No room; nothing was stored.
        Unavailable
            The disk failed; nothing that was not acknowledged counts, and the store is closed.
        """

    def payloads(self, seqs: Iterable[int]) -> dict[int, Payload]:
        """The payloads of jobs, by `seq`."""

    def closed(self, job_ids: Iterable[str]) -> dict[str, ClosedJob]:
        """Those of these jobs that are finished, by id."""

    def closed_keys(self, keys: Iterable[str]) -> dict[str, ClosedJob]:
        """Finished jobs that were submitted under these keys, by key."""

    def states(self, job_ids: Sequence[str]) -> list[tuple[str, str, str | None]]:
        """(id, state, node) of those of these jobs that exist."""

    def order(self, job_id: str) -> Order | None:
        """What was submitted, so that it can be submitted again."""

    def latest(self, job_id: str) -> str:
        """The last retry of this job, itself when it was never retried."""

    def retried(self, job_id: str) -> list[str]:
        """The jobs that this one is a retry of, directly or through others."""

    def values(self, job_ids: Iterable[str]) -> dict[str, Value]:
        """The results of completed jobs, by id."""

    def shown_values(self, job_ids: Iterable[str], most_bytes: int) -> dict[str, Value]:
        """Results as listings show them: JSON whole, sealed ones without their bytes.

        Stops before it holds over `most_bytes`, but gives at least one.
        """

    def failures(self, job_ids: Iterable[str]) -> dict[str, bytes]:
        """The failures (JSON) of failed jobs, by id."""

    def output(self, job_id: str) -> str:
        """The last lines that the latest attempt wrote, empty when it wrote none."""

    def append_logs(
        self, node_id: str, chunks: Sequence[LogChunk], most_bytes: int, ended_after: float = 0.0
    ) -> set[tuple[str, int]]:
        """Keep what attempts of this node print, at most the last `most_bytes` of each.

        What the process then acknowledges survives its death, but not that of the machine.

        Parameters
        ----------
        ended_after
            Attempts that had ended at this time (Unix seconds) take no more.

        Returns
        -------
        set
            The (job, epoch) that are not this node's, or ended before.
        """

    def log(self, job_id: str, epoch: int | None = None, after: int = 0) -> JobLog | None:
        """What is kept of what an attempt (None: the latest) printed, from byte `after` on.

        None when there is no such job or attempt.
        """

    def job_rows(self, which: JobFilter) -> list[tuple[Any, ...]]:
        """Jobs as rows of `JOB_COLUMNS`."""

    def attempt_rows(
        self,
        job_ids: Sequence[str] | None = None,
        owner: str | None = None,
        after: tuple[int, int] = (0, 0),
        limit: int = ATTEMPT_PAGE,
    ) -> list[tuple[Any, ...]]:
        """Attempts as rows of `ATTEMPT_COLUMNS`, in order of (seq, epoch), those past `after`."""

    def job_briefs(self, after_seq: int, limit: int) -> list[tuple[Any, ...]]:
        """Jobs as rows of `JOB_BRIEF`, in order of `seq`."""

    def job_briefs_of(self, seqs: Sequence[int]) -> list[tuple[Any, ...]]:
        """These jobs as rows of `JOB_BRIEF`."""

    def attempt_briefs(self, limit: int) -> list[tuple[Any, ...]]:
        """The attempts of the newest jobs as rows of `ATTEMPT_BRIEF`, newest first."""

    def attempt_briefs_of(self, keys: Sequence[tuple[int, int]]) -> list[tuple[Any, ...]]:
        """The attempts of these jobs and epochs as rows of `ATTEMPT_BRIEF`."""

    def sweeps(self, owner: str | None = None) -> list[tuple[str, int]]:
        """Every sweep's name and number of jobs, oldest first."""

    def job_owners(self, job_ids: Sequence[str]) -> dict[str, str]:
        """Whose these jobs are, by id; unknown jobs are left out."""

    def owns_blob(self, sha256: str, owner: str) -> bool:
        """Whether some job of `owner` has this blob as payload or result."""

    def tokens(self) -> list[TokenRecord]:
        """Every credential that was ever made."""

    def audit_rows(self, after_seq: int = 0, limit: int = 1000) -> list[tuple[Any, ...]]:
        """Who did what, as rows of `AUDIT_COLUMNS`, oldest first."""

    def close(self) -> None:
        """Let go of the database; safe to call twice."""
