"""The node's slots, and the resources that jobs with needs of their own reserve."""

from __future__ import annotations

from nexapod.node.attempt import Attempt
from nexapod.node.engines.process import RunnerProcess


class Slot:
    """A place where one attempt runs at a time; short ones may queue in its runner's pipe."""

    __slots__ = ("backlog_s", "holder", "index", "is_slow", "runner")

    def __init__(self, index: int) -> None:
        self.index = index
        self.runner: RunnerProcess | None = None
        self.holder: Attempt | None = None  # whose reservation of resources the slot carries
        self.is_slow = False  # what runs takes longer than calls that may have others behind them
        self.backlog_s = 0.0  # estimated work that was sent and is not done

    @property
    def is_idle(self) -> bool:
        """Whether nothing runs or queues here."""
        return self.runner is None or not self.runner.sent


class Resources:
    """Cores, memory and GPUs, and how much of each is reserved.

    Parameters
    ----------
    cores
        At least the number of slots: light jobs are limited by those alone.
    devices
        GPU indices.
    """

    def __init__(self, cores: int, memory_bytes: int, devices: tuple[str, ...]) -> None:
        self._cores = float(cores)
        self._memory_bytes = memory_bytes
        self._devices = devices
        self._free_devices = list(devices)
        self._used_cores = 0.0
        self._used_bytes = 0

    def take(self, attempt: Attempt, preferred: tuple[str, ...] | None) -> bool:
        """Reserve what the attempt needs; False when it is not free now.

        A job that wants more than the node has is let in once nothing else runs: the coordinator
        judged it by the same figures, and waiting could not help.
        """
        lease = attempt.lease
        if self._used_cores and self._used_cores + lease.cpus > self._cores + 1e-9:
            return False
        if self._used_bytes and self._used_bytes + lease.memory_bytes > self._memory_bytes:
            return False
        if lease.gpus > len(self._free_devices):
            return False
        if preferred and len(preferred) == lease.gpus and set(preferred) <= set(self._free_devices):
            chosen = preferred  # the warm process that already holds them
        else:
            chosen = tuple(self._free_devices[: lease.gpus])
        attempt.devices = chosen
        self._free_devices = [index for index in self._free_devices if index not in chosen]
        self._used_cores += lease.cpus
        self._used_bytes += lease.memory_bytes
        return True

    def give_back(self, attempt: Attempt) -> None:
        """Undo `take`."""
        self._used_cores = max(0.0, self._used_cores - attempt.lease.cpus)
        if self._used_cores < 1e-9:
            self._used_cores = 0.0
        self._used_bytes -= attempt.lease.memory_bytes
        freed = {*self._free_devices, *attempt.devices}
        self._free_devices = [index for index in self._devices if index in freed]
        attempt.devices = ()
