"""Multicast objects of the simulated driver: what is bound to one is there as long as it is."""

from pathlib import Path
from typing import Any

import pytest

from hami_dra.sim import Machine, SimulatedDriver, create_machine, simulated_gpus
from tests.native.sim.chunks import CHUNKS
from tests.native.sim.client import run

GIB = 2**30

PROGRAM = (
    CHUNKS
    + """
def multicast(chunks, team=1):
    prop = driver.CUmulticastObjectProp()
    prop.numDevices, prop.size = team, chunks * CHUNK
    handle = call("cuMulticastCreate", prop)
    for device in range(team):
        call("cuMulticastAddDevice", handle, device)
    return handle

def bound(handle, chunks, at=0):
    memory = create(chunks)
    call("cuMulticastBindMem", handle, at * CHUNK, memory, 0, chunks * CHUNK, 0)
    return memory

def unbind(handle, at, chunks, device=0):
    return error_of("cuMulticastUnbind", handle, device, at * CHUNK, chunks * CHUNK)
"""
)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return create_machine(
        tmp_path / "root", simulated_gpus(2, memory_bytes=16 * GIB), SimulatedDriver(cuda_version="13.1")
    )


def _shown(machine: Machine, program: str) -> Any:
    return run(machine, PROGRAM + program)


def test_a_binding_keeps_memory_until_it_is_unbound(machine: Machine) -> None:
    program = """
handle = multicast(8)
seen = [taken()]
for at, chunks in (0, 2), (2, 3), (5, 1):
    call("cuMemRelease", bound(handle, chunks, at))
seen += [taken(), unbind(handle, 0, 1), unbind(handle, 6, 2), unbind(handle, 0, 8, device=1), taken()]
seen += [unbind(handle, 2, 3), taken(), unbind(handle, 0, 8), taken()]
show(seen)
"""
    invalid = "CUDA_ERROR_INVALID_VALUE"
    success = "CUDA_SUCCESS"
    assert _shown(machine, program) == [0, 6, invalid, invalid, invalid, 6, success, 3, success, 0]


def test_a_binding_lasts_as_long_as_a_handle_or_an_address_of_the_object(machine: Machine) -> None:
    program = """
handle = multicast(4)
call("cuMemRelease", bound(handle, 4))
space = int(call("cuMemAddressReserve", 8 * CHUNK, 0, 0, 0))
call("cuMemMap", space, 4 * CHUNK, 0, handle, 0)
call("cuMemRelease", handle)
seen = [taken()]
again = call("cuMemRetainAllocationHandle", space)
call("cuMemUnmap", space, 4 * CHUNK)
seen += [taken()]
call("cuMemRelease", again)
show([*seen, taken()])
"""
    assert _shown(machine, program) == [4, 4, 0]


def test_memory_is_bound_by_its_address_too_and_for_a_device(machine: Machine) -> None:
    program = """
handle = multicast(8, team=2)
space = int(call("cuMemAddressReserve", 8 * CHUNK, 0, 0, 0))
memory, there = create(4), create(4, 1)
call("cuMemMap", space, 4 * CHUNK, 0, memory, 0)
seen = [error_of("cuMulticastBindAddr", handle, 0, space + CHUNK, 3 * CHUNK, 0),
        error_of("cuMulticastBindAddr_v2", handle, 0, 4 * CHUNK, space, CHUNK, 0),
        error_of("cuMulticastBindMem_v2", handle, 1, 0, there, CHUNK, 3 * CHUNK, 0)]
call("cuMemUnmap", space, 4 * CHUNK)
call("cuMemRelease", memory)
call("cuMemRelease", there)
seen += [taken(), unbind(handle, 0, 3), taken(), unbind(handle, 4, 1), taken()]
call("cuCtxSetCurrent", call("cuDevicePrimaryCtxRetain", 1))
seen += [taken(), unbind(handle, 0, 3, device=1), taken()]
show(seen)
"""
    success = "CUDA_SUCCESS"
    assert _shown(machine, program) == [success] * 3 + [4, success, 4, success, 0, 4, success, 0]


def test_what_cannot_be_bound_is_refused(machine: Machine) -> None:
    program = """
handle, other, memory = multicast(4), multicast(4, team=2), create(4)
unready = driver.CUmulticastObjectProp()
unready.numDevices, unready.size = 2, 4 * CHUNK
lonely = call("cuMulticastCreate", unready)
call("cuMulticastAddDevice", lonely, 0)
bind = lambda handle, *numbers: error_of("cuMulticastBindMem", handle, *numbers, 0)
wrong = [bind(lonely, 0, memory, 0, CHUNK), bind(memory, 0, memory, 0, CHUNK), bind(handle, 0, other, 0, CHUNK),
         bind(handle, 0, create(1, 1), 0, CHUNK), bind(handle, 1, memory, 0, CHUNK), bind(handle, 0, memory, 0, 0),
         bind(handle, 2 * CHUNK, memory, 0, 4 * CHUNK), bind(handle, 0, memory, 2 * CHUNK, 4 * CHUNK),
         error_of("cuMulticastBindMem_v2", other, 1, 0, memory, 0, CHUNK, 0),
         error_of("cuMulticastAddDevice", handle, 1)]
bind(handle, 0, memory, 0, 2 * CHUNK)
wrong.append(bind(handle, CHUNK, memory, 0, CHUNK))
unready.handleTypes = 1
show([sorted(set(wrong)), error_of("cuMulticastCreate", unready)])
"""
    assert _shown(machine, program) == [["CUDA_ERROR_INVALID_VALUE"], "CUDA_ERROR_NOT_SUPPORTED"]
