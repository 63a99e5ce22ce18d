/*
 * Logical endpoints of the fabric: what is bound to one is kept until it is unbound, or the process destroys it.
 *
 * An endpoint takes no memory, and has a number that the program has reserved in place of a handle.
 */
#include "core/driver.h"
#include "core/physical.h"

/* `memory` was kept while the driver was asked. */
static CUresult bound(CUresult result, CUlogicalEndpointId endpoint, struct physical *memory, uint64_t offset,
                      uint64_t bytes) {
    if (result != CUDA_SUCCESS || memory == NULL) {
        physical_let_go(memory);
        return result;
    }
    CUdevice device = physical_device(memory);
    if (physical_bind(memory, space_of_endpoint(endpoint), offset, bytes))
        return result;
    DRIVER(cuLogicalEndpointUnbind)(endpoint, device, offset, bytes);
    return CUDA_ERROR_OUT_OF_MEMORY;
}

CUresult cuLogicalEndpointBindMem(CUlogicalEndpointId endpoint, CUdevice device, uint64_t offset,
                                  CUmemGenericAllocationHandle handle, uint64_t memory_offset, uint64_t bytes,
                                  unsigned long long flags) {
    struct physical *memory = physical_of_handle(handle);
    CUresult result = DRIVER(cuLogicalEndpointBindMem)(endpoint, device, offset, handle, memory_offset, bytes, flags);
    return bound(result, endpoint, memory, offset, bytes);
}

CUresult cuLogicalEndpointBindAddr(CUlogicalEndpointId endpoint, CUdevice device, uint64_t offset, void *address,
                                   uint64_t bytes, unsigned long long flags) {
    struct physical *memory = physical_at(space_of_addresses(), (CUdeviceptr)address);
    CUresult result = DRIVER(cuLogicalEndpointBindAddr)(endpoint, device, offset, address, bytes, flags);
    return bound(result, endpoint, memory, offset, bytes);
}

CUresult cuLogicalEndpointUnbind(CUlogicalEndpointId endpoint, CUdevice device, uint64_t offset, uint64_t bytes) {
    struct reference *taken = physical_take_bound(space_of_endpoint(endpoint), device, offset, bytes);
    return physical_taken(taken, DRIVER(cuLogicalEndpointUnbind)(endpoint, device, offset, bytes));
}

CUresult cuLogicalEndpointDestroy(CUlogicalEndpointId endpoint) {
    struct reference *taken = physical_take_all(space_of_endpoint(endpoint));
    return physical_taken(taken, DRIVER(cuLogicalEndpointDestroy)(endpoint));
}
