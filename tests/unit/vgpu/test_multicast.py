"""Multicast objects keep what is bound to them: it counts until it is unbound, or the object has ended."""

from pathlib import Path
from typing import Any

import pytest

from hami_dra.sim import Machine, SimulatedDriver, create_machine, simulated_gpus
from tests.unit.vgpu.chunks import CHUNKS, noted_in_share
from tests.unit.vgpu.container import GIB, Container

# What each program starts with. Sizes are in chunks; see() notes what the share has in use.
PROGRAM = (
    CHUNKS
    + """
def multicast(chunks, team=1):
    prop = cuda.CUmulticastObjectProp()
    prop.numDevices, prop.size = team, chunks * CHUNK
    handle = call("cuMulticastCreate", prop)
    for device in range(team):
        call("cuMulticastAddDevice", handle, device)
    return handle

def bind(handle, at, memory, chunks):
    call("cuMulticastBindMem", handle, at * CHUNK, memory, 0, chunks * CHUNK, 0)

def bound(handle, chunks, at=0, device=0):
    memory = create(chunks, device=device)
    bind(handle, at, memory, chunks)
    call("cuMemRelease", memory)

def unbind(handle, at, chunks, device=0):
    call("cuMulticastUnbind", handle, device, at * CHUNK, chunks * CHUNK)

space = int(call("cuMemAddressReserve", 1024 * CHUNK, 0, 0, 0))
"""
)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Two GPUs of 16 GiB, and a driver that has all versions of the calls."""
    driver = SimulatedDriver(cuda_version="13.1")
    return create_machine(tmp_path / "machine", simulated_gpus(2, memory_bytes=16 * GIB), driver)


def _seen(container: Container, program: str) -> Any:
    return noted_in_share(container, PROGRAM + program)


def test_a_binding_keeps_memory_until_it_is_unbound(container: Container) -> None:
    program = """
handle = multicast(512)
see()
bound(handle, 512)
see()
seen.append(failed("cuMemAlloc", 1))
unbind(handle, 0, 512)
see()
bound(handle, 1, at=3)
bound(handle, 2, at=4)
unbind(handle, 4, 2)
see()
"""
    assert _seen(container, program) == [0, 512, True, 0, 1]


@pytest.mark.parametrize(
    "bind",
    [
        'call("cuMulticastBindAddr", handle, 0, space + CHUNK, 3 * CHUNK, 0)',
        'call("cuMulticastBindAddr_v2", handle, 0, 0, space + CHUNK, 3 * CHUNK, 0)',
        'call("cuMulticastBindMem_v2", handle, 0, 0, memory, CHUNK, 3 * CHUNK, 0)',
    ],
)
def test_every_way_of_binding_counts(container: Container, bind: str) -> None:
    program = f"""
handle, memory = multicast(8), create(4)
call("cuMemMap", space, 4 * CHUNK, 0, memory, 0)
{bind}
call("cuMemUnmap", space, 4 * CHUNK)
call("cuMemRelease", memory)
see()
unbind(handle, 0, 3)
see()
"""
    assert _seen(container, program) == [4, 0]


@pytest.mark.parametrize("last", ["handle", "address", "retained handle"])
def test_an_object_keeps_what_is_bound_until_nothing_refers_to_it(container: Container, last: str) -> None:
    ends = {
        "handle": ['call("cuMemUnmap", space, 2 * CHUNK)', 'call("cuMemRelease", handle)'],
        "address": ['call("cuMemRelease", handle)', 'call("cuMemUnmap", space, 2 * CHUNK)'],
        "retained handle": [
            'call("cuMemRelease", handle); again = call("cuMemRetainAllocationHandle", space)',
            'call("cuMemUnmap", space, 2 * CHUNK)',
            'call("cuMemRelease", again)',
        ],
    }[last]
    steps = "\nsee()\n".join(ends)
    program = f"""
handle = multicast(2)
bound(handle, 1)
bound(handle, 1, at=1)
call("cuMemMap", space, 2 * CHUNK, 0, handle, 0)
see()
{steps}
see()
"""
    assert _seen(container, program) == [2] * len(ends) + [0]


def test_memory_counts_once_however_often_it_is_bound(container: Container) -> None:
    program = """
handles, memory = [multicast(4), multicast(4)], create(4)
for handle in handles:
    bind(handle, 0, memory, 4)
see()
call("cuMemRelease", memory)
unbind(handles[0], 0, 4)
see()
call("cuMemRelease", handles[1])
see()
"""
    assert _seen(container, program) == [4, 4, 0]


def test_devices_bind_at_the_same_offset(container: Container) -> None:
    container.grant(1, GIB)
    program = """
other = call("cuDevicePrimaryCtxRetain", 1)
handle = multicast(4, team=2)
for device in 0, 1:
    bound(handle, 1 + device, device=device)
unbind(handle, 0, 1)
see()
call("cuCtxSetCurrent", other)
see()
unbind(handle, 0, 2, device=1)
see()
"""
    assert _seen(container, program) == [0, 2, 0]


def test_what_the_driver_refuses_changes_nothing(container: Container) -> None:
    program = """
handle, memory = multicast(4), create(4)
seen += [failed("cuMulticastBindMem", handle, 1, memory, 0, CHUNK, 0),
         failed("cuMulticastBindAddr", handle, 0, space, CHUNK, 0),
         failed("cuMulticastBindMem", memory, 0, memory, 0, CHUNK, 0)]
bind(handle, 0, memory, 4)
seen += [failed("cuMulticastUnbind", handle, 0, 0, CHUNK), failed("cuMulticastUnbind", handle, 1, 0, 4 * CHUNK),
         failed("cuMulticastUnbind", memory, 0, 0, 4 * CHUNK)]
call("cuMemRelease", memory)
see()
unbind(handle, 0, 4)
see()
"""
    assert _seen(container, program) == [True] * 6 + [4, 0]


def test_memory_of_a_gpu_without_a_share_is_left_alone(container: Container) -> None:
    program = """
handle = multicast(1024, team=2)
bound(handle, 1024, device=1)
bound(handle, 1)
see()
unbind(handle, 0, 1024, device=1)
see()
"""
    assert _seen(container, program) == [1, 1]


def test_threads_do_not_disturb_each_other(container: Container) -> None:
    program = """
from concurrent.futures import ThreadPoolExecutor

shared = multicast(8)
def churn(thread):
    for _ in range(300):
        bound(shared, 2, at=2 * thread)
        own = multicast(2)
        bound(own, 2)
        call("cuMemMap", space + 4 * thread * CHUNK, 2 * CHUNK, 0, own, 0)
        call("cuMemRelease", own)
        call("cuMemUnmap", space + 4 * thread * CHUNK, 2 * CHUNK)
        unbind(shared, 2 * thread, 2)
    bound(shared, 1, at=2 * thread)

with ThreadPoolExecutor(4) as pool:
    list(pool.map(churn, range(4)))
see()
call("cuMemRelease", shared)
see()
"""
    assert _seen(container, program) == [4, 0]
