/* Physical allocations that are bound to an object, which keeps them: in a list, for there are few. */
#include "sim/cuda/bindings.h"

#include "sim/cuda/physical.h"
#include "sim/cuda/vmm.h"

#include <stdlib.h>

struct binding {
    CUdevice device;
    uint64_t start; /* in the object; bytes, as the next one */
    uint64_t end;
    unsigned physical;
    struct binding *next;
};

CUresult bindings_add_device(struct bindings *bindings, CUdevice device) {
    if (bindings->has[device] || bindings->added == bindings->team)
        return CUDA_ERROR_INVALID_VALUE;
    bindings->has[device] = true;
    bindings->added++;
    return CUDA_SUCCESS;
}

static bool overlaps(const struct bindings *bindings, CUdevice device, uint64_t start, uint64_t end) {
    for (const struct binding *one = bindings->first; one != NULL; one = one->next)
        if (one->device == device && one->start < end && start < one->end)
            return true;
    return false;
}

static bool is_within(uint64_t start, uint64_t size, uint64_t whole) {
    return start <= whole && size <= whole - start;
}

CUresult bindings_bind(struct bindings *bindings, CUdevice device, uint64_t start, unsigned physical, uint64_t offset,
                       uint64_t size) {
    struct physical *memory = physical_at(physical);
    CUdevice its;
    if (memory->multicast != NULL || !physical_device(memory->location, &its) ||
        (device != BINDING_OWN && device != its))
        return CUDA_ERROR_INVALID_VALUE;
    bool aligned = (start | offset | size) % PHYSICAL_GRANULARITY == 0 && size != 0;
    if (bindings->added < bindings->team || !bindings->has[its] || !aligned ||
        !is_within(start, size, bindings->size) || !is_within(offset, size, memory->size) ||
        overlaps(bindings, its, start, start + size))
        return CUDA_ERROR_INVALID_VALUE;
    struct binding *binding = malloc(sizeof(*binding));
    if (binding == NULL)
        return CUDA_ERROR_OUT_OF_MEMORY;
    *binding = (struct binding){its, start, start + size, physical, bindings->first};
    bindings->first = binding;
    memory->mappings++;
    return CUDA_SUCCESS;
}

CUresult bindings_bind_memory(struct bindings *bindings, CUdevice device, uint64_t start,
                              CUmemGenericAllocationHandle memory, uint64_t offset, uint64_t size) {
    unsigned physical;
    if (!physical_find(memory, &physical))
        return CUDA_ERROR_INVALID_VALUE;
    return bindings_bind(bindings, device, start, physical, offset, size);
}

CUresult bindings_bind_address(struct bindings *bindings, CUdevice device, uint64_t start, CUdeviceptr address,
                               uint64_t size) {
    unsigned physical;
    uint64_t offset;
    if (!vmm_physical(address, size, &physical, &offset))
        return CUDA_ERROR_INVALID_VALUE;
    return bindings_bind(bindings, device, start, physical, offset, size);
}

static void end(struct binding **link) {
    struct binding *binding = *link;
    *link = binding->next;
    physical_at(binding->physical)->mappings--;
    physical_collect(binding->physical);
    free(binding);
}

CUresult bindings_unbind(struct bindings *bindings, CUdevice device, uint64_t start, uint64_t size) {
    bool found = false;
    if (!is_within(start, size, bindings->size))
        return CUDA_ERROR_INVALID_VALUE;
    for (const struct binding *one = bindings->first; one != NULL; one = one->next) {
        bool touched = one->device == device && one->start < start + size && start < one->end;
        if (touched && (one->start < start || one->end > start + size))
            return CUDA_ERROR_INVALID_VALUE;
        found |= touched;
    }
    for (struct binding **link = &bindings->first; *link != NULL;)
        if ((*link)->device == device && (*link)->start >= start && (*link)->end <= start + size)
            end(link);
        else
            link = &(*link)->next;
    return found ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

void bindings_end(struct bindings *bindings) {
    while (bindings->first != NULL)
        end(&bindings->first);
}
