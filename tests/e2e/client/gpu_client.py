#!/usr/bin/python3
"""An ordinary GPU program: NVIDIA's own Python bindings to CUDA and NVML, and nothing that knows of shares.

    gpu-client show                       one line per GPU: its memory as CUDA and as NVML tell it
    gpu-client allocate MIB [--gpu UUID]  take that much memory, on the first GPU if none is named; say how it went
    gpu-client limit MIB                  fail unless each GPU gives exactly that much memory
    gpu-client work SECONDS               keep the first GPU busy; say for what part of the time it worked

With --stay it stays afterwards, holding what it got, until it is terminated.
"""

import argparse
import json
import signal
import sys
import time
import uuid
from typing import Any

import pynvml
from cuda.bindings import driver

MIB = 2**20
MILLISECOND = b"""
.version 8.0
.target sm_75
.address_size 64
.visible .entry millisecond() { .pragma "hami-sim cost=1000000"; ret; }
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="gpu-client", description=__doc__)
    parser.add_argument("--stay", action="store_true")
    commands = parser.add_subparsers(dest="do", required=True)
    commands.add_parser("show")
    allocate = commands.add_parser("allocate")
    allocate.add_argument("mib", type=int)
    allocate.add_argument("--gpu")
    limit = commands.add_parser("limit")
    limit.add_argument("mib", type=int)
    work = commands.add_parser("work")
    work.add_argument("seconds", type=float)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    call(driver.cuInit, 0)
    gpus = {gpu_uuid(device): device for device in devices()}
    if options.do == "show":
        for name, device in gpus.items():
            tell(gpu=name, cuda=cuda_memory(device), nvml=nvml_memory(name))
    elif options.do == "limit":
        for name, device in gpus.items():
            check_limit(name, device, options.mib)
    elif options.do == "work":
        name = next(iter(gpus))
        tell(gpu=name, percent=round(work_for(gpus[name], options.seconds), 1))
    else:
        name = options.gpu or next(iter(gpus))
        tell(gpu=name, asked=f"{options.mib} MiB", result=allocation(gpus[name], options.mib * MIB))
    while options.stay:
        signal.pause()


def devices() -> list[Any]:
    return [call(driver.cuDeviceGet, ordinal) for ordinal in range(call(driver.cuDeviceGetCount))]


def gpu_uuid(device: Any) -> str:
    kind = "MIG" if b" MIG " in call(driver.cuDeviceGetName, 96, device) else "GPU"  # CUDA does not say it otherwise
    return f"{kind}-{uuid.UUID(bytes=bytes(call(driver.cuDeviceGetUuid, device).bytes))}"


def cuda_memory(device: Any) -> dict[str, str]:
    call(driver.cuCtxSetCurrent, call(driver.cuDevicePrimaryCtxRetain, device))
    free, total = call(driver.cuMemGetInfo)
    device_total = call(driver.cuDeviceTotalMem, device)
    return {"total": mib(total), "free": mib(free), "device total": mib(device_total)}


def nvml_memory(name: str) -> dict[str, str]:
    pynvml.nvmlInit()
    memory = pynvml.nvmlDeviceGetMemoryInfo(pynvml.nvmlDeviceGetHandleByUUID(name))
    return {"total": mib(memory.total), "free": mib(memory.free), "used": mib(memory.used)}


def allocation(device: Any, size: int) -> str:
    """The name of CUDA's answer; what was allocated is held until the process ends."""
    call(driver.cuCtxSetCurrent, call(driver.cuDevicePrimaryCtxRetain, device))
    return str(driver.cuMemAlloc(size)[0].name)


def check_limit(name: str, device: Any, limit: int) -> None:
    """Take all of the limit, then try for one MiB more; ends the program when either goes other than it should."""
    answers = [allocation(device, limit * MIB), allocation(device, MIB)]
    tell(gpu=name, limit=f"{limit} MiB", answers=answers)
    if answers != ["CUDA_SUCCESS", "CUDA_ERROR_OUT_OF_MEMORY"]:
        sys.exit(1)


def work_for(device: Any, seconds: float) -> float:
    """Launch kernels of a millisecond one after the other; percent of the time that those took that are over."""
    call(driver.cuCtxSetCurrent, call(driver.cuDevicePrimaryCtxRetain, device))
    kernel = call(driver.cuModuleGetFunction, call(driver.cuModuleLoadData, MILLISECOND), b"millisecond")
    began, launches = time.monotonic(), 0
    while time.monotonic() < began + seconds:
        call(driver.cuLaunchKernel, kernel, 1, 1, 1, 32, 1, 1, 0, 0, 0, 0)
        launches += 1
    call(driver.cuCtxSynchronize)
    return launches * 0.1 / (time.monotonic() - began)


def call(function: Any, *args: Any) -> Any:
    """What a function of the driver's binding returns; ends the program when it fails."""
    result, *values = function(*args)
    if result != driver.CUresult.CUDA_SUCCESS:
        sys.exit(f"{function.__name__}: {result.name}")
    return values[0] if len(values) == 1 else values


def mib(size: int) -> str:
    return f"{size / MIB:.10g} MiB"


def tell(**said: Any) -> None:
    print(json.dumps(said), flush=True)


if __name__ == "__main__":
    main()
