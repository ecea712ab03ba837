"""Whole bodies: what is none, and what becomes of one that is."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

#: Whole bodies, the same for every endpoint.
WHOLE: dict[str, bytes] = {
    "nothing": b"",
    "a space": b" ",
    "a NUL": b"\0",
    "line breaks": b"\r\n\r\n",
    "a byte order mark alone": b"\xef\xbb\xbf",
    "an ending brace": b"}",
    "a beginning brace": b"{",
    "JSON with a padding function": b"callback({})",
    "an anti-hijacking prefix": b")]}',\n{}",
    "XML": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
    "YAML": b"!!python/object/apply:os.system ['true']",
    "a pickle": b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x04true\x85R.",
    "a form": b"data=1&job_id=corpus",
    "ELF": b"\x7fELF\x02\x01\x01" + bytes(57),
    "gzip": gzip.compress(b"{}"),
    "a bomb in gzip": gzip.compress(b"[" * 10_000_000),
    "a bomb in zlib": zlib.compress(b"0" * 10_000_000),
    "100,000 quotes": b'"' * 100_000,
    "100,000 backslashes": b'"' + b"\\" * 100_001 + b'"',
    "900 KiB of spaces": b" " * 900 * 1024,
    "900 KiB of brackets": b"[" * 900 * 1024,
}

#: What becomes of every valid body: name → how.
WRAPPINGS: dict[str, Callable[[bytes], bytes]] = {
    "a byte order mark": lambda body: b"\xef\xbb\xbf" + body,
    "UTF-16": lambda body: body.decode().encode("utf-16"),
    "UTF-16, little end first": lambda body: body.decode().encode("utf-16-le"),
    "UTF-16, big end first": lambda body: body.decode().encode("utf-16-be"),
    "UTF-32": lambda body: body.decode().encode("utf-32"),
    "UTF-32, little end first": lambda body: body.decode().encode("utf-32-le"),
    "EBCDIC": lambda body: body.decode().encode("cp500"),
    "UTF-7": lambda body: body.replace(b"{", b"+AHs-"),
    "twice": lambda body: body + body,
    "twice, on two lines": lambda body: body + b"\n" + body,
    "a comma behind it": lambda body: body + b",",
    "a NUL behind it": lambda body: body + b"\0",
    "a brace behind it": lambda body: body + b"}",
    "text behind it": lambda body: body + b" and so on",
    "a NUL before it": lambda body: b"\0" + body,
    "without its end": lambda body: body[:-1],
    "its first half": lambda body: body[: len(body) // 2],
    "its first key twice": lambda body: b"{" + body[1:-1] + b"," + body[1:],
    "with single quotes": lambda body: body.replace(b'"', b"'"),
    "as a record separator's text": lambda body: b"\x1e" + body,
}
