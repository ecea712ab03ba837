"""The last check: whether what a request names belongs to whoever asks."""

from __future__ import annotations

from collections.abc import Iterable

from nexapod import errors
from nexapod.api.request import Request
from nexapod.core.credentials import OWNER, Credential
from nexapod.wire.label import HEAD_BYTES, function_of

#: Node ids that one token may use; the fleet's own may use any number.
NODES_PER_TOKEN = 4096


def check_node(request: Request, node_id: str) -> None:
    """Let a node's request pass under its own id only.

    A node id that is bound to no credential yet (an older database) is anybody's with the scope,
    and on an open coordinator every one is anybody's.

    Raises
    ------
    Forbidden
    """
    node = request.service.board.nodes.get(node_id)
    if node is None:
        return  # the handler says that it must register
    if request.credential.id and node.record.credential not in ("", request.credential.id):
        raise errors.Forbidden("this node id belongs to another token; use your own")


def check_new_node(request: Request) -> None:
    """Let a new node id in, as long as its token has not too many.

    Raises
    ------
    Forbidden
    """
    if (
        request.credential.id not in ("", OWNER)
        and len(_nodes_of(request, request.credential)) >= NODES_PER_TOKEN
    ):
        raise errors.Forbidden(
            f"this token has {NODES_PER_TOKEN:,} node ids already; use those, or another token"
        )


async def check_jobs(request: Request, job_ids: Iterable[str], owner: str | None) -> None:
    """Let a request about jobs pass when all that exist are `owner`'s; anybody's when None.

    Raises
    ------
    Forbidden
    """
    if owner is None:
        return
    owners = await request.service.owners(tuple(job_ids))
    if any(found != owner for found in owners.values()):
        raise errors.Forbidden("this job was submitted with another token")


async def check_read_blob(request: Request, sha256: str) -> None:
    """Let a submitter read what its jobs hold, and a node what its leases need.

    Raises
    ------
    Forbidden
    """
    credential, service = request.credential, request.service
    if "admin" in credential.scopes:
        return
    if "submit" in credential.scopes and await service.read(
        service.store.owns_blob, sha256, credential.owner
    ):
        return
    if "node" in credential.scopes and await _is_leased(request, credential, sha256):
        return
    raise errors.Forbidden("this blob belongs to no job or lease of this token")


def check_write_blob(request: Request) -> None:
    """Let a submitter upload, and a node that is one.

    Raises
    ------
    Forbidden
    """
    credential = request.credential
    if credential.scopes & {"submit", "admin"} or _nodes_of(request, credential):
        return
    raise errors.Forbidden("a node registers before it uploads")


def holds_a_lease(request: Request) -> bool:
    """Whether one of the caller's nodes works on something: its result always has room."""
    nodes = request.service.board.nodes
    return any(nodes[node_id].leases for node_id in _nodes_of(request, request.credential))


def _nodes_of(request: Request, credential: Credential) -> list[str]:
    nodes = request.service.board.nodes
    return [node_id for node_id, node in nodes.items() if node.record.credential == credential.id]


async def _is_leased(request: Request, credential: Credential, sha256: str) -> bool:
    """Whether a lease of the credential's nodes needs this blob.

    That is its payload, the function that the payload names, or the result of another job.
    """
    service = request.service
    jobs = [
        job
        for node_id in _nodes_of(request, credential)
        for job in service.board.nodes[node_id].leases.values()
    ]
    payloads = (await service.payloads_of([job.spec.seq for job in jobs])).values()
    if any(payload.blob == sha256 for payload in payloads):
        return True
    if any(function_of(payload.data) == sha256 for payload in payloads if payload.data):
        return True
    for blob in {payload.blob for payload in payloads if payload.blob}:
        head = await request.in_thread(service.blobs.read, blob, HEAD_BYTES)
        if function_of(head) == sha256:
            return True
    needed = {job_id for job in jobs for job_id in job.after}
    inputs = await service.read(service.store.values, needed) if needed else {}
    return any(value.blob == sha256 for value in inputs.values())
