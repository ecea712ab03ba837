"""The global random generators: what one job seeds, the next must not be able to foretell."""

from __future__ import annotations

import ctypes
import os
import sys
from typing import Any

_STATE_BYTES = 64


class Chance:
    """Seeds ``random`` and ``numpy.random`` anew, and only when a job may have set their state.

    Neither is imported here. That a job merely drew numbers is no reason: they are as good as
    fresh ones. To look takes under 1 µs, to seed some 10 µs each.
    """

    def __init__(self) -> None:
        self._spare: float | None = None
        self._state: tuple[Any, int] | None = None
        self._key = b""

    def stir(self) -> None:
        """Call it between two jobs. May raise anything when a job replaced a generator."""
        python, numpy = sys.modules.get("random"), sys.modules.get("numpy.random")
        if python is not None:
            self._stir_python(python._inst)
        if numpy is not None:
            self._stir_numpy(numpy.mtrand._rand)

    def _stir_python(self, generator: Any) -> None:
        # `gauss` makes two numbers and keeps one. Setting the state throws that one away, so
        # while it is the very object that was left here, nobody has set the state.
        if self._spare is None or generator.gauss_next is not self._spare:
            generator.seed()
            generator.gauss(0.0, 1.0)
            self._spare = generator.gauss_next

    def _stir_numpy(self, generator: Any) -> None:
        # `get_state` takes 30 µs; the key, which changes with each seed and after every 624 draws,
        # lies in memory at an address that numpy offers for such uses.
        bits = generator._bit_generator
        if self._state is None or self._state[0] is not bits:
            self._state = bits, int(bits.ctypes.state_address)
        elif ctypes.string_at(self._state[1], _STATE_BYTES) == self._key:
            return
        generator.seed([*memoryview(os.urandom(32)).cast("I")])
        self._key = ctypes.string_at(self._state[1], _STATE_BYTES)
