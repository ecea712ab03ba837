"""Whom to believe at an https:// address: a pinned certificate, else the system's authorities."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import re
import ssl
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from nexapod import errors

if TYPE_CHECKING:
    import aiohttp


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def warn_if_unencrypted(url: str, token: str | None, log: logging.Logger) -> None:
    """Say it when this token will be sent beyond this machine for everybody on the way to read."""
    with contextlib.suppress(ValueError):  # no address at all: whoever connects says so
        parts = urlsplit(url)
        if token and parts.scheme == "http" and not is_loopback(parts.hostname or "localhost"):
            log.warning("this token travels unencrypted to %s", parts.hostname)


def as_fingerprint(text: str) -> str:
    """A certificate's SHA-256 in lower hex, from any way to write it.

    Raises
    ------
    Invalid
        When it is none.
    """
    digits = re.sub("[:\\s]", "", text).lower().removeprefix("sha256")
    if re.fullmatch("[0-9a-f]{64}", digits) is None:
        raise errors.Invalid("a fingerprint is the 64 hex digits that fleet.invite() shows")
    return digits


def pinned(url: str, fingerprint: str | None) -> aiohttp.Fingerprint | bool:
    """What aiohttp takes for ``ssl=``: the pin, or True for the system's authorities."""
    import aiohttp

    if fingerprint is None or not url.lower().startswith("https://"):
        return True
    return aiohttp.Fingerprint(bytes.fromhex(as_fingerprint(fingerprint)))


async def distrust(error: BaseException, url: str, *, first: bool) -> errors.Untrusted | None:
    """The sentence for an aiohttp error that no repeat can mend: the wrong party answers.

    None for any other error. `first`: nobody was ever heard at this address.
    """
    import aiohttp

    if isinstance(error, aiohttp.ServerFingerprintMismatch):
        return errors.Untrusted(
            f"the certificate at {url} has another fingerprint: this is not the coordinator that "
            "the invitation came from; ask for a new invitation"
        )
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return errors.Untrusted(
            f"no authority vouches for the certificate at {url}; pass --fingerprint (in Python "
            "fingerprint=…), which fleet.invite() shows"
        )
    if isinstance(error, aiohttp.ClientConnectorSSLError):
        if getattr(error.os_error, "reason", "") in (
            "WRONG_VERSION_NUMBER",
            "RECORD_LAYER_FAILURE",
        ):
            return errors.Untrusted(f"{url} does not speak TLS; is it http:// there?")
    elif (
        isinstance(error, aiohttp.ClientError)
        and first
        and not isinstance(error, aiohttp.ClientConnectorError)
        and url.lower().startswith("http://")
        and await _speaks_tls(url)
    ):
        return errors.Untrusted(
            f"{url} speaks TLS; use https:// and the fingerprint that fleet.invite() shows"
        )
    return None


async def _speaks_tls(url: str) -> bool:
    """Whether there is TLS at this address; nothing is sent but the offer of it."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        parts = urlsplit(url)
        async with asyncio.timeout(5.0):
            _, writer = await asyncio.open_connection(
                parts.hostname, parts.port or 80, ssl=context
            )  # fmt: skip
            writer.transport.abort()
            with contextlib.suppress(OSError):
                await writer.wait_closed()  # the loop may end right after this
    except (OSError, ValueError, TimeoutError):
        return False
    return True
