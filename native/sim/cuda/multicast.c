/* Multicast objects. A handle names one like an allocation, and so may addresses; it ends with the last of them. Until
 * then it keeps the memory that is bound to it.
 *
 * Who binds memory before all devices were added waits with the real driver. Here that is an error. */
#include "sim/cuda/multicast.h"

#include "sim/cuda/bindings.h"
#include "sim/cuda/physical.h"
#include "sim/cuda/process.h"
#include "sim/cuda/table.h"

#include <stdlib.h>

struct multicast {
    struct bindings bindings;
};

static CUresult check_prop(const CUmulticastObjectProp *prop) {
    if (process_get() == NULL)
        return CUDA_ERROR_NOT_INITIALIZED;
    if (prop == NULL || prop->flags != 0 || prop->numDevices == 0 || prop->size == 0 ||
        prop->size % PHYSICAL_GRANULARITY != 0)
        return CUDA_ERROR_INVALID_VALUE;
    return prop->handleTypes == CU_MEM_HANDLE_TYPE_NONE ? CUDA_SUCCESS : CUDA_ERROR_NOT_SUPPORTED;
}

CUresult cuMulticastGetGranularity(size_t *granularity, const CUmulticastObjectProp *prop,
                                   CUmulticastGranularity_flags option) {
    CUresult result = check_prop(prop);
    if (result != CUDA_SUCCESS)
        return result;
    if (granularity == NULL || option > CU_MULTICAST_GRANULARITY_RECOMMENDED)
        return CUDA_ERROR_INVALID_VALUE;
    *granularity = PHYSICAL_GRANULARITY;
    return CUDA_SUCCESS;
}

CUresult cuMulticastCreate(CUmemGenericAllocationHandle *handle, const CUmulticastObjectProp *prop) {
    CUresult result = check_prop(prop);
    if (result != CUDA_SUCCESS)
        return result;
    if (handle == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    struct multicast *multicast = calloc(1, sizeof(*multicast));
    if (multicast == NULL)
        return CUDA_ERROR_OUT_OF_MEMORY;
    multicast->bindings.size = prop->size;
    multicast->bindings.team = prop->numDevices;
    unsigned index;
    physical_lock();
    result = physical_create_multicast(multicast, prop->size, &index);
    if (result == CUDA_SUCCESS)
        *handle = physical_handle(index);
    physical_unlock();
    if (result != CUDA_SUCCESS)
        free(multicast);
    return result;
}

/* Takes the lock, and finds what is bound to the object. NULL: the handle names none. */
static struct bindings *begin(CUmemGenericAllocationHandle handle) {
    unsigned index;
    physical_lock();
    bool found = physical_find(handle, &index) && physical_at(index)->multicast != NULL;
    return found ? &physical_at(index)->multicast->bindings : NULL;
}

static CUresult finish(CUresult result) {
    physical_unlock();
    return result;
}

CUresult cuMulticastAddDevice(CUmemGenericAllocationHandle handle, CUdevice device) {
    const struct sim_gpu *gpu;
    CUresult result = process_gpu(device, &gpu);
    if (result != CUDA_SUCCESS)
        return result;
    struct bindings *bindings = begin(handle);
    return finish(bindings != NULL ? bindings_add_device(bindings, device) : CUDA_ERROR_INVALID_VALUE);
}

static CUresult bind_memory(CUmemGenericAllocationHandle handle, CUdevice device, size_t start,
                            CUmemGenericAllocationHandle memory, size_t offset, size_t size, unsigned long long flags) {
    struct bindings *bindings = begin(handle);
    if (bindings == NULL || flags != 0)
        return finish(CUDA_ERROR_INVALID_VALUE);
    return finish(bindings_bind_memory(bindings, device, start, memory, offset, size));
}

static CUresult bind_address(CUmemGenericAllocationHandle handle, CUdevice device, size_t start, CUdeviceptr address,
                             size_t size, unsigned long long flags) {
    struct bindings *bindings = begin(handle);
    if (bindings == NULL || flags != 0)
        return finish(CUDA_ERROR_INVALID_VALUE);
    return finish(bindings_bind_address(bindings, device, start, address, size));
}

CUresult cuMulticastBindMem(CUmemGenericAllocationHandle handle, size_t start, CUmemGenericAllocationHandle memory,
                            size_t offset, size_t size, unsigned long long flags) {
    CUresult result = process_check();
    return result != CUDA_SUCCESS ? result : bind_memory(handle, BINDING_OWN, start, memory, offset, size, flags);
}

CUresult cuMulticastBindMem_v2(CUmemGenericAllocationHandle handle, CUdevice device, size_t start,
                               CUmemGenericAllocationHandle memory, size_t offset, size_t size,
                               unsigned long long flags) {
    const struct sim_gpu *gpu;
    CUresult result = process_gpu(device, &gpu);
    return result != CUDA_SUCCESS ? result : bind_memory(handle, device, start, memory, offset, size, flags);
}

CUresult cuMulticastBindAddr(CUmemGenericAllocationHandle handle, size_t start, CUdeviceptr address, size_t size,
                             unsigned long long flags) {
    CUresult result = process_check();
    return result != CUDA_SUCCESS ? result : bind_address(handle, BINDING_OWN, start, address, size, flags);
}

CUresult cuMulticastBindAddr_v2(CUmemGenericAllocationHandle handle, CUdevice device, size_t start, CUdeviceptr address,
                                size_t size, unsigned long long flags) {
    const struct sim_gpu *gpu;
    CUresult result = process_gpu(device, &gpu);
    return result != CUDA_SUCCESS ? result : bind_address(handle, device, start, address, size, flags);
}

CUresult cuMulticastUnbind(CUmemGenericAllocationHandle handle, CUdevice device, size_t start, size_t size) {
    const struct sim_gpu *gpu;
    CUresult result = process_gpu(device, &gpu);
    if (result != CUDA_SUCCESS)
        return result;
    struct bindings *bindings = begin(handle);
    return finish(bindings != NULL ? bindings_unbind(bindings, device, start, size) : CUDA_ERROR_INVALID_VALUE);
}

void multicast_free(struct multicast *multicast) {
    bindings_end(&multicast->bindings);
    free(multicast);
}
