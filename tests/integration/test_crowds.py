"""One token's connections and streams are limited; the fleet's own are not."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.integration.parts import Coordinator


@pytest.fixture
def coordinator(tmp_path: Path) -> Iterator[Coordinator]:
    coordinator = Coordinator(tmp_path / "crowds.db")
    try:
        yield coordinator.start()
    finally:
        coordinator.end()


class Crowd:
    """Connections that stay open."""

    def __init__(self, port: int, stack: ExitStack) -> None:
        self._port, self._stack = port, stack
        self.connections: list[socket.socket] = []

    def ask(self, token: str, path: str) -> int:
        """The status that one more connection gets."""
        one = socket.create_connection(("127.0.0.1", self._port), timeout=30)
        self.connections.append(self._stack.enter_context(one))
        head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\n"
        one.sendall(f"{head}Authorization: Bearer {token}\r\n\r\n".encode())
        return int(one.recv(4096).split()[1])


def test_a_token_has_32_streams_and_256_connections_and_the_fleet_s_own_more(
    coordinator: Coordinator,
):
    with coordinator.client() as client:
        view = client.ask("POST", "/tokens", {"scopes": ["view"]}).json["token"]
    assert coordinator.token is not None
    with ExitStack() as stack:
        crowd = Crowd(coordinator.port, stack)
        assert [crowd.ask(view, "/events") for _ in range(34)] == [200] * 32 + [429] * 2
        assert [crowd.ask(coordinator.token, "/events") for _ in range(34)] == [200] * 34
        crowd.connections.clear()
        assert {crowd.ask(view, "/status") for _ in range(230)} == {200}
        # 32 streams stay, the two that were refused and then the oldest of these have to go.
        for oldest in crowd.connections[:6]:
            assert oldest.recv(1) == b""
        crowd.connections[6].setblocking(False)
        with pytest.raises(BlockingIOError):
            crowd.connections[6].recv(1)
