"""Arrays of the simulated driver: sizes and lives, for they have no contents."""

from pathlib import Path

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
