"""Answers what containers use of GPUs, and sets what limits are amiss.

Holders come as lines of JSON on standard input. What was found of those of each GPU is a line on standard output, when
that GPU has answered: no call on one that hangs returns, and the others are not to wait for it.
"""

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from threading import Lock, Thread
from typing import Any

import pynvml

from hami_dra.cgroups import processes_in

from .holders import Holder, Holding, Limited
from .memory_limits import UNLIMITED, MemoryLimit, read_limit, set_limit
from .program import run

_PROCESS_LISTS = (
    "nvmlDeviceGetComputeRunningProcesses",
    "nvmlDeviceGetGraphicsRunningProcesses",
    "nvmlDeviceGetMPSComputeRunningProcesses",
)


class _Gpus:
    """The handles of GPUs and MIG devices, by UUID: found before one hangs, for NVML looks at others on its way.

    Those that cannot be found yet are when they are asked for.
    """

    def __init__(self) -> None:
        self._handles: dict[str, Any] = {}
        with suppress(pynvml.NVMLError):
            for index in range(pynvml.nvmlDeviceGetCount()):
                handle = pynvml.nvmlDeviceGetHandleByIndex(index)
                self._handles[pynvml.nvmlDeviceGetUUID(handle)] = handle

    def find(self, uuid: str) -> Any:
        """Raises NVMLError."""
        if uuid not in self._handles:
            self._handles[uuid] = pynvml.nvmlDeviceGetHandleByUUID(uuid)
        return self._handles[uuid]

    def forget(self, uuid: str) -> None:
        """Find it anew the next time: it may be another that is known by its handle."""
        self._handles.pop(uuid, None)


class _Reader:
    """What NVML says of one GPU, its processes asked for once."""

    def __init__(self, gpus: _Gpus) -> None:
        self._gpus = gpus
        self._processes: dict[int, int | None] | None = None

    def look(self, holder: Holder) -> Holding:
        """Read a holder's use; where the driver is to hold it to a limit, see that it does."""
        holding = self._look(holder)
        if holding.problem:
            self._gpus.forget(holder.gpu_uuid)
        return holding

    def _look(self, holder: Holder) -> Holding:
        try:
            gpu = self._gpus.find(holder.gpu_uuid)
            if holder.limit is None:
                used = self._use_of_processes(gpu, holder)
                return Holding(holder.gpu_uuid, holder.cgroup, "not asked", used=used)
            return _kept(gpu, holder, holder.limit)
        except pynvml.NVMLError as error:
            limited: Limited = "not asked" if holder.limit is None else "missing"
            return Holding(holder.gpu_uuid, holder.cgroup, limited, problem=str(error))

    def _use_of_processes(self, gpu: Any, holder: Holder) -> int | None:
        """Bytes that the cgroup's processes hold, each by NVML's own figure; None where one has none."""
        if self._processes is None:
            self._processes = _processes_on(gpu)
        total = 0
        for pid in processes_in(Path(holder.cgroup)) & self._processes.keys():
            used = self._processes[pid]
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


def _by_gpu(line: str) -> Iterator[list[Holder]]:
    holders = sorted((Holder(**asked) for asked in json.loads(line)), key=_gpu)
    for _, of_gpu in groupby(holders, key=_gpu):
        yield list(of_gpu)


def _gpu(holder: Holder) -> str:
    return holder.gpu_uuid


def _answer(holders: Iterable[Holder], gpus: _Gpus, alone: Lock) -> None:
    """Look at the holders of one GPU, and tell in a line; that of another is not to come between."""
    reader = _Reader(gpus)
    holdings = [asdict(reader.look(holder)) for holder in holders]
    with alone:
        print(json.dumps(holdings), flush=True)


def _serve() -> None:
    """Answer until standard input ends."""
    alone = Lock()
    gpus = _Gpus()
    for line in sys.stdin:
        for holders in _by_gpu(line):
            # Whoever asks leaves a GPU alone that owes an answer, so these do not become many.
            Thread(target=_answer, args=(holders, gpus, alone), daemon=True).start()


if __name__ == "__main__":
    sys.exit(run(_serve))
