"""What stands in a field where something else belongs."""

from __future__ import annotations

from typing import Any

from tests.torture.corpus.requests import TYPES

#: Ids that are none, as values.
IDS: dict[str, Any] = {
    "empty": "",
    "a space": " ",
    "a dot": ".",
    "two dots": "..",
    "up": "../../etc/passwd",
    "up, escaped": "%2e%2e%2fetc%2fpasswd",
    "up, for Windows": "..\\..\\boot.ini",
    "a slash": "a/b",
    "an escaped slash": "a%2fb",
    "an absolute path": "/etc/passwd",
    "a drive": "C:",
    "a NUL": "a\0b",
    "a NUL at the end": "a\0",
    "a line break at the end": "a\n",
    "a carriage return": "a\r\nX-Injected: 1",
    "a header after it": "a\r\n\r\nHTTP/1.1 200 OK",
    "a tab": "a\tb",
    "a space at the end": "a ",
    "a space at the start": " a",
    "Arabic digits": "١٢٣",
    "a fullwidth letter": "\uff41",
    "a Kelvin sign": "\u212a",
    "a dotless i": "\u0131",
    "an accent": "é",
    "an accent of two": "e\u0301",
    "text from the right": "\u202eabc",
    "a zero-width space": "a\u200bb",
    "a byte order mark": "\ufeffa",
    "an emoji": "🦓",
    "beyond the basic plane": "\U0001d7d9",
    "a variable": "${HOME}",
    "a template": "{{7*7}}",
    "SQL": "a'; DROP TABLE jobs; --",
    "a double quote": 'a"b',
    "HTML": "<script>alert(1)</script>",
    "a format": "%s%n",
    "a star": "*",
    "a dash first": "-rf",
    "an underscore first": "_a",
    "a tilde": "~root",
    "a colon": "a:b",
    "129 letters": "a" * 129,
    "10,000 letters": "a" * 10_000,
    "200,000 letters": "a" * 200_000,
    "a number": 7,
    "a float": 1.5,
    "a big number": 2**64,
    "true": True,
    "false": False,
    "a list": [],
    "a list of one": ["a"],
    "an object": {},
    "an object with a name": {"id": "a"},
}

#: Whole numbers that are none, or out of any bounds.
NUMBERS: dict[str, Any] = {
    "minus one": -1,
    "minus a half": -0.5,
    "a half": 0.5,
    "minus 2**63": -(2**63),
    "2**53 + 1": 2**53 + 1,
    "2**63": 2**63,
    "2**64": 2**64,
    "2**128": 2**128,
    "1e300": 1e300,
    "2**53 + 2 as a float": float(2**53 + 2),
    "true": True,
    "false": False,
    "a text": "1",
    "an empty text": "",
    "a hexadecimal text": "0x10",
    "Arabic digits": "\u0661",
    "a list": [1],
    "an object": {},
    "a date": "2026-01-01T00:00:00Z",
}

#: Texts that are none, or too long.
TEXTS: dict[str, Any] = {
    "10,000 letters": "a" * 10_000,
    "a number": 1,
    "true": True,
    "a list": ["a"],
    "an object": {"a": 1},
    "a date as a number": 1.7e9,
}

LISTS: dict[str, Any] = {
    "a text": "corpus",
    "a number": 1,
    "true": True,
    "an object": {"0": "corpus"},
    "a list of lists": [[["corpus"]]],
    "a list of null": [None],
    "a list of a big number": [2**64],
}

_ID, _NUMBER, _TEXT, _LIST = (IDS, TYPES), (NUMBERS, TYPES), (TEXTS, TYPES), (LISTS, TYPES)

#: Fields by endpoint: where in the body, and what goes there. ``[]`` wraps the value in a list.
FIELDS: dict[str, dict[str, tuple[dict[str, Any], frozenset[int]]]] = {
    "register": {
        "node_id": _ID, "boot_id": _ID, "slots": _NUMBER, "prefetch": _NUMBER, "kinds": _LIST,
        "tags": _LIST, "tags[]": _TEXT, "holding": _LIST, "holding[][id]": _ID,
        "holding[][number]": _NUMBER, "profile": ({k: v for k, v in TEXTS.items()
                                                   if not isinstance(v, dict)}, TYPES),
    },
    "result": {"node_id": _ID, "job_id": _ID, "epoch": _NUMBER, "status": _TEXT, "error": _LIST},
    "lease": {"node_id": _ID, "max": _NUMBER, "request_id": _ID,
              "wait_s": ({"minus one": -1, "61": 61, "1e300": 1e300, "true": True, "a text": "1",
                          "a list": [1]}, TYPES)},
    "heartbeat": {"node_id": _ID, "boot_id": _ID, "leases": _LIST, "leases[][id]": _ID,
                  "leases[][number]": _NUMBER},
    "results": {"node_id": _ID, "reports": _LIST},
    "leave": {"node_id": _ID, "release": _LIST, "release[][id]": _ID,
              "release[][number]": _NUMBER},
    "submit": {
        "job_id": _ID, "retry_of": _ID, "after[]": _ID, "after": _LIST, "name": _TEXT,
        "sweep": _TEXT, "tags": _LIST, "tags[]": _TEXT, "kind": _TEXT, "blob": _ID, "key": _TEXT,
        "python": _TEXT, "gpus": _NUMBER, "memory_bytes": _NUMBER, "retries": _NUMBER,
        "hashes": _LIST, "timout_s": _TEXT,
        "priority": ({k: v for k, v in NUMBERS.items() if k != "minus one"}, TYPES),
        "cpus": ({"zero": 0, "minus one": -1, "1e300": 1e300, "true": True, "a text": "1"}, TYPES),
        "timeout_s": ({"zero": 0, "minus one": -1, "1e300": 1e300, "true": True,
                       "a date": "2026-01-01"}, TYPES),
    },
    "cancel_many": {"job_ids": _LIST, "job_ids[]": _ID},
    "job_states": {"job_ids": _LIST, "job_ids[]": _ID},
}  # fmt: skip
