"""The MIG devices in which a GPU is divided, as NVML lists them."""

import re
from collections.abc import Iterator
from typing import Any

import pynvml

_PROFILE = re.compile(r" MIG (\S+)$")


def is_divided(gpu: Any) -> bool:
    """Whether a GPU is in MIG mode: then none of it can be had but by its MIG devices."""
    try:
        mode, _ = pynvml.nvmlDeviceGetMigMode(gpu)
    except pynvml.NVMLError:
        return False
    return bool(mode == pynvml.NVML_DEVICE_MIG_ENABLE)


def mig_devices(gpu: Any) -> Iterator[Any]:
    """The handles of a GPU's MIG devices. NVML wants them asked for anew after each change."""
    try:
        most = pynvml.nvmlDeviceGetMaxMigDeviceCount(gpu)
    except pynvml.NVMLError:
        return  # a driver that knows no MIG
    for index in range(most):
        try:
            yield pynvml.nvmlDeviceGetMigDeviceHandleByIndex(gpu, index)
        except pynvml.NVMLError:
            continue  # there are fewer


def profile_of(name: str) -> str | None:
    """The profile in NVML's name of a MIG device: 1g.5gb of `NVIDIA A100-SXM4-40GB MIG 1g.5gb`."""
    found = _PROFILE.search(name)
    return found[1] if found else None
