"""What programs begin with that bind memory of cuMemCreate to something on a machine with GPUs of 16 GiB."""

# Sizes are in chunks of 2 MiB, the granularity of all that is bound. taken() is what is in use of the GPU.
CHUNKS = """
CHUNK = 2 << 20

def taken():
    return (16 * GIB - free()) // CHUNK

def create(chunks, device=0):
    prop = driver.CUmemAllocationProp()
    prop.type = driver.CUmemAllocationType.CU_MEM_ALLOCATION_TYPE_PINNED
    prop.location.type, prop.location.id = driver.CUmemLocationType.CU_MEM_LOCATION_TYPE_DEVICE, device
    return call("cuMemCreate", chunks * CHUNK, prop, 0)

start()
"""
