"""Requests made from an OpenAPI document: some that fit, more that nearly fit, some that do not."""

from __future__ import annotations

import base64
import copy
import hashlib
import itertools
import json
import random
import re
import urllib.parse
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from tests.torture.pipeline import Writer

#: Stands in every text that is made up here, and in no answer to what is refused.
MARK = "zebra"

_TEXTS = (
    "", " ", MARK, f"{MARK}\n", f"{MARK}\0", f"../{MARK}", f"{MARK}'; --", f"<{MARK}>", f"{MARK} é",
    f"{MARK} 🦓", MARK * 500, f"{MARK}%00", "٣", "-1", "1e999", "null", "2026-01-01T00:00:00Z",
    f"{{{{{MARK}}}}}", f"{MARK}\r\nX-Injected: 1",
)  # fmt: skip
_NUMBERS = (
    0, 1, -1, 2, 255, 256, 4096, 4097, 10_000, 10_001, 2**31, -(2**31), 2**32, 2**53, 2**53 + 1,
    2**63 - 1, 2**63, 2**64, -(2**64), 10**30, 0.5, -0.0, 1e-300, 1e300, 1.5e18,
)  # fmt: skip
#: Jobs, nodes and blobs that there are.
IDS = tuple(f"fuzz-{n}" for n in range(24))
BLOBS = {hashlib.sha256(data).hexdigest(): data for data in (b"1", b"{}", b"a blob")}
_HASHES = (*BLOBS, "0" * 64)
#: A list is made longer up to here: one more than any request may name.
_MOST_ITEMS = 10_001
_TYPES = ("text/plain", "application/octet-stream", "application/json; charset=utf-16", "a/b", "")


class Operation(NamedTuple):
    """One method of one path, as the document has it."""

    method: str
    path: str
    told: dict[str, Any]

    @property
    def name(self) -> str:
        return str(self.told["operationId"])

    def parameters(self, place: str) -> list[str]:
        return [p["name"] for p in self.told.get("parameters", ()) if p["in"] == place]

    @property
    def body(self) -> Any:
        """The schema of its body; None when it takes none."""
        content = self.told.get("requestBody", {}).get("content", {})
        return content.get("application/json", {}).get("schema")


def operations(document: dict[str, Any]) -> list[Operation]:
    """Those that read come first: what they read is not many megabytes then.

    Less the one that ends the coordinator.
    """
    found = [
        Operation(method.upper(), path, told)
        for path, methods in document["paths"].items()
        for method, told in methods.items()
        if isinstance(told, dict) and told.get("operationId", "stop") != "stop"
    ]
    return sorted(found, key=lambda operation: operation.method != "GET")


class Forge:
    """Makes requests, always the same ones from the same `rng`."""

    def __init__(self, document: dict[str, Any], write: Writer, rng: random.Random) -> None:
        self._schemas = document["components"]["schemas"]
        self._write = write
        self._rng = rng

    def requests(self, operation: Operation, count: int) -> Iterator[bytes]:
        for _ in range(count):
            yield self._request(operation)

    def _request(self, operation: Operation) -> bytes:
        rng = self._rng
        path = re.sub(r"\{(\w+)\}", lambda found: self._segment(found[1]), operation.path)
        query = [
            (name, self._query_value(name))
            for name in operation.parameters("query")
            if rng.random() < 0.3
        ]
        if rng.random() < 0.03:
            query.append((rng.choice(_TEXTS), rng.choice(_TEXTS)))
        if query:
            path += "?" + urllib.parse.urlencode(query)
        headers = {
            name.replace("-", "_"): self._header()
            for name in operation.parameters("header")
            if rng.random() < 0.9
        }
        method = operation.method
        if rng.random() < 0.02:
            method = rng.choice(("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"))
        body, kind = self._body(operation, method)
        if body is None:
            return self._write(method, path, **headers)
        return self._write(method, path, body, Content_Type=kind, **headers)

    def _segment(self, name: str) -> str:
        if self._rng.random() < 0.2:
            return urllib.parse.quote(self._rng.choice(_TEXTS), safe="")[:3000] or "-"
        return self._rng.choice(_HASHES if name == "sha256" else IDS)

    def _query_value(self, name: str) -> str:
        """Never a wait: that would be kept."""
        usual = {"limit": "3", "cursor": "0", "status": "pending", "fields": "job_id",
                 "lease_s": "60", "newest": "1"}  # fmt: skip
        if name in usual and self._rng.random() < 0.5:
            return usual[name]
        if name == "wait_s":
            return self._rng.choice(("0", "-1", "nan", "inf", "61", "x", "1e999", "0.001"))
        return str(self._rng.choice(_TEXTS + _NUMBERS))

    def _header(self) -> str:
        if self._rng.random() < 0.8:
            return self._rng.choice(IDS)
        return re.sub(r"[\r\n\0]", "", self._rng.choice(_TEXTS))[:1000]

    def _body(self, operation: Operation, method: str) -> tuple[bytes | None, str]:
        rng = self._rng
        if operation.body is None:
            if method == "PUT":
                data = rng.choice((*BLOBS.values(), rng.randbytes(rng.randrange(64))))
                return data, "application/octet-stream"
            return (None if rng.random() < 0.9 or method == "GET" else b"{}"), "application/json"
        value = self.fitting(operation.body)
        for _ in range(rng.choice((0, 0, 1, 1, 1, 2, 4))):
            value = self._changed(value)
        if rng.random() < 0.25:
            kind, body = "application/msgpack", _packed(value)
        else:
            kind, body = "application/json", json.dumps(value, ensure_ascii=False).encode()
        if rng.random() < 0.1:
            body = self._damaged(body)
        if rng.random() < 0.04:
            kind = rng.choice(_TYPES)
        return body, kind

    def fitting(self, schema: dict[str, Any], depth: int = 0) -> Any:
        """A value that fits the schema, as far as it is understood here."""
        rng = self._rng
        if "$ref" in schema:
            return self.fitting(self._schemas[schema["$ref"].rpartition("/")[2]], depth)
        for choices in ("anyOf", "oneOf"):
            if choices in schema:
                return self.fitting(rng.choice(schema[choices]), depth)
        if "enum" in schema:
            return rng.choice(schema["enum"])
        if "const" in schema:
            return schema["const"]
        kind = schema.get("type")
        if kind == "object":
            required = schema.get("required", ())
            known = schema.get("properties", {})
            return {
                name: 0 if name == "wait_s" else self.fitting(inner, depth + 1)
                for name, inner in known.items()
                if name in required or rng.random() < 0.3
            }
        if kind == "array":
            if "prefixItems" in schema:
                return [self.fitting(inner, depth + 1) for inner in schema["prefixItems"]]
            items = schema.get("items") or {}
            return [self.fitting(items, depth + 1) for _ in range(rng.randrange(4))]
        if kind == "string":
            return self._text(schema)
        if kind in ("integer", "number"):
            return self._number(schema)
        if kind == "boolean":
            return rng.random() < 0.5
        if kind == "null":
            return None
        return rng.choice((1, "text", None, [1, 2], {"a": {"b": [True]}}, 1.5))

    def _text(self, schema: dict[str, Any]) -> str:
        if "pattern" in schema:
            return self._rng.choice(_HASHES if "{64}" in schema["pattern"] else IDS)
        if schema.get("contentEncoding") == "base64":
            return base64.b64encode(self._rng.choice((b"1", b'"a"', b"x", b"{}"))).decode()
        return self._rng.choice(("a", "b", "a name"))

    def _number(self, schema: dict[str, Any]) -> float | int:
        least = schema.get("minimum", schema.get("exclusiveMinimum", 0))
        most = schema.get("maximum", least + 100)
        whole = schema.get("type") == "integer"
        return self._rng.choice((
            least if "minimum" in schema else least + 1, most, least + 1,
            self._rng.randint(int(least), int(min(most, least + 10))) + (0 if whole else 0.5),
        ))  # fmt: skip

    def _changed(self, value: Any) -> Any:
        """A copy that differs in one place."""
        value = copy.deepcopy(value)
        places = list(_places(value))
        if not places:
            return self._strange()
        holder, key = self._rng.choice(places)
        what = self._rng.random()
        if key == "wait_s":
            holder[key] = self._rng.choice((-1, "x", 61, None, True))
        elif what < 0.2:
            del holder[key]
        elif what < 0.35 and isinstance(holder, dict):
            holder[self._rng.choice((*_TEXTS, *IDS))] = self._strange()
        elif what < 0.4 and isinstance(holder, list):
            _repeat(holder, self._rng.choice((1, 10, 100)))
        else:
            holder[key] = self._strange()
        return value

    def _strange(self) -> Any:
        rng = self._rng
        kind = rng.randrange(8)
        if kind < 2:
            return rng.choice(_TEXTS)
        if kind < 5:
            return rng.choice(_NUMBERS)
        if kind == 5:
            return rng.choice((None, True, False, [], {}, [[]], {"": {}}))
        if kind == 6:
            deep: Any = MARK
            for _ in range(rng.choice((3, 60, 63, 64, 65, 200))):
                deep = [deep] if rng.random() < 0.5 else {"a": deep}
            return deep
        return [rng.choice(_TEXTS + _NUMBERS) for _ in range(rng.randrange(6))]

    def _damaged(self, body: bytes) -> bytes:
        rng = self._rng
        at = rng.randrange(len(body) + 1)
        return rng.choice((
            body[:at], body[:at] + rng.randbytes(1) + body[at:], body + body, body[at:],
            body[:at] + rng.choice((b"NaN", b"\xff", b"\0", b'"', b"[" * 300)) + body[at:], b"",
        ))  # fmt: skip


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    if not isinstance(value, dict | list):
        return
    for key, inner in list(value.items() if isinstance(value, dict) else enumerate(value)):
        yield value, key
        if isinstance(inner, dict | list):
            yield from _places(inner)


def _repeat(holder: list[Any], times: int) -> None:
    """Make a list longer. Each item is a copy of its own: shared ones would all grow with one,
    and a few changes would make hundreds of megabytes."""
    count = min(len(holder) * times, max(0, _MOST_ITEMS - len(holder)))
    more = itertools.islice(itertools.cycle(tuple(holder)), count)
    holder.extend([copy.deepcopy(item) for item in more])


def _packed(value: Any) -> bytes:
    try:
        return msgspec.msgpack.encode(value)
    except (OverflowError, RecursionError):
        return b"\xdd\xff\xff\xff\xff"
