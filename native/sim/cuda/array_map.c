/* Maps physical allocations into sparse arrays, and those whose mapping was deferred: at once, whatever the stream.
 * What was mapped before is let go of in the order of the stream. */
#include "sim/cuda/array.h"
#include "sim/cuda/context.h"
#include "sim/cuda/physical.h"
#include "sim/cuda/process.h"
#include "sim/cuda/stream.h"
#include "sim/cuda/table.h"

static struct tiles *tiles_of(const CUarrayMapInfo *part) {
    if (part->resourceType == CU_RESOURCE_TYPE_MIPMAPPED_ARRAY)
        return mipmapped_array_tiles(part->resource.mipmap);
    return part->resourceType == CU_RESOURCE_TYPE_ARRAY ? array_tiles(part->resource.array) : NULL;
}

/* The tile pool that the part is to be mapped to. */
static bool find_pool(const CUarrayMapInfo *part, CUdevice device, unsigned *index) {
    CUdevice its;
    return part->memHandleType == CU_MEM_HANDLE_TYPE_GENERIC && physical_find(part->memHandle.memHandle, index) &&
           (physical_at(*index)->usage & CU_MEM_CREATE_USAGE_TILE_POOL) != 0 &&
           physical_device(physical_at(*index)->location, &its) && its == device;
}

static CUresult check(const CUarrayMapInfo *part, CUdevice device) {
    const struct tiles *tiles = tiles_of(part);
    unsigned index;
    if (tiles == NULL)
        return CUDA_ERROR_INVALID_HANDLE;
    if (device >= 32 || part->deviceBitMask != 1u << device || part->flags != 0 || !tiles_have(tiles, part))
        return CUDA_ERROR_INVALID_VALUE;
    if (part->memOperationType == CU_MEM_OPERATION_TYPE_UNMAP)
        return part->memHandle.memHandle == 0 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
    if (part->memOperationType != CU_MEM_OPERATION_TYPE_MAP || !find_pool(part, device, &index))
        return CUDA_ERROR_INVALID_VALUE;
    uint64_t size = physical_at(index)->size, needed = tiles_size(tiles, part);
    return needed <= size && part->offset <= size - needed ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

static void apply(const CUarrayMapInfo *part, struct timeline *timeline) {
    unsigned index;
    bool maps =
        part->memOperationType == CU_MEM_OPERATION_TYPE_MAP && find_pool(part, timeline->context->device, &index);
    tiles_map(tiles_of(part), part, maps ? (int64_t)index : -1, timeline);
}

CUresult cuMemMapArrayAsync(CUarrayMapInfo *parts, unsigned int count, CUstream stream) {
    struct timeline *timeline;
    CUresult result = stream_timeline(stream, &timeline);
    if (result != CUDA_SUCCESS)
        return result;
    if (parts == NULL || count == 0)
        return CUDA_ERROR_INVALID_VALUE;
    physical_lock();
    for (unsigned i = 0; result == CUDA_SUCCESS && i < count; i++)
        result = check(&parts[i], timeline->context->device);
    for (unsigned i = 0; result == CUDA_SUCCESS && i < count; i++)
        apply(&parts[i], timeline);
    physical_unlock();
    return result;
}

CUresult cuMemMapArrayAsync_ptsz(CUarrayMapInfo *parts, unsigned int count, CUstream stream) {
    return cuMemMapArrayAsync(parts, count, stream_or_own(stream));
}

static CUresult get_properties(CUDA_ARRAY_SPARSE_PROPERTIES *properties, const struct tiles *tiles) {
    if (process_get() == NULL)
        return CUDA_ERROR_NOT_INITIALIZED;
    if (properties == NULL || tiles == NULL || (tiles->shape.Flags & CUDA_ARRAY3D_SPARSE) == 0)
        return CUDA_ERROR_INVALID_VALUE;
    *properties = tiles->properties;
    return CUDA_SUCCESS;
}

CUresult cuArrayGetSparseProperties(CUDA_ARRAY_SPARSE_PROPERTIES *properties, CUarray array) {
    return get_properties(properties, array_tiles(array));
}

CUresult cuMipmappedArrayGetSparseProperties(CUDA_ARRAY_SPARSE_PROPERTIES *properties, CUmipmappedArray mipmap) {
    return get_properties(properties, mipmapped_array_tiles(mipmap));
}
