"""Arrays that are mapped to memory of cuMemCreate keep it: it counts until the last tile is unmapped."""

from typing import Any

import pytest

from tests.unit.vgpu.container import GIB, Container
from tests.unit.vgpu.tiles import TILES, noted, noted_in_share


def _seen(container: Container, program: str) -> Any:
    return noted_in_share(container, TILES + program)


def test_an_array_keeps_memory_until_its_last_tile_is_unmapped(container: Container) -> None:
    """Also where what is unmapped is the midst of what was mapped."""
    program = """
array = call("cuArray3DCreate", shape(1024, 512))
mapped(512, array, (0, 128, 0), (1024, 256, 1))
see()
seen.append(failed("cuMemAlloc", 1))
change(part(array, (256, 128, 0), (512, 256, 1)))
see()
change(part(array, (0, 128, 0), (256, 256, 1)), part(array, (768, 128, 0), (256, 128, 1)))
see()
change(part(array, (768, 256, 0), (256, 128, 1)))
see()
change(part(array, (0, 0, 0), (1024, 512, 1)))
mapped(512, array)
see()
"""
    assert _seen(container, program) == [512, True, 512, 512, 0, 512]


def test_memory_that_a_tile_is_mapped_to_anew_takes_the_place_of_the_old(container: Container) -> None:
    program = """
array = call("cuArray3DCreate", shape(512, 128))
mapped(8, array, (0, 0, 0), (512, 128, 1))
mapped(4, array, (128, 0, 0), (256, 128, 1))
see()
mapped(2, array, (0, 0, 0), (256, 128, 1))
see()
mapped(1, array, (256, 0, 0), (256, 128, 1))
see()
"""
    assert _seen(container, program) == [12, 14, 3]


def test_layers_levels_and_the_tail_are_told_apart(container: Container) -> None:
    program = """
flat = call("cuMipmappedArrayCreate", shape(512, 256, 2, SPARSE | LAYERED), 4)
deep = call("cuArray3DCreate", shape(64, 64, 64))
def parts(memories):
    memory = iter(memories)
    return [*(part(flat, (0, 0, 0), (128 << (2 - level), 128, 1), next(memory), level, layer)
              for layer in range(2) for level in range(2)),
            *(tail(flat, TILE, next(memory), layer) for layer in range(2)),
            *(part(deep, (32, 0, z), (32, 64, 16), next(memory)) for z in (16, 48))]
memories = [tiled(1 << i) for i in range(8)]
change(*parts(memories))
for memory in memories:
    call("cuMemRelease", memory)
see()
for one in parts([None] * 8):
    change(one)
    see()
"""
    assert _seen(container, program) == [256 - 2**i for i in range(9)]


def test_an_array_whose_mapping_is_deferred_keeps_its_memory(container: Container) -> None:
    program = """
array = call("cuArray3DCreate", shape(512, 512, 0, DEFERRED))
mipmap = call("cuMipmappedArrayCreate", shape(512, 512, 0, DEFERRED), 3)
for one in array, mipmap:
    mapped(2, one)
    see()
change(part(array))
see()
mapped(1, mipmap)
see()
call("cuMipmappedArrayDestroy", mipmap)
see()
"""
    assert _seen(container, program) == [2, 4, 2, 1, 0]


def test_an_array_that_ends_lets_go_of_its_memory(container: Container) -> None:
    program = """
def arrays():
    return [call("cuArray3DCreate", shape(512, 512)), call("cuMipmappedArrayCreate", shape(512, 512), 2)]
kept = arrays()
for array in kept:
    mapped(1, array)
context = call("cuCtxCreate", None, 0, 0)
for array in arrays():
    mapped(2, array)
see()
call("cuCtxDestroy", context)
call("cuCtxSetCurrent", primary)
see()
seen.append(cuda.cuMipmappedArrayDestroy(int(kept[0]))[0] != 0)
see()
call("cuArrayDestroy", kept[0])
see()
call("cuDevicePrimaryCtxReset", 0)
call("cuCtxSetCurrent", call("cuDevicePrimaryCtxRetain", 0))
see()
"""
    assert _seen(container, program) == [6, 2, True, 2, 1, 0]


def test_memory_counts_once_for_handles_addresses_and_arrays_together(container: Container) -> None:
    program = """
array, memory = call("cuArray3DCreate", shape(512, 512)), tiled(4)
change(part(array, memory=memory))
space = int(call("cuMemAddressReserve", 4 * CHUNK, 0, 0, 0))
call("cuMemMap", space, 4 * CHUNK, 0, memory, 0)
see()
call("cuMemRelease", memory)
call("cuMemUnmap", space, 4 * CHUNK)
see()
change(part(array))
see()
"""
    assert _seen(container, program) == [4, 4, 0]


def test_what_the_driver_refuses_changes_nothing(container: Container) -> None:
    program = """
array, memory = call("cuArray3DCreate", shape(512, 512)), tiled(1)
wrong = part(array, (64, 0, 0), (128, 128, 1), memory)
seen.append(cuda.cuMemMapArrayAsync([part(array, memory=memory), wrong], 2, 0)[0] != 0)
call("cuMemRelease", memory)
see()
"""
    assert _seen(container, program) == [True, 0]


def test_the_variant_for_threads_own_streams_counts_too(container: Container) -> None:
    program = """
import ctypes
library = ctypes.CDLL("libcuda.so.1")
array, memory = call("cuArray3DCreate", shape(512, 512)), tiled(3)
for one in part(array, memory=memory), part(array):
    assert library.cuMemMapArrayAsync_ptsz(ctypes.c_void_p(one.getPtr()), 1, None) == 0
    if one.memOperationType == MAP:
        call("cuMemRelease", memory)
    see()
"""
    assert _seen(container, program) == [3, 0]


def test_tiles_come_and_go_at_random(container: Container) -> None:
    """What is counted is what the driver says is in use, as the simulated one keeps it for each tile by itself."""
    program = """
random.seed(1)
array = call("cuArray3DCreate", shape(2048, 2048))
keeps = {}
def tiles(x, y, width, height):
    return [(x + i, y + j) for i in range(width) for j in range(height)]
for step in range(400):
    x, y = random.randrange(15), random.randrange(15)
    width, height = random.randint(1, 16 - x), random.randint(1, min(4, 16 - y))
    where = (x * 128, y * 128, 0), (width * 128, height * 128, 1)
    if random.random() < 0.5:
        chunks = random.randint(2, 4)
        mapped(chunks, array, *where)
        keeps |= dict.fromkeys(tiles(x, y, width, height), (step, chunks))
    else:
        change(part(array, *where))
        for tile in tiles(x, y, width, height):
            keeps.pop(tile, None)
    assert used() == sum(chunks for _, chunks in set(keeps.values())), step
seen.append(used() > 0)
call("cuArrayDestroy", array)
see()
"""
    assert _seen(container, program) == [True, 0]
    assert container.used_on(0) == 0


@pytest.mark.parametrize("flags", ["SPARSE", "DEFERRED"])
def test_memory_of_a_gpu_without_a_share_is_left_alone(container: Container, flags: str) -> None:
    container.grant(1, GIB)
    program = f"""
array = call("cuArray3DCreate", shape(512, 512, 0, {flags}))
mapped(1024, array)
see()
call("cuArrayDestroy", array)
see()
"""
    assert noted(container, TILES + program) == [1024, 0]
