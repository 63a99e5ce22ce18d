"""Logical endpoints keep what is bound to them: it counts until it is unbound, or the endpoint is destroyed."""

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
def endpoint(chunks):
    prop = cuda.CUlogicalEndpointProp()
    prop.type = cuda.CUlogicalEndpointType.CU_LOGICAL_ENDPOINT_TYPE_MULTICAST
    prop.multicast.numDevices, prop.size = 2, chunks * CHUNK
    number = call("cuLogicalEndpointIdReserve", 1)
    call("cuLogicalEndpointCreate", number, prop)
    for device in 0, 1:
        call("cuLogicalEndpointAddDevice", number, device)
    return number

def bound(number, chunks, at=0, device=0):
    memory = create(chunks, device=device)
    call("cuLogicalEndpointBindMem", number, device, at * CHUNK, memory, 0, chunks * CHUNK, 0)
    call("cuMemRelease", memory)

def unbind(number, at, chunks, device=0):
    call("cuLogicalEndpointUnbind", number, device, at * CHUNK, chunks * CHUNK)
"""
)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Two GPUs of 16 GiB, and a driver that has the calls."""
    driver = SimulatedDriver(cuda_version="13.3")
    return create_machine(tmp_path / "machine", simulated_gpus(2, memory_bytes=16 * GIB), driver)


def _seen(container: Container, program: str) -> Any:
    return noted_in_share(container, PROGRAM + program)


def test_a_binding_keeps_memory_until_it_is_unbound(container: Container) -> None:
    program = """
number = endpoint(8)
for at, chunks in (0, 1), (1, 2), (4, 4):
    bound(number, chunks, at)
bound(number, 8, device=1)
see()
unbind(number, 0, 3)
see()
unbind(number, 0, 8, device=1)
see()
unbind(number, 4, 4)
see()
"""
    assert _seen(container, program) == [7, 4, 4, 0]


def test_memory_is_bound_by_its_address_too(container: Container) -> None:
    program = """
number, memory = endpoint(8), create(4)
space = int(call("cuMemAddressReserve", 4 * CHUNK, 0, 0, 0))
call("cuMemMap", space, 4 * CHUNK, 0, memory, 0)
call("cuLogicalEndpointBindAddr", number, 0, 0, space + CHUNK, 3 * CHUNK, 0)
call("cuMemUnmap", space, 4 * CHUNK)
call("cuMemRelease", memory)
see()
unbind(number, 0, 3)
see()
"""
    assert _seen(container, program) == [4, 0]


def test_an_endpoint_that_is_destroyed_lets_go_of_what_is_bound(container: Container) -> None:
    program = """
numbers = [endpoint(4), endpoint(4)]
for number in numbers:
    bound(number, 1)
    bound(number, 3, at=1)
call("cuLogicalEndpointDestroy", numbers[0])
see()
seen.append(cuda.cuLogicalEndpointDestroy(numbers[0])[0] != 0)
call("cuLogicalEndpointDestroy", numbers[1])
see()
"""
    assert _seen(container, program) == [4, True, 0]


def test_what_the_driver_refuses_changes_nothing(container: Container) -> None:
    program = """
number, memory = endpoint(4), create(4)
call("cuLogicalEndpointBindMem", number, 0, 0, memory, 0, 4 * CHUNK, 0)
seen += [cuda.cuLogicalEndpointBindMem(number, 0, 0, memory, 0, CHUNK, 0)[0] != 0,
         cuda.cuLogicalEndpointUnbind(number, 0, 0, CHUNK)[0] != 0,
         cuda.cuLogicalEndpointUnbind(number, 1, 0, 4 * CHUNK)[0] != 0]
call("cuMemRelease", memory)
see()
unbind(number, 0, 4)
see()
"""
    assert _seen(container, program) == [True, True, True, 4, 0]
