"""Nodes come and go."""

from __future__ import annotations

import msgspec

from nexapod import errors
from nexapod.core import commands as c
from nexapod.core import events as e
from nexapod.core.board import Board, Node
from nexapod.core.commands import Instant
from nexapod.core.deciding.decision import Decision, once
from nexapod.core.deciding.ending import lost, released


def register(board: Board, command: c.Register, now: Instant) -> Decision:
    """Reply: the leases in `holding` that are no longer the node's."""
    record = command.record
    node = board.nodes.get(record.id)
    events: list[e.Event] = []
    held = set(command.holding or ())
    mine: set[tuple[str, int]] = set()
    if node is not None:
        bound = node.record.credential
        if bound and record.credential not in ("", bound) and not command.takes_over:
            raise errors.Forbidden(
                "this node id belongs to another credential; choose another name with --name, "
                "or have that credential revoked"
            )
        record = msgspec.structs.replace(
            record,
            registered_at=node.record.registered_at,
            credential=record.credential or bound,
        )
        mine = {(job_id, job.epoch) for job_id, job in node.leases.items()}
        reborn = record.boot_id is not None and record.boot_id != node.record.boot_id
        # What another credential was given is not this one's to report, or to read.
        reborn |= bool(bound) and record.credential != bound
        if reborn:
            for job_id, _epoch in sorted(mine - held):
                events += lost(board, board.jobs[job_id], now, "its node started anew")
    events.append(e.NodeRegistered(record, now.mono_s, now.at))
    for job_id, _epoch in sorted(held & mine):
        events.append(e.LeaseRenewed(job_id, now.mono_s + command.lease_s, 0.0))
    return Decision(once(events), tuple(sorted(held - mine)))


def known_node(board: Board, node_id: str) -> Node:
    """The node, or the refusal that sends it to register."""
    node = board.nodes.get(node_id)
    if node is None:
        raise errors.NotFound(
            "this node is not registered; send POST /register first", action="register"
        )
    return node


def leave(board: Board, command: c.Leave, now: Instant) -> Decision:
    """Reply: how many leases went back."""
    node = known_node(board, command.node_id)
    mine = {(job_id, job.epoch) for job_id, job in node.leases.items()}
    back = mine if command.release is None else mine & set(command.release)
    events: list[e.Event] = [e.NodeLeft(command.node_id, now.at)]
    for job_id, _epoch in sorted(back):
        events += released(board.jobs[job_id], now)
    return Decision(events, len(back))
