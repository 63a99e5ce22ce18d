"""What MIG adds to a machine's file systems: the capabilities of instances, in /dev and in /proc.

A process may use a MIG device whose capabilities it can open. The kernel module numbers them through, for all instances
that there could be, in a file that nvidia-ctk reads: `/proc/driver/nvidia-caps/mig-minors`. A simulated machine has no
kernel of its own, so the file lies in `proc/driver` below its root: whoever runs nvidia-ctk for it mounts that folder
over /proc/driver.
"""

import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from .usage import MigUsage

_CONFIG, _MONITOR = 1, 2
_FIRST_INSTANCE = 3
_INSTANCES_PER_GPU = 15
_COMPUTE_INSTANCES = 8
_NODES = Path("dev/nvidia-caps")
_PROC = Path("proc/driver")


def capabilities(gpu_minor: int, device: MigUsage) -> tuple[int, int]:
    """The minor numbers of what a process must be able to open: GPU instance, compute instance."""
    return _minors(gpu_minor, device.instance)


def capability_node(minor: int) -> Path:
    """The device node of a capability, below a machine's root."""
    return _NODES / f"nvidia-cap{minor}"


def capability_minors(devices: Mapping[int, Iterable[MigUsage]]) -> set[int]:
    """The capabilities that have nodes, with the MIG devices by minor number of their GPU."""
    instances = {minor for gpu, each in devices.items() for device in each for minor in capabilities(gpu, device)}
    return {_CONFIG, _MONITOR} | instances


def write_proc(root: Path, gpu_count: int, devices: Mapping[int, Iterable[MigUsage]]) -> None:
    """Write what the kernel module shows of MIG, with the MIG devices by minor number of their GPU."""
    minors = root / _PROC / "nvidia-caps/mig-minors"
    minors.parent.mkdir(parents=True, exist_ok=True)
    minors.write_text("".join(f"{name} {minor}\n" for name, minor in _all_minors(gpu_count)))
    folder = root / _PROC / "nvidia/capabilities"
    shutil.rmtree(folder, ignore_errors=True)
    for path, minor in _accesses(devices):
        access = folder / path
        access.parent.mkdir(parents=True, exist_ok=True)
        access.write_text(f"DeviceFileMinor: {minor}\nDeviceFileMode: 292\nDeviceFileModify: 1\n")


def _accesses(devices: Mapping[int, Iterable[MigUsage]]) -> Iterator[tuple[str, int]]:
    yield from (("mig/config", _CONFIG), ("mig/monitor", _MONITOR))
    for gpu, each in devices.items():
        for device in each:
            folder = f"gpu{gpu}/mig/gi{device.instance}"
            for path, minor in zip(("access", "ci0/access"), capabilities(gpu, device), strict=True):
                yield f"{folder}/{path}", minor


def _all_minors(gpu_count: int) -> Iterator[tuple[str, int]]:
    yield from (("config", _CONFIG), ("monitor", _MONITOR))
    for gpu in range(gpu_count):
        for instance in range(_INSTANCES_PER_GPU):
            access, first = _minors(gpu, instance)
            yield f"gpu{gpu}/gi{instance}/access", access
            for compute in range(_COMPUTE_INSTANCES):
                yield f"gpu{gpu}/gi{instance}/ci{compute}/access", first + compute


def _minors(gpu: int, instance: int) -> tuple[int, int]:
    """Of a GPU instance, and of the first compute instance in it."""
    access = _FIRST_INSTANCE + (gpu * _INSTANCES_PER_GPU + instance) * (1 + _COMPUTE_INSTANCES)
    return access, access + 1
