"""A CUDA program in the smallest sense: keeps each GPU busy, says what that shows it, and asks for memory.

Run in a process of its own (`python -m hami_dra.local.probe`), with nothing but the standard library and the driver's
own `libcuda.so.1`. Prints what happened on each GPU, as one line of JSON.
"""

import ctypes
import json
import sys
import time
from typing import Any
from uuid import UUID

MIB = 1024 * 1024
BUSY_S = 1.0

# A simulated GPU takes from the pragma how long the kernel lasts; to a real one it is an empty kernel.
KERNEL_MS = 1
PTX = b"""
.version 8.0
.target sm_75
.address_size 64
.visible .entry busy() { .pragma "hami-sim cost=1000000"; ret; }
"""


class DriverError(Exception):
    """A call of the CUDA driver failed; the text is the call and CUDA's name for the error."""


class Driver:
    """The few calls of libcuda.so.1 that a program needs to run a kernel and to take memory."""

    def __init__(self) -> None:
        self._lib = ctypes.CDLL("libcuda.so.1")
        self._call("cuInit", 0)

    def _name(self, code: int) -> str:
        name = ctypes.c_char_p()
        self._lib.cuGetErrorName(code, ctypes.byref(name))
        return name.value.decode() if name.value else f"CUresult {code}"

    def _call(self, function: str, *arguments: Any) -> None:
        code = getattr(self._lib, function)(*arguments)
        if code:
            raise DriverError(f"{function}: {self._name(code)}")

    def device_count(self) -> int:
        """Return how many GPUs the process sees."""
        count = ctypes.c_int()
        self._call("cuDeviceGetCount", ctypes.byref(count))
        return count.value

    def enter(self, ordinal: int) -> str:
        """Make the primary context of a GPU or MIG device current; return its UUID as NVML writes it."""
        device, context = ctypes.c_int(), ctypes.c_void_p()
        self._call("cuDeviceGet", ctypes.byref(device), ordinal)
        uuid, whole = (self._uuid(function, device) for function in ("cuDeviceGetUuid_v2", "cuDeviceGetUuid"))
        self._call("cuDevicePrimaryCtxRetain", ctypes.byref(context), device)
        self._call("cuCtxSetCurrent", context)
        return f"GPU-{uuid}" if uuid == whole else f"MIG-{uuid}"

    def _uuid(self, function: str, device: ctypes.c_int) -> UUID:
        raw = (ctypes.c_ubyte * 16)()
        self._call(function, raw, device)
        return UUID(bytes=bytes(raw))

    def work(self, seconds: float) -> float:
        """Launch a kernel over and over; return the percent of the time for which the current GPU ran it."""
        module, function = ctypes.c_void_p(), ctypes.c_void_p()
        self._call("cuModuleLoadData", ctypes.byref(module), PTX)
        self._call("cuModuleGetFunction", ctypes.byref(function), module, b"busy")
        began, launches = time.monotonic(), 0
        while time.monotonic() < began + seconds:
            self._call("cuLaunchKernel", function, 1, 1, 1, 1, 1, 1, 0, None, None, None)
            launches += 1
        self._call("cuCtxSynchronize")
        took_ms = 1000 * (time.monotonic() - began)
        self._call("cuModuleUnload", module)
        return 100 * launches * KERNEL_MS / took_ms

    def memory(self) -> tuple[int, int]:
        """Return the current GPU's free and total memory in bytes."""
        free, total = ctypes.c_size_t(), ctypes.c_size_t()
        self._call("cuMemGetInfo_v2", ctypes.byref(free), ctypes.byref(total))
        return free.value, total.value

    def allocate(self, size: int) -> int:
        """Take `size` bytes on the current GPU and return their address; raises DriverError."""
        address = ctypes.c_uint64()
        self._call("cuMemAlloc_v2", ctypes.byref(address), ctypes.c_size_t(size))
        return address.value

    def free(self, address: int) -> None:
        """Give back what `allocate` returned."""
        self._call("cuMemFree_v2", ctypes.c_uint64(address))


def probe(driver: Driver, ordinal: int) -> dict[str, object]:
    """Work on a GPU, take one MiB more than it has free, then exactly that; return what happened, sizes in bytes."""
    uuid = driver.enter(ordinal)
    percent = driver.work(BUSY_S)
    free, total = driver.memory()
    try:
        driver.free(driver.allocate(free + MIB))
        refusal = None
    except DriverError as error:
        refusal = str(error)
    driver.allocate(free)
    return {
        "gpu": uuid,
        "percent": percent,
        "total": total,
        "free": free,
        "too_much": free + MIB,
        "refusal": refusal,
        "granted": free,
    }


def main() -> int:
    """Probe every visible GPU, then hold the memory until standard input ends."""
    try:
        driver = Driver()
        print(json.dumps([probe(driver, ordinal) for ordinal in range(driver.device_count())]), flush=True)
    except (DriverError, OSError) as error:
        print(f"probe: {error}", file=sys.stderr)
        return 1
    sys.stdin.read()
    return 0


if __name__ == "__main__":
    sys.exit(main())
