/* Virtual memory management: reserves addresses, and maps physical allocations into them.
 *
 * A reservation keeps one entry per granule of its addresses, so that finding what is mapped where takes no search.
 */
#include "sim/cuda/vmm.h"

#include "sim/cuda/physical.h"
#include "sim/cuda/process.h"
#include "sim/cuda/table.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>

#define GRANULARITY PHYSICAL_GRANULARITY

struct granule {
    bool mapped;
    bool first; /* of its mapping */
    int access; /* PROT_NONE, PROT_READ or both */
    unsigned physical;
};

/* The granules that a range of a reservation covers. */
struct span {
    struct granule *granules;
    size_t first;
    size_t end;
    size_t all; /* granules of the reservation */
};

static bool is_multiple(size_t size) {
    return size != 0 && size % GRANULARITY == 0;
}

static struct block *reservation_at(CUdeviceptr address) {
    struct block *block = arena_find(address);
    return block != NULL && atomic_load(&block->kind) == BLOCK_RESERVATION ? block : NULL;
}

/* False if the range is not whole granules of one reservation. */
static bool span_of(CUdeviceptr address, size_t size, struct span *span) {
    struct block *block = reservation_at(address);
    if (block == NULL || !is_multiple(size) || address % GRANULARITY != 0)
        return false;
    size_t first = (address - arena_address(block)) / GRANULARITY;
    size_t count = size / GRANULARITY;
    *span = (struct span){block->mappings, first, first + count, block->size / GRANULARITY};
    return span->end <= span->all;
}

static bool is_all(const struct span *span, bool mapped) {
    for (size_t i = span->first; i < span->end; i++)
        if (span->granules[i].mapped != mapped)
            return false;
    return true;
}

static bool is_end_of_mapping(const struct span *span, size_t granule) {
    return granule == span->all || !span->granules[granule].mapped || span->granules[granule].first;
}

static bool is_exportable(const CUmemAllocationProp *prop) {
    return prop->requestedHandleTypes == CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR;
}

static CUresult check_prop(const CUmemAllocationProp *prop) {
    const struct sim_gpu *gpu;
    if (process_get() == NULL)
        return CUDA_ERROR_NOT_INITIALIZED;
    if (prop == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    if (prop->type != CU_MEM_ALLOCATION_TYPE_PINNED ||
        (prop->requestedHandleTypes != CU_MEM_HANDLE_TYPE_NONE && !is_exportable(prop)))
        return CUDA_ERROR_NOT_SUPPORTED;
    if (prop->location.type == CU_MEM_LOCATION_TYPE_HOST_NUMA && prop->location.id == 0)
        return CUDA_SUCCESS;
    CUdevice device;
    if (!physical_device(prop->location, &device))
        return CUDA_ERROR_NOT_SUPPORTED;
    return process_gpu(device, &gpu);
}

CUresult cuMemGetAllocationGranularity(size_t *granularity, const CUmemAllocationProp *prop,
                                       CUmemAllocationGranularity_flags option) {
    CUresult result = check_prop(prop);
    if (result != CUDA_SUCCESS)
        return result;
    if (granularity == NULL || option > CU_MEM_ALLOC_GRANULARITY_RECOMMENDED)
        return CUDA_ERROR_INVALID_VALUE;
    *granularity = GRANULARITY;
    return CUDA_SUCCESS;
}

CUresult cuMemCreate(CUmemGenericAllocationHandle *handle, size_t size, const CUmemAllocationProp *prop,
                     unsigned long long flags) {
    CUresult result = check_prop(prop);
    if (result != CUDA_SUCCESS)
        return result;
    if (handle == NULL || flags != 0 || !is_multiple(size))
        return CUDA_ERROR_INVALID_VALUE;
    unsigned index;
    physical_lock();
    result = is_exportable(prop) ? physical_create_shared(prop->location, size, &index)
                                 : physical_create(prop->location, size, &index);
    if (result == CUDA_SUCCESS) {
        physical_at(index)->usage = prop->allocFlags.usage;
        *handle = physical_handle(index);
    }
    physical_unlock();
    return result;
}

CUresult cuMemRelease(CUmemGenericAllocationHandle handle) {
    if (process_get() == NULL)
        return CUDA_ERROR_NOT_INITIALIZED;
    unsigned index;
    physical_lock();
    bool found = physical_find(handle, &index);
    if (found) {
        physical_at(index)->handles--;
        physical_collect(index);
    }
    physical_unlock();
    return found ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuMemGetAllocationPropertiesFromHandle(CUmemAllocationProp *prop, CUmemGenericAllocationHandle handle) {
    if (process_get() == NULL)
        return CUDA_ERROR_NOT_INITIALIZED;
    unsigned index;
    physical_lock();
    bool found = prop != NULL && physical_find(handle, &index) && physical_at(index)->multicast == NULL;
    if (found)
        *prop = (CUmemAllocationProp){
            .type = CU_MEM_ALLOCATION_TYPE_PINNED,
            .requestedHandleTypes =
                physical_at(index)->shared != NULL ? CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR : CU_MEM_HANDLE_TYPE_NONE,
            .location = physical_at(index)->location,
            .allocFlags.usage = physical_at(index)->usage,
        };
    physical_unlock();
    return found ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuMemExportToShareableHandle(void *descriptor, CUmemGenericAllocationHandle handle,
                                      CUmemAllocationHandleType type, unsigned long long flags) {
    if (process_get() == NULL)
        return CUDA_ERROR_NOT_INITIALIZED;
    if (type != CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR)
        return CUDA_ERROR_NOT_SUPPORTED;
    unsigned index;
    int exported = -1;
    physical_lock();
    if (descriptor != NULL && flags == 0 && physical_find(handle, &index) && physical_at(index)->shared != NULL)
        exported = fcntl(physical_at(index)->shared->file, F_DUPFD_CLOEXEC, 0);
    physical_unlock();
    if (exported < 0)
        return CUDA_ERROR_INVALID_VALUE;
    *(int *)descriptor = exported;
    return CUDA_SUCCESS;
}

CUresult cuMemImportFromShareableHandle(CUmemGenericAllocationHandle *handle, void *descriptor,
                                        CUmemAllocationHandleType type) {
    if (process_get() == NULL)
        return CUDA_ERROR_NOT_INITIALIZED;
    if (type != CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR)
        return CUDA_ERROR_NOT_SUPPORTED;
    if (handle == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    unsigned index;
    physical_lock();
    CUresult result = physical_import((int)(intptr_t)descriptor, &index);
    if (result == CUDA_SUCCESS)
        *handle = physical_handle(index);
    physical_unlock();
    return result;
}

CUresult cuMemRetainAllocationHandle(CUmemGenericAllocationHandle *handle, void *pointer) {
    if (process_get() == NULL)
        return CUDA_ERROR_NOT_INITIALIZED;
    struct span span;
    physical_lock();
    CUdeviceptr granule = (CUdeviceptr)pointer / GRANULARITY * GRANULARITY;
    bool found = handle != NULL && span_of(granule, GRANULARITY, &span) && is_all(&span, true);
    if (found) {
        unsigned index = span.granules[span.first].physical;
        physical_at(index)->handles++;
        *handle = physical_handle(index);
    }
    physical_unlock();
    return found ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

/* The hint is only a hint: the addresses are wherever the arena has them. */
CUresult cuMemAddressReserve(CUdeviceptr *pointer, size_t size, size_t alignment, CUdeviceptr hint,
                             unsigned long long flags) {
    (void)hint;
    if (process_get() == NULL)
        return CUDA_ERROR_NOT_INITIALIZED;
    if (pointer == NULL || flags != 0 || !is_multiple(size) || (alignment & (alignment - 1)) != 0)
        return CUDA_ERROR_INVALID_VALUE;
    struct block *block = arena_take(size > alignment ? size : alignment);
    if (block == NULL)
        return CUDA_ERROR_OUT_OF_MEMORY;
    block->size = size;
    block->mappings = calloc(size / GRANULARITY, sizeof(struct granule));
    if (block->mappings == NULL) {
        arena_put(block);
        return CUDA_ERROR_OUT_OF_MEMORY;
    }
    *pointer = arena_address(block);
    atomic_store(&block->kind, BLOCK_RESERVATION);
    return CUDA_SUCCESS;
}

CUresult cuMemAddressFree(CUdeviceptr pointer, size_t size) {
    if (process_get() == NULL)
        return CUDA_ERROR_NOT_INITIALIZED;
    struct span span;
    physical_lock();
    bool can = span_of(pointer, size, &span) && span.first == 0 && span.end == span.all && is_all(&span, false);
    struct block *block = arena_find(pointer);
    can = can && arena_retire(block, BLOCK_RESERVATION);
    physical_unlock();
    if (!can)
        return CUDA_ERROR_INVALID_VALUE;
    free(block->mappings);
    arena_put(block);
    return CUDA_SUCCESS;
}

CUresult cuMemMap(CUdeviceptr pointer, size_t size, size_t offset, CUmemGenericAllocationHandle handle,
                  unsigned long long flags) {
    if (process_get() == NULL)
        return CUDA_ERROR_NOT_INITIALIZED;
    if (offset != 0 || flags != 0)
        return CUDA_ERROR_INVALID_VALUE;
    struct span span;
    unsigned index;
    CUresult result = CUDA_SUCCESS;
    physical_lock();
    if (!physical_find(handle, &index) || size > physical_at(index)->size || !span_of(pointer, size, &span))
        result = CUDA_ERROR_INVALID_VALUE;
    else if (!is_all(&span, false))
        result = CUDA_ERROR_ALREADY_MAPPED;
    else if (!physical_map(index, pointer, size))
        result = CUDA_ERROR_OUT_OF_MEMORY;
    if (result == CUDA_SUCCESS) {
        physical_at(index)->mappings++;
        for (size_t i = span.first; i < span.end; i++)
            span.granules[i] = (struct granule){true, i == span.first, PROT_NONE, index};
    }
    physical_unlock();
    return result;
}

static void unmap(const struct span *span) {
    for (size_t i = span->first; i < span->end; i++) {
        if (span->granules[i].first) {
            physical_at(span->granules[i].physical)->mappings--;
            physical_collect(span->granules[i].physical);
        }
        span->granules[i] = (struct granule){0};
    }
}

/* Unmaps whole mappings only. */
CUresult cuMemUnmap(CUdeviceptr pointer, size_t size) {
    if (process_get() == NULL)
        return CUDA_ERROR_NOT_INITIALIZED;
    struct span span;
    physical_lock();
    bool can = span_of(pointer, size, &span) && is_all(&span, true) && span.granules[span.first].first &&
               is_end_of_mapping(&span, span.end) &&
               mmap((void *)pointer, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) !=
                   MAP_FAILED;
    if (can)
        unmap(&span);
    physical_unlock();
    return can ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

/* The host's page protection that stands for what devices may do. Negative: no such access. */
static int protection(CUmemAccess_flags flags) {
    switch (flags) {
    case CU_MEM_ACCESS_FLAGS_PROT_NONE:
        return PROT_NONE;
    case CU_MEM_ACCESS_FLAGS_PROT_READ:
        return PROT_READ;
    case CU_MEM_ACCESS_FLAGS_PROT_READWRITE:
        return PROT_READ | PROT_WRITE;
    default:
        return -1;
    }
}

static CUresult set_access(CUdeviceptr pointer, size_t size, const CUmemAccessDesc *access) {
    const struct sim_gpu *gpu;
    struct span span;
    int wanted = protection(access->flags);
    if (wanted < 0 || access->location.type != CU_MEM_LOCATION_TYPE_DEVICE)
        return CUDA_ERROR_INVALID_VALUE;
    CUresult result = process_gpu(access->location.id, &gpu);
    if (result != CUDA_SUCCESS)
        return result;
    physical_lock();
    if (!span_of(pointer, size, &span) || !is_all(&span, true))
        result = CUDA_ERROR_INVALID_VALUE;
    else if (mprotect((void *)pointer, size, wanted) != 0)
        result = CUDA_ERROR_OUT_OF_MEMORY;
    for (size_t i = span.first; result == CUDA_SUCCESS && i < span.end; i++)
        span.granules[i].access = wanted;
    physical_unlock();
    return result;
}

CUresult cuMemSetAccess(CUdeviceptr pointer, size_t size, const CUmemAccessDesc *access, size_t count) {
    if (access == NULL || count == 0)
        return CUDA_ERROR_INVALID_VALUE;
    CUresult result = CUDA_SUCCESS;
    for (size_t i = 0; result == CUDA_SUCCESS && i < count; i++)
        result = set_access(pointer, size, &access[i]);
    return result;
}

CUresult vmm_range(const struct block *reservation, CUdeviceptr address, CUdeviceptr *start, size_t *size) {
    const struct granule *granules = reservation->mappings;
    CUdeviceptr base = arena_address(reservation);
    struct span span = {reservation->mappings, 0, 0, reservation->size / GRANULARITY};
    size_t first = (address - base) / GRANULARITY;
    size_t end = first + 1;
    if (!granules[first].mapped)
        return CUDA_ERROR_NOT_FOUND;
    while (!granules[first].first)
        first--;
    while (!is_end_of_mapping(&span, end))
        end++;
    if (start != NULL)
        *start = base + first * GRANULARITY;
    if (size != NULL)
        *size = (end - first) * GRANULARITY;
    return CUDA_SUCCESS;
}

bool vmm_physical(CUdeviceptr address, size_t size, unsigned *physical, uint64_t *offset) {
    struct span span;
    if (!span_of(address, size, &span) || !is_all(&span, true))
        return false;
    size_t first = span.first;
    while (!span.granules[first].first)
        first--;
    *physical = span.granules[first].physical;
    *offset = (span.first - first) * GRANULARITY;
    for (size_t i = span.first + 1; i < span.end; i++)
        if (span.granules[i].first)
            return false;
    return true;
}

CUresult vmm_access(const struct block *reservation, CUdeviceptr address, size_t size) {
    const struct granule *granules = reservation->mappings;
    CUdeviceptr base = arena_address(reservation);
    for (size_t i = (address - base) / GRANULARITY; i * GRANULARITY < address - base + size; i++)
        if (granules[i].access == PROT_NONE)
            return CUDA_ERROR_INVALID_VALUE;
    return CUDA_SUCCESS;
}
