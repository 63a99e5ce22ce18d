"""Programs that map arrays to memory of cuMemCreate, tile by tile. It is in chunks, and each has room for 32 tiles."""

from tests.unit.vgpu.chunks import CHUNKS, noted, noted_in_share

__all__ = ["TILES", "noted", "noted_in_share"]

# What each program starts with. Tiles have 128 x 128 elements in flat arrays, 32 x 32 x 16 in deep ones.
TILES = (
    CHUNKS
    + """
TILE = 64 << 10
SPARSE, DEFERRED, LAYERED = 0x40, 0x80, 0x01
MAP, UNMAP = cuda.CUmemOperationType.CU_MEM_OPERATION_TYPE_MAP, cuda.CUmemOperationType.CU_MEM_OPERATION_TYPE_UNMAP
TYPE = cuda.CUresourcetype
TAIL = cuda.CUarraySparseSubresourceType.CU_ARRAY_SPARSE_SUBRESOURCE_TYPE_MIPTAIL

def shape(width, height, depth=0, flags=SPARSE):
    descriptor = cuda.CUDA_ARRAY3D_DESCRIPTOR()
    descriptor.Width, descriptor.Height, descriptor.Depth, descriptor.Flags = width, height, depth, flags
    descriptor.Format, descriptor.NumChannels = cuda.CUarray_format.CU_AD_FORMAT_FLOAT, 1
    return descriptor

def tiled(chunks):
    return create(chunks, usage=1)

def part(array, start=(0, 0, 0), extent=(128, 128, 1), memory=None, level=0, layer=0):
    info = cuda.CUarrayMapInfo()
    mipmapped = isinstance(array, cuda.CUmipmappedArray)
    info.resourceType = TYPE.CU_RESOURCE_TYPE_MIPMAPPED_ARRAY if mipmapped else TYPE.CU_RESOURCE_TYPE_ARRAY
    setattr(info.resource, "mipmap" if mipmapped else "array", array)
    box = info.subresource.sparseLevel
    box.level, box.layer = level, layer
    box.offsetX, box.offsetY, box.offsetZ = start
    box.extentWidth, box.extentHeight, box.extentDepth = extent
    info.memOperationType = UNMAP if memory is None else MAP
    if memory is not None:
        info.memHandle.memHandle = memory
    info.deviceBitMask = 1
    return info

def tail(array, size, memory=None, layer=0):
    info = part(array, memory=memory)
    info.subresourceType = TAIL
    info.subresource.miptail.layer, info.subresource.miptail.offset, info.subresource.miptail.size = layer, 0, size
    return info

def change(*parts):
    call("cuMemMapArrayAsync", list(parts), len(parts), 0)

def mapped(chunks, array, *arguments, **named):
    memory = tiled(chunks)
    change(part(array, *arguments, memory=memory, **named))
    call("cuMemRelease", memory)
"""
)
