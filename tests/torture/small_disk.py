"""A disk of a few MiB, in a namespace of its own: nothing else on this machine is touched."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Self

import pytest

from tests.conftest import UNAVOIDABLE
from tests.integration.parts import Coordinator

MIB = 1024 * 1024


class SmallDisk:
    """A tmpfs of `size_bytes` on `folder`, for those who enter its namespace.

    `seen` is the same folder for everybody else.
    """

    def __init__(self, folder: Path, size_bytes: int) -> None:
        for program in ("unshare", "nsenter"):
            if shutil.which(program) is None:
                pytest.skip(f"{UNAVOIDABLE} {program} is not installed")
        self.folder = folder
        folder.mkdir()
        mount = f"mount -t tmpfs -o size={size_bytes} tmpfs {folder} && echo mounted && cat"
        self._keeper = subprocess.Popen(
            ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self._keeper.stdout is not None
        if self._keeper.stdout.readline() != b"mounted\n":
            self.close()
            pytest.skip(f"{UNAVOIDABLE} this system allows no mount in a namespace")
        self.seen = Path(f"/proc/{self._keeper.pid}/root{folder}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """The disk is gone once nobody uses it."""
        assert self._keeper.stdin is not None and self._keeper.stdout is not None
        self._keeper.stdin.close()
        self._keeper.wait(10)
        self._keeper.stdout.close()

    @property
    def enter(self) -> list[str]:
        """What to put before a command so that it sees the disk."""
        return [
            "nsenter", "--preserve-credentials", "--user", "--mount",
            f"--target={self._keeper.pid}", f"--wd={os.getcwd()}", "--",
        ]  # fmt: skip

    @property
    def free_bytes(self) -> int:
        return shutil.disk_usage(self.seen).free

    def fill(self, leave_bytes: int) -> None:
        """Put ballast on it until only so much is free."""
        with (self.seen / "ballast").open("ab", buffering=0) as ballast:
            while (more := min(self.free_bytes - leave_bytes, MIB)) > 0:
                with contextlib.suppress(OSError):  # others write meanwhile
                    ballast.write(bytes(more))

    def drop_ballast(self) -> None:
        (self.seen / "ballast").unlink()


class DiskCoordinator(Coordinator):
    """`nexapod serve` whose database is on that disk."""

    def __init__(self, disk: SmallDisk, log: Path, *options: str) -> None:
        super().__init__(disk.folder / "fleet.db", *options)
        self.log = log
        self.arguments = [*disk.enter, sys.executable, *self.arguments[1:]]
