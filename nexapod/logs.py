"""Logs as text or as JSON lines, with no secret in them.

The library only logs; this is for the commands, which own their process and its log. In a kernel
Python's own rules hold: nothing below WARNING is shown until somebody configures logging.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Literal
from urllib.parse import quote

import msgspec

LogFormat = Literal["text", "json"]

#: What a record may carry beside its words (``extra=`` of the logging calls), in this order.
FIELDS = (
    "event", "job_id", "node_id", "epoch", "credential_id", "state", "reason", "endpoint",
    "address", "count",
)  # fmt: skip

_HIDDEN = "***"
_SECRETS = (
    # The word TOKEN alone is what our own sentences have in a secret's place.
    re.compile(r"(?i)(\b(?:bearer|basic)\s+)(?!(?-i:TOKEN)(?:[\s\"',;]|$))[^\s\"',;]+"),
    re.compile(r"(?i)([?&;](?:token|access_token|auth|key|password|secret)=)[^&\s\"'#]+"),
    re.compile(r"(://)[^/\s:@]+:[^/\s@]+(?=@)"),
    re.compile(r"()(?<![\w-])[A-Za-z0-9_-]{43}(?![\w-])"),  # what `ids.new_secret` looks like
)
_CONTROL = {code: f"\\x{code:02x}" for code in (*range(0x20), 0x7F, 0x85, 0x2028, 0x2029)}


class Mask:
    """Hides secrets in text: those it was told of, and whatever looks like one."""

    def __init__(self, secrets: Iterable[str | None] = ()) -> None:
        self._known: list[str] = []
        for secret in secrets:
            self.hide(secret)

    def hide(self, secret: str | None) -> None:
        """Never show this one, nor its spelling in a URL or a traceback."""
        if secret is not None and len(secret) >= 4:
            spellings = {secret, quote(secret, safe=""), repr(secret)[1:-1], *self._known}
            self._known = sorted(spellings, key=len, reverse=True)  # a longer one first

    def __call__(self, text: str) -> str:
        """`text` without secrets."""
        for secret in self._known:
            text = text.replace(secret, _HIDDEN)
        for pattern in _SECRETS:
            text = pattern.sub(rf"\g<1>{_HIDDEN}", text)
        return text


class TextFormatter(logging.Formatter):
    """One line per record, a traceback below it. Nobody else's line breaks are in a line."""

    def __init__(self, mask: Mask) -> None:
        super().__init__("%(asctime)s %(message)s", "%H:%M:%S")
        self._mask = mask

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The line."""
        return super().formatMessage(record).translate(_CONTROL)

    def format(self, record: logging.LogRecord) -> str:
        """The line, and the traceback."""
        return self._mask(super().format(record))


class JsonFormatter(logging.Formatter):
    """One JSON object per record: time (RFC 3339, UTC), level, event, ids, message."""

    def __init__(self, mask: Mask) -> None:
        super().__init__()
        self._mask = mask

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        at = datetime.fromtimestamp(record.created, UTC)
        line: dict[str, object] = {
            "time": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "event": record.name.removeprefix("nexapod."),
        }
        for field in FIELDS:
            value = getattr(record, field, None)
            if value not in (None, ""):
                line[field] = self._shown(value) if isinstance(value, str) else value
        line["message"] = self._shown(record.getMessage())
        if record.exc_info:
            line["traceback"] = self._shown(self.formatException(record.exc_info))
        return msgspec.json.encode(line, enc_hook=str).decode()

    def _shown(self, text: str) -> str:
        # A lone surrogate of somebody's making is no JSON.
        return self._mask(text).encode(errors="backslashreplace").decode()


def log_to_stderr(
    level: int = logging.INFO, form: LogFormat = "text", secrets: Iterable[str | None] = ()
) -> Mask:
    """Log to stderr, from `level` up. Secrets that are learnt later go to the mask it returns."""
    mask = Mask(secrets)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(mask) if form == "json" else TextFormatter(mask))
    logging.basicConfig(level=level, handlers=[handler])
    logging.captureWarnings(True)
    return mask
