"""Memory pools: what the driver has reserved for one counts, used or not."""

from typing import Any

import pytest

from tests.unit.vgpu.container import GIB, MIB, Container
from tests.unit.vgpu.noting import NOTING, noted_in_share

# What each program starts with. Sizes are in MiB; see() notes what the share has in use.
PROGRAM = (
    NOTING
    + """
MIB = UNIT = 1 << 20
ATTRIBUTE = cuda.CUmemPool_attribute
THRESHOLD = ATTRIBUTE.CU_MEMPOOL_ATTR_RELEASE_THRESHOLD

def members(enum, prefix, *names):
    return [getattr(enum, prefix + name) for name in names]

PINNED, MANAGED = members(cuda.CUmemAllocationType, "CU_MEM_ALLOCATION_TYPE_", "PINNED", "MANAGED")
DEVICE, HOST, NONE = members(cuda.CUmemLocationType, "CU_MEM_LOCATION_TYPE_", "DEVICE", "HOST", "NONE")

def location(type=DEVICE, id=0):
    place = cuda.CUmemLocation()
    place.type, place.id = type, id
    return place

def make(device=0, kind=PINNED, place=DEVICE):
    properties = cuda.CUmemPoolProps()
    properties.allocType = kind
    properties.location.type = place
    properties.location.id = device
    return call("cuMemPoolCreate", properties)

def keep(pool):
    call("cuMemPoolSetAttribute", pool, THRESHOLD, cuda.cuuint64_t(2**64 - 1))

def take(pool, size):
    return call("cuMemAllocFromPoolAsync", size * MIB, pool, stream)

def give(pointer):
    call("cuMemFreeAsync", pointer, stream)

def synchronize():
    call("cuStreamSynchronize", stream)

stream = call("cuStreamCreate", 0)
"""
)


def _seen(container: Container, program: str, limit: int = GIB) -> Any:
    return noted_in_share(container, PROGRAM + program, limit)


@pytest.mark.parametrize(
    "wait",
    [
        'call("cuStreamSynchronize", stream)',
        'call("cuEventSynchronize", call("cuEventCreate", 0))',
        'call("cuCtxSynchronize")',
    ],
)
def test_a_pool_counts_until_the_program_waits(container: Container, wait: str) -> None:
    program = f"""
pointer = call("cuMemAllocAsync", 64 * MIB, stream)
see()
give(pointer)
see()
{wait}
see()
"""
    assert _seen(container, program) == [64, 64, 0]


def test_what_a_pool_keeps_is_used_again_and_counts_once(container: Container) -> None:
    program = """
pool = make()
keep(pool)
for _ in range(3):
    pointer = take(pool, 1000)
    give(pointer)
    synchronize()
    see()
call("cuMemPoolTrimTo", pool, 100 * MIB)
see()
call("cuMemPoolTrimTo", pool, 0)
see()
"""
    assert _seen(container, program) == [1000, 1000, 1000, 100, 0]


def test_what_a_pool_keeps_gives_way_before_anything_is_refused(container: Container) -> None:
    program = """
pools = [make(), make()]
for pool in pools:
    keep(pool)
    give(take(pool, 400))
see()
plain = call("cuMemAlloc", 1000 * MIB)
see()
seen.append(failed("cuMemAllocFromPoolAsync", 25 * MIB, pools[0], stream))
call("cuMemFree", plain)
give(take(pools[0], 800))
take(pools[1], 1024)
see()
"""
    assert _seen(container, program) == [800, 1000, True, 1024]


def test_a_pool_takes_memory_in_pieces_and_they_fit_the_limit(container: Container) -> None:
    """The driver reserves more than was asked for: that counts, and what does not fit is given back."""
    program = """
pool = make()
small = call("cuMemAllocFromPoolAsync", 1, pool, stream)
see()
rest = call("cuMemAlloc", 1021 * MIB)
seen.append(failed("cuMemAllocFromPoolAsync", 2 * MIB, pool, stream))
see()
call("cuMemAllocFromPoolAsync", MIB, pool, stream)
see()
"""
    assert _seen(container, program) == [2, True, 1023, 1023]
    assert container.used_on(0) == 0


def test_what_does_not_fit_is_given_back_while_another_stream_is_captured(container: Container) -> None:
    """cuMemFree is forbidden meanwhile, and ends the capture: the memory stayed with the pool for good."""
    program = """
pool = make()
call("cuMemAllocFromPoolAsync", 1, pool, stream)
call("cuMemAlloc", 1021 * MIB)
captured = call("cuStreamCreate", 1)
call("cuStreamBeginCapture", captured, cuda.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_GLOBAL)
seen.append(failed("cuMemAllocFromPoolAsync", 2 * MIB, pool, stream))
call("cuStreamEndCapture", captured)
seen.append(int(call("cuMemPoolGetAttribute", pool, ATTRIBUTE.CU_MEMPOOL_ATTR_USED_MEM_CURRENT)))
see()
"""
    assert _seen(container, program) == [True, 512, 1023]


def test_the_current_pool_of_a_device_is_what_it_allocates_from(container: Container) -> None:
    program = """
pool = make()
keep(pool)
call("cuDeviceSetMemPool", 0, pool)
give(call("cuMemAllocAsync", 64 * MIB, stream))
synchronize()
see()
call("cuMemPoolTrimTo", call("cuDeviceGetMemPool", 0), 0)
see()
"""
    assert _seen(container, program) == [64, 0]


def test_a_destroyed_pool_counts_until_its_last_allocation_is_freed(container: Container) -> None:
    program = """
pool = make()
keep(pool)
call("cuDeviceSetMemPool", 0, pool)
first, second, unused = take(pool, 100), take(pool, 200), take(pool, 300)
give(unused)
call("cuMemPoolDestroy", pool)
seen.append(int(call("cuDeviceGetMemPool", 0)) == int(call("cuDeviceGetDefaultMemPool", 0)))
give(first)
synchronize()
see()
call("cuMemFree", second)
synchronize()
see()
another = make()
call("cuMemPoolDestroy", another)
take(make(), 1024)
see()
"""
    assert _seen(container, program) == [True, 200, 0, 1024]


@pytest.mark.parametrize("kind", ["PINNED", "MANAGED"])
def test_a_destroyed_pool_gives_no_more_though_the_driver_has_it_still(container: Container, kind: str) -> None:
    """What was allocated from it was not counted: a program could have all of the GPU."""
    program = f"""
pool = make(kind={kind})
pointer = take(pool, 100)
call("cuMemPoolDestroy", pool)
for name, *arguments in (
    ("cuMemAllocFromPoolAsync", 4096 * MIB, pool, stream),
    ("cuMemPoolTrimTo", pool, 0),
    ("cuMemPoolDestroy", pool),
):
    seen.append(getattr(cuda, name)(*arguments)[0].name)
cuda.cuDeviceSetMemPool(0, pool)  # which the driver does not know to be destroyed
seen.append(failed("cuMemAllocAsync", 4096 * MIB, stream))
see()
give(pointer)
synchronize()
see()
"""
    invalid = "CUDA_ERROR_INVALID_VALUE"
    assert _seen(container, program) == [invalid, invalid, invalid, True, 100, 0]


def test_a_pool_of_another_device_counts_there(container: Container) -> None:
    container.grant(1, 2 * GIB)
    program = """
pools = [make(1), call("cuDeviceGetDefaultMemPool", 1)]
for pool in pools:
    take(pool, 512)
see()
seen.append(failed("cuMemAllocFromPoolAsync", 1025 * MIB, pools[0], stream))
call("cuCtxSetCurrent", call("cuDevicePrimaryCtxRetain", 1))
see()
"""
    assert _seen(container, program) == [0, True, 1024]


def test_a_pool_of_a_gpu_without_a_share_is_left_alone(container: Container) -> None:
    program = """
give(take(make(1), 15 << 10))
give(take(call("cuDeviceGetDefaultMemPool", 1), 1 << 10))
see()
"""
    assert _seen(container, program) == [0]


@pytest.mark.parametrize("place", ["DEVICE", "HOST", "NONE"])
@pytest.mark.parametrize(
    "pool",
    [
        "make(kind=MANAGED, place={})",
        'call("cuMemGetDefaultMemPool", location({}), MANAGED)',
        'call("cuMemGetMemPool", location({}), MANAGED)',
    ],
)
def test_a_pool_of_managed_memory_counts_wherever_that_lies(container: Container, pool: str, place: str) -> None:
    """As memory of cuMemAllocManaged does."""
    program = f"""
pool = {pool.format(place)}
pointer = take(pool, 1000)
see()
seen += [failed("cuMemAllocFromPoolAsync", 25 * MIB, pool, stream), failed("cuMemAllocManaged", 25 * MIB, 1)]
give(pointer)
see()
synchronize()
see()
keep(pool)
give(take(pool, 500))
synchronize()
see()
call("cuMemAlloc", 1024 * MIB)
see()
"""
    assert _seen(container, program) == [1000, True, True, 1000, 0, 500, 1024]


def test_a_pool_of_managed_memory_counts_where_it_prefers_to_lie(container: Container) -> None:
    """One that prefers no device counts where its first user is at work."""
    container.grant(1, 2 * GIB)
    program = """
for pool in make(1, MANAGED), call("cuMemGetDefaultMemPool", location(DEVICE, 1), MANAGED):
    take(pool, 512)
see()
call("cuCtxSetCurrent", call("cuDevicePrimaryCtxRetain", 1))
see()
take(make(0, MANAGED, NONE), 256)
see()
call("cuCtxSetCurrent", None)
pool = make(0, MANAGED, NONE)
call("cuCtxSetCurrent", primary)
take(pool, 128)
see()
"""
    assert _seen(container, program) == [0, 1024, 1280, 128]


@pytest.mark.parametrize("place", ["DEVICE", "HOST", "NONE"])
def test_a_destroyed_pool_of_managed_memory_is_no_longer_current(container: Container, place: str) -> None:
    program = f"""
pool = make(0, MANAGED, {place})
call("cuMemSetMemPool", location({place}), MANAGED, pool)
pointer = take(call("cuMemGetMemPool", location({place}), MANAGED), 100)
call("cuMemPoolDestroy", pool)
seen.append(int(call("cuMemGetMemPool", location({place}), MANAGED)) != int(pool))
see()
give(pointer)
synchronize()
see()
"""
    assert _seen(container, program) == [True, 100, 0]


def test_memory_of_cu_mem_alloc_can_be_freed_in_stream_order(container: Container) -> None:
    program = """
pointer = call("cuMemAlloc", 64 * MIB)
see()
give(pointer)
see()
"""
    assert _seen(container, program) == [64, 0]


def test_threads_fill_a_share_from_one_pool_to_the_last_byte(container: Container) -> None:
    """What is counted is always what the driver has reserved; the last one to ask sees it so."""
    program = """
from concurrent.futures import ThreadPoolExecutor

pool = make()
def churn(_):
    call("cuCtxSetCurrent", primary)
    stream = call("cuStreamCreate", 0)
    for size in [1, 5, 2, 16] * 100:
        result, pointer = cuda.cuMemAllocFromPoolAsync(size * MIB, pool, stream)
        if result == 0:
            call("cuMemFreeAsync", pointer, stream)
        call("cuStreamSynchronize", stream)

with ThreadPoolExecutor(4) as executor:
    list(executor.map(churn, range(4)))
see()
take(pool, 64)
see()
"""
    assert _seen(container, program, 64 * MIB) == [0, 64]
