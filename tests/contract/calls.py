"""What nodes are asked to run. They travel by value, as from a notebook."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

import cloudpickle

import nexapod


def add(left: Any, right: Any = 1) -> Any:
    return left + right


def same(value: Any) -> Any:
    return value


def many(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
    return args, kwargs


def fail(text: str = "no") -> None:
    raise ZeroDivisionError(text)


class Refused(Exception):
    """An exception of one's own, with two arguments."""

    def __init__(self, why: str, code: int) -> None:
        super().__init__(why, code)
        self.code = code


def refuse() -> None:
    raise Refused("not today", 7)


def time_out() -> None:
    raise TimeoutError("the instrument did not answer")


def wait_for(path: str) -> str:
    """Until the file is there."""
    while not Path(path).exists():
        time.sleep(0.01)
    return path


def count(folder: str) -> int:
    """How often it was called with this folder."""
    Path(folder, f"{os.getpid()}-{time.monotonic_ns()}").touch()
    return len(list(Path(folder).iterdir()))


def fail_until(path: str) -> int:
    """21 once the file exists."""
    if not Path(path).exists():
        raise ValueError("not yet")
    return 21


def fail_first(folder: str) -> int:
    found = count(folder)
    if found < 2:
        print(f"attempt {found} fails")
        raise ValueError(f"attempt {found}")
    return found


def speak(text: str) -> None:
    print(text, flush=True)


def speak_and_wait(path: str, *lines: str) -> None:
    for line in lines:
        print(line)
    nexapod.progress(0.5, "half of it")
    wait_for(path)
    print("bye")


def count_aloud(end: int) -> None:
    for n in range(end):
        print(n)


def measure(temperature_k: float, seed: int = 0) -> dict[str, float]:
    return {"energy": temperature_k * 2.0, "seed_was": float(seed)}


def only_even(n: int) -> int:
    if n % 2:
        raise ValueError(f"{n} is odd")
    return n


cloudpickle.register_pickle_by_value(sys.modules[__name__])


def fail_on_one(x: int) -> int:
    if x == 1:
        raise ValueError("one")
    return x


class Unopenable:
    """Pickles, and cannot be opened again."""

    def __reduce__(self) -> Any:
        return (fail, ("its class is gone",))


def give_unopenable(x: int) -> Any:
    return Unopenable() if x == 1 else x


def wait_and_add(path: str, right: int) -> str:
    return f"{Path(wait_for(path)).name}+{right}"
