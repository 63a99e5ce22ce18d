"""A share of the GPU's time is held in whatever context a kernel is launched: the driver's rules for events differ."""

import pytest
from msgspec.structs import replace

from hami_dra.shares import read_gpu_time
from tests.unit.vgpu.container import CUDA, GIB, Container

CORES = 30
KERNELS = 200  # of a millisecond each
SERVED_S = KERNELS / 1000

# What a share may use at once, and some of what the limiter learns from.
AHEAD_S = 0.05

PROGRAM = (
    CUDA
    + f"KERNELS = {KERNELS}\n"
    + """
import json, threading, time

PTX = b'.version 8.0\\n.target sm_80\\n.address_size 64\\n' \\
      b'.visible .entry millisecond() { .pragma "hami-sim cost=1000000"; ret; }\\n'
NON_BLOCKING = 1

def kernel():
    return call("cuModuleGetFunction", call("cuModuleLoadData", PTX), b"millisecond")

def green_context():
    resource = call("cuDeviceGetDevResource", 0, cuda.CUdevResourceType.CU_DEV_RESOURCE_TYPE_SM)
    description = call("cuDevResourceGenerateDesc", [resource], 1)
    return call("cuGreenCtxCreate", description, 0, cuda.CUgreenCtxCreate_flags.CU_GREEN_CTX_DEFAULT_STREAM)

def launch_all(function, *streams):
    began = time.monotonic()
    for number in range(KERNELS):
        stream = streams[number % len(streams)]
        call("cuLaunchKernel", function, 1, 1, 1, 32, 1, 1, 0, stream, 0, 0)
    for stream in streams:
        call("cuStreamSynchronize", stream)
    print(json.dumps(time.monotonic() - began))

call("cuInit", 0)
primary = call("cuDevicePrimaryCtxRetain", 0)
call("cuCtxSetCurrent", primary)
"""
)

PROGRAMS = {
    # It can be current to one thread only, so not to one of libvgpu.so's.
    "a green context": """
call("cuCtxSetCurrent", call("cuCtxFromGreenCtx", green_context()))
launch_all(kernel(), 0)
""",
    "a green context's stream": """
launch_all(kernel(), call("cuGreenCtxStreamCreate", green_context(), NON_BLOCKING, 0))
""",
    "the primary context's stream beside a green one": """
function, stream, green = kernel(), call("cuStreamCreate", NON_BLOCKING), green_context()
call("cuCtxSetCurrent", call("cuCtxFromGreenCtx", green))
launch_all(function, stream, call("cuGreenCtxStreamCreate", green, NON_BLOCKING, 0))
""",
    # cuLaunchKernel: "the context to launch the kernel on will be taken from the specified stream".
    "another context of the same GPU": """
call("cuCtxCreate", None, 0, 0)
function, stream = kernel(), call("cuStreamCreate", NON_BLOCKING)
call("cuCtxSetCurrent", primary)
launch_all(function, stream)
""",
    "another GPU's context": """
call("cuCtxSetCurrent", call("cuDevicePrimaryCtxRetain", 1))
function, stream = kernel(), call("cuStreamCreate", NON_BLOCKING)
call("cuCtxSetCurrent", primary)
launch_all(function, stream)
""",
}


@pytest.mark.parametrize("where", PROGRAMS)
def test_time_is_held_in(container: Container, where: str) -> None:
    other = where == "another GPU's context"
    share = replace(container.grant(int(other), GIB), cores=CORES)
    container.write(share)
    took = container.python(PROGRAM + PROGRAMS[where])
    assert took > (SERVED_S - AHEAD_S) / (CORES / 100)
    assert read_gpu_time(container.folder(share) / "region") / 1e9 > SERVED_S - AHEAD_S


def test_a_green_context_that_another_thread_has_current_is_left_to_it(container: Container) -> None:
    container.grant(0, GIB)
    program = """
green = green_context()
stream = call("cuGreenCtxStreamCreate", green, NON_BLOCKING, 0)
is_current, may_end = threading.Event(), threading.Event()

def have_it_current():
    call("cuCtxSetCurrent", call("cuCtxFromGreenCtx", green))
    is_current.set()
    may_end.wait()

thread = threading.Thread(target=have_it_current)
thread.start()
is_current.wait()
address = call("cuMemAllocAsync", 1 << 20, stream)
call("cuStreamSynchronize", stream)
_, free, total = cuda.cuMemGetInfo()
may_end.set()
thread.join()
print(json.dumps(total - free >= 1 << 20))
"""
    assert container.python(PROGRAM + program) is True
