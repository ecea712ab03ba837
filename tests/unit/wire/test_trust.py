"""Who hears a token, and over what."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

import nexapod
from nexapod import errors
from nexapod.node.link import Link
from nexapod.node.options import NodeOptions
from nexapod.wire.trust import warn_if_unencrypted

WARNING = "this token travels unencrypted to far.example"


@pytest.mark.parametrize(
    ("url", "token", "warned"),
    [
        ("http://far.example:8000", "t", [WARNING]),
        ("http://far.example:8000", None, []),
        ("https://far.example:8000", "t", []),
        ("http://localhost:8000", "t", []),
        ("http://127.1.2.3:8000", "t", []),
        ("http://[::1]:8000", "t", []),
        ("http://[bad", "t", []),
    ],
)
def test_a_token_in_plain_http_beyond_this_machine_is_warned_of(
    url: str, token: str | None, warned: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    warn_if_unencrypted(url, token, logging.getLogger("nexapod"))
    assert caplog.messages == warned


def test_a_client_warns_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody(*_: object) -> None:
        raise errors.Unreachable("nobody is there")

    monkeypatch.setattr("nexapod.client.launch.Remote", nobody)
    with pytest.raises(errors.Unreachable):
        nexapod.connect("http://far.example:1", "t")
    assert caplog.record_tuples == [("nexapod.client.launch", logging.WARNING, WARNING)]


def test_a_node_warns_once(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    async def opened() -> None:
        link = Link(
            NodeOptions(url="http://far.example:1", token="t", scratch=tmp_path), lambda text: None
        )
        await link.open()
        await link.close()

    asyncio.run(opened())
    assert caplog.record_tuples == [("nexapod.node", logging.WARNING, WARNING)]
