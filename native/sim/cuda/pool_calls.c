/* What a program does with pools themselves: makes and ends them, looks at them, chooses the one of a device. */
#include "sim/cuda/pool.h"

#include "sim/cuda/process.h"
#include "sim/cuda/table.h"

/* Pools of device memory only, for this process only. */
static CUresult check_props(const CUmemPoolProps *props) {
    const struct sim_gpu *gpu;
    if (process_get() == NULL)
        return CUDA_ERROR_NOT_INITIALIZED;
    if (props == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    if (props->allocType != CU_MEM_ALLOCATION_TYPE_PINNED || props->handleTypes != CU_MEM_HANDLE_TYPE_NONE ||
        props->location.type != CU_MEM_LOCATION_TYPE_DEVICE)
        return CUDA_ERROR_NOT_SUPPORTED;
    return process_gpu(props->location.id, &gpu);
}

CUresult cuMemPoolCreate(CUmemoryPool *pool, const CUmemPoolProps *props) {
    CUresult result = check_props(props);
    if (result != CUDA_SUCCESS)
        return result;
    if (pool == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    pool_lock();
    *pool = pool_new(props->location.id, props->maxSize);
    pool_unlock();
    return *pool != NULL ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
}

static CUresult check(CUmemoryPool pool) {
    if (process_get() == NULL)
        return CUDA_ERROR_NOT_INITIALIZED;
    return pool_is_alive(pool) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuMemPoolDestroy(CUmemoryPool pool) {
    CUresult result = check(pool);
    if (result != CUDA_SUCCESS)
        return result;
    pool_lock();
    if (pool == pool_default(pool->device))
        result = CUDA_ERROR_INVALID_VALUE;
    else
        pool_destroy(pool);
    pool_unlock();
    return result;
}

CUresult cuMemPoolTrimTo(CUmemoryPool pool, size_t kept) {
    CUresult result = check(pool);
    if (result != CUDA_SUCCESS)
        return result;
    pool_lock();
    pool_trim(pool, kept);
    pool_unlock();
    return CUDA_SUCCESS;
}

static CUresult get(CUmemoryPool pool, CUmemPool_attribute attribute, void *value) {
    switch (attribute) {
    case CU_MEMPOOL_ATTR_REUSE_FOLLOW_EVENT_DEPENDENCIES:
    case CU_MEMPOOL_ATTR_REUSE_ALLOW_OPPORTUNISTIC:
    case CU_MEMPOOL_ATTR_REUSE_ALLOW_INTERNAL_DEPENDENCIES:
        *(int *)value = pool->reuses[attribute - CU_MEMPOOL_ATTR_REUSE_FOLLOW_EVENT_DEPENDENCIES];
        return CUDA_SUCCESS;
    case CU_MEMPOOL_ATTR_RELEASE_THRESHOLD:
        *(uint64_t *)value = pool->threshold;
        return CUDA_SUCCESS;
    case CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT:
        *(uint64_t *)value = pool->reserved.current;
        return CUDA_SUCCESS;
    case CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH:
        *(uint64_t *)value = pool->reserved.high;
        return CUDA_SUCCESS;
    case CU_MEMPOOL_ATTR_USED_MEM_CURRENT:
        *(uint64_t *)value = pool->used.current;
        return CUDA_SUCCESS;
    case CU_MEMPOOL_ATTR_USED_MEM_HIGH:
        *(uint64_t *)value = pool->used.high;
        return CUDA_SUCCESS;
    default:
        return CUDA_ERROR_INVALID_VALUE;
    }
}

/* A high-water mark can only be reset. */
static CUresult reset(struct pool_level *level, uint64_t value) {
    if (value != 0)
        return CUDA_ERROR_INVALID_VALUE;
    level->high = level->current;
    return CUDA_SUCCESS;
}

static CUresult set(CUmemoryPool pool, CUmemPool_attribute attribute, const void *value) {
    switch (attribute) {
    case CU_MEMPOOL_ATTR_REUSE_FOLLOW_EVENT_DEPENDENCIES:
    case CU_MEMPOOL_ATTR_REUSE_ALLOW_OPPORTUNISTIC:
    case CU_MEMPOOL_ATTR_REUSE_ALLOW_INTERNAL_DEPENDENCIES:
        pool->reuses[attribute - CU_MEMPOOL_ATTR_REUSE_FOLLOW_EVENT_DEPENDENCIES] = *(const int *)value;
        return CUDA_SUCCESS;
    case CU_MEMPOOL_ATTR_RELEASE_THRESHOLD:
        pool->threshold = *(const uint64_t *)value;
        return CUDA_SUCCESS;
    case CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH:
        return reset(&pool->reserved, *(const uint64_t *)value);
    case CU_MEMPOOL_ATTR_USED_MEM_HIGH:
        return reset(&pool->used, *(const uint64_t *)value);
    default:
        return CUDA_ERROR_INVALID_VALUE;
    }
}

CUresult cuMemPoolGetAttribute(CUmemoryPool pool, CUmemPool_attribute attribute, void *value) {
    CUresult result = value == NULL ? CUDA_ERROR_INVALID_VALUE : check(pool);
    if (result != CUDA_SUCCESS)
        return result;
    pool_lock();
    result = get(pool, attribute, value);
    pool_unlock();
    return result;
}

CUresult cuMemPoolSetAttribute(CUmemoryPool pool, CUmemPool_attribute attribute, void *value) {
    CUresult result = value == NULL ? CUDA_ERROR_INVALID_VALUE : check(pool);
    if (result != CUDA_SUCCESS)
        return result;
    pool_lock();
    result = set(pool, attribute, value);
    pool_unlock();
    return result;
}

static CUresult check_device(CUmemoryPool *pool, CUdevice device) {
    const struct sim_gpu *gpu;
    return pool == NULL ? CUDA_ERROR_INVALID_VALUE : process_gpu(device, &gpu);
}

CUresult cuDeviceGetDefaultMemPool(CUmemoryPool *pool, CUdevice device) {
    CUresult result = check_device(pool, device);
    if (result != CUDA_SUCCESS)
        return result;
    pool_lock();
    *pool = pool_default(device);
    pool_unlock();
    return CUDA_SUCCESS;
}

CUresult cuDeviceGetMemPool(CUmemoryPool *pool, CUdevice device) {
    CUresult result = check_device(pool, device);
    if (result != CUDA_SUCCESS)
        return result;
    pool_lock();
    *pool = *pool_current(device);
    pool_unlock();
    return CUDA_SUCCESS;
}

CUresult cuDeviceSetMemPool(CUdevice device, CUmemoryPool pool) {
    CUresult result = check(pool);
    if (result == CUDA_SUCCESS)
        result = check_device(&pool, device);
    if (result != CUDA_SUCCESS)
        return result;
    if (pool->device != device)
        return CUDA_ERROR_INVALID_VALUE;
    pool_lock();
    *pool_current(device) = pool;
    pool_unlock();
    return CUDA_SUCCESS;
}

/* The calls of CUDA 13 name a place and a kind of memory: here there is only device memory. */
static CUresult check_place(const CUmemLocation *location, CUmemAllocationType type) {
    if (process_get() == NULL)
        return CUDA_ERROR_NOT_INITIALIZED;
    if (location == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    bool is_device = location->type == CU_MEM_LOCATION_TYPE_DEVICE && type == CU_MEM_ALLOCATION_TYPE_PINNED;
    return is_device ? CUDA_SUCCESS : CUDA_ERROR_NOT_SUPPORTED;
}

CUresult cuMemGetDefaultMemPool(CUmemoryPool *pool, CUmemLocation *location, CUmemAllocationType type) {
    CUresult result = check_place(location, type);
    return result != CUDA_SUCCESS ? result : cuDeviceGetDefaultMemPool(pool, location->id);
}

CUresult cuMemGetMemPool(CUmemoryPool *pool, CUmemLocation *location, CUmemAllocationType type) {
    CUresult result = check_place(location, type);
    return result != CUDA_SUCCESS ? result : cuDeviceGetMemPool(pool, location->id);
}

CUresult cuMemSetMemPool(CUmemLocation *location, CUmemAllocationType type, CUmemoryPool pool) {
    CUresult result = check_place(location, type);
    return result != CUDA_SUCCESS ? result : cuDeviceSetMemPool(location->id, pool);
}
