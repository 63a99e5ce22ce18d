"""What the driver really does where libvgpu.so and the simulator rely on it: `python3 -m bench.gpu.facts NAME`.

Each fact is found out in a process of its own, which may well crash: the numbers are CUresult and nvmlReturn_t.
"""

import ctypes
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from bench.gpu.driver import POINTER, Driver
from bench.gpu.memory_facts import MEMORY_FACTS
from bench.gpu.stream_facts import STREAM_FACTS
from bench.gpu.use import Use

MIB = 2**20
_NON_BLOCKING = 1
_GLOBAL, _RELAXED = 0, 2  # CUstreamCaptureMode
_MEMORY_TYPE = 2  # CUpointer_attribute
_SM = 1  # CUdevResourceType
_RESOURCE_SIZE = 4096  # of a CUdevResource, and far more
_NAMES = (
    ("cuMemAlloc", "cuMemAlloc", 2000),
    ("cuMemAlloc", "cuMemAlloc_v2", 3020),
    ("cuCtxCreate", "cuCtxCreate_v2", 3020),
    ("cuLaunchKernel", "cuLaunchKernel", 4000),
    ("cuGetProcAddress", "cuGetProcAddress_v2", 12000),
    ("cuStreamSynchronize", "cuStreamSynchronize", 2000),
)


def events() -> dict[str, Any]:
    """Where an event can be asked about and recorded, and in what steps the GPU's clock goes."""
    cuda = Driver()
    cuda.primary()
    one, other = (cuda.handle("cuEventCreate", 0) for _ in range(2))
    steps = set()
    for _ in range(200):
        cuda.must("cuEventRecord", one, None)
        cuda.must("cuEventRecord", other, None)
        cuda.must("cuCtxSynchronize")
        steps.add(_elapsed(cuda, one, other)[1])
    second = cuda.handle("cuCtxCreate_v2", 0, 0)
    stream, foreign = cuda.handle("cuStreamCreate", _NON_BLOCKING), cuda.handle("cuEventCreate", 0)
    cuda.must("cuEventRecord", foreign, stream)
    cuda.must("cuCtxSynchronize")
    across = {
        "recorded in another context's stream": cuda("cuEventRecord", one, stream),
        "elapsed between two contexts": _elapsed(cuda, other, foreign)[0],
    }
    cuda.without_context()
    alone = {
        "query": cuda("cuEventQuery", foreign),
        "elapsed": _elapsed(cuda, foreign, foreign)[0],
        "destroy": cuda("cuEventDestroy_v2", foreign),
    }
    cuda("cuCtxDestroy_v2", second)
    return {"smallest_ms": sorted(steps)[:5], **across, "without a context": alone}


def _elapsed(cuda: Driver, begin: ctypes.c_void_p, end: ctypes.c_void_p) -> tuple[int, float]:
    milliseconds = ctypes.c_float()
    code = cuda("cuEventElapsedTime", ctypes.byref(milliseconds), begin, end)
    return code, milliseconds.value


def green_contexts() -> dict[str, Any]:
    """Whose events streams of green contexts take, and what they say that they belong to."""
    cuda = Driver()
    primary = cuda.primary()
    event = cuda.handle("cuEventCreate", 0)
    resource = (ctypes.c_char * _RESOURCE_SIZE)()
    cuda.must("cuDeviceGetDevResource", 0, resource, _SM)
    description = cuda.handle("cuDevResourceGenerateDesc", resource, 1)
    green = cuda.handle("cuGreenCtxCreate", description, 0, 1)
    stream = cuda.handle("cuGreenCtxStreamCreate", green, _NON_BLOCKING, 0)
    context, told, whose, device = cuda.handle("cuCtxFromGreenCtx", green), POINTER(), POINTER(), ctypes.c_int(-1)
    seen = {
        "its context is the primary one": context.value == primary.value,
        "cuStreamGetCtx": cuda("cuStreamGetCtx", stream, ctypes.byref(told)),
        "which is the green one's": told.value == context.value,
        "cuStreamGetDevice": cuda("cuStreamGetDevice", stream, ctypes.byref(device)),
        "cuStreamGetGreenCtx": cuda("cuStreamGetGreenCtx", stream, ctypes.byref(whose)),
        "the primary one's event in its stream": cuda("cuEventRecord", event, stream),
    }
    cuda.must("cuCtxPushCurrent_v2", context)
    own = cuda.handle("cuEventCreate", 0)
    return seen | {
        "the primary one's event in its default stream": cuda("cuEventRecord", event, None),
        "its own event in its stream": cuda("cuEventRecord", own, stream),
        "cuStreamGetGreenCtx of its default stream": cuda("cuStreamGetGreenCtx", None, ctypes.byref(whose)),
    }


def captures() -> dict[str, Any]:
    """What another thread may ask of events while a stream is captured, and whether the capture survives it."""
    cuda = Driver()
    context = cuda.primary()
    event, seen = cuda.handle("cuEventCreate", 0), {}
    cuda.must("cuEventRecord", event, None)
    cuda.must("cuCtxSynchronize")
    for name, mode in (("relaxed", _RELAXED), ("as it is", _GLOBAL)):
        stream, graph = cuda.handle("cuStreamCreate", _NON_BLOCKING), POINTER()
        cuda.must("cuStreamBeginCapture_v2", stream, _GLOBAL)
        asked: list[int] = []
        thread = threading.Thread(target=lambda mode=mode, asked=asked: asked.append(_ask(cuda, context, event, mode)))
        thread.start()
        thread.join()
        seen[f"in a thread that is {name}"] = {
            "query": asked,
            "end of the capture": cuda("cuStreamEndCapture", stream, ctypes.byref(graph)),
        }
    return seen


def _ask(cuda: Driver, context: ctypes.c_void_p, event: ctypes.c_void_p, mode: int) -> int:
    cuda.must("cuCtxSetCurrent", context)
    cuda.must("cuThreadExchangeStreamCaptureMode", ctypes.byref(ctypes.c_int(mode)))
    return cuda("cuEventQuery", event)


def pointers() -> dict[str, Any]:
    """What is said of an address without a context, while it lives and once its context has ended."""
    cuda = Driver()
    context = cuda.handle("cuCtxCreate_v2", 0, 0)
    address, kind = cuda.allocate(MIB), ctypes.c_uint()
    cuda.without_context()
    alive = cuda("cuPointerGetAttribute", ctypes.byref(kind), _MEMORY_TYPE, address)
    cuda.must("cuCtxDestroy_v2", context)
    return {"alive": alive, "ended": cuda("cuPointerGetAttribute", ctypes.byref(kind), _MEMORY_TYPE, address)}


def addresses() -> dict[str, Any]:
    """Whether cuGetProcAddress gives what dlsym does."""
    cuda = Driver()
    seen = {}
    for base, name, version in _NAMES:
        found, status = POINTER(), ctypes.c_int(-1)
        code = cuda(
            "cuGetProcAddress_v2",
            base.encode(),
            ctypes.byref(found),
            version,
            ctypes.c_uint64(1),
            ctypes.byref(status),
        )
        exported = ctypes.cast(getattr(cuda.library, name), POINTER).value
        seen[f"{base} of {version}"] = {"code": code, "status": status.value, "is dlsym's": found.value == exported}
    return seen


def own_memory() -> dict[str, Any]:
    """What NVML says of this process as it takes memory, in bytes, and how long that takes."""
    cuda, began = Driver(), time.perf_counter()
    use = Use()
    ready = time.perf_counter()
    cuda.primary()
    seen: dict[str, Any] = {"nvmlInit_ms": 1000 * (ready - began), "context": use.own()}
    for size in (1, 1, 3 * MIB, 64 * MIB):
        cuda.allocate(size)
        seen.setdefault("after each of 1, 1, 3 MiB, 64 MiB", []).append(use.own())
    began = time.perf_counter()
    use.own()
    return seen | {"list_ms": 1000 * (time.perf_counter() - began), "lists": use.lists()}


class _Name(ctypes.Structure):
    """CUipcMemHandle."""

    _fields_ = (("reserved", ctypes.c_char * 64),)


def imported_memory() -> dict[str, Any]:
    """What NVML says of a process that opens 256 MiB of another, and once that other has ended."""
    cuda = Driver()
    cuda.primary()
    use, address = Use(), ctypes.c_uint64()
    seen = {"before": use.own()}
    command = [sys.executable, "-m", "bench.gpu.facts", "maker"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        name = _Name.from_buffer_copy(bytes.fromhex(process.stdout.readline()))
        cuda.must("cuIpcOpenMemHandle_v2", ctypes.byref(address), name, 1)
        seen["after"] = use.own()
    return seen | {"its maker has ended": use.own()}


def maker() -> None:
    """The other process, until its input ends."""
    cuda, name = Driver(), _Name()
    cuda.primary()
    cuda.must("cuIpcGetMemHandle", ctypes.byref(name), cuda.allocate(256 * MIB))
    print(bytes(name).hex(), flush=True)
    sys.stdin.read()


def exit_handlers() -> dict[str, Any]:
    """Whether the driver survives a call from an exit handler that runs after its own: this process's end tells."""
    cuda = ctypes.CDLL("libcuda.so.1")
    ctypes.CDLL(None).__cxa_atexit(cuda.cuCtxSynchronize, None, None)
    Driver().primary()
    return {}


FACTS: dict[str, Callable[[], dict[str, Any]]] = {
    fact.__name__: fact
    for fact in (
        events,
        green_contexts,
        captures,
        pointers,
        addresses,
        own_memory,
        imported_memory,
        *MEMORY_FACTS,
        *STREAM_FACTS,
        exit_handlers,
    )
}

if __name__ == "__main__":
    if sys.argv[1] == "maker":
        maker()
    else:
        print(json.dumps(FACTS[sys.argv[1]]()), flush=True)
