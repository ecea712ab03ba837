"""From a submitted `NewJob` to the `Order` that the core decides about."""

from __future__ import annotations

import hashlib
import json

import msgspec

from nexapod import errors
from nexapod.core.commands import Order
from nexapod.core.records import Demand
from nexapod.ids import new_job_id
from nexapod.wire.codec import JSON, MSGPACK, check_json, check_msgpack
from nexapod.wire.messages import NewJob

#: The largest payload, and the largest result, that travels inline; beyond it there are blobs.
INLINE_BYTES = 16 * 1024 * 1024
#: Parameters are for people, and in every list.
PARAMS_BYTES = 64 * 1024


def order_of(
    job: NewJob,
    content_type: str = JSON,
    key: str | None = None,
    owner: str = "",
    sees: str | None = None,
) -> Order:
    """Check what the message types cannot say, and build the order.

    Parameters
    ----------
    job
        As submitted.
    content_type
        What its raw fields are written in.
    key
        An idempotency key from outside the body; one in the body wins.
    owner
        Whose job it is; empty for the fleet's own. Keys of different owners are different keys.
    sees
        The owner whose jobs alone it may wait for; None when all.

    Raises
    ------
    Invalid, TooLarge
    """
    if job.kind == "data":
        payload = _data(job, content_type)
    else:
        if job.data is not msgspec.UNSET:
            raise errors.Invalid("a function job carries 'payload' or 'blob', not 'data'")
        payload = job.payload
    if (payload is None) == (job.blob is None):
        raise errors.Invalid(
            "a job needs its data: send {'data': …}"
            if job.kind == "data"
            else "a function job needs 'payload' or 'blob', one of them"
        )
    if payload is not None and len(payload) > INLINE_BYTES:
        raise errors.TooLarge("a payload over 16 MiB does not travel inline; PUT it under /blobs/")
    params = as_json(job.params, content_type)
    if len(params) > PARAMS_BYTES:
        raise errors.TooLarge(
            f"'params' are at most {PARAMS_BYTES:,} bytes, since every list shows them; put more "
            "into the data"
        )
    if len(set(job.after)) != len(job.after):
        raise errors.Invalid("'after' names the same job twice")
    if job.job_id is not None and job.job_id in job.after:
        raise errors.Invalid("a job cannot wait for itself")
    demand = Demand(
        job.kind,
        float(job.cpus),
        job.memory_bytes,
        job.gpus,
        tuple(sorted(set(job.tags))),
        tuple(sorted(job.hashes.items())),
        job.python,
    )
    compared = msgspec.structs.replace(job, job_id=None)
    if job.identity is not None:
        compared = msgspec.structs.replace(compared, payload=None, blob=None)
    submission = hashlib.sha256(msgspec.msgpack.encode(compared)).digest()
    if owner:  # a job id that somebody else has used is not ours to repeat
        submission = hashlib.sha256(owner.encode() + submission).digest()
    return Order(
        id=job.job_id or new_job_id(),
        demand=demand,
        submission=submission,
        payload=payload,
        blob=job.blob,
        params=params,
        name=job.name,
        sweep=job.sweep,
        priority=job.priority,
        retries=job.retries,
        timeout_s=job.timeout_s,
        key=own_key(job.key or key, owner),
        after=job.after,
        retry_of=job.retry_of,
        deadline_s=job.deadline_s,
        owner=owner,
        sees=sees,
    )


def own_key(key: str | None, owner: str) -> str | None:
    """The idempotency key as stored: another owner's same word is another key."""
    return f"{owner}/{key}" if key is not None and owner else key


def _data(job: NewJob, content_type: str) -> bytes | None:
    """The data's JSON, byte for byte; our own clients send it ready made as `payload`."""
    if job.data is not msgspec.UNSET:
        if job.payload is not None:
            raise errors.Invalid("a data job carries 'data' or 'payload', not both")
        return as_json(job.data, content_type)
    if job.payload is not None:
        check_json(job.payload)
    return job.payload


def as_json(raw: msgspec.Raw | msgspec.UnsetType, content_type: str) -> bytes:
    """A raw field as JSON bytes: untouched when it came as JSON."""
    if isinstance(raw, msgspec.UnsetType):
        return b"null"
    if content_type == MSGPACK:
        check_msgpack(raw)
        try:
            held = msgspec.msgpack.decode(raw)
            text = json.dumps(held, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
            encoded = text.encode()
        except (msgspec.MsgspecError, TypeError, ValueError, RecursionError):
            raise errors.BadRequest(
                "a field that should hold JSON cannot be written as such"
            ) from None
        check_json(b"[" + encoded + b"]")  # in its body it lies one level deep
        return encoded
    return bytes(raw)
