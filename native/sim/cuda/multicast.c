/* Multicast objects. A handle names one like an allocation, and so may addresses; it ends with the last of them. Until
 * then it keeps the memory that is bound to it.
 *
 * Who binds memory before all devices were added waits with the real driver. Here that is an error. */
#include "sim/cuda/multicast.h"

#include "sim/cuda/physical.h"
#include "sim/cuda/process.h"
#include "sim/cuda/table.h"
#include "sim/cuda/vmm.h"

#include <stdlib.h>

struct binding {
    CUdevice device;
    uint64_t start; /* in the object; bytes, as the next two */
    uint64_t end;
    unsigned physical;
    struct binding *next;
};

struct multicast {
    unsigned team;  /* how many devices take part */
    unsigned added; /* how many of them are in `has` */
    bool has[SIM_MAX_GPUS];
    struct binding *bindings;
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
    multicast->team = prop->numDevices;
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

/* NULL: the handle names none. With the lock held. */
static struct multicast *find(CUmemGenericAllocationHandle handle, uint64_t *size) {
    unsigned index;
    if (!physical_find(handle, &index))
        return NULL;
    *size = physical_at(index)->size;
    return physical_at(index)->multicast;
}

CUresult cuMulticastAddDevice(CUmemGenericAllocationHandle handle, CUdevice device) {
    const struct sim_gpu *gpu;
    uint64_t size;
    CUresult result = process_gpu(device, &gpu);
    if (result != CUDA_SUCCESS)
        return result;
    physical_lock();
    struct multicast *multicast = find(handle, &size);
    bool can = multicast != NULL && !multicast->has[device] && multicast->added < multicast->team;
    if (can) {
        multicast->has[device] = true;
        multicast->added++;
    }
    physical_unlock();
    return can ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

static bool overlaps(const struct multicast *multicast, const struct binding *wanted) {
    for (const struct binding *one = multicast->bindings; one != NULL; one = one->next)
        if (one->device == wanted->device && one->start < wanted->end && wanted->start < one->end)
            return true;
    return false;
}

/* Binds `size` bytes from `offset` on of an allocation. */
static CUresult bind(CUmemGenericAllocationHandle handle, struct binding wanted, uint64_t offset, uint64_t size) {
    uint64_t whole;
    struct multicast *multicast = find(handle, &whole);
    const struct physical *physical = physical_at(wanted.physical);
    bool aligned = (wanted.start | offset | size) % PHYSICAL_GRANULARITY == 0 && size != 0;
    if (multicast == NULL || multicast->added < multicast->team || !multicast->has[wanted.device] || !aligned ||
        wanted.start > whole || size > whole - wanted.start || offset > physical->size ||
        size > physical->size - offset)
        return CUDA_ERROR_INVALID_VALUE;
    wanted.end = wanted.start + size;
    struct binding *binding = overlaps(multicast, &wanted) ? NULL : malloc(sizeof(*binding));
    if (binding == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    *binding = wanted;
    binding->next = multicast->bindings;
    multicast->bindings = binding;
    physical_at(binding->physical)->mappings++;
    return CUDA_SUCCESS;
}

/* The device for which an allocation can be bound: its own. */
static bool device_of(unsigned physical, CUdevice *device) {
    return physical_at(physical)->multicast == NULL && physical_device(physical_at(physical)->location, device);
}

#define OWN (-1) /* in place of a device: the one that has the memory */

static CUresult bind_memory(CUmemGenericAllocationHandle handle, CUdevice device, size_t start,
                            CUmemGenericAllocationHandle memory, size_t offset, size_t size, unsigned long long flags) {
    if (process_get() == NULL)
        return CUDA_ERROR_NOT_INITIALIZED;
    struct binding binding = {.start = start};
    CUresult result = CUDA_ERROR_INVALID_VALUE;
    physical_lock();
    if (flags == 0 && physical_find(memory, &binding.physical) && device_of(binding.physical, &binding.device) &&
        (device == OWN || device == binding.device))
        result = bind(handle, binding, offset, size);
    physical_unlock();
    return result;
}

static CUresult bind_address(CUmemGenericAllocationHandle handle, CUdevice device, size_t start, CUdeviceptr address,
                             size_t size, unsigned long long flags) {
    if (process_get() == NULL)
        return CUDA_ERROR_NOT_INITIALIZED;
    struct binding binding = {.start = start};
    CUresult result = CUDA_ERROR_INVALID_VALUE;
    uint64_t offset;
    physical_lock();
    if (flags == 0 && vmm_physical(address, size, &binding.physical, &offset) &&
        device_of(binding.physical, &binding.device) && (device == OWN || device == binding.device))
        result = bind(handle, binding, offset, size);
    physical_unlock();
    return result;
}

CUresult cuMulticastBindMem(CUmemGenericAllocationHandle handle, size_t start, CUmemGenericAllocationHandle memory,
                            size_t offset, size_t size, unsigned long long flags) {
    return bind_memory(handle, OWN, start, memory, offset, size, flags);
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
    return bind_address(handle, OWN, start, address, size, flags);
}

CUresult cuMulticastBindAddr_v2(CUmemGenericAllocationHandle handle, CUdevice device, size_t start, CUdeviceptr address,
                                size_t size, unsigned long long flags) {
    const struct sim_gpu *gpu;
    CUresult result = process_gpu(device, &gpu);
    return result != CUDA_SUCCESS ? result : bind_address(handle, device, start, address, size, flags);
}

static void end(struct binding **link) {
    struct binding *binding = *link;
    *link = binding->next;
    physical_at(binding->physical)->mappings--;
    physical_collect(binding->physical);
    free(binding);
}

/* Whole bindings, and nothing that is not bound. */
static CUresult unbind(struct multicast *multicast, CUdevice device, uint64_t first, uint64_t last) {
    bool found = false;
    for (const struct binding *one = multicast->bindings; one != NULL; one = one->next) {
        bool within = one->device == device && one->start >= first && one->end <= last;
        if (!within && one->device == device && one->start < last && first < one->end)
            return CUDA_ERROR_INVALID_VALUE;
        found |= within;
    }
    for (struct binding **link = &multicast->bindings; *link != NULL;)
        if ((*link)->device == device && (*link)->start >= first && (*link)->end <= last)
            end(link);
        else
            link = &(*link)->next;
    return found ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuMulticastUnbind(CUmemGenericAllocationHandle handle, CUdevice device, size_t start, size_t size) {
    const struct sim_gpu *gpu;
    uint64_t whole;
    CUresult result = process_gpu(device, &gpu);
    if (result != CUDA_SUCCESS)
        return result;
    physical_lock();
    struct multicast *multicast = find(handle, &whole);
    bool can = multicast != NULL && start <= whole && size <= whole - start;
    result = can ? unbind(multicast, device, start, start + size) : CUDA_ERROR_INVALID_VALUE;
    physical_unlock();
    return result;
}

void multicast_free(struct multicast *multicast) {
    while (multicast->bindings != NULL)
        end(&multicast->bindings);
    free(multicast);
}
