"""Nasty paths, queries, headers and framings: what goes wrong before any body is looked at."""

from __future__ import annotations

from tests.torture.corpus.requests import MEDIA, SYNTAX, TYPES

#: Content types and encodings under which a body that fits is refused.
HEADERS: dict[str, dict[str, str]] = {
    "no type": {"Content_Type": ""},
    "a form": {"Content_Type": "application/x-www-form-urlencoded"},
    "a form in parts": {"Content_Type": "multipart/form-data; boundary=a"},
    "plain text": {"Content_Type": "text/plain"},
    "text/json": {"Content_Type": "text/json"},
    "JSON of a kind": {"Content_Type": "application/vnd.api+json"},
    "JSON with a tail": {"Content_Type": "application/jsonp"},
    "a list of types": {"Content_Type": "text/plain, application/json"},
    "any type": {"Content_Type": "*/*"},
    "another msgpack": {"Content_Type": "application/x-msgpack"},
    "bytes": {"Content_Type": "application/octet-stream"},
    "a pickle": {"Content_Type": "application/python-pickle"},
    "a charset that lies": {"Content_Type": "application/json; charset=utf-16"},
    "Latin-1": {"Content_Type": "application/json; charset=iso-8859-1"},
    "a charset that there is not": {"Content_Type": "application/json; charset=zebra"},
    "UTF-7": {"Content_Type": 'application/json; charset="utf-7"'},
    "gzip that is none": {"Content_Encoding": "gzip"},
    "deflate that is none": {"Content_Encoding": "deflate"},
    "br that is none": {"Content_Encoding": "br"},
    "zstd that is none": {"Content_Encoding": "zstd"},
    "gzip twice": {"Content_Encoding": "gzip, gzip"},
    "GZIP in capitals": {"Content_Encoding": "GZIP"},
    "identity, then gzip": {"Content_Encoding": "identity, gzip"},
    "an encoding that there is not": {"Content_Encoding": "zebra"},
}

#: Ids in paths: of a job, a blob and a token.
PATH_IDS: dict[str, str] = {
    "two dots": "..",
    "two dots, escaped": "%2e%2e",
    "two dots, escaped twice": "%252e%252e",
    "up": "..%2f..%2fetc%2fpasswd",
    "up, for Windows": "..%5c..%5cboot.ini",
    "overlong up": "..%c0%af..%c0%afetc%c0%afpasswd",
    "an escaped slash": "a%2fb",
    "an escaped absolute path": "%2fetc%2fpasswd",
    "a NUL": "a%00b",
    "a NUL, then a suffix": "a%00.json",
    "a line break": "a%0ab",
    "a header": "a%0d%0aX-Injected:%201",
    "a space": "a%20b",
    "a plus": "a+b",
    "a semicolon": "a;b=c",
    "Arabic digits": "%D9%A1%D9%A2",
    "a fullwidth letter": "%EF%BD%81",
    "not UTF-8": "%ff%fe",
    "half an escape": "a%2",
    "an escape that is none": "a%zz",
    "half a pair": "%ed%a0%80",
    "a star": "*",
    "SQL": "a%27%20OR%201=1--",
    "HTML": "%3Cscript%3E",
    "129 letters": "a" * 129,
    "4,000 letters": "a" * 4_000,
    "a hash in capitals": "A" * 64,
    "a hash of fullwidth digits": "%EF%BC%90" * 64,
    "a hash with a line break": "0" * 64 + "%0a",
    "a hash of 65": "0" * 65,
}
PATHS_WITH_IDS = (
    ("GET", "/jobs/{}"),
    ("GET", "/jobs/{}/result"),
    ("POST", "/jobs/{}/cancel"),
    ("POST", "/jobs/{}/retry"),
    ("GET", "/blobs/{}"),
    ("PUT", "/blobs/{}"),
)

#: Queries: of ``GET /jobs`` and ``GET /job``.
QUERIES: dict[str, str] = {
    "a limit of none": "/jobs?limit=0",
    "a limit below none": "/jobs?limit=-1",
    "a limit without end": "/jobs?limit=inf",
    "a limit of NaN": "/jobs?limit=nan",
    "a limit of 1e999": "/jobs?limit=1e999",
    "a limit of 10,000 digits": "/jobs?limit=" + "9" * 5_000,
    "an empty limit": "/jobs?limit=",
    "a limit twice": "/jobs?limit=1&limit=2",
    "a limit with a NUL": "/jobs?limit=1%00",
    "a limit that is a list": "/jobs?limit[]=1",
    "a limit in capitals": "/jobs?LIMIT=1",
    "a cursor below none": "/jobs?cursor=-1",
    "a cursor beyond 2**53": "/jobs?cursor=9007199254740993000",
    "a cursor that is SQL": "/jobs?cursor=1%20OR%201=1",
    "a status that is SQL": "/jobs?status=%27%20OR%201=1--",
    "a status in capitals": "/jobs?status=PENDING",
    "a status with a NUL": "/jobs?status=pending%00",
    "a status that is not UTF-8": "/jobs?status=%ff",
    "a field that there is not": "/jobs?fields=__class__",
    "a field that is all": "/jobs?fields=*",
    "a query that there is not": "/jobs?zebra=1",
    "a wait without end": "/job?wait_s=inf",
    "a wait of NaN": "/job?wait_s=nan",
    "a wait below none": "/job?wait_s=-1",
    "a lease of no time": "/job?lease_s=0",
    "a lease of 1e999": "/job?lease_s=1e999",
    "a token in the query": "/jobs?token=zebra",
}

#: Header lines of ``GET /job`` and their codes. The right X-Node-ID is not sent with them.
NODE_HEADERS: dict[str, tuple[list[str], frozenset[int]]] = {
    "no X-Node-ID": ([], TYPES),
    "an empty one": (["X-Node-ID:"], TYPES),
    "two": (["X-Node-ID: corpus", "X-Node-ID: other"], SYNTAX | TYPES),
    "two, in other letters": (["X-Node-ID: corpus", "x-node-id: other"], SYNTAX | TYPES),
    "two in one": (["X-Node-ID: corpus, other"], TYPES),
    "one that climbs": (["X-Node-ID: ../../etc"], TYPES),
    "Arabic digits": (["X-Node-ID: ١٢٣"], TYPES),
    "Latin-1": (["X-Node-ID: \udce9"], TYPES),
    "an escaped line break": (["X-Node-ID: a%0d%0ab"], TYPES),
    "129 letters": (["X-Node-ID: " + "a" * 129], TYPES),
    "8,000 letters": (["X-Node-ID: " + "a" * 8_000], SYNTAX | TYPES),
    "60,000 letters": (["X-Node-ID: " + "a" * 60_000], SYNTAX | TYPES),
    "a folded line": (["X-Node-ID: corpus", " folded"], SYNTAX | TYPES),
    "a NUL": (["X-Node-ID: cor\0pus"], SYNTAX | TYPES),
    "a space before the colon": (["X-Node-ID : corpus"], SYNTAX | TYPES),
    "a carriage return": (["X-Node-ID: cor\rpus"], SYNTAX | TYPES),
    "an X-Poll-ID that is none": (["X-Node-ID: corpus", "X-Poll-ID: a b"], TYPES),
    "two X-Poll-IDs": (
        ["X-Node-ID: corpus", "X-Poll-ID: a", "X-Poll-ID: b"],
        SYNTAX | TYPES,
    ),
    "500 headers": (["X-Node-ID: ../corpus", *(f"X-{n}: {n}" for n in range(500))], SYNTAX | TYPES),
    "two Hosts": (["X-Node-ID: corpus", "Host: evil.test"], frozenset({400, 421})),
    "two Authorizations": (
        ["X-Node-ID: corpus", "Authorization: Bearer zebra"],
        frozenset({400, 401}),
    ),
    "two equal lengths": (
        ["X-Node-ID: corpus", "Content-Length: 0", "Content-Length: 0"],
        frozenset({400, 413}),
    ),
    "two lengths": (
        ["X-Node-ID: corpus", "Content-Length: 0", "Content-Length: 5"],
        frozenset({400, 413}),
    ),
    "an Origin and its null": (
        ["X-Node-ID: corpus", "Origin: null"],
        frozenset({403}),
    ),
}

#: Idempotency-Keys of ``POST /jobs``.
KEYS: dict[str, list[str]] = {
    "151 letters": ["Idempotency-Key: " + "k" * 151],
    "an empty one": ["Idempotency-Key:"],
    "Latin-1": ["Idempotency-Key: \udce9"],
    "UTF-8": ["Idempotency-Key: é"],
    "a tab": ["Idempotency-Key: a\tb"],
    "two": ["Idempotency-Key: a", "Idempotency-Key: b"],
    "an escape character": ["Idempotency-Key: \x1b[31m"],
}

_POST = "POST /jobs HTTP/1.1\r\nHEADContent-Type: application/json\r\n"

#: Requests byte by byte; HEAD stands for the right Host and Authorization lines. They are sent on
#: a connection of their own, which the coordinator answers and then closes, or goes on to use.
RAW: dict[str, tuple[str, frozenset[int]]] = {
    "a length that is no number": (
        _POST + "Content-Length: five\r\n\r\n",
        SYNTAX,
    ),
    "a length below none": (
        _POST + "Content-Length: -1\r\n\r\n",
        SYNTAX,
    ),
    "a length with a plus": (
        _POST + "Content-Length: +5\r\n\r\n[1,2]",
        SYNTAX,
    ),
    "a hexadecimal length": (
        _POST + "Content-Length: 0x5\r\n\r\n[1,2]",
        SYNTAX,
    ),
    "a length with an underscore": (
        _POST + "Content-Length: 1_0\r\n\r\n",
        SYNTAX,
    ),
    "a length of 100 digits": (
        _POST + "Content-Length: " + "9" * 100 + "\r\n\r\n",
        frozenset({400, 413}),
    ),
    "a length beyond the limit": (
        _POST.replace("jobs", "lease") + "Content-Length: 99999999\r\n\r\n",
        frozenset({413}),
    ),
    "a length in two places": (
        _POST + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} ",
        SYNTAX,
    ),
    "a list of lengths": (
        _POST + "Content-Length: 2, 2\r\n\r\n{}",
        SYNTAX,
    ),
    "a length that is short": (
        _POST + 'Content-Length: 5\r\n\r\n{"data": 1}',
        SYNTAX,
    ),
    "a length and chunks": (
        _POST + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        SYNTAX,
    ),
    "chunks twice": (
        _POST + "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        SYNTAX,
    ),
    "chunks that are not last": (
        _POST + "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
        SYNTAX,
    ),
    "a transfer encoding of its own": (
        _POST + "Transfer-Encoding: zebra\r\n\r\n",
        frozenset({400, 415}),
    ),
    "chunks of a size below none": (
        _POST + "Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n",
        SYNTAX,
    ),
    "chunks of no size": (
        _POST + "Transfer-Encoding: chunked\r\n\r\nzebra\r\n",
        SYNTAX,
    ),
    "chunks of 2**64": (
        _POST + "Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n",
        frozenset({400, 413}),
    ),
    "a chunk that is longer than it says": (
        _POST + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}{}\r\n0\r\n\r\n",
        SYNTAX,
    ),
    "no Host": (
        "GET /jobs HTTP/1.1\r\n\r\n",
        frozenset({400, 421}),
    ),
    "an absolute address elsewhere": (
        "GET http://evil.test/jobs HTTP/1.1\r\nHEAD\r\n",
        frozenset({400, 404, 421}),
    ),
    "CONNECT": (
        "CONNECT evil.test:80 HTTP/1.1\r\nHEAD\r\n",
        frozenset({400, 404, 405}),
    ),
    "TRACE": (
        "TRACE /jobs HTTP/1.1\r\nHEAD\r\n",
        frozenset({400, 405}),
    ),
    "a method in small letters": (
        "get /jobs HTTP/1.1\r\nHEAD\r\n",
        frozenset({400, 405}),
    ),
    "HTTP/2's preface": (
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        SYNTAX,
    ),
    "a version of the future": (
        "GET /jobs HTTP/3.0\r\nHEAD\r\n",
        SYNTAX,
    ),
    "a NUL in the path": (
        "GET /jo\0bs HTTP/1.1\r\nHEAD\r\n",
        frozenset({400, 404}),
    ),
    "two slashes": (
        "GET //jobs HTTP/1.1\r\nHEAD\r\n",
        frozenset({400, 404, 421}),
    ),
    "a path that climbs": (
        "GET /jobs/../../etc/passwd HTTP/1.1\r\nHEAD\r\n",
        frozenset({400, 404}),
    ),
    "a path of 60,000 letters": (
        "GET /" + "a" * 60_000 + " HTTP/1.1\r\nHEAD\r\n",
        frozenset({400, 404}),
    ),
    "an upgrade that is not offered": (
        "POST /jobs HTTP/1.1\r\nHEADConnection: Upgrade\r\nUpgrade: h2c\r\n"
        "Content-Length: 0\r\n\r\n",
        MEDIA,
    ),
}
