"""Memory of cuMemCreate: it counts as long as a handle or a mapping keeps it."""

from typing import Any

import pytest

from tests.unit.vgpu.chunks import CHUNKS, noted_in_share
from tests.unit.vgpu.container import Container

# What each program starts with. Sizes are in chunks; see() notes what the share has in use.
PROGRAM = (
    CHUNKS
    + """
def mapped(chunks, at):
    handle = create(chunks)
    call("cuMemMap", at, chunks * CHUNK, 0, handle, 0)
    return handle

space = int(call("cuMemAddressReserve", 1024 * CHUNK, 0, 0, 0))
"""
)


def _seen(container: Container, program: str) -> Any:
    return noted_in_share(container, PROGRAM + program)


def test_a_mapping_keeps_what_its_released_handle_named(container: Container) -> None:
    program = """
handle = mapped(512, space)
call("cuMemRelease", handle)
see()
seen.append(failed("cuMemCreate", CHUNK, prop(), 0))
call("cuMemUnmap", space, 512 * CHUNK)
see()
call("cuMemRelease", create(512))
see()
"""
    assert _seen(container, program) == [512, True, 0, 0]


def test_memory_counts_once_however_often_it_is_mapped(container: Container) -> None:
    program = """
handle = mapped(4, space)
call("cuMemMap", space + 4 * CHUNK, 2 * CHUNK, 0, handle, 0)
see()
call("cuMemUnmap", space, 4 * CHUNK)
call("cuMemRelease", handle)
see()
call("cuMemUnmap", space + 4 * CHUNK, 2 * CHUNK)
see()
"""
    assert _seen(container, program) == [4, 4, 0]


def test_a_range_of_mappings_is_unmapped_at_once(container: Container) -> None:
    program = """
for chunks, at in (1, 0), (2, 1), (3, 3), (4, 6):
    call("cuMemRelease", mapped(chunks, space + at * CHUNK))
see()
call("cuMemUnmap", space + CHUNK, 5 * CHUNK)
see()
call("cuMemUnmap", space, CHUNK)
call("cuMemUnmap", space + 6 * CHUNK, 4 * CHUNK)
see()
"""
    assert _seen(container, program) == [10, 5, 0]


@pytest.mark.parametrize("retained_while", ["the handle lives", "only mapped"])
def test_a_retained_handle_keeps_memory(container: Container, retained_while: str) -> None:
    """At an address in the midst of a mapping, and as often as it is retained."""
    early = retained_while == "the handle lives"
    program = f"""
handle = mapped(4, space)
{"" if early else 'call("cuMemRelease", handle)'}
retained = [call("cuMemRetainAllocationHandle", space + 3 * CHUNK + 17) for _ in range(2)]
{'call("cuMemRelease", handle)' if early else ""}
call("cuMemUnmap", space, 4 * CHUNK)
see()
call("cuMemRelease", retained[0])
see()
call("cuMemRelease", retained[1])
see()
"""
    assert _seen(container, program) == [4, 4, 0]


def test_what_the_driver_refuses_changes_nothing(container: Container) -> None:
    program = """
handle = mapped(4, space)
other = create(4)
seen += [
    failed("cuMemMap", space, 4 * CHUNK, 0, other, 0),
    failed("cuMemUnmap", space, 2 * CHUNK),
    failed("cuMemUnmap", space, 8 * CHUNK),
    failed("cuMemUnmap", space + 8 * CHUNK, CHUNK),
    failed("cuMemUnmap", space + CHUNK, 0),
    failed("cuMemUnmap", space + CHUNK, 2**64 - 1),
    failed("cuMemRetainAllocationHandle", space + 8 * CHUNK),
    failed("cuMemRelease", 0x1234),
]
call("cuMemRelease", other)
see()
call("cuMemRelease", handle)
see()
call("cuMemUnmap", space, 4 * CHUNK)
see()
"""
    assert _seen(container, program) == [True] * 8 + [4, 4, 0]


def test_memory_of_the_host_does_not_count(container: Container) -> None:
    program = """
handle = create(1024, cuda.CUmemLocationType.CU_MEM_LOCATION_TYPE_HOST_NUMA)
call("cuMemMap", space, 1024 * CHUNK, 0, handle, 0)
see()
call("cuMemRelease", handle)
call("cuMemUnmap", space, 1024 * CHUNK)
see()
"""
    assert _seen(container, program) == [0, 0]


def test_memory_of_a_locality_domain_counts(container: Container) -> None:
    """Of CUDA 13.5: cuda-bindings may be too old for it."""
    program = """
import ctypes
library = ctypes.CDLL("libcuda.so.1")
handle = ctypes.c_uint64()
domain = (ctypes.c_int * 8)(1, 0, 6, 0)  # CUmemAllocationProp: pinned, not to be shared, domain 0 of device 0
assert library.cuMemCreate(ctypes.byref(handle), ctypes.c_size_t(3 * CHUNK), domain, ctypes.c_uint64(0)) == 0
see()
call("cuMemRelease", handle.value)
see()
"""
    assert _seen(container, program) == [3, 0]


def test_mappings_come_and_go_at_random(container: Container) -> None:
    """As PyTorch's expandable segments do; what is counted is what the driver says is in use."""
    program = """
random.seed(1)
live = {}
for _ in range(2000):
    at = random.randrange(64)
    if at in live:
        call("cuMemUnmap", space + at * 8 * CHUNK, live.pop(at) * CHUNK)
    else:
        live[at] = random.randint(1, 8)
        call("cuMemRelease", mapped(live[at], space + at * 8 * CHUNK))
    assert used() == sum(live.values())
seen.append(len(live) > 0)
for at, chunks in live.items():
    call("cuMemUnmap", space + at * 8 * CHUNK, chunks * CHUNK)
see()
"""
    assert _seen(container, program) == [True, 0]


def test_threads_do_not_disturb_each_other(container: Container) -> None:
    program = """
from concurrent.futures import ThreadPoolExecutor

def churn(thread):
    at = space + thread * 64 * CHUNK
    for _ in range(300):
        call("cuMemRelease", mapped(2, at))
        again = call("cuMemRetainAllocationHandle", at)
        call("cuMemMap", at + 2 * CHUNK, 2 * CHUNK, 0, again, 0)
        call("cuMemUnmap", at, 4 * CHUNK)
        call("cuMemRelease", again)
    mapped(1, at)

with ThreadPoolExecutor(4) as pool:
    list(pool.map(churn, range(4)))
see()
"""
    assert _seen(container, program) == [4]
