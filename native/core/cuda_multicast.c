/*
 * Multicast objects: cuMulticastCreate to cuMulticastUnbind.
 *
 * One takes no memory, and lives as long as memory does: until its last handle is released and its last mapping is
 * gone. So long it keeps what is bound to it. Which of a program's other handles are of such objects, the driver does
 * not tell; those that it imports are therefore all kept (cuda_virtual_memory.c).
 */
#include "core/driver.h"
#include "core/inventory.h"
#include "core/physical.h"

CUresult cuMulticastCreate(CUmemGenericAllocationHandle *handle, const CUmulticastObjectProp *prop) {
    CUresult result = DRIVER(cuMulticastCreate)(handle, prop);
    if (result != CUDA_SUCCESS || !inventory_limits())
        return result;
    struct physical *object = physical_new(NULL, 0, 0);
    if (object != NULL && physical_add_handle(object, *handle))
        return result;
    DRIVER(cuMemRelease)(*handle);
    return CUDA_ERROR_OUT_OF_MEMORY;
}

/* What is to be bound, and to what: kept while the driver is asked. */
struct binding {
    CUmemGenericAllocationHandle handle;
    struct physical *object;
    struct physical *memory;
};

static struct binding begin(CUmemGenericAllocationHandle handle, struct physical *memory) {
    return (struct binding){handle, memory != NULL ? physical_of_handle(handle) : NULL, memory};
}

static CUresult finish(CUresult result, struct binding binding, size_t offset, size_t bytes) {
    if (result != CUDA_SUCCESS || binding.object == NULL) {
        physical_let_go(binding.memory);
    } else {
        CUdevice device = physical_device(binding.memory);
        if (!physical_bind(binding.memory, space_of_object(binding.object), offset, bytes)) {
            DRIVER(cuMulticastUnbind)(binding.handle, device, offset, bytes);
            result = CUDA_ERROR_OUT_OF_MEMORY;
        }
    }
    physical_let_go(binding.object);
    return result;
}

CUresult cuMulticastBindMem(CUmemGenericAllocationHandle handle, size_t offset, CUmemGenericAllocationHandle memory,
                            size_t memory_offset, size_t bytes, unsigned long long flags) {
    struct binding binding = begin(handle, physical_of_handle(memory));
    CUresult result = DRIVER(cuMulticastBindMem)(handle, offset, memory, memory_offset, bytes, flags);
    return finish(result, binding, offset, bytes);
}

CUresult cuMulticastBindMem_v2(CUmemGenericAllocationHandle handle, CUdevice device, size_t offset,
                               CUmemGenericAllocationHandle memory, size_t memory_offset, size_t bytes,
                               unsigned long long flags) {
    struct binding binding = begin(handle, physical_of_handle(memory));
    CUresult result = DRIVER(cuMulticastBindMem_v2)(handle, device, offset, memory, memory_offset, bytes, flags);
    return finish(result, binding, offset, bytes);
}

CUresult cuMulticastBindAddr(CUmemGenericAllocationHandle handle, size_t offset, CUdeviceptr address, size_t bytes,
                             unsigned long long flags) {
    struct binding binding = begin(handle, physical_at(space_of_addresses(), address));
    return finish(DRIVER(cuMulticastBindAddr)(handle, offset, address, bytes, flags), binding, offset, bytes);
}

CUresult cuMulticastBindAddr_v2(CUmemGenericAllocationHandle handle, CUdevice device, size_t offset,
                                CUdeviceptr address, size_t bytes, unsigned long long flags) {
    struct binding binding = begin(handle, physical_at(space_of_addresses(), address));
    CUresult result = DRIVER(cuMulticastBindAddr_v2)(handle, device, offset, address, bytes, flags);
    return finish(result, binding, offset, bytes);
}

CUresult cuMulticastUnbind(CUmemGenericAllocationHandle handle, CUdevice device, size_t offset, size_t bytes) {
    struct physical *object = physical_of_handle(handle);
    struct reference *bound = physical_take_bound(space_of_object(object), device, offset, bytes);
    CUresult result = physical_taken(bound, DRIVER(cuMulticastUnbind)(handle, device, offset, bytes));
    physical_let_go(object);
    return result;
}
