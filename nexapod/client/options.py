"""The options of a job, checked when they are given."""

from __future__ import annotations

from typing import Any

import msgspec

from nexapod import errors
from nexapod.wire.messages import NewJob

#: 1 GB as in ``memory_gb`` is 10⁹ bytes.
GB = 1_000_000_000


class Options(msgspec.Struct, frozen=True):
    """What ``fleet.options(…)`` takes.

    Attributes
    ----------
    cpus
        CPUs held while the job runs; 1 by default.
    memory_gb
        Memory in GB (10⁹ bytes). A node with less never gets the job; a job that uses more is
        killed. None: no need, no limit.
    gpus
        GPUs held; their numbers are in ``CUDA_VISIBLE_DEVICES``.
    tags
        Tags a node must have (``nexapod node --tag``).
    hashes
        What a node's ``profile.hashes`` must be, for data jobs: ``{"runner": sha256}``.
    priority
        Higher runs first; 0 by default.
    retries
        How often to try again when the job raises, dies or runs out of time; 0 by default. A
        *lost* attempt (the node died) is always tried again and does not count.
    timeout_s
        Seconds one attempt may run; None for ever.
    deadline_s
        Seconds from its submission within which the job must have ended, all its attempts and
        waits together; later it fails, whatever it is doing. None for ever.
    key
        Makes a submission repeatable: the same key gives the same job and its result, also after
        a restart, and also when the function's code was edited since. Other arguments under a key
        that was used are refused.
    name
        What the job is called; the function's name by default.
    sweep
        The sweep's name; the function's name by default.
    """

    cpus: float = 1.0
    memory_gb: float | None = None
    gpus: int = 0
    tags: tuple[str, ...] = ()
    hashes: dict[str, str] = {}
    priority: int = 0
    retries: int = 0
    timeout_s: float | None = None
    deadline_s: float | None = None
    key: str | None = None
    name: str | None = None
    sweep: str | None = None

    def updated(self, **given: Any) -> Options:
        """These options with some changed.

        Raises
        ------
        TypeError
            For an option there is none of.
        Invalid
            For a value that cannot be.
        """
        known = {field.name for field in msgspec.structs.fields(Options)}
        unknown = set(given) - known
        if unknown:
            raise TypeError(
                f"there is no option {', '.join(sorted(unknown))}; "
                f"the options are: {', '.join(sorted(known))}"
            )
        tags = given.get("tags")
        if isinstance(tags, str):
            given["tags"] = (tags,)
        given = {name: plain(value) for name, value in given.items()}
        memory_gb = given.get("memory_gb")
        try:
            if memory_gb is not None and not memory_gb > 0:
                raise errors.Invalid("memory_gb is a number above 0, or None")
            options = msgspec.convert({**msgspec.structs.asdict(self), **given}, Options)
            options.checked()
        except (msgspec.ValidationError, TypeError, OverflowError) as error:
            raise errors.Invalid(f"an option does not fit: {error}") from None
        return options

    def checked(self) -> None:
        """Let the wire's own limits judge the values."""
        as_sent = msgspec.to_builtins(self.fields(), builtin_types=(bytes,))
        msgspec.convert(as_sent, NewJob)

    def fields(self) -> dict[str, Any]:
        """These options as fields of a `NewJob`."""
        return {
            "cpus": self.cpus,
            "memory_bytes": 0 if self.memory_gb is None else int(self.memory_gb * GB),
            "gpus": self.gpus,
            "tags": self.tags,
            "hashes": self.hashes,
            "priority": self.priority,
            "retries": self.retries,
            "timeout_s": self.timeout_s,
            "deadline_s": self.deadline_s,
            "key": self.key,
            "name": self.name or "",
            "sweep": self.sweep,
        }


def plain(value: Any) -> Any:
    """A NumPy scalar as the Python number it is."""
    item = getattr(value, "item", None)
    return item() if item is not None and getattr(value, "ndim", None) == 0 else value
