"""Memory limits that NVIDIA's driver itself holds, per GPU and cgroup (NVML from R615 on)."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pynvml

from hami_dra.cgroups import sibling_place, unified_mount

UNLIMITED: int = pynvml.NVML_DEVICE_MEMORY_LIMIT_MAX

_PROBE = 2**30
"""Bytes of the limit that is set on trial: whole pages of any size, and below the memory of any GPU that has this."""
_PROBE_NAME = "hami-dra-probe-"
_ABANDONED_SECONDS = 300.0
"""After which nobody works on a probe any more: NVML is given up on after two minutes."""


@dataclass(frozen=True, slots=True)
class MemoryLimit:
    """What the driver holds a cgroup to on a GPU, and what its processes use of it now, in bytes."""

    soft: int
    hard: int
    used: int


def set_limit(gpu: Any, cgroup: Path, hard: int) -> None:
    """Have the driver hold a cgroup to so many bytes of a GPU. Raises NVMLError.

    No soft limit: that is a guarantee under MPS alone, and the kernel keeps what a cgroup that ends does not give back.
    """
    limits = pynvml.c_nvmlSetMemoryLimits_v1_t(os.fsencode(cgroup), 0, hard)
    pynvml.nvmlDeviceSetMemoryLimits_v1(gpu, limits)


def read_limit(gpu: Any, cgroup: Path) -> MemoryLimit:
    """Read a cgroup's limit on a GPU. Raises NVMLError, also where it never had one."""
    limits = pynvml.c_nvmlGetMemoryLimits_v1_t(os.fsencode(cgroup))
    pynvml.nvmlDeviceGetMemoryLimits_v1(gpu, limits)
    return MemoryLimit(soft=limits.softLimit, hard=limits.hardLimit, used=limits.currentUsed)


def limit_obstacle(gpu: Any) -> str:
    """Why the driver does not hold containers to limits on this GPU, as trying shows; empty where it does."""
    if not _has_limits(gpu):  # then nobody need mount or boot anything
        return "this driver knows no memory limits: they came with R615, so update NVIDIA's driver"
    mount = unified_mount()
    if mount is None:
        return (
            "no cgroup v2 tree is mounted: boot the node with systemd.unified_cgroup_hierarchy=1, and mount the "
            "host's /sys/fs/cgroup into the plugin's container"
        )
    try:
        with _probe(sibling_place(mount)) as cgroup:
            return _tried(gpu, cgroup)
    except OSError as error:
        return (
            f"no cgroup can be made on trial ({error}): mount the host's /sys/fs/cgroup writable into the plugin's "
            "container"
        )


def _has_limits(gpu: Any) -> bool:
    """Whether the driver has the calls at all, whatever it answers of a cgroup."""
    try:
        read_limit(gpu, Path("/sys/fs/cgroup"))
    except pynvml.NVMLError_FunctionNotFound:
        return False
    except pynvml.NVMLError:
        pass
    return True


def _tried(gpu: Any, cgroup: Path) -> str:
    try:
        set_limit(gpu, cgroup, _PROBE)
        found = read_limit(gpu, cgroup)
        set_limit(gpu, cgroup, UNLIMITED)
    except pynvml.NVMLError_NotFound:
        return (
            f"the kernel's controller dmem is not handed down to {cgroup.parent}: write +dmem into "
            "cgroup.subtree_control of it and of every cgroup above it"
        )
    except pynvml.NVMLError as error:
        return f"the driver refuses a memory limit for cgroup {cgroup}: {error}"
    if (found.soft, found.hard) != (0, _PROBE):
        return f"the driver took a memory limit of {_PROBE} bytes and says that it is {found.hard}"
    return ""


@contextmanager
def _probe(place: Path) -> Iterator[Path]:
    """A cgroup of our own for a moment; those that killed processes left there go as well."""
    now = time.clock_gettime(time.CLOCK_BOOTTIME)
    for path in place.glob(f"{_PROBE_NAME}*"):
        with suppress(OSError, ValueError):
            if now - float(path.name.removeprefix(_PROBE_NAME).split("-")[0]) > _ABANDONED_SECONDS:
                path.rmdir()
    cgroup = place / f"{_PROBE_NAME}{now:.0f}-{os.getpid()}-{time.monotonic_ns()}"
    cgroup.mkdir()
    try:
        yield cgroup
    finally:
        cgroup.rmdir()
