"""Programs that take memory with cuMemCreate, and note what their share has in use; sizes are in chunks of 2 MiB."""

from tests.unit.vgpu.noting import NOTING, noted, noted_in_share

__all__ = ["CHUNKS", "noted", "noted_in_share"]

# What each program starts with. see() notes what the share has in use.
CHUNKS = (
    NOTING
    + """
import random

CHUNK = UNIT = 2 << 20

def prop(location=cuda.CUmemLocationType.CU_MEM_LOCATION_TYPE_DEVICE, device=0, usage=0):
    properties = cuda.CUmemAllocationProp()
    properties.type = cuda.CUmemAllocationType.CU_MEM_ALLOCATION_TYPE_PINNED
    properties.location.type, properties.location.id = location, device
    properties.allocFlags.usage = usage
    return properties

def create(chunks, *location, **properties):
    return call("cuMemCreate", chunks * CHUNK, prop(*location, **properties), 0)
"""
)
