/*
 * Device memory by handle, and mapped to addresses: cuMemCreate to cuMemUnmap.
 *
 * The driver frees it when its last handle is released, and nothing is mapped or bound to it any more (cuda_sparse.c,
 * cuda_multicast.c). It belongs to no context.
 */
#include "core/devices.h"
#include "core/driver.h"
#include "core/inventory.h"
#include "core/overhead.h"
#include "core/physical.h"

static CUresult keep(struct gpu *gpu, CUdevice device, size_t bytes, CUmemGenericAllocationHandle handle) {
    struct physical *physical = physical_new(gpu, device, bytes);
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
    if (result != CUDA_SUCCESS || gpu == NULL)
        return result;
    return keep(gpu, device_of_location(&prop->location), bytes, *handle);
}

/* The same handle once more names what it did. A new one names what is at the address. */
static struct physical *named(CUmemGenericAllocationHandle handle, struct physical *at_address) {
    struct physical *known = physical_of_handle(handle);
    if (known == NULL)
        return at_address;
    physical_let_go(at_address);
    return known;
}

CUresult cuMemRetainAllocationHandle(CUmemGenericAllocationHandle *handle, void *address) {
    struct physical *physical = physical_at(space_of_addresses(), (CUdeviceptr)address);
    CUresult result = DRIVER(cuMemRetainAllocationHandle)(handle, address);
    if (result != CUDA_SUCCESS) {
        physical_let_go(physical);
        return result;
    }
    physical = named(*handle, physical);
    if (physical == NULL || physical_add_handle(physical, *handle))
        return result;
    DRIVER(cuMemRelease)(*handle);
    return CUDA_ERROR_OUT_OF_MEMORY;
}

/* What another process has made counts there as long as that one has it, and is kept as something that takes nothing:
 * it may be a multicast object. A handle that we know is once more of what this process has already. */
CUresult cuMemImportFromShareableHandle(CUmemGenericAllocationHandle *handle, void *shareable,
                                        CUmemAllocationHandleType type) {
    CUresult result = DRIVER(cuMemImportFromShareableHandle)(handle, shareable, type);
    if (result != CUDA_SUCCESS || !inventory_limits())
        return result;
    struct physical *physical = physical_of_handle(*handle);
    if (physical == NULL) {
        physical = physical_new(NULL, 0, 0);
        overheads_inherit();
    }
    if (physical != NULL && physical_add_handle(physical, *handle))
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
    if (result != CUDA_SUCCESS || physical == NULL ||
        physical_add(physical, space_of_addresses(), address, address + bytes))
        return result;
    DRIVER(cuMemUnmap)(address, bytes);
    return CUDA_ERROR_OUT_OF_MEMORY;
}

/* The driver unmaps one whole mapping, or several that adjoin. */
CUresult cuMemUnmap(CUdeviceptr address, size_t bytes) {
    struct reference *mappings = physical_take(space_of_addresses(), address, address + bytes);
    return physical_taken(mappings, DRIVER(cuMemUnmap)(address, bytes));
}
