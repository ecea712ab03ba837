"""Kernels that end, coordinators that end."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from tests.integration.parts import DEADLINE_S, Coordinator, Node

StartNode = Callable[..., Node]


@pytest.fixture
def coordinator(tmp_path: Path) -> Iterator[Coordinator]:
    """`nexapod serve`, to be killed and started again."""
    coordinator = Coordinator(tmp_path / "fleet.db")
    try:
        yield coordinator.start()
    finally:
        coordinator.end()


@pytest.fixture
def start_node(coordinator: Coordinator, tmp_path: Path) -> Iterator[StartNode]:
    """Start `nexapod node` on that coordinator."""
    started: list[Node] = []

    def start(name: str, *options: str) -> Node:
        started.append(Node(coordinator, name, tmp_path, *options))
        return started[-1].start()

    try:
        yield start
    finally:
        for node in started:
            node.end()


class Kernel:
    """A real kernel, as a notebook has one."""

    def __init__(self) -> None:
        self.manager = KernelManager(kernel_name="python3")
        self.manager.start_kernel(stdout=sys.__stdout__, stderr=sys.__stderr__)
        self._connect()
        self.run(f"import sys; assert sys.executable == {sys.executable!r}, sys.executable")

    def _connect(self) -> None:
        self.client: BlockingKernelClient = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=DEADLINE_S)

    def begin(self, cell: str) -> str:
        """Send a cell; its message id."""
        return str(self.client.execute(cell))

    def finish(self, message_id: str, timeout_s: float = DEADLINE_S * 2) -> str:
        """Wait for that cell to end; what it printed."""
        printed = []
        while True:
            message: Any = self.client.get_iopub_msg(timeout=timeout_s)
            if message["parent_header"].get("msg_id") != message_id:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "stream" and content["name"] == "stdout":
                printed.append(content["text"])
            elif kind == "error":
                raise AssertionError("\n".join(content["traceback"]))
            elif kind == "status" and content["execution_state"] == "idle":
                return "".join(printed)

    def run(self, cell: str) -> str:
        """Run a cell; what it printed."""
        return self.finish(self.begin(cell))

    def restart(self, *, now: bool) -> None:
        """The notebook's restart button; `now` kills it, as a crash would."""
        self.client.stop_channels()
        self.manager.restart_kernel(now=now)
        self._connect()

    def end(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)
        self.manager.cleanup_resources()


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    kernel = Kernel()
    try:
        yield kernel
    finally:
        kernel.end()
