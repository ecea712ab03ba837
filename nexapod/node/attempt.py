"""One leased job on its way through this node."""

from __future__ import annotations

from typing import Literal

from nexapod.core.records import Failure
from nexapod.wire.messages import Leased

#: Why the agent ends an attempt. ``lost``: another node may have it, so nothing is reported.
#: ``limit``: it used more than it may, see `Attempt.excess`.
Intent = Literal["cancel", "lost", "release", "limit"]

Key = tuple[str, int]


class Attempt:
    """A lease, where it is on this node, and why it is being ended, if it is.

    Attributes
    ----------
    function
        sha256 of the function's bytes; empty for data jobs.
    estimate
        What its run time is estimated by: the function, or the runner file.
    seq
        Its number on the runner it was sent to; 0 while it waits.
    devices
        GPU indices reserved for it while it is on a runner.
    wants_fresh
        A process in which others ran could not open it: it is tried once in one that is new.
    may_pickle
        Whether its result may be sent as a pickle.
    peak_bytes
        The most memory it was seen to use.
    printed
        Once it is over, if its report does not tell all: how many bytes it printed, and the last
        of them.
    excess
        The limit that it is ended for.
    """

    __slots__ = (
        "devices", "estimate", "excess", "expected_s", "function", "intent", "lease", "may_pickle",
        "peak_bytes", "pickled", "printed", "seq", "wants_fresh",
    )  # fmt: skip

    def __init__(self, lease: Leased, function: str) -> None:
        self.lease = lease
        self.function = function
        self.estimate = function or lease.kind
        self.seq = 0
        self.expected_s = 0.0  # what it adds to the backlog of the slot it was sent to
        self.intent: Intent | None = None
        self.wants_fresh = False
        self.devices: tuple[str, ...] = ()
        self.may_pickle = True
        self.peak_bytes = 0
        self.printed: tuple[int, bytes] | None = None
        self.excess: Failure | None = None
        self.pickled: bytes | None = None  # the function's bytes, shared with the cache

    @property
    def key(self) -> Key:
        """(job, epoch)."""
        return self.lease.job_id, self.lease.epoch

    @property
    def is_light(self) -> bool:
        """Whether it asks for no more than a slot, so that it may queue behind another."""
        lease = self.lease
        return lease.cpus <= 1.0 and not lease.memory_bytes and not lease.gpus

    @property
    def label(self) -> str:
        """How log lines name it."""
        short = self.lease.job_id
        short = f"{short[:13]}…" if len(short) > 20 else short
        return f"job {short} {self.lease.name}".rstrip()
