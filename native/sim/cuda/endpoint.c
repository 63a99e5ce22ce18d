/* Logical endpoints of the fabric, as far as what is bound to them: there is no fabric, and no other process has them.
 */
#include "sim/cuda/bindings.h"
#include "sim/cuda/physical.h"
#include "sim/cuda/process.h"
#include "sim/cuda/table.h"

#define ENDPOINTS 256 /* numbers that a process can reserve */

static struct endpoint {
    bool reserved;
    bool created;
    struct bindings bindings;
} endpoints[ENDPOINTS];

static bool are(CUlogicalEndpointId first, uint32_t count, bool reserved, bool created) {
    if (count == 0 || first >= ENDPOINTS || count > ENDPOINTS - first)
        return false;
    for (uint32_t i = first; i < first + count; i++)
        if (endpoints[i].reserved != reserved || endpoints[i].created != created)
            return false;
    return true;
}

static void set_reserved(CUlogicalEndpointId first, uint32_t count, bool reserved) {
    for (uint32_t i = first; i < first + count; i++)
        endpoints[i].reserved = reserved;
}

CUresult cuLogicalEndpointIdReserve(CUlogicalEndpointId *first, uint32_t count) {
    CUresult result = process_check();
    if (result != CUDA_SUCCESS)
        return result;
    if (first == NULL || count == 0)
        return CUDA_ERROR_INVALID_VALUE;
    physical_lock();
    CUlogicalEndpointId id = 0;
    while (id < ENDPOINTS && !are(id, count, false, false))
        id++;
    if (id < ENDPOINTS) {
        set_reserved(id, count, true);
        *first = id;
    }
    physical_unlock();
    return id < ENDPOINTS ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
}

CUresult cuLogicalEndpointIdRelease(CUlogicalEndpointId first, uint32_t count) {
    CUresult result = process_check();
    if (result != CUDA_SUCCESS)
        return result;
    physical_lock();
    bool can = are(first, count, true, false);
    if (can)
        set_reserved(first, count, false);
    physical_unlock();
    return can ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

static CUresult check_prop(const CUlogicalEndpointProp *prop) {
    const struct sim_gpu *gpu;
    CUresult result = process_check();
    if (result != CUDA_SUCCESS)
        return result;
    if (prop == NULL || prop->size == 0 || prop->size % PHYSICAL_GRANULARITY != 0 || prop->flags != 0)
        return CUDA_ERROR_INVALID_VALUE;
    if (prop->ipcHandleTypes != 0)
        return CUDA_ERROR_NOT_SUPPORTED;
    if (prop->type == CU_LOGICAL_ENDPOINT_TYPE_UNICAST)
        return process_gpu(prop->unicast.device, &gpu);
    bool is_team = prop->type == CU_LOGICAL_ENDPOINT_TYPE_MULTICAST && prop->multicast.numDevices != 0;
    return is_team ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuLogicalEndpointGetLimits(uint64_t *alignment, uint64_t *maximum, const CUlogicalEndpointProp *prop) {
    CUresult result = check_prop(prop);
    if (result != CUDA_SUCCESS)
        return result;
    if (alignment == NULL || maximum == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    *alignment = PHYSICAL_GRANULARITY;
    *maximum = (uint64_t)1 << 40;
    return CUDA_SUCCESS;
}

CUresult cuLogicalEndpointCreate(CUlogicalEndpointId id, const CUlogicalEndpointProp *prop) {
    CUresult result = check_prop(prop);
    if (result != CUDA_SUCCESS)
        return result;
    physical_lock();
    bool can = are(id, 1, true, false);
    if (can) {
        bool alone = prop->type == CU_LOGICAL_ENDPOINT_TYPE_UNICAST;
        endpoints[id].created = true;
        endpoints[id].bindings = (struct bindings){.size = prop->size, .team = alone ? 1 : prop->multicast.numDevices};
        if (alone)
            bindings_add_device(&endpoints[id].bindings, prop->unicast.device);
    }
    physical_unlock();
    return can ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

/* Takes the lock, and finds what is bound to the endpoint. NULL: there is none. */
static struct bindings *begin(CUlogicalEndpointId id) {
    physical_lock();
    return are(id, 1, true, true) ? &endpoints[id].bindings : NULL;
}

static CUresult finish(CUresult result) {
    physical_unlock();
    return result;
}

CUresult cuLogicalEndpointAddDevice(CUlogicalEndpointId id, CUdevice device) {
    const struct sim_gpu *gpu;
    CUresult result = process_gpu(device, &gpu);
    if (result != CUDA_SUCCESS)
        return result;
    struct bindings *bindings = begin(id);
    return finish(bindings != NULL ? bindings_add_device(bindings, device) : CUDA_ERROR_INVALID_VALUE);
}

CUresult cuLogicalEndpointQuery(CUlogicalEndpointId first, uint32_t count, int *status) {
    CUresult result = process_check();
    if (result != CUDA_SUCCESS)
        return result;
    physical_lock();
    if (status == NULL || !are(first, count, true, true))
        return finish(CUDA_ERROR_INVALID_VALUE);
    *status = 1;
    for (uint32_t i = first; i < first + count; i++)
        *status &= endpoints[i].bindings.added == endpoints[i].bindings.team;
    return finish(CUDA_SUCCESS);
}

CUresult cuLogicalEndpointDestroy(CUlogicalEndpointId id) {
    CUresult result = process_check();
    if (result != CUDA_SUCCESS)
        return result;
    struct bindings *bindings = begin(id);
    if (bindings == NULL)
        return finish(CUDA_ERROR_INVALID_VALUE);
    bindings_end(bindings);
    endpoints[id].created = false;
    return finish(CUDA_SUCCESS);
}

CUresult cuLogicalEndpointBindMem(CUlogicalEndpointId id, CUdevice device, uint64_t start,
                                  CUmemGenericAllocationHandle memory, uint64_t offset, uint64_t size,
                                  unsigned long long flags) {
    const struct sim_gpu *gpu;
    CUresult result = process_gpu(device, &gpu);
    if (result != CUDA_SUCCESS)
        return result;
    struct bindings *bindings = begin(id);
    if (bindings == NULL || flags != 0)
        return finish(CUDA_ERROR_INVALID_VALUE);
    return finish(bindings_bind_memory(bindings, device, start, memory, offset, size));
}

CUresult cuLogicalEndpointBindAddr(CUlogicalEndpointId id, CUdevice device, uint64_t start, void *address,
                                   uint64_t size, unsigned long long flags) {
    const struct sim_gpu *gpu;
    CUresult result = process_gpu(device, &gpu);
    if (result != CUDA_SUCCESS)
        return result;
    struct bindings *bindings = begin(id);
    if (bindings == NULL || flags != 0)
        return finish(CUDA_ERROR_INVALID_VALUE);
    return finish(bindings_bind_address(bindings, device, start, (CUdeviceptr)address, size));
}

CUresult cuLogicalEndpointUnbind(CUlogicalEndpointId id, CUdevice device, uint64_t start, uint64_t size) {
    const struct sim_gpu *gpu;
    CUresult result = process_gpu(device, &gpu);
    if (result != CUDA_SUCCESS)
        return result;
    struct bindings *bindings = begin(id);
    return finish(bindings != NULL ? bindings_unbind(bindings, device, start, size) : CUDA_ERROR_INVALID_VALUE);
}
