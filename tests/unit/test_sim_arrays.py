"""Arrays of the simulated driver: sizes and lives, for they have no contents."""

from pathlib import Path
from typing import Any

from hami_dra.sim import create_machine, simulated_gpus
from tests.native.sim.client import run

GIB = 2**30

PROGRAM = """
start()
def shape(width, height=0, depth=0, flags=0):
    descriptor = driver.CUDA_ARRAY3D_DESCRIPTOR()
    descriptor.Width, descriptor.Height, descriptor.Depth, descriptor.Flags = width, height, depth, flags
    descriptor.Format, descriptor.NumChannels = driver.CUarray_format.CU_AD_FORMAT_UNSIGNED_INT8, 4
    return descriptor
taken = lambda: 16 * GIB - free()
array = call("cuArray3DCreate", shape(1000, 100, 10))
seen = [taken()]
mipmap = call("cuMipmappedArrayCreate", shape(1000, 100, 10), 3)
seen.append(taken() - seen[0])
level = call("cuArray3DGetDescriptor", call("cuMipmappedArrayGetLevel", mipmap, 2))
seen.append([level.Width, level.Height, level.Depth])
seen.append(error_of("cuArrayGetMemoryRequirements", array, 0))
deferred = call("cuArray3DCreate", shape(1000, 100, 10, flags=0x80))
seen += [call("cuArrayGetMemoryRequirements", deferred, 0).size, error_of("cuArray3DCreate", shape(2**32))]
call("cuArrayDestroy", array)
seen.append(error_of("cuArrayDestroy", array))
call("cuDevicePrimaryCtxReset", 0)
start()
show([*seen, taken()])
"""


def test_arrays_take_memory_by_their_shape_until_they_or_their_context_end(tmp_path: Path) -> None:
    machine = create_machine(tmp_path / "root", simulated_gpus(1, memory_bytes=16 * GIB))
    whole, half, quarter = 4032 * 100 * 10, 2048 * 50 * 5, 1024 * 25 * 2
    out_of_memory = "CUDA_ERROR_OUT_OF_MEMORY"
    assert run(machine, PROGRAM) == [
        (whole + 511) // 512 * 512,
        (whole + half + quarter + 511) // 512 * 512,
        [250, 25, 2],
        "CUDA_ERROR_INVALID_VALUE",
        (whole + 511) // 512 * 512,
        out_of_memory,
        "CUDA_ERROR_INVALID_HANDLE",
        0,
    ]


# Tiles are 64 KiB: 128 x 128 elements of four bytes. What cuMemCreate gives is in chunks, of 32 tiles.
SPARSE = """
start()
TILE, CHUNK = 64 << 10, 2 << 20
ARRAY, MIPMAP = driver.CUresourcetype.CU_RESOURCE_TYPE_ARRAY, driver.CUresourcetype.CU_RESOURCE_TYPE_MIPMAPPED_ARRAY
MAP, UNMAP = driver.CUmemOperationType.CU_MEM_OPERATION_TYPE_MAP, driver.CUmemOperationType.CU_MEM_OPERATION_TYPE_UNMAP
SUBRESOURCE = driver.CUarraySparseSubresourceType
taken = lambda: (16 * GIB - free()) // CHUNK
stream = call("cuStreamCreate", 0)

def shape(width, height, depth=0, flags=0x40):
    descriptor = driver.CUDA_ARRAY3D_DESCRIPTOR()
    descriptor.Width, descriptor.Height, descriptor.Depth, descriptor.Flags = width, height, depth, flags
    descriptor.Format, descriptor.NumChannels = driver.CUarray_format.CU_AD_FORMAT_UNSIGNED_INT8, 4
    return descriptor

def pool(chunks, usage=1):
    prop = driver.CUmemAllocationProp()
    prop.type = driver.CUmemAllocationType.CU_MEM_ALLOCATION_TYPE_PINNED
    prop.location.type = driver.CUmemLocationType.CU_MEM_LOCATION_TYPE_DEVICE
    prop.allocFlags.usage = usage
    return call("cuMemCreate", chunks * CHUNK, prop, 0)

def part(array, x=0, y=0, width=128, height=128, memory=None, offset=0, level=0, layer=0):
    info = driver.CUarrayMapInfo()
    mipmapped = isinstance(array, driver.CUmipmappedArray)
    info.resourceType = MIPMAP if mipmapped else ARRAY
    setattr(info.resource, "mipmap" if mipmapped else "array", array)
    level_part = info.subresource.sparseLevel
    level_part.level, level_part.layer, level_part.offsetX, level_part.offsetY = level, layer, x, y
    level_part.extentWidth, level_part.extentHeight, level_part.extentDepth = width, height, 1
    info.memOperationType = UNMAP if memory is None else MAP
    if memory is not None:
        info.memHandle.memHandle = memory
    info.offset, info.deviceBitMask = offset, 1
    return info

def tail(array, offset, size, memory=None):
    info = part(array, memory=memory)
    info.subresourceType = SUBRESOURCE.CU_ARRAY_SPARSE_SUBRESOURCE_TYPE_MIPTAIL
    info.subresource.miptail.offset, info.subresource.miptail.size = offset, size
    return info

def map_parts(*parts):
    result = error_of("cuMemMapArrayAsync", list(parts), len(parts), stream)
    call("cuStreamSynchronize", stream)  # only then what was mapped before is let go of
    return result
"""


def _sparse(tmp_path: Path, program: str) -> Any:
    machine = create_machine(tmp_path / "root", simulated_gpus(1, memory_bytes=16 * GIB))
    return run(machine, SPARSE + program)


def test_a_sparse_array_keeps_memory_until_its_last_tile_is_unmapped(tmp_path: Path) -> None:
    program = """
array = call("cuArray3DCreate", shape(1000, 512))
extent = call("cuArrayGetSparseProperties", array).tileExtent
seen = [[extent.width, extent.height, extent.depth]]
memory, other = pool(1), pool(2)
map_parts(part(array, 128, 128, 256, 128, memory), part(array, 896, 384, 104, 128, memory, 2 * TILE))
for handle in memory, other:
    call("cuMemRelease", handle)
seen.append(taken())
map_parts(part(array, 128, 128, 128, 128))
seen.append(taken())
map_parts(part(array, 256, 128, 128, 128), part(array, 896, 384, 104, 128))
seen.append(taken())
show(seen)
"""
    assert _sparse(tmp_path, program) == [[128, 128, 1], 1, 1, 0]


def test_a_sparse_array_lets_go_of_memory_when_it_ends_or_is_mapped_anew(tmp_path: Path) -> None:
    program = """
array, mipmap = call("cuArray3DCreate", shape(256, 256)), call("cuMipmappedArrayCreate", shape(512, 512), 10)
is_so = call("cuMipmappedArrayGetSparseProperties", mipmap)
seen = [is_so.miptailFirstLevel, is_so.miptailSize // TILE]
def mapped(chunks, make_part):
    memory = pool(chunks)
    seen.append(map_parts(make_part(memory)))
    call("cuMemRelease", memory)
    seen.append(taken())
mapped(1, lambda memory: part(array, memory=memory))
mapped(2, lambda memory: part(array, memory=memory))
mapped(4, lambda memory: part(mipmap, memory=memory, level=2))
mapped(8, lambda memory: tail(mipmap, 0, TILE, memory))
call("cuArrayDestroy", array)
seen.append(taken())
call("cuDevicePrimaryCtxReset", 0)
start()
show([*seen, taken()])
"""
    success = "CUDA_SUCCESS"
    assert _sparse(tmp_path, program) == [3, 1, success, 1, success, 2, success, 6, success, 14, 12, 0]


def test_what_is_unmapped_is_kept_until_something_waits(tmp_path: Path) -> None:
    program = """
array, memory = call("cuArray3DCreate", shape(256, 256)), pool(3)
map_parts(part(array, memory=memory))
call("cuMemRelease", memory)
call("cuMemMapArrayAsync", [part(array)], 1, stream)
seen = [taken()]
call("cuCtxSynchronize")
show([*seen, taken()])
"""
    assert _sparse(tmp_path, program) == [3, 0]


def test_an_array_whose_mapping_is_deferred_is_mapped_as_a_whole(tmp_path: Path) -> None:
    program = """
array = call("cuArray3DCreate", shape(1024, 1024, flags=0x80))
seen = [error_of("cuArrayGetSparseProperties", array), map_parts(part(array, memory=pool(1)))]
memory = pool(3)
seen += [map_parts(part(array, memory=memory)), error_of("cuMemRelease", memory), taken(), map_parts(part(array))]
show([*seen, taken()])
"""
    assert _sparse(tmp_path, program) == [
        "CUDA_ERROR_INVALID_VALUE",
        "CUDA_ERROR_INVALID_VALUE",
        "CUDA_SUCCESS",
        "CUDA_SUCCESS",
        4,
        "CUDA_SUCCESS",
        1,
    ]


def test_what_is_no_part_of_a_sparse_array_cannot_be_mapped(tmp_path: Path) -> None:
    """And then nothing of the whole list is."""
    program = """
array, mipmap = call("cuArray3DCreate", shape(512, 512)), call("cuMipmappedArrayCreate", shape(512, 512), 3)
level, plain = call("cuMipmappedArrayGetLevel", mipmap, 0), call("cuArray3DCreate", shape(512, 512, flags=0))
memory = pool(1)
elsewhere = part(array, memory=memory)
elsewhere.deviceBitMask = 2
wrong = [part(array, 64, memory=memory), part(array, width=100, memory=memory), part(array, 512, memory=memory),
         part(array, level=1, memory=memory), part(array, layer=1, memory=memory), part(array, memory=pool(1, 0)),
         part(array, memory=memory, offset=CHUNK), part(array, memory=0x123400), tail(array, 0, TILE, memory),
         part(level, memory=memory), part(plain, memory=memory), elsewhere]
seen = {map_parts(part(array, memory=memory), one) for one in wrong}
before = taken()
call("cuMemRelease", memory)
show([sorted(seen), before - taken()])
"""
    assert _sparse(tmp_path, program) == [["CUDA_ERROR_INVALID_HANDLE", "CUDA_ERROR_INVALID_VALUE"], 1]
