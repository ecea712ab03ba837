"""Broken cores: each mutant is one line of the core's source, wrong in one way.

A suite that lets one of them pass proves nothing.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import NamedTuple

from nexapod.core import board, decide, schedule


class Mutant(NamedTuple):
    """One fault: where `right` stands in the module, `wrong` is put."""

    name: str
    module: ModuleType
    right: str
    wrong: str


MUTANTS = (
    Mutant(
        "reports are taken under any epoch",
        decide,
        "lease.node_id == command.node_id and lease.epoch == epoch:",
        "lease.node_id == command.node_id:",
    ),
    Mutant(
        "reports are taken from any node",
        decide,
        "lease is not None and lease.node_id == command.node_id and",
        "lease is not None and",
    ),
    Mutant("the epoch does not rise", board, "job.epoch = event.epoch\n", "pass\n"),
    Mutant(
        "leases never run out",
        decide,
        "job.lease.deadline_s <= now.mono_s",
        "job.lease.deadline_s <= 0",
    ),
    Mutant(
        "leases run out early",
        decide,
        "job.lease.deadline_s <= now.mono_s",
        "job.lease.deadline_s <= now.mono_s + 30",
    ),
    Mutant("a stall costs leases", decide, "if command.gap_s > STALL_S:", "if False:"),
    Mutant(
        "a stall extends nothing", board, "job.lease.deadline_s += event.gap_s", "pass"
    ),
    Mutant(
        "a result is taken after a cancel",
        decide,
        "        if report.end is AttemptEnd.CANCELLED:\n            return\n",
        "        return\n",
    ),
    Mutant(
        "a result from somebody else overwrites the recorded one",
        decide,
        "    job = board.jobs.get(report.job_id)\n    if job is None:\n",
        "    job = board.jobs.get(report.job_id)\n"
        "    if job is None and report.end is AttemptEnd.COMPLETED:\n"
        "        done = board.recent.get(report.job_id)\n"
        "        if done is not None:\n"
        "            return [e.JobClosed(done.id, 0, JobState.COMPLETED, done.epoch, now.at)]\n"
        "    if job is None:\n",
    ),
    Mutant(
        "a job that comes back goes to the end",
        schedule,
        "if last is None or last.spec.seq < job.spec.seq:",
        "if last is not job:",
    ),
    Mutant(
        "a draining node gets jobs",
        decide,
        "if node.left or not len(board.queue):",
        "if not len(board.queue):",
    ),
    Mutant(
        "a repeated poll is a new poll",
        decide,
        "if command.request_id is not None:",
        "if False:",
    ),
    Mutant(
        "dependants are not released",
        board,
        "if not waits_on and event.state is JobState.COMPLETED:",
        "if False:",
    ),
    Mutant(
        "a failure is not passed on", decide, "return [closed, *_cascade(", "return [closed, *list("
    ),
    Mutant(
        "slots are not counted",
        schedule,
        "self.light_slots -= 1\n        self.heavy_slots -= 1",
        "pass",
    ),
    Mutant(
        "a new boot keeps its predecessor's leases", decide, "if reborn:", "if False:"
    ),
    Mutant(
        "the back-off never ends", decide, "if not_before_s <= now.mono_s", "if not_before_s < 0"
    ),
    Mutant(
        "a repeated submission is a new job",
        decide,
        "    job = board.jobs.get(order.id)\n    if job is not None:\n        return _same(",
        "    job = board.jobs.get(order.id)\n    if False:\n        return _same(",
    ),
    Mutant(
        "requirements are not looked at",
        schedule,
        "if demand.kind not in capacity.kinds:",
        "if False:",
    ),
)  # fmt: skip


@contextmanager
def broken(mutant: Mutant) -> Iterator[None]:
    """The module with the fault in it, in place, as long as the block lasts."""
    module = mutant.module
    source = inspect.getsource(module)
    if source.count(mutant.right) != 1:
        raise AssertionError(
            f"the mutant '{mutant.name}' changes a line that {module.__name__} has "
            f"{source.count(mutant.right)} times: write the mutant anew"
        )
    file = module.__file__ or ""
    whole = dict(vars(module))
    others = {m: dict(vars(m)) for m in (board, decide, schedule) if m is not module}
    try:
        exec(compile(source.replace(mutant.right, mutant.wrong), file, "exec"), vars(module))
        # What the others imported by name is the broken one too.
        for other, names in others.items():
            for name, old in names.items():
                if getattr(old, "__module__", None) == module.__name__ and name in vars(module):
                    vars(other)[name] = vars(module)[name]
        yield
    finally:
        for home, names in ((module, whole), *others.items()):
            vars(home).clear()
            vars(home).update(names)
