"""Prints, one a line, what claims have left on a node; runs in the driver's container, which sees all of it."""

import ctypes
import os
from collections.abc import Iterator
from pathlib import Path

import pynvml


def files() -> Iterator[str]:
    """CDI specs of claims, and folders of shares."""
    for path in [*Path("/var/run/cdi").glob("hami-core-gpu*"), *Path("/run/hami-dra/shares").glob("*")]:
        yield str(path)


def processes() -> Iterator[str]:
    """Processes in this container beside the plugin, its own that ask NVML, and this one."""
    own = Path("/proc/self/cgroup").read_text()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command, cgroup = ((folder / name).read_text() for name in ("cmdline", "cgroup"))
        except OSError:
            continue  # it has just ended
        is_ours = "bin/hami-dra-plugin" in command or "hami_dra.nvml" in command
        if cgroup == own and int(folder.name) != os.getpid() and not is_ours:
            yield f"process {folder.name}: {command}"


def gpu_memory() -> Iterator[str]:
    """Memory of GPUs that some process holds; which one NVML does not tell in a PID namespace."""
    (library,) = Path("/driver-root").glob("usr/lib/*/libnvidia-ml.so.1")
    ctypes.CDLL(str(library))  # so that pynvml, which loads it by its name, finds it loaded
    pynvml.nvmlInit()
    for index in range(pynvml.nvmlDeviceGetCount()):
        gpu = pynvml.nvmlDeviceGetHandleByIndex(index)
        # Version 2 does not count what the driver reserves for itself.
        used = pynvml.nvmlDeviceGetMemoryInfo(gpu, version=pynvml.nvmlMemory_v2).used
        if used > 0:
            yield f"{used} bytes in use on {pynvml.nvmlDeviceGetUUID(gpu)}"


for line in [*files(), *processes(), *gpu_memory()]:
    print(line)
