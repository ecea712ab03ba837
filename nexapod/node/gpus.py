"""The GPUs of this machine, through NVML. None of it is an error where there are none."""

from __future__ import annotations

import os

import msgspec


class Gpu(msgspec.Struct, frozen=True):
    """One device. `index` is what goes into ``CUDA_VISIBLE_DEVICES``."""

    index: str
    name: str
    memory_bytes: int


def find_gpus() -> list[Gpu]:
    """All devices that this process may use (``CUDA_VISIBLE_DEVICES`` is honoured)."""
    try:
        import pynvml

        pynvml.nvmlInit()
    except Exception:  # no package, no driver, no device: all mean "no GPU" here
        return []
    try:
        return _visible(_all_devices())
    except Exception:
        return []
    finally:
        pynvml.nvmlShutdown()


def _all_devices() -> list[tuple[str, Gpu]]:
    import pynvml

    found = []
    for index in range(pynvml.nvmlDeviceGetCount()):
        handle = pynvml.nvmlDeviceGetHandleByIndex(index)
        name = _text(pynvml.nvmlDeviceGetName(handle))
        memory_bytes = int(pynvml.nvmlDeviceGetMemoryInfo(handle).total)
        found.append((_text(pynvml.nvmlDeviceGetUUID(handle)), Gpu(str(index), name, memory_bytes)))
    return found


def _visible(devices: list[tuple[str, Gpu]]) -> list[Gpu]:
    allowed = os.environ.get("CUDA_VISIBLE_DEVICES")
    if allowed is None:
        return [gpu for _, gpu in devices]
    chosen = []
    for wanted in filter(None, (part.strip() for part in allowed.split(","))):
        match = [g for uuid, g in devices if g.index == wanted or uuid.startswith(wanted)]
        if not match:
            break  # CUDA, too, ignores everything after the first unknown device
        chosen.append(msgspec.structs.replace(match[0], index=wanted))
    return chosen


def _text(value: str | bytes) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value
