"""Memory pools of the simulated driver."""

from pathlib import Path

import pytest

from hami_dra.sim import Machine, create_machine, simulated_gpus
from tests.native.sim.client import run

GIB = 2**30

PROGRAM = """
start()
ATTRIBUTE = driver.CUmemPool_attribute
def look(pool):
    names = "RESERVED_MEM_CURRENT", "RESERVED_MEM_HIGH", "USED_MEM_CURRENT", "USED_MEM_HIGH"
    values = (call("cuMemPoolGetAttribute", pool, getattr(ATTRIBUTE, "CU_MEMPOOL_ATTR_" + name)) for name in names)
    return [int(value) // MIB for value in values]
def keep(pool, size):
    call("cuMemPoolSetAttribute", pool, ATTRIBUTE.CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, driver.cuuint64_t(size * MIB))
def make(size=0, device=0):
    props = driver.CUmemPoolProps()
    props.allocType = driver.CUmemAllocationType.CU_MEM_ALLOCATION_TYPE_PINNED
    props.location.type = driver.CUmemLocationType.CU_MEM_LOCATION_TYPE_DEVICE
    props.location.id = device
    props.maxSize = size * MIB
    return call("cuMemPoolCreate", props)
taken = lambda: (16 * GIB - free()) // MIB
stream = call("cuStreamCreate", 0)
take = lambda pool, size: call("cuMemAllocFromPoolAsync", size * MIB, pool, stream)
"""


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return create_machine(tmp_path / "root", simulated_gpus(2, memory_bytes=16 * GIB))


def test_a_pool_keeps_its_threshold_when_the_program_waits(machine: Machine) -> None:
    seen = run(
        machine,
        PROGRAM
        + """
pool = make()
keep(pool, 5)
first, second = take(pool, 3), take(pool, 8)
seen = [look(pool), taken()]
for pointer in first, second:
    call("cuMemFreeAsync", pointer, stream)
seen += [look(pool)[::2], taken()]
call("cuStreamSynchronize", stream)
seen += [look(pool), taken()]
call("cuMemPoolTrimTo", pool, 0)
call("cuMemPoolSetAttribute", pool, ATTRIBUTE.CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH, driver.cuuint64_t(0))
show([*seen, look(pool), taken()])
""",
    )
    assert seen == [[12, 12, 11, 11], 12, [12, 0], 12, [6, 12, 0, 11], 6, [0, 0, 0, 11], 0]


def test_a_pool_belongs_to_its_device_and_lives_as_long_as_it_is_used(machine: Machine) -> None:
    seen = run(
        machine,
        PROGRAM
        + """
default, other = call("cuDeviceGetDefaultMemPool", 0), make(device=1)
pool = make(size=8)
pointer = take(pool, 8)
seen = [error_of("cuMemAllocFromPoolAsync", 1, pool, stream), error_of("cuMemPoolDestroy", default),
        error_of("cuDeviceSetMemPool", 0, other)]
call("cuDeviceSetMemPool", 0, pool)
call("cuMemPoolDestroy", pool)
seen += [int(call("cuDeviceGetMemPool", 0)) == int(default), taken()]
call("cuMemFree", pointer)
seen += [taken()]
pointer = take(other, 1)
ordinal = driver.CUpointer_attribute.CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL
show([*seen, taken(), call("cuPointerGetAttribute", ordinal, pointer)])
""",
    )
    out_of_memory, invalid = "CUDA_ERROR_OUT_OF_MEMORY", "CUDA_ERROR_INVALID_VALUE"
    assert seen == [out_of_memory, invalid, invalid, True, 8, 0, 0, 1]


def test_the_calls_of_cuda_13_name_a_place(machine: Machine) -> None:
    seen = run(
        machine,
        PROGRAM
        + """
place = driver.CUmemLocation()
place.type, place.id = driver.CUmemLocationType.CU_MEM_LOCATION_TYPE_DEVICE, 1
pinned = driver.CUmemAllocationType.CU_MEM_ALLOCATION_TYPE_PINNED
pool = make(device=1)
call("cuMemSetMemPool", place, pinned, pool)
same = lambda name, *arguments: int(call(name, *arguments)) == int(pool)
show([same("cuMemGetMemPool", place, pinned), same("cuDeviceGetMemPool", 1),
      same("cuMemGetDefaultMemPool", place, pinned)])
""",
    )
    assert seen == [True, True, False]


def test_pools_of_managed_memory_take_none_of_the_devices(machine: Machine) -> None:
    seen = run(
        machine,
        PROGRAM
        + """
LOCATION, TYPE = driver.CUmemLocationType, driver.CUmemAllocationType
managed, pinned = TYPE.CU_MEM_ALLOCATION_TYPE_MANAGED, TYPE.CU_MEM_ALLOCATION_TYPE_PINNED
def place(name, id=0):
    location = driver.CUmemLocation()
    location.type, location.id = getattr(LOCATION, "CU_MEM_LOCATION_TYPE_" + name), id
    return location
places = place("DEVICE"), place("DEVICE", 1), place("HOST"), place("NONE")
pools = [call("cuMemGetDefaultMemPool", location, managed) for location in places]
pointer = take(pools[3], 7)
driver.cuMemsetD8(pointer, 1, 7 * MIB)
is_managed = call("cuPointerGetAttribute", driver.CUpointer_attribute.CU_POINTER_ATTRIBUTE_IS_MANAGED, pointer)
seen = [len({int(pool) for pool in pools}), taken(), look(pools[3])[::2], int(is_managed)]
call("cuMemFreeAsync", pointer, stream)
call("cuStreamSynchronize", stream)
seen.append(look(pools[3])[::2])
call("cuMemSetMemPool", places[0], managed, pools[0])
show([*seen, error_of("cuMemSetMemPool", places[0], pinned, pools[0]),
      error_of("cuMemGetDefaultMemPool", place("HOST"), pinned),
      int(call("cuMemGetMemPool", places[0], managed)) == int(call("cuDeviceGetMemPool", 0))])
""",
    )
    assert seen == [4, 0, [8, 7], 1, [0, 0], "CUDA_ERROR_INVALID_VALUE", "CUDA_ERROR_NOT_SUPPORTED", False]
