"""Broken cores: each mutant is the core's source, wrong in one way.

A suite that lets one of them pass proves nothing.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from types import CodeType, ModuleType
from typing import Any, NamedTuple

from nexapod.core import alarms, board, decide, invariants, job, node, runnable, schedule
from nexapod.core.deciding import (
    cancelling,
    decision,
    ending,
    leasing,
    registering,
    reporting,
    submitting,
    ticking,
)

#: The core's modules, each after those that it imports.
MODULES = (
    schedule, runnable, alarms, job, node, invariants, board, decision, ending, registering,
    leasing, reporting, submitting, cancelling, ticking, decide,
)  # fmt: skip


class Edit(NamedTuple):
    """Where `right` stands in the module, `wrong` is put."""

    module: ModuleType
    right: str
    wrong: str


class Mutant(NamedTuple):
    """One fault, and the edits that make it."""

    name: str
    edits: tuple[Edit, ...]


def _mutant(name: str, *edit: Any) -> Mutant:
    """A mutant of one edit, or of several (three arguments each)."""
    return Mutant(name, tuple(Edit(*edit[at : at + 3]) for at in range(0, len(edit), 3)))


MUTANTS = (
    _mutant(
        "reports are taken under any epoch",
        reporting,
        "lease.node_id == command.node_id and lease.epoch == epoch:",
        "lease.node_id == command.node_id:",
    ),
    _mutant(
        "reports are taken from any node",
        reporting,
        "lease is not None and lease.node_id == command.node_id and",
        "lease is not None and",
    ),
    _mutant("the epoch does not rise", board, "job.epoch = event.epoch\n", "pass\n"),
    _mutant(
        "leases never run out",
        ticking,
        "job.lease.deadline_s <= now.mono_s",
        "job.lease.deadline_s <= 0",
    ),
    _mutant(
        "leases run out early",
        ticking,
        "job.lease.deadline_s <= now.mono_s",
        "job.lease.deadline_s <= now.mono_s + 30",
    ),
    _mutant("a stall costs leases", ticking, "if command.gap_s > STALL_S:", "if False:"),
    _mutant(
        "a stall extends nothing", board, "job.lease.deadline_s += event.gap_s", "pass"
    ),
    _mutant(
        "a result is taken after a cancel",
        reporting,
        "        if report.end is AttemptEnd.CANCELLED:\n            return\n",
        "        return\n",
    ),
    _mutant(
        "a result from somebody else overwrites the recorded one",
        reporting,
        "    job = board.jobs.get(report.job_id)\n    if job is None:\n",
        "    job = board.jobs.get(report.job_id)\n"
        "    if job is None and report.end is AttemptEnd.COMPLETED:\n"
        "        done = board.recent.get(report.job_id)\n"
        "        if done is not None:\n"
        "            return [e.JobClosed(done.id, 0, JobState.COMPLETED, done.epoch, now.at)]\n"
        "    if job is None:\n",
    ),
    _mutant(
        "a job that comes back goes to the end",
        schedule,
        "if last is None or last.spec.seq < job.spec.seq:",
        "if last is not job:",
    ),
    _mutant(
        "a draining node gets jobs",
        leasing,
        "if node.left or not len(board.queue):",
        "if not len(board.queue):",
    ),
    _mutant(
        "a repeated poll is a new poll",
        leasing,
        "if command.request_id is not None:",
        "if False:",
    ),
    _mutant(
        "dependants are not released",
        board,
        "if not waits_on and event.state is JobState.COMPLETED:",
        "if False:",
    ),
    _mutant(
        "a failure is not passed on",
        ending,
        "return [closed, *cascade(",
        "return [closed, *(lambda *_: ())(",
    ),
    _mutant(
        "slots are not counted",
        schedule,
        "self.light_slots -= 1\n        self.heavy_slots -= 1",
        "pass",
    ),
    _mutant(
        "a new boot keeps its predecessor's leases", registering, "if reborn:", "if False:"
    ),
    _mutant(
        "the back-off never ends",
        ticking,
        "due(board.delayed, now.mono_s)",
        "due(board.delayed, 0)",
    ),
    _mutant(
        "a repeated submission is a new job",
        submitting,
        "    job = board.jobs.get(order.id)\n    if job is not None:\n        return _same(",
        "    job = board.jobs.get(order.id)\n    if False:\n        return _same(",
    ),
    _mutant(
        "requirements are not looked at",
        schedule,
        "if demand.kind not in capacity.kinds:",
        "if False:",
    ),
    _mutant(
        "deadlines are on the wall clock",
        decide,
        "return _DECIDERS[type(command)](board, command, now)",
        "return _DECIDERS[type(command)](board, command, Instant(now.at, now.at))",
        board,
        "        for record in snapshot.nodes:\n",
        "        mono_s = at\n        for record in snapshot.nodes:\n",
    ),
    _mutant(
        "keys are not looked at",
        submitting,
        "        job = board.keys.get(order.key)\n        if job is not None:\n",
        "        job = board.keys.get(order.key)\n        if False:\n",
    ),
    _mutant(
        "keys of finished jobs are not looked at",
        submitting,
        'done = board.recent_keys.get(order.key) or closed.get(f"key:{order.key}")',
        "done = None",
    ),
    _mutant(
        "jobs have no deadline",
        ticking,
        "board.overdue(now.mono_s)",
        "board.overdue(0)",
    ),
    _mutant(
        "a stall ends jobs",
        ticking,
        "    if command.gap_s > STALL_S:\n        events.append(",
        "    for late in board.overdue(now.mono_s):\n"
        "        events += deadline_passed(board, late, now)\n"
        "    if command.gap_s > STALL_S:\n        events.append(",
    ),
    _mutant(
        "deadlines are forgotten at a restart",
        board,
        "mono_s + stored.spec.deadline_at - since",
        "mono_s + 1e9",
    ),
    _mutant(
        "node ids are not bound to credentials",
        registering,
        "if bound and record.credential not in",
        "if False and record.credential not in",
    ),
    _mutant(
        "a former holder's result is thrown away",
        reporting,
        "if is_completed and job.former == command.node_id",
        "if False and job.former == command.node_id",
    ),
    _mutant(
        "a former holder's result is taken for its epoch's successor",
        job,
        "if self.lease is not None or ended is None or ended.epoch != self.epoch:",
        "if ended is None:",
    ),
    _mutant(
        "a failure told again is refused",
        reporting,
        "if not is_completed and _is_told_again(",
        "if False and _is_told_again(",
    ),
    _mutant(
        "poison goes on",
        ending,
        "if len(lost_on) >= POISON_NODES:",
        "if False:",
    ),
    _mutant(
        "attempts may run for ever",
        leasing,
        "elapsed_s > timeout_s + TIMEOUT_GRACE_S",
        "elapsed_s > 1e9",
    ),
    _mutant(
        "a restart gives leases no time",
        board,
        "one.epoch, mono_s + lease_s, lease_s",
        "one.epoch, mono_s, lease_s",
    ),
    _mutant(
        "the holder of a cancelled job is not told",
        board,
        "node.cancels.add((event.job_id, event.epoch))",
        "pass",
    ),
)  # fmt: skip


@contextmanager
def broken(mutant: Mutant) -> Iterator[None]:
    """The core with the fault in it, in place, as long as the block lasts."""
    first = min(MODULES.index(edit.module) for edit in mutant.edits)
    whole = {module: dict(vars(module)) for module in MODULES[first:]}
    try:
        for module in MODULES[first:]:  # what they imported by name is then the broken one too
            edits = tuple(edit for edit in mutant.edits if edit.module is module)
            exec(_code(module, edits), vars(module))
        yield
    finally:
        for module, names in whole.items():
            vars(module).clear()
            vars(module).update(names)


@functools.cache
def _code(module: ModuleType, edits: tuple[Edit, ...]) -> CodeType:
    """The module's code after these edits."""
    source = inspect.getsource(module)
    for _, right, wrong in edits:
        if source.count(right) != 1:
            raise AssertionError(
                f"a mutant changes '{right}', which {module.__name__} has {source.count(right)} "
                "times: write the mutant anew"
            )
        source = source.replace(right, wrong)
    return compile(source, module.__file__ or "", "exec")
