/* Device memory by handle: cuMemCreate, cuMemRelease. */
#include "core/devices.h"
#include "core/driver.h"
#include "core/memory.h"

CUresult cuMemCreate(CUmemGenericAllocationHandle *handle, size_t bytes, const CUmemAllocationProp *prop,
                     unsigned long long flags) {
    bool on_device = prop != NULL && prop->location.type == CU_MEM_LOCATION_TYPE_DEVICE;
    struct gpu *gpu = on_device ? gpu_of_device(prop->location.id) : NULL;
    if (!gpu_reserve(gpu, bytes))
        return CUDA_ERROR_OUT_OF_MEMORY;
    CUresult result = DRIVER(cuMemCreate)(handle, bytes, prop, flags);
    uint64_t key = result == CUDA_SUCCESS ? *handle : 0;
    if (memory_keep(&handles, result, (struct allocation){.key = key, .bytes = bytes, .gpu = gpu}))
        return result;
    DRIVER(cuMemRelease)(*handle);
    return CUDA_ERROR_OUT_OF_MEMORY;
}

CUresult cuMemRelease(CUmemGenericAllocationHandle handle) {
    struct allocation allocation = memory_freeing(&handles, handle);
    return memory_freed(&handles, allocation, DRIVER(cuMemRelease)(handle));
}
