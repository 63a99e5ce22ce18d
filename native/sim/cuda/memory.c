/* Allocates and frees device, managed and pinned host memory. */
#include "sim/cuda/memory.h"

#include "sim/common/cgroup.h"
#include "sim/common/ledger.h"
#include "sim/common/memory_limits.h"
#include "sim/cuda/arena.h"
#include "sim/cuda/capture.h"
#include "sim/cuda/context.h"
#include "sim/cuda/late.h"
#include "sim/cuda/pool.h"
#include "sim/cuda/process.h"
#include "sim/cuda/shared_memory.h"
#include "sim/cuda/table.h"
#include "sim/cuda/vmm.h"

#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PITCH 512u /* bytes: rows of cuMemAllocPitch start at multiples of it */

static CUresult take_memory(enum block_kind kind, CUcontext context, CUmemoryPool pool, uint64_t size) {
    if (pool != NULL)
        return pool_take(pool, size);
    return kind == BLOCK_DEVICE ? process_take_memory(context->device, size) : CUDA_SUCCESS;
}

static void give_memory(enum block_kind kind, CUcontext context, CUmemoryPool pool, uint64_t size) {
    if (pool != NULL)
        pool_give(pool, size);
    else if (kind == BLOCK_DEVICE)
        process_give_memory(context->device, size);
}

/* Gives back the device memory behind a block that was taken out of use, and its addresses. */
static void release(struct block *block, enum block_kind kind) {
    if (block->shared != NULL)
        shared_memory_close(block->shared);
    else
        give_memory(kind, context_at(block->context), block->pool, block->size);
    block->shared = NULL;
    if (kind != BLOCK_GRAPH)
        arena_put(block);
}

static void free_if_of(struct block *block, unsigned context) {
    enum block_kind kind = atomic_load(&block->kind);
    if (kind == BLOCK_FREE || kind == BLOCK_RESERVATION || block->context != context || block->pool != NULL)
        return;
    if (arena_retire(block, kind))
        release(block, kind);
}

void memory_free_all_of(unsigned context) {
    arena_each(free_if_of, context);
}

/* Allocates in a context, or from a pool unless that is NULL. Managed and host memory is the program's to touch at
 * once; neither takes device memory. */
static CUresult allocate(CUdeviceptr *pointer, size_t size, enum block_kind kind, CUcontext context,
                         CUmemoryPool pool) {
    if (pointer == NULL || size == 0)
        return CUDA_ERROR_INVALID_VALUE;
    if (size > UINT64_MAX / 2)
        return CUDA_ERROR_OUT_OF_MEMORY;
    CUresult result = take_memory(kind, context, pool, ledger_round(size));
    if (result != CUDA_SUCCESS)
        return result;
    struct block *block = arena_take(size);
    if (block == NULL) {
        give_memory(kind, context, pool, ledger_round(size));
        return CUDA_ERROR_OUT_OF_MEMORY;
    }
    block->context = context_index(context);
    block->pool = pool;
    if (kind != BLOCK_DEVICE && !arena_back(block)) {
        arena_put(block);
        return CUDA_ERROR_OUT_OF_MEMORY;
    }
    *pointer = arena_address(block);
    atomic_store(&block->kind, kind);
    return CUDA_SUCCESS;
}

static CUresult allocate_in_current(CUdeviceptr *pointer, size_t size, enum block_kind kind) {
    CUcontext context;
    CUresult result = context_current(&context);
    return result != CUDA_SUCCESS ? result : allocate(pointer, size, kind, context, NULL);
}

CUresult memory_allocate_from(CUmemoryPool pool, CUdeviceptr *pointer, size_t size, CUcontext context) {
    return allocate(pointer, size, pool->place.managed ? BLOCK_MANAGED : BLOCK_DEVICE, context, pool);
}

/* Frees what starts at `pointer`, if it is of one of these kinds. */
static CUresult deallocate(CUdeviceptr pointer, enum block_kind kind, enum block_kind other, enum block_kind also) {
    if (process_get() == NULL)
        return CUDA_ERROR_NOT_INITIALIZED;
    if (pointer == 0)
        return CUDA_SUCCESS;
    pointer = arena_address_of_name(pointer);
    struct block *block = arena_find(pointer);
    if (block == NULL || arena_address(block) != pointer)
        return CUDA_ERROR_INVALID_VALUE;
    const enum block_kind kinds[] = {kind, other, also};
    for (int i = 0; i < 3; i++)
        if (arena_retire(block, kinds[i])) {
            release(block, kinds[i]);
            return CUDA_SUCCESS;
        }
    return CUDA_ERROR_INVALID_VALUE;
}

/* Puts a file's pages, which hold the same bytes, in place of the block's own. */
static bool move_into(const struct shared_memory *shared, struct block *block) {
    static const char zeroes[4096];
    CUdeviceptr start = arena_address(block);
    bool moved = true;
    for (uint64_t at = 0; atomic_load(&block->backed) && moved && at < block->size; at += sizeof zeroes) {
        size_t size = block->size - at < sizeof zeroes ? block->size - at : sizeof zeroes;
        const char *page = (const char *)start + at;
        moved = memcmp(page, zeroes, size) == 0 || pwrite(shared->file, page, size, (off_t)at) == (ssize_t)size;
    }
    moved = moved && shared_memory_map(shared, start, block->size, PROT_READ | PROT_WRITE);
    if (moved)
        atomic_store(&block->backed, true);
    return moved;
}

CUresult memory_share(CUdeviceptr pointer, const struct shared_memory **shared) {
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    struct block *block = arena_find(pointer);
    if (block == NULL || atomic_load(&block->kind) != BLOCK_DEVICE || block->pool != NULL)
        return CUDA_ERROR_INVALID_VALUE;
    pthread_mutex_lock(&lock);
    if (block->shared == NULL)
        block->shared = shared_memory_create(context_at(block->context)->device, block->size);
    *shared = block->shared;
    CUresult result = *shared != NULL && move_into(*shared, block) ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
    pthread_mutex_unlock(&lock);
    return result;
}

CUresult memory_open(struct shared_memory *shared, CUdeviceptr *pointer) {
    CUcontext context;
    CUresult result = context_current(&context);
    struct block *block = result == CUDA_SUCCESS ? arena_take(shared->size) : NULL;
    if (block == NULL)
        return result != CUDA_SUCCESS ? result : CUDA_ERROR_OUT_OF_MEMORY;
    if (!shared_memory_map(shared, arena_address(block), shared->size, PROT_READ | PROT_WRITE)) {
        arena_put(block);
        return CUDA_ERROR_OUT_OF_MEMORY;
    }
    atomic_store(&block->backed, true);
    block->context = context_index(context);
    block->pool = NULL;
    block->shared = shared;
    *pointer = arena_address(block);
    atomic_store(&block->kind, BLOCK_IPC);
    return CUDA_SUCCESS;
}

CUresult memory_close(CUdeviceptr pointer) {
    return deallocate(pointer, BLOCK_IPC, BLOCK_IPC, BLOCK_IPC);
}

CUresult cuMemGetInfo_v2(size_t *free, size_t *total) {
    CUcontext context;
    CUresult result = context_current(&context);
    if (result != CUDA_SUCCESS)
        return result;
    const struct process *self = process_get();
    unsigned gpu = self->gpus[context->device];
    uint64_t memory = self->machine.state->gpus[gpu].memory;
    uint64_t available = memory - ledger_used(&self->machine, gpu);
    if (limits_exist(&self->machine, gpu))
        limits_cap(&self->machine, gpu, cgroup_of_self(), &memory, &available);
    if (free != NULL)
        *free = available;
    if (total != NULL)
        *total = memory;
    return CUDA_SUCCESS;
}

CUresult cuMemAlloc_v2(CUdeviceptr *pointer, size_t size) {
    CUresult result = capture_check_unsafe();
    return result != CUDA_SUCCESS ? result : allocate_in_current(pointer, size, BLOCK_DEVICE);
}

CUresult cuMemAllocPitch_v2(CUdeviceptr *pointer, size_t *pitch, size_t width, size_t height, unsigned int element) {
    if (pitch == NULL || width == 0 || height == 0 || (element != 4 && element != 8 && element != 16))
        return CUDA_ERROR_INVALID_VALUE;
    size_t row = (width + PITCH - 1) / PITCH * PITCH;
    size_t size;
    if (row < width || __builtin_mul_overflow(row, height, &size))
        return CUDA_ERROR_OUT_OF_MEMORY;
    CUresult result = allocate_in_current(pointer, size, BLOCK_DEVICE);
    if (result == CUDA_SUCCESS)
        *pitch = row;
    return result;
}

CUresult cuMemAllocManaged(CUdeviceptr *pointer, size_t size, unsigned int flags) {
    if (flags != CU_MEM_ATTACH_GLOBAL && flags != CU_MEM_ATTACH_HOST)
        return CUDA_ERROR_INVALID_VALUE;
    return allocate_in_current(pointer, size, BLOCK_MANAGED);
}

CUresult memory_free(CUdeviceptr pointer) {
    return deallocate(pointer, BLOCK_DEVICE, BLOCK_MANAGED, BLOCK_GRAPH);
}

static void give_late(void *block) {
    release(block, BLOCK_DEVICE);
}

/* Managed memory takes none of the device's, so nobody can tell when it ends. */
CUresult memory_free_late(CUdeviceptr pointer, struct timeline *timeline) {
    struct block *block = arena_find(pointer);
    bool is_late = block != NULL && arena_address(block) == pointer && block->pool == NULL;
    if (!is_late || !arena_retire(block, BLOCK_DEVICE))
        return memory_free(pointer);
    CUresult result = late_give(timeline, give_late, block);
    if (result != CUDA_SUCCESS)
        atomic_store(&block->kind, BLOCK_DEVICE);
    return result;
}

CUresult cuMemFree_v2(CUdeviceptr pointer) {
    CUcontext context;
    CUresult result = capture_check_unsafe();
    if (result != CUDA_SUCCESS)
        return result;
    if (context_current(&context) == CUDA_SUCCESS)
        context_synchronize(context);
    return memory_free(pointer);
}

CUresult cuMemHostAlloc(void **pointer, size_t size, unsigned int flags) {
    (void)flags; /* all host memory here is portable and mapped */
    CUdeviceptr address;
    CUresult result = pointer == NULL ? CUDA_ERROR_INVALID_VALUE : allocate_in_current(&address, size, BLOCK_HOST);
    if (result == CUDA_SUCCESS)
        *pointer = (void *)address;
    return result;
}

CUresult cuMemAllocHost_v2(void **pointer, size_t size) {
    return cuMemHostAlloc(pointer, size, 0);
}

CUresult cuMemFreeHost(void *pointer) {
    return deallocate((CUdeviceptr)pointer, BLOCK_HOST, BLOCK_HOST, BLOCK_HOST);
}

CUresult cuMemGetAddressRange_v2(CUdeviceptr *range, size_t *size, CUdeviceptr pointer) {
    if (process_get() == NULL)
        return CUDA_ERROR_NOT_INITIALIZED;
    struct block *block = arena_find(pointer);
    if (block == NULL || atomic_load(&block->kind) == BLOCK_FREE)
        return CUDA_ERROR_NOT_FOUND;
    if (atomic_load(&block->kind) == BLOCK_RESERVATION)
        return vmm_range(block, pointer, range, size);
    if (range != NULL)
        *range = arena_address(block);
    if (size != NULL)
        *size = block->size;
    return CUDA_SUCCESS;
}

CUresult cuPointerGetAttribute(void *value, CUpointer_attribute attribute, CUdeviceptr pointer) {
    if (process_get() == NULL)
        return CUDA_ERROR_NOT_INITIALIZED;
    struct block *block = arena_find(arena_address_of_name(pointer));
    enum block_kind kind = block == NULL ? BLOCK_FREE : (enum block_kind)atomic_load(&block->kind);
    if (value == NULL || kind == BLOCK_FREE)
        return CUDA_ERROR_INVALID_VALUE;
    if (kind == BLOCK_RESERVATION)
        return CUDA_ERROR_NOT_SUPPORTED;
    CUcontext context = context_at(block->context);
    switch (attribute) {
    case CU_POINTER_ATTRIBUTE_CONTEXT:
        *(CUcontext *)value = context;
        return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_MEMORY_TYPE:
        *(unsigned *)value = kind == BLOCK_HOST ? CU_MEMORYTYPE_HOST : CU_MEMORYTYPE_DEVICE;
        return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_DEVICE_POINTER:
        *(CUdeviceptr *)value = pointer;
        return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_HOST_POINTER:
        if (kind == BLOCK_DEVICE)
            return CUDA_ERROR_INVALID_VALUE;
        *(void **)value = (void *)pointer;
        return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_IS_MANAGED:
        *(unsigned *)value = kind == BLOCK_MANAGED;
        return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL:
        *(int *)value = block->pool != NULL ? pool_device(block->pool) : context->device;
        return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_RANGE_START_ADDR:
        *(void **)value = (void *)arena_address(block);
        return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_RANGE_SIZE:
        *(size_t *)value = block->size;
        return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_MEMPOOL_HANDLE:
        *(CUmemoryPool *)value = block->pool;
        return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_MAPPED:
        *(bool *)value = true;
        return CUDA_SUCCESS;
    default:
        return CUDA_ERROR_NOT_SUPPORTED;
    }
}

CUresult memory_access(CUdeviceptr address, size_t size) {
    if (!arena_contains(address))
        return CUDA_SUCCESS;
    struct block *block = arena_find(address);
    enum block_kind kind = block == NULL ? BLOCK_FREE : (enum block_kind)atomic_load(&block->kind);
    if (kind == BLOCK_FREE || address + size - arena_address(block) > block->size)
        return CUDA_ERROR_INVALID_VALUE;
    if (kind == BLOCK_RESERVATION)
        return vmm_access(block, address, size);
    return arena_back(block) ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
}
