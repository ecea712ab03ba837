"""Sealed calls and values: Python objects as bytes that only client and runner open.

A frame is one pickle (protocol 5) and its out-of-band buffers, laid end to end so that an array
is neither copied into the pickle nor copied out of the frame again::

    u32 n | u64 length × n | pickle | buffer … | buffer

The first length is the pickle's. The top bit of a length says that the buffer could be written to
when it was sealed, and so can its copy. Futures inside the arguments, at any depth, are left as
references to their job (a pickle persistent id) and filled in on the node.
"""

from __future__ import annotations

import io
import pickle
import struct
import types
from collections.abc import Callable, Mapping
from typing import Any

import cloudpickle
import msgspec

_COUNT = struct.Struct("<I")
_WRITABLE = 1 << 63
_ATOMS = frozenset({int, float, bool, str, bytes, type(None), complex})


class Call(msgspec.Struct, frozen=True, array_like=True):
    """A sealed call. `function` is the sha256 (hex) of the pickled function's bytes.

    Everything but `arguments` may be read without unpickling anything.
    """

    function: str
    arguments: bytes
    python: str


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]  # cloudpickle has no types
    """Leaves futures as references and remembers which."""

    def __init__(self, file: io.BytesIO, keep: Callable[[pickle.PickleBuffer], Any]) -> None:
        super().__init__(file, protocol=5, buffer_callback=keep)
        self.job_ids: list[str] = []

    def persistent_id(self, obj: Any) -> Any:
        job_id = getattr(type(obj), "__nexapod_job_id__", None)
        if job_id is None:
            return None
        self.job_ids.append(job_id(obj))
        return ("job", self.job_ids[-1])


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, buffers: list[Any], inputs: Mapping[str, Any]):
        super().__init__(file, buffers=buffers)
        self._inputs = inputs

    def persistent_load(self, pid: Any) -> Any:
        return self._inputs[pid[1]]


def _is_plain(value: Any) -> bool:
    """Whether the fast C pickler gives the same bytes as cloudpickle would."""
    kind = type(value)
    if kind in _ATOMS:
        return True
    if kind is tuple or kind is list:
        return len(value) <= 64 and all(type(item) in _ATOMS for item in value)
    if kind is dict:
        return len(value) <= 64 and all(
            type(k) in _ATOMS and type(v) in _ATOMS for k, v in value.items()
        )
    return False


def _join(body: bytes, buffers: list[pickle.PickleBuffer]) -> bytes:
    if not buffers:
        return b"\x01\x00\x00\x00" + len(body).to_bytes(8, "little") + body
    parts = [memoryview(body), *(b.raw() for b in buffers)]
    lengths = b"".join(
        (len(p) | (0 if p.readonly else _WRITABLE)).to_bytes(8, "little") for p in parts
    )
    return b"".join([_COUNT.pack(len(parts)), lengths, *parts])


def seal(value: Any) -> bytes:
    """Seal `value` into a frame. Anything cloudpickle takes is taken."""
    return seal_with_jobs(value)[0]


def seal_with_jobs(value: Any) -> tuple[bytes, list[str]]:
    """Seal `value`, and name the jobs whose futures it holds.

    Returns
    -------
    frame, job_ids
        The frame, and the ids of the jobs whose results it needs.
    """
    if _is_plain(value):
        return _join(pickle.dumps(value, protocol=5), []), []
    buffers: list[pickle.PickleBuffer] = []
    file = io.BytesIO()
    pickler = _Pickler(file, buffers.append)
    pickler.dump(value)
    return _join(file.getvalue(), buffers), list(dict.fromkeys(pickler.job_ids))


def seal_arguments(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[bytes, list[str]]:
    """Seal a call's arguments; see `seal_with_jobs`."""
    if _is_plain(args) and _is_plain(kwargs):
        return _join(pickle.dumps((args, kwargs), protocol=5), []), []
    return seal_with_jobs((args, kwargs))


def unseal(frame: bytes | memoryview, inputs: Mapping[str, Any] | None = None) -> Any:
    """Open a frame. **This runs code chosen by whoever sealed it.**

    Parameters
    ----------
    frame
        What `seal` made. Arrays that could be written to are copied out of it once, others are
        views of it.
    inputs
        Job id to value, for the futures that were among the arguments.

    Raises
    ------
    ValueError
        When the frame is cut short or is none.
    """
    view = memoryview(frame)
    if len(view) < 4:
        raise ValueError("the sealed value is cut short")
    (count,) = _COUNT.unpack_from(view)
    start = 4 + 8 * count
    if not count or start > len(view):
        raise ValueError("the sealed value is cut short")
    lengths = [int.from_bytes(view[4 + 8 * i : 12 + 8 * i], "little") for i in range(count)]
    sizes = [length & ~_WRITABLE for length in lengths]
    if start + sum(sizes) != len(view):
        raise ValueError("the sealed value is cut short")
    parts: list[Any] = []
    for length, size in zip(lengths, sizes, strict=True):
        part = view[start : start + size]
        parts.append(bytearray(part) if length & _WRITABLE else part)
        start += size
    if not inputs:
        return pickle.loads(parts[0], buffers=parts[1:])
    return _Unpickler(io.BytesIO(parts[0]), parts[1:], inputs).load()


def pickle_function(fn: Callable[..., Any]) -> bytes:
    """The function's bytes: by reference for an installed module, else by value."""
    data: bytes = cloudpickle.dumps(fn, protocol=5)
    return data


def fingerprint(fn: Any) -> tuple[Any, ...] | None:
    """What `fn` pickles from, cheaply: equal fingerprints mean equal bytes. None: cannot tell."""
    if type(fn) is not types.FunctionType or fn.__dict__:
        return None
    code = fn.__code__
    if any(isinstance(const, types.CodeType) for const in code.co_consts):
        return None  # a nested function reads globals that are not in `co_names` here
    scope, defaults = fn.__globals__, fn.__kwdefaults__ or {}
    try:
        values = [cell.cell_contents for cell in fn.__closure__ or ()]
    except ValueError:  # a name that is not set yet
        return None
    values += fn.__defaults__ or ()
    values += [defaults[name] for name in sorted(defaults)]
    names = [name for name in code.co_names if name in scope]
    values += [scope[name] for name in names]
    parts: list[Any] = []
    for value in values:
        if type(value) is types.ModuleType:
            parts.append(id(value))
        elif type(value) in _ATOMS:
            parts.append((type(value), repr(value)))  # repr: 0.0 and -0.0 are equal
        else:
            return None
    named = (tuple(sorted(defaults)), tuple(names), len(fn.__defaults__ or ()))
    return (code, fn.__qualname__, fn.__module__, named, *parts)
