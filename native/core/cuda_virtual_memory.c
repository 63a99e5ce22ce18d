/*
 * Device memory by handle, and mapped to addresses: cuMemCreate to cuMemUnmap.
 *
 * The driver frees it when its last handle is released and its last mapping is gone. It belongs to no context.
 */
#include "core/devices.h"
#include "core/driver.h"
#include "core/physical.h"

static CUresult keep(struct gpu *gpu, size_t bytes, CUmemGenericAllocationHandle handle) {
    struct physical *physical = physical_new(gpu, bytes);
    if (physical == NULL)
        gpu_give_back(gpu, bytes);
    else if (physical_add_handle(physical, handle))
        return CUDA_SUCCESS;
    DRIVER(cuMemRelease)(handle);
    return CUDA_ERROR_OUT_OF_MEMORY;
}

CUresult cuMemCreate(CUmemGenericAllocationHandle *handle, size_t bytes, const CUmemAllocationProp *prop,
                     unsigned long long flags) {
    struct gpu *gpu = prop != NULL ? gpu_of_location(&prop->location) : NULL;
    if (!gpu_reserve(gpu, bytes))
        return CUDA_ERROR_OUT_OF_MEMORY;
    CUresult result = DRIVER(cuMemCreate)(handle, bytes, prop, flags);
    if (result != CUDA_SUCCESS)
        gpu_give_back(gpu, bytes);
    return result == CUDA_SUCCESS && gpu != NULL ? keep(gpu, bytes, *handle) : result;
}

/* The allocation's first handle may be long released, and this one another: its address tells which it is. */
CUresult cuMemRetainAllocationHandle(CUmemGenericAllocationHandle *handle, void *address) {
    struct physical *physical = physical_at((CUdeviceptr)address);
    CUresult result = DRIVER(cuMemRetainAllocationHandle)(handle, address);
    if (result != CUDA_SUCCESS)
        physical_let_go(physical);
    if (result != CUDA_SUCCESS || physical == NULL || physical_add_handle(physical, *handle))
        return result;
    DRIVER(cuMemRelease)(*handle);
    return CUDA_ERROR_OUT_OF_MEMORY;
}

/* What another process has made counts there. A handle that we know is of this process's own memory, once more. */
CUresult cuMemImportFromShareableHandle(CUmemGenericAllocationHandle *handle, void *shareable,
                                        CUmemAllocationHandleType type) {
    CUresult result = DRIVER(cuMemImportFromShareableHandle)(handle, shareable, type);
    struct physical *physical = result == CUDA_SUCCESS ? physical_of_handle(*handle) : NULL;
    if (physical == NULL || physical_add_handle(physical, *handle))
        return result;
    DRIVER(cuMemRelease)(*handle);
    return CUDA_ERROR_OUT_OF_MEMORY;
}

CUresult cuMemRelease(CUmemGenericAllocationHandle handle) {
    struct physical *physical = physical_take_handle(handle);
    CUresult result = DRIVER(cuMemRelease)(handle);
    if (result == CUDA_SUCCESS)
        physical_let_go(physical);
    else if (physical != NULL)
        (void)physical_add_handle(physical, handle);
    return result;
}

CUresult cuMemMap(CUdeviceptr address, size_t bytes, size_t offset, CUmemGenericAllocationHandle handle,
                  unsigned long long flags) {
    struct physical *physical = physical_of_handle(handle);
    CUresult result = DRIVER(cuMemMap)(address, bytes, offset, handle, flags);
    if (result != CUDA_SUCCESS)
        physical_let_go(physical);
    if (result != CUDA_SUCCESS || physical == NULL || physical_add_mapping(physical, address, bytes))
        return result;
    DRIVER(cuMemUnmap)(address, bytes);
    return CUDA_ERROR_OUT_OF_MEMORY;
}

/* The driver unmaps one whole mapping, or several that adjoin. */
CUresult cuMemUnmap(CUdeviceptr address, size_t bytes) {
    struct reference *mappings = physical_take_mappings(address, bytes);
    CUresult result = DRIVER(cuMemUnmap)(address, bytes);
    if (result == CUDA_SUCCESS)
        physical_end_mappings(mappings);
    else
        physical_restore_mappings(mappings);
    return result;
}
