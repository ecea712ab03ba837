"""Why a job waits: what it needs first, or what each node lacks for it, in sentences for people."""

from __future__ import annotations

from collections.abc import Sequence

from nexapod.core.board import Board
from nexapod.core.commands import Instant
from nexapod.core.job import Job
from nexapod.core.node import Node
from nexapod.core.schedule import Room, why_not
from nexapod.core.states import JobState, NodeState

#: Most sentences about one job.
MOST = 10

_ABSENT = {
    NodeState.DRAINING: "is draining and takes no new jobs; start it again to use it",
    NodeState.LEFT: "has left; start it again to use it",
    NodeState.SUSPECT: "was not heard of lately; it may come back",
    NodeState.LOST: "is lost: it was not heard of for minutes; start it again to use it",
}
_READY = "can take it, and does when it asks next"


def reasons(board: Board, job: Job, now: Instant) -> list[str]:
    """Why `job` waits; empty when it does not. Costs a look at every node."""
    if job.state is not JobState.PENDING:
        return []
    if job.waits_on:
        return _needs(board, sorted(job.waits_on))
    if not job.queued:
        return [_back_off(board, job, now)]
    if not board.nodes:
        return ["no node has joined this fleet; start one with the command of fleet.invite()"]
    return [*_place(board, job), *_by_node(board, job, now)]


def _needs(board: Board, needed: Sequence[str]) -> list[str]:
    shown = [
        f"it waits for job {job_id}, whose result it needs and which is {board.jobs[job_id].state}"
        for job_id in needed[:MOST]
    ]
    more = len(needed) - len(shown)
    return [*shown[: MOST - 1], f"and for {more + 1:,} other jobs"] if more else shown


def _back_off(board: Board, job: Job, now: Instant) -> str:
    over_s = next((at_s for at_s, _, other in board.delayed if other is job), now.mono_s)
    times = "once" if job.failures == 1 else f"{job.failures} times"
    left_s = max(0.0, over_s - now.mono_s)
    return f"it failed {times}, and is tried again in {left_s:.0f} s"


def _place(board: Board, job: Job) -> list[str]:
    before = board.queue.before(job)
    if not before:
        return []
    return [f"{before:,} {'job is' if before == 1 else 'jobs are'} before it in the queue"]


def _by_node(board: Board, job: Job, now: Instant) -> list[str]:
    """One sentence for all nodes that lack the same: first what passes, then what never does."""
    alike: dict[tuple[bool, str], list[str]] = {}
    can_any = False
    for node_id, node in board.nodes.items():
        able, why = _lack(node, job, now)
        can_any |= able
        alike.setdefault((not able, why), []).append(node_id)
    groups = sorted(alike.items(), key=lambda group: (group[0][0], -len(group[1])))
    shown = groups if len(groups) < MOST - 1 else groups[: MOST - 3]
    told = [f"{_named(nodes)}: {why}" for (_, why), nodes in shown]
    rest = sum(len(nodes) for _, nodes in groups[len(shown) :])
    if rest:
        told.append(f"and {rest:,} other nodes, each for a reason of its own")
    if not can_any:
        told.append(
            "no node here can ever run it: add one that can, or submit it again asking for less"
        )
    return told


def _lack(node: Node, job: Job, now: Instant) -> tuple[bool, str]:
    """Whether the node could ever run the job, and the first condition that fails now."""
    demand = job.spec.demand
    if not node.can_run(demand):
        return False, why_not(node.capacity, demand) or ""
    absent = _ABSENT.get(node.state(now.mono_s))
    if absent is not None:
        return True, absent
    room = Room(node.capacity, (held.spec.demand for held in node.leases.values()))
    return True, room.lack(node.capacity, demand) or _READY


def _named(nodes: Sequence[str]) -> str:
    more = len(nodes) - 1
    return nodes[0] + (f" and {more:,} other node{'s' if more > 1 else ''}" if more else "")
