"""Arrays and mipmapped arrays: what their layout takes counts, until they are destroyed or their context ends."""

from typing import Any

import pytest

from tests.unit.vgpu.container import GIB, MIB, Container
from tests.unit.vgpu.noting import NOTING, noted_in_share

# What each program starts with. Rows of the simulated driver's arrays lie a multiple of 64 bytes apart.
PROGRAM = (
    NOTING
    + """
import ctypes

UNIT = 1

def shape(width, height=0, depth=None, channels=1, flags=0):
    descriptor = cuda.CUDA_ARRAY_DESCRIPTOR() if depth is None else cuda.CUDA_ARRAY3D_DESCRIPTOR()
    descriptor.Width, descriptor.Height, descriptor.NumChannels = width, height, channels
    descriptor.Format = cuda.CUarray_format.CU_AD_FORMAT_FLOAT
    if depth is not None:
        descriptor.Depth, descriptor.Flags = depth, flags
    return descriptor

LAYERED, SPARSE, DEFERRED = 0x01, 0x40, 0x80
"""
)


def _seen(container: Container, program: str, limit: int = GIB) -> Any:
    return noted_in_share(container, PROGRAM + program, limit)


def test_an_array_counts_with_the_padding_of_its_layout(container: Container) -> None:
    program = """
arrays = [call("cuArrayCreate", shape(1000)), call("cuArrayCreate", shape(1000, 10)),
          call("cuArray3DCreate", shape(1, 8, 3, channels=4))]
see()
for array in arrays:
    call("cuArrayDestroy", array)
see()
"""
    assert _seen(container, program) == [4096 + 40448 + 1536, 0]


def test_a_mipmapped_array_counts_with_all_its_levels(container: Container) -> None:
    program = """
mipmap = call("cuMipmappedArrayCreate", shape(64, 64, 0), 7)
see()
call("cuMipmappedArrayGetLevel", mipmap, 6)
seen.append(failed("cuArrayDestroy", call("cuMipmappedArrayGetLevel", mipmap, 1)))
call("cuMipmappedArrayDestroy", mipmap)
see()
call("cuMipmappedArrayCreate", shape(64, 64, 6, flags=LAYERED), 2)
see()
"""
    levels = 64 * 256 + 32 * 128 + 64 * (16 + 8 + 4 + 2 + 1)
    layers = 6 * (64 * 256 + 32 * 128)
    assert _seen(container, program) == [(levels + 511) // 512 * 512, True, 0, layers]


def test_the_limit_fits_and_one_row_more_does_not(container: Container) -> None:
    program = """
seen.append(failed("cuArrayCreate", shape(16, 4 << 20)))
array = call("cuArrayCreate", shape(16, 1 << 20))
see()
seen += [failed("cuArrayCreate", shape(1)), failed("cuArray3DCreate", shape(1, 1, 1)),
         failed("cuMipmappedArrayCreate", shape(1, 1, 0), 1), failed("cuMemAlloc", 1)]
call("cuArrayDestroy", array)
call("cuArray3DCreate", shape(16, 1 << 10, 1 << 10))
see()
"""
    limit = 64 * MIB
    assert _seen(container, program, limit) == [True, limit, True, True, True, True, limit]


def test_an_array_that_is_mapped_later_takes_nothing(container: Container) -> None:
    program = """
for flag in SPARSE, DEFERRED:
    array = call("cuArray3DCreate", shape(1 << 14, 1 << 14, 0, flags=flag))
    mipmap = call("cuMipmappedArrayCreate", shape(1 << 14, 1 << 14, 0, flags=flag), 3)
    see()
    call("cuArrayDestroy", array)
    call("cuMipmappedArrayDestroy", mipmap)
see()
"""
    assert _seen(container, program) == [0, 0, 0]


def test_what_the_driver_refuses_changes_nothing(container: Container) -> None:
    program = """
array = call("cuArrayCreate", shape(1000))
seen += [failed("cuArrayCreate", shape(0)), failed("cuArrayCreate", shape(1000, channels=3)),
         failed("cuArrayCreate", shape(2**62, 2**62)), failed("cuMipmappedArrayCreate", shape(8, 8, 0), 0),
         failed("cuArrayDestroy", 0x1000), failed("cuMipmappedArrayDestroy", int(array))]
see()
call("cuArrayDestroy", array)
seen.append(failed("cuArrayDestroy", array))
see()
"""
    assert _seen(container, program) == [*[True] * 6, 4096, True, 0]


@pytest.mark.parametrize("name", ["cuArrayCreate", "cuArray3DCreate"])
def test_the_older_versions_count_too(container: Container, name: str) -> None:
    program = f"""
library = ctypes.CDLL("libcuda.so.1")  # cuda-bindings does not offer them
numbers = [1000, 10, *([2] if "3D" in "{name}" else []), 0x20, 1, 0]
array = ctypes.c_void_p()
assert library.{name}(ctypes.byref(array), (ctypes.c_uint * len(numbers))(*numbers)) == 0
see()
assert library.cuArrayDestroy(array) == 0
see()
"""
    assert _seen(container, program) == [40448 * (2 if "3D" in name else 1), 0]


def test_arrays_go_with_their_context(container: Container) -> None:
    program = """
kept = call("cuArrayCreate", shape(1000))
context = call("cuCtxCreate", None, 0, 0)
call("cuArrayCreate", shape(1000, 10))
call("cuMipmappedArrayCreate", shape(64, 64, 0), 7)
call("cuCtxDestroy", context)
call("cuCtxSetCurrent", primary)
see()
call("cuArrayDestroy", kept)
see()
call("cuArrayCreate", shape(16, 1 << 20))
call("cuDevicePrimaryCtxReset", 0)
call("cuCtxSetCurrent", call("cuDevicePrimaryCtxRetain", 0))
see()
"""
    assert _seen(container, program) == [4096, 0, 0]


def test_without_the_size_from_the_driver_elements_are_counted(container: Container) -> None:
    """Where a driver does not have arrays that are mapped later, as those before CUDA 11.6."""
    answer = container.run(container.programs / "array_size_fallback")
    assert answer.stdout.split() == ["4000", "160000", "32", "2048", "1"], answer.stderr
