"""Which slot an attempt goes to, and how many more the slots could use."""

from __future__ import annotations

import time

from nexapod.node.attempt import Attempt
from nexapod.node.engines.slots import Slot
from nexapod.node.estimates import SHORT_S, Estimates

AHEAD_S = 0.02  # estimated work that may wait in one runner's pipe
_AHEAD_COUNT = 128
_BATCH_S = 0.1  # work per slot that a lease request asks for
_STALE_NS = 1_000_000_000


def idle_slot(slots: list[Slot], attempt: Attempt) -> Slot | None:
    """An idle slot, preferably with a warm process that fits."""
    best, best_rank = None, 3
    for slot in slots:
        if not slot.is_idle or slot.holder is not None:
            continue
        runner = slot.runner
        fits = (
            runner is not None
            and len(runner.devices or ()) == attempt.lease.gpus
            and (runner.is_fresh or not attempt.wants_fresh)
        )
        rank = 1 if runner is None else 0 if fits else 2
        if rank < best_rank:
            best, best_rank = slot, rank
            if not rank:
                break
    return best


def short_slot(slots: list[Slot], attempt: Attempt, estimates: Estimates) -> Slot | None:
    """A busy slot in whose pipe a short call may wait its turn."""
    estimate_s = estimates.of(attempt.estimate)
    if estimate_s is None or estimate_s > SHORT_S or not attempt.is_light or attempt.wants_fresh:
        return None
    best = None
    for slot in slots:
        if _takes_more(slot) and (best is None or slot.backlog_s < best.backlog_s):
            best = slot
    return best


def _takes_more(slot: Slot) -> bool:
    runner = slot.runner
    return (
        runner is not None and runner.devices is None
        and slot.holder is not None and slot.holder.is_light and not slot.is_slow
        and slot.backlog_s < AHEAD_S and len(runner.sent) < _AHEAD_COUNT
    )  # fmt: skip


def wanted(slots: list[Slot], held: int, prefetch: int, recent_s: float | None) -> int:
    """How many more leases the slots could use.

    Parameters
    ----------
    held
        Leases that are here and were not sent to a slot.
    recent_s
        How long calls took lately. While they are short, leases for some 100 ms of work per slot
        are asked for at once, again when half of them are done; else one per idle slot.
    """
    now_ns = time.monotonic_ns()
    idle = lively = sent = 0
    for slot in slots:
        if slot.is_idle:
            idle += 1
            lively += 1
            continue
        assert slot.runner is not None
        sent += len(slot.runner.sent)
        running = slot.runner.running()
        if running is None or now_ns - running[1] < _STALE_NS:
            lively += 1
    if recent_s is None or recent_s >= SHORT_S:
        return max(0, idle - held)
    per_slot = max(1, int(_BATCH_S / max(recent_s, 1e-4)))
    target = min(lively + prefetch, lively * per_slot)
    held += sent
    return target - held if held * 2 <= target else 0
