"""Answers, a line of JSON for each on standard input, what containers use of GPUs, and sets what limits are amiss."""

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pynvml

from hami_dra.cgroups import processes_in

from .beginning import begin
from .driver import NvmlUnavailableError
from .holders import Holder, Holding, Limited
from .library import nvml
from .memory_limits import UNLIMITED, MemoryLimit, read_limit, set_limit

_EXIT_UNAVAILABLE = 1
_PROCESS_LISTS = (
    "nvmlDeviceGetComputeRunningProcesses",
    "nvmlDeviceGetGraphicsRunningProcesses",
    "nvmlDeviceGetMPSComputeRunningProcesses",
)


class _Reader:
    """What NVML says, each GPU's processes asked for once."""

    def __init__(self) -> None:
        self._processes: dict[str, dict[int, int | None]] = {}

    def look(self, holder: Holder) -> Holding:
        """Read a holder's use; where the driver is to hold it to a limit, see that it does."""
        try:
            gpu = pynvml.nvmlDeviceGetHandleByUUID(holder.gpu_uuid)
            if holder.limit is None:
                used = self._use_of_processes(gpu, holder)
                return Holding(holder.gpu_uuid, holder.cgroup, "not asked", used=used)
            return _kept(gpu, holder, holder.limit)
        except pynvml.NVMLError as error:
            limited: Limited = "not asked" if holder.limit is None else "missing"
            return Holding(holder.gpu_uuid, holder.cgroup, limited, problem=str(error))

    def _use_of_processes(self, gpu: Any, holder: Holder) -> int | None:
        """Bytes that the cgroup's processes hold, each by NVML's own figure; None where one has none."""
        if holder.gpu_uuid not in self._processes:
            self._processes[holder.gpu_uuid] = _processes_on(gpu)
        processes = self._processes[holder.gpu_uuid]
        total = 0
        for pid in processes_in(Path(holder.cgroup)) & processes.keys():
            used = processes[pid]
            if used is None:
                return None
            total += used
        return total


def _kept(gpu: Any, holder: Holder, limit: int) -> Holding:
    cgroup = Path(holder.cgroup)
    before = _limit(gpu, cgroup)
    if before and (before.soft, before.hard) == (0, limit):
        return Holding(holder.gpu_uuid, holder.cgroup, "kept", used=before.used)
    found = before.hard if before and before.hard != UNLIMITED else None
    try:
        set_limit(gpu, cgroup, limit)
        after = read_limit(gpu, cgroup)
    except pynvml.NVMLError as error:
        used = before.used if before else None
        return Holding(holder.gpu_uuid, holder.cgroup, "missing", used=used, found=found, problem=str(error))
    if (after.soft, after.hard) != (0, limit):
        has = "none" if after.hard == UNLIMITED else str(after.hard)
        problem = f"the driver was told a limit of {limit} bytes and has {has}, while {after.used} are in use"
        return Holding(holder.gpu_uuid, holder.cgroup, "missing", used=after.used, found=found, problem=problem)
    return Holding(holder.gpu_uuid, holder.cgroup, "repaired", used=after.used, found=found)


def _limit(gpu: Any, cgroup: Path) -> MemoryLimit | None:
    try:
        return read_limit(gpu, cgroup)
    except pynvml.NVMLError:  # it has none, or cannot have one: setting it tells which
        return None


def _processes_on(gpu: Any) -> dict[int, int | None]:
    """The processes on a GPU with what they hold of it; one in several lists has the same figure in each."""
    found: dict[int, int | None] = {}
    for name in _PROCESS_LISTS:
        for process in _optional(getattr(pynvml, name), gpu):
            known = found.get(process.pid, 0)
            used = process.usedGpuMemory
            found[process.pid] = None if known is None or used is None else max(known, used)
    return found


def _optional(query: Callable[[Any], list[Any]], gpu: Any) -> Iterator[Any]:
    try:
        yield from query(gpu)
    except pynvml.NVMLError_NotSupported:
        return


def main() -> int:
    """Answer until standard input ends; what keeps NVML from working goes to standard error."""
    try:
        with nvml(begin()):
            for line in sys.stdin:
                reader = _Reader()
                holdings = [reader.look(Holder(**asked)) for asked in json.loads(line)]
                print(json.dumps([asdict(holding) for holding in holdings]), flush=True)
    except (NvmlUnavailableError, pynvml.NVMLError) as error:
        print(error, file=sys.stderr)
        return _EXIT_UNAVAILABLE
    except BrokenPipeError:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
