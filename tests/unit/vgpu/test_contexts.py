"""The end of a context: what the driver frees with it is given back to the share."""

import pytest

from hami_dra.native import lib
from tests.unit.vgpu.container import CUDA, GIB, Container, preload

PROGRAM = (
    CUDA
    + """
import ctypes, json

def used():
    _, free, total = cuda.cuMemGetInfo()
    return (total - free) >> 20

def allocate(megabytes):
    return call("cuMemAlloc", megabytes << 20)

call("cuInit", 0)
primary = call("cuDevicePrimaryCtxRetain", 0)
call("cuCtxSetCurrent", primary)
library = ctypes.CDLL("libcuda.so.1")  # has the older versions too, which cuda-bindings no longer offers
seen = []
"""
)
SHOW = "\nprint(json.dumps(seen))\n"

DESTROY = ["cuCtxDestroy", "cuCtxDestroy_v2"]
END_PRIMARY = [
    "cuDevicePrimaryCtxRelease",
    "cuDevicePrimaryCtxRelease_v2",
    "cuDevicePrimaryCtxReset",
    "cuDevicePrimaryCtxReset_v2",
]


@pytest.mark.parametrize("end", DESTROY)
def test_a_destroyed_context_gives_back_its_own_memory(container: Container, end: str) -> None:
    container.grant(0, GIB)
    program = f"""
kept = allocate(1)
context = call("cuCtxCreate", None, 0, 0)
for megabytes in 2, 4, 8:
    allocate(megabytes)
call("cuMemAllocManaged", 16 << 20, 1)
freed = allocate(32)
call("cuMemFree", freed)
seen.append(used())
assert library.{end}(ctypes.c_void_p(int(context))) == 0
call("cuCtxSetCurrent", primary)
seen.append(used())
call("cuMemFree", kept)
seen.append(used())
allocate(1024)
"""
    assert container.python(PROGRAM + program + SHOW) == [31, 1, 0]


@pytest.mark.parametrize("end", END_PRIMARY)
def test_the_end_of_a_primary_context_gives_back_its_memory(container: Container, end: str) -> None:
    container.grant(0, GIB)
    program = f"""
allocate(3)
other = call("cuCtxCreate", None, 0, 0)
allocate(4)
assert library.{end}(0) == 0
seen.append(used())
call("cuCtxSetCurrent", call("cuDevicePrimaryCtxRetain", 0))
allocate(1020)
seen.append(used())
"""
    assert container.python(PROGRAM + program + SHOW) == [4, 1024]


def test_a_release_that_is_not_the_last_gives_nothing_back(container: Container) -> None:
    container.grant(0, GIB)
    program = """
allocate(3)
call("cuDevicePrimaryCtxRetain", 0)
call("cuDevicePrimaryCtxRelease", 0)
seen.append(used())
"""
    assert container.python(PROGRAM + program + SHOW) == [3]


def test_memory_without_a_context_outlives_them(container: Container) -> None:
    container.grant(0, GIB)
    program = """
context = call("cuCtxCreate", None, 0, 0)
properties = cuda.CUmemAllocationProp()
properties.type = cuda.CUmemAllocationType.CU_MEM_ALLOCATION_TYPE_PINNED
properties.location.type = cuda.CUmemLocationType.CU_MEM_LOCATION_TYPE_DEVICE
handle = call("cuMemCreate", 4 << 20, properties, 0)
call("cuCtxDestroy", context)
call("cuCtxSetCurrent", primary)
seen.append(used())
call("cuMemRelease", handle)
seen.append(used())
"""
    assert container.python(PROGRAM + program + SHOW) == [4, 0]


def test_the_last_reference_to_a_context_gives_back_its_memory(container: Container) -> None:
    container.grant(0, GIB)
    program = """
context = call("cuCtxCreate", None, 0, 0)
allocate(2)
seen.append(used())
assert library.cuCtxDetach(ctypes.c_void_p(int(context))) == 0
call("cuCtxSetCurrent", primary)
seen.append(used())
"""
    assert container.python(PROGRAM + program + SHOW) == [2, 0]


def test_a_green_context_gives_back_its_memory(container: Container) -> None:
    container.grant(0, GIB)
    program = """
allocate(1)
resource = call("cuDeviceGetDevResource", 0, cuda.CUdevResourceType.CU_DEV_RESOURCE_TYPE_SM)
description = call("cuDevResourceGenerateDesc", [resource], 1)
green = call("cuGreenCtxCreate", description, 0, cuda.CUgreenCtxCreate_flags.CU_GREEN_CTX_DEFAULT_STREAM)
call("cuCtxPushCurrent", call("cuCtxFromGreenCtx", green))
allocate(2)
shape = cuda.CUDA_ARRAY_DESCRIPTOR()
shape.Width, shape.Height, shape.NumChannels = 1024, 1024, 4
shape.Format = cuda.CUarray_format.CU_AD_FORMAT_UNSIGNED_INT8
call("cuArrayCreate", shape)
seen.append(used())
call("cuCtxPopCurrent")
call("cuGreenCtxDestroy", green)
seen.append(used())
"""
    assert container.python(PROGRAM + program + SHOW) == [7, 1]
    assert container.used_on(0) == 0


def test_a_context_that_is_none_ends_nothing(container: Container) -> None:
    container.grant(0, GIB)
    program = """
allocate(2)
seen += [library.cuCtxDestroy_v2(None) != 0, library.cuDevicePrimaryCtxReset_v2(7) != 0, used()]
"""
    assert container.python(PROGRAM + program + SHOW) == [True, True, 2]


@pytest.mark.not_sanitized(reason="the sanitizer asks dlsym before anything else works")
@pytest.mark.parametrize(
    ("begin", "end"), [('call("cuCtxCreate", None, 0, 0)', "cuCtxDestroy"), ("0", "cuDevicePrimaryCtxReset")]
)
def test_a_context_that_ends_with_the_error_of_an_earlier_launch_gives_back_its_memory(
    container: Container, begin: str, end: str
) -> None:
    container.grant(0, GIB)
    program = f"""
LAUNCH_FAILED = 719
ending = ctypes.c_void_p(int({begin}))
allocate(2)
seen.append(used())
seen.append(library.{end}_v2(ending) == LAUNCH_FAILED)
call("cuCtxSetCurrent", call("cuDevicePrimaryCtxRetain", 0))
seen.append(used())
"""
    late = preload(lib("libvgpu.so"), container.programs / "liblate_error.so")
    assert container.python(PROGRAM + program + SHOW, LD_PRELOAD=late) == [2, True, 0]
