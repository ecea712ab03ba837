"""What all runner processes of a node share, and how each is started."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import msgspec

from nexapod.node.engines import sandbox
from nexapod.node.engines.card import MARK
from nexapod.node.engines.limits import Limits

_MAIN = Path(__file__).parents[1] / "runners" / "__main__.py"


class Setting(msgspec.Struct, frozen=True):
    """Where a node keeps its things, what it runs, and what jobs may use.

    Attributes
    ----------
    directory
        The node's own; what belongs to one process lies in it under that process's name.
    blobs
        Functions and large values, by sha256.
    runner, weights
        See `NodeOptions`.
    """

    directory: Path
    blobs: Path
    runner: Path | None = None
    weights: Path | None = None
    limits: Limits = Limits()
    sandbox: sandbox.Sandbox | None = None

    @property
    def results(self) -> Path:
        """Where large results wait for being sent."""
        return self.directory / "results"

    def result(self, job_id: str, epoch: int) -> Path:
        """The file of one of them."""
        return self.results / f"{job_id}.{epoch}"

    def command(
        self, own: Path, card: Path, descriptor: int, devices: tuple[str, ...] | None
    ) -> tuple[list[str], dict[str, str]]:
        """What starts a runner process, and its environment.

        Parameters
        ----------
        own, card
            Its folder, which is made only for a sandbox, and its card.
        descriptor
            Its end of the socket.
        devices
            GPU indices it may use; None leaves the environment as it is.
        """
        self.results.mkdir(mode=0o700, exist_ok=True)
        parent, results, folders = str(os.getpid()), str(self.results), ""
        if self.sandbox is not None:
            parent, results, folders = sandbox.FIRST_PID, sandbox.RESULTS, sandbox.FOLDERS
        command = [
            sys.executable, "-u", str(_MAIN), str(descriptor), parent, str(card), str(self.blobs),
            results, folders,
        ]  # fmt: skip
        if self.runner is not None:
            command.append(str(self.runner.resolve()))
        environment = {k: v for k, v in os.environ.items() if k != "NEXAPOD_TOKEN"}
        environment[MARK] = str(card)
        if self.weights is not None:
            environment["NEXAPOD_WEIGHTS"] = str(self.weights.resolve())
        if devices is not None:
            environment["CUDA_VISIBLE_DEVICES"] = ",".join(devices)
        if self.sandbox is not None:
            command = self.sandbox.wrap(command, own, (self.blobs,), (card,))
            environment = self.sandbox.environment(environment)
        return command, environment
