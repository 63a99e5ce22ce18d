"""Programs that take memory with cuMemCreate, and note what their share has in use; sizes are in chunks of 2 MiB."""

from typing import Any

from tests.unit.vgpu.container import CUDA, GIB, Container

# What each program starts with. see() notes what the share has in use.
CHUNKS = (
    CUDA
    + """
import json, random

CHUNK = 2 << 20

def failed(name, *arguments):
    return getattr(cuda, name)(*arguments)[0] != 0

def used():
    _, free, total = cuda.cuMemGetInfo()
    return (total - free) / CHUNK

def prop(location=cuda.CUmemLocationType.CU_MEM_LOCATION_TYPE_DEVICE, device=0, usage=0):
    properties = cuda.CUmemAllocationProp()
    properties.type = cuda.CUmemAllocationType.CU_MEM_ALLOCATION_TYPE_PINNED
    properties.location.type, properties.location.id = location, device
    properties.allocFlags.usage = usage
    return properties

def create(chunks, *location, **properties):
    return call("cuMemCreate", chunks * CHUNK, prop(*location, **properties), 0)

call("cuInit", 0)
primary = call("cuDevicePrimaryCtxRetain", 0)
call("cuCtxSetCurrent", primary)
seen = []
see = lambda: seen.append(used())
"""
)


def noted(container: Container, program: str) -> Any:
    """What a program has noted."""
    return container.python(program + "\nprint(json.dumps(seen))\n")


def noted_in_share(container: Container, program: str) -> Any:
    """The same of one that is held to 1 GiB of the first GPU."""
    container.grant(0, GIB)
    return noted(container, program)
