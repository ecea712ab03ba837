"""Bytes to messages and back: strict JSON, and MessagePack for our own agents and clients."""

from __future__ import annotations

import functools
import json
import math
import re
from typing import Any, NoReturn

import msgspec

from nexapod import errors

JSON = "application/json"
MSGPACK = "application/msgpack"
MAX_DEPTH = 64
#: Each takes some hundred bytes once it is built, and one to three while it travels.
MAX_CONTAINERS = 1_000_000
#: MessagePack bodies up to this size are built once, to see what lies in unknown members too.
_BUILT_BYTES = 64 * 1024

#: msgspec quotes a wrong choice; an answer echoes nothing.
_ECHO = re.compile(r"(Invalid enum value|Object contains unknown field) .*?(?= - at |$)", re.DOTALL)
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
#: Every byte that does not begin a list or a map in MessagePack.
_NO_CONTAINER = bytes({*range(256)} - {*range(0x80, 0xA0), *range(0xDC, 0xE0)})


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise errors.BadRequest("the JSON names the same key twice in one object")
    return found


def _no_constant(name: str) -> NoReturn:
    raise errors.BadRequest(f"{name} is not JSON; send null or a string instead")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise errors.BadRequest("the JSON holds a number too large for a double")
    return number


_strict = json.JSONDecoder(
    object_pairs_hook=_no_duplicates, parse_constant=_no_constant, parse_float=_finite
)


def check_json(body: bytes) -> None:
    """Refuse what lenient parsers disagree about, so that everyone reads the same thing.

    Raises
    ------
    BadRequest
        Not UTF-8, not JSON, NaN or Infinity, a key twice, deeper than 64, a lone surrogate,
        or a number out of range.
    TooLarge
        More than a million lists and objects.
    """
    containers = body.count(b"[") + body.count(b"{")  # at most
    if containers > MAX_CONTAINERS:
        raise errors.TooLarge(
            f"the JSON holds more than {MAX_CONTAINERS:,} lists and objects; send less at once"
        )
    try:
        text = body.decode()
        parsed, end = _strict.raw_decode(text, len(text) - len(text.lstrip(" \t\r\n")))
        if text[end:].strip(" \t\r\n"):
            raise errors.BadRequest("there is something after the JSON value")
    except UnicodeDecodeError:
        raise errors.BadRequest("the body is not UTF-8") from None
    except RecursionError:
        raise errors.BadRequest(f"the JSON is nested deeper than {MAX_DEPTH}") from None
    except ValueError:  # also an integer of thousands of digits
        raise errors.BadRequest("the body is not valid JSON") from None
    if containers > MAX_DEPTH and _too_deep(parsed):
        raise errors.BadRequest(f"the JSON is nested deeper than {MAX_DEPTH}")
    if _SURROGATE.search(body):
        _check_surrogates(parsed)


def check_msgpack(value: bytes | msgspec.Raw) -> None:
    """Refuse what would fill the memory once it is built. Counts at most, so text counts too.

    Raises
    ------
    TooLarge
        It may hold more than a million lists and maps.
    """
    if len(value := bytes(value)) <= MAX_CONTAINERS:
        return
    if len(value.translate(None, _NO_CONTAINER)) > MAX_CONTAINERS:
        raise errors.TooLarge(
            f"the MessagePack may hold more than {MAX_CONTAINERS:,} lists and maps; send less at "
            "once, or send JSON"
        )


def _too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for item in level
            if isinstance(item, dict | list)
            for child in (item.values() if isinstance(item, dict) else item)
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True


def _check_surrogates(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise errors.BadRequest("the JSON holds half of a surrogate pair") from None


@functools.cache
def _json_decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)


@functools.cache
def _msgpack_decoder(kind: Any) -> msgspec.msgpack.Decoder[Any]:
    return msgspec.msgpack.Decoder(kind)


def decode(body: bytes, kind: Any, content_type: str) -> Any:
    """The message in `body`.

    Raises
    ------
    BadRequest
        When it cannot be parsed.
    Invalid
        When it was parsed and is not such a message.
    TooLarge
        When it would take too much memory.
    """
    try:
        if content_type == MSGPACK:
            # Also what lies in members that no message has; of a large body only its structure.
            unread = Any if len(body) <= _BUILT_BYTES else msgspec.Raw
            _msgpack_decoder(unread).decode(body)
            return _msgpack_decoder(kind).decode(body)
        check_json(body)
        return _json_decoder(kind).decode(body)
    except msgspec.ValidationError as error:
        told = _ECHO.sub(r"\1", str(error))
        raise errors.Invalid(f"the body does not fit: {told}") from None
    except msgspec.DecodeError:
        raise errors.BadRequest(f"the body is not valid {content_type}") from None
    except (TypeError, ValueError, RecursionError):
        raise errors.BadRequest("the body cannot be parsed") from None


def encode(message: Any, content_type: str = JSON) -> bytes:
    """`message` as bytes."""
    if content_type == MSGPACK:
        return msgspec.msgpack.encode(message)
    return msgspec.json.encode(message)
