"""Logical endpoints of the simulated driver: what is bound to one is there as long as it is."""

from pathlib import Path

from hami_dra.sim import SimulatedDriver, create_machine, simulated_gpus
from tests.native.sim.chunks import CHUNKS
from tests.native.sim.client import run

GIB = 2**30

PROGRAM = (
    CHUNKS
    + """
TYPE = driver.CUlogicalEndpointType

def bind(number, device, at, memory, chunks):
    return error_of("cuLogicalEndpointBindMem", number, device, at * CHUNK, memory, 0, chunks * CHUNK, 0)

alone, team = driver.CUlogicalEndpointProp(), driver.CUlogicalEndpointProp()
alone.type, team.type = TYPE.CU_LOGICAL_ENDPOINT_TYPE_UNICAST, TYPE.CU_LOGICAL_ENDPOINT_TYPE_MULTICAST
alone.size = team.size = 8 * CHUNK
team.multicast.numDevices = 2
first = int(call("cuLogicalEndpointIdReserve", 2))
seen = [int(call("cuLogicalEndpointGetLimits", alone)[0]), error_of("cuLogicalEndpointCreate", first + 2, alone)]
call("cuLogicalEndpointCreate", first, alone)
call("cuLogicalEndpointCreate", first + 1, team)
memory = create(4)
seen += [call("cuLogicalEndpointQuery", first, 1), call("cuLogicalEndpointQuery", first, 2),
         bind(first + 1, 0, 0, memory, 4), bind(first, 1, 0, create(1, 1), 1)]
for device in 0, 1:
    call("cuLogicalEndpointAddDevice", first + 1, device)
seen += [call("cuLogicalEndpointQuery", first, 2), bind(first, 0, 0, memory, 4), bind(first + 1, 0, 2, memory, 4)]
call("cuMemRelease", memory)
seen += [taken(), error_of("cuLogicalEndpointUnbind", first, 0, 0, 4 * CHUNK), taken()]
seen.append(error_of("cuLogicalEndpointIdRelease", first, 2))
for number in first, first + 1:
    call("cuLogicalEndpointDestroy", number)
show([*seen, taken(), error_of("cuLogicalEndpointIdRelease", first, 2)])
"""
)


def test_an_endpoint_keeps_what_is_bound_until_it_is_unbound_or_destroyed(tmp_path: Path) -> None:
    machine = create_machine(
        tmp_path / "root", simulated_gpus(2, memory_bytes=16 * GIB), SimulatedDriver(cuda_version="13.3")
    )
    success, invalid = "CUDA_SUCCESS", "CUDA_ERROR_INVALID_VALUE"
    assert run(machine, PROGRAM) == [
        *(2 << 20, invalid),
        *(1, 0, invalid, invalid),
        *(1, success, success),
        *(4, success, 4),
        *(invalid, 0, success),
    ]
