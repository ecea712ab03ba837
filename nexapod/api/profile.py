"""What a node can give, read from the profile it sent: one thing for people and for matching."""

from __future__ import annotations

from typing import Any

import msgspec

from nexapod import errors
from nexapod.core.records import Capacity
from nexapod.wire.messages import Register


def capacity_of(message: Register) -> Capacity:
    """The node's capacity.

    A profile may hold anything; keys that are not what the agent would send count as absent, so
    that no plain node is turned away for a key it uses in its own way.

    Raises
    ------
    Invalid
        When the profile is not an object.
    """
    profile = msgspec.json.decode(message.profile)
    if not isinstance(profile, dict):
        raise errors.Invalid("the profile must be a JSON object")
    hashes = profile.get("hashes")
    if not isinstance(hashes, dict):
        hashes = {}
    return Capacity(
        slots=message.slots,
        prefetch=message.prefetch,
        cpus=float(_number(profile.get("cores"), 1)),
        memory_bytes=int(_number(profile.get("memory_bytes"), 0)),
        gpus=_gpus(profile),
        tags=message.tags,
        hashes=tuple(
            sorted((k, v) for k, v in hashes.items() if isinstance(k, str) and isinstance(v, str))
        ),
        python=profile["python"] if isinstance(profile.get("python"), str) else "",
        kinds=message.kinds,
    )


def _number(value: Any, otherwise: float) -> float:
    good = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 2**53
    return value if good else otherwise


def _gpus(profile: dict[str, Any]) -> int:
    """The agent lists its GPUs; the seed's profile names one in ``gpu``."""
    gpus = profile.get("gpus")
    if isinstance(gpus, list):
        return len(gpus)
    gpu = profile.get("gpu")
    return 1 if isinstance(gpu, str) and gpu.strip().lower() not in ("", "none", "n/a") else 0
