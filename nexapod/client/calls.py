"""Function jobs as they are sent: the function's bytes once, by hash, and the sealed arguments."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from typing import Any

import msgspec

from nexapod import errors
from nexapod.client.connection import Connection
from nexapod.coordinator.orders import INLINE_BYTES
from nexapod.wire import sealed

#: The minor version that the pickled bytecode is good for.
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


class Shipped(msgspec.Struct, frozen=True):
    """A function the coordinator has."""

    sha256: str
    name: str


def ship(connection: Connection, fn: Callable[..., Any]) -> Shipped:
    """Make sure that nodes can get `fn`, and say under which hash.

    A function whose bytes cannot have changed since it was last sent is not pickled again.

    Raises
    ------
    TypeError
        When `fn` cannot be called or pickled.
    """
    if not callable(fn):
        raise TypeError(
            f"a job is a function and its arguments; {type(fn).__name__} is no function"
        )
    name = getattr(fn, "__name__", None) or type(getattr(fn, "func", fn)).__name__
    inner = getattr(fn, "func", None)
    if inner is not None and not hasattr(fn, "__name__"):
        name = getattr(inner, "__name__", name)
    print_ = sealed.fingerprint(fn)
    known = connection.functions.get(print_) if print_ is not None else None
    if known is not None:
        return Shipped(known, name)
    try:
        data = sealed.pickle_function(fn)
    except Exception as error:
        raise TypeError(f"the function {name} cannot be sent to a node: {error}") from error
    sha256 = hashlib.sha256(data).hexdigest()
    if sha256 not in connection.shipped:
        connection.ask(connection.transport.put_blob(data))
        connection.shipped.add(sha256)
    if print_ is not None:
        if len(connection.functions) > 1000:
            connection.functions.clear()
        connection.functions[print_] = sha256
    return Shipped(sha256, name)


def seal_call(
    connection: Connection, function: Shipped, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> dict[str, Any]:
    """The fields of a `NewJob` for a call: payload or blob, dependencies, identity.

    Raises
    ------
    TypeError
        When an argument cannot be pickled.
    """
    try:
        arguments, needed = sealed.seal_arguments(args, kwargs)
    except errors.NexapodError:
        raise
    except Exception as error:
        raise TypeError(
            f"an argument of {function.name} cannot be sent to a node: {error}"
        ) from error
    call = msgspec.msgpack.encode(sealed.Call(function.sha256, arguments, PYTHON))
    fields: dict[str, Any] = {"kind": "function", "python": PYTHON, "after": tuple(needed)}
    if len(call) > INLINE_BYTES:
        fields["blob"] = connection.ask(connection.transport.put_blob(call))
    else:
        fields["payload"] = call
    return fields


def identity(function: Shipped, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """What a call is, for repeats under the same key: the function's name and its arguments.

    Not its bytes: pickled bytecode names the cell it came from, which a restarted kernel renames,
    and equal arguments need not pickle equally.
    """
    digest = hashlib.sha256()
    _feed(digest.update, (args, kwargs))
    return f"{function.name[:200]}:{digest.hexdigest()}"


def _feed(update: Callable[[bytes], object], value: Any) -> None:
    """Give `update` the same bytes for equal values, also in another process."""
    kind = type(value)
    update(f"{kind.__module__}.{kind.__qualname__}(".encode())
    if kind in (int, float, complex, bool, str, bytes, type(None)):
        update(repr(value).encode(errors="surrogatepass"))
    elif kind in (list, tuple):
        for item in value:
            _feed(update, item)
    elif kind in (set, frozenset):
        for item in sorted(map(_bytes_of, value)):
            update(item)
    elif kind is dict:
        for name, item in sorted((_bytes_of(k), _bytes_of(v)) for k, v in value.items()):
            update(name + item)
    elif hasattr(kind, "__nexapod_job_id__"):
        update(kind.__nexapod_job_id__(value).encode())
    elif hasattr(value, "tobytes") and hasattr(value, "dtype") and not value.dtype.hasobject:
        update(f"{value.dtype.str}{getattr(value, 'shape', ())}".encode())
        update(value.tobytes())
    else:
        update(sealed.seal(value))
    update(b")")


def _bytes_of(value: Any) -> bytes:
    parts: list[bytes] = []
    _feed(parts.append, value)
    return b"".join(parts)
