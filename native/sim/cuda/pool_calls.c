/* What a program does with pools themselves: makes and ends them, looks at them, chooses the one of a device. */
#include "sim/cuda/pool.h"

#include "sim/cuda/process.h"
#include "sim/cuda/table.h"

/* What a location and a type of memory mean. */
static CUresult find_place(const CUmemLocation *location, CUmemAllocationType type, struct pool_place *place) {
    const struct sim_gpu *gpu;
    *place = (struct pool_place){.managed = type == CU_MEM_ALLOCATION_TYPE_MANAGED};
    if (process_get() == NULL)
        return CUDA_ERROR_NOT_INITIALIZED;
    if (location == NULL || (type != CU_MEM_ALLOCATION_TYPE_PINNED && !place->managed))
        return CUDA_ERROR_INVALID_VALUE;
    if (location->type == CU_MEM_LOCATION_TYPE_DEVICE) {
        place->at = (unsigned)location->id;
        return process_gpu(location->id, &gpu);
    }
    place->at = location->type == CU_MEM_LOCATION_TYPE_HOST ? POOL_HOST : POOL_NOWHERE;
    bool is_known = location->type == CU_MEM_LOCATION_TYPE_HOST || location->type == CU_MEM_LOCATION_TYPE_NONE;
    return place->managed && is_known ? CUDA_SUCCESS : CUDA_ERROR_NOT_SUPPORTED;
}

/* Pools for this process only. */
CUresult cuMemPoolCreate(CUmemoryPool *pool, const CUmemPoolProps *props) {
    struct pool_place place;
    CUresult result = props == NULL ? CUDA_ERROR_INVALID_VALUE : find_place(&props->location, props->allocType, &place);
    if (result != CUDA_SUCCESS)
        return result;
    if (pool == NULL || (place.managed && props->maxSize != 0))
        return CUDA_ERROR_INVALID_VALUE;
    if (props->handleTypes != CU_MEM_HANDLE_TYPE_NONE)
        return CUDA_ERROR_NOT_SUPPORTED;
    pool_lock();
    *pool = pool_new(place, props->maxSize);
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
    if (pool == pool_default(pool->place))
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

static CUresult get_default(CUmemoryPool *pool, const CUmemLocation *location, CUmemAllocationType type) {
    struct pool_place place;
    CUresult result = pool == NULL ? CUDA_ERROR_INVALID_VALUE : find_place(location, type, &place);
    if (result != CUDA_SUCCESS)
        return result;
    pool_lock();
    *pool = pool_default(place);
    pool_unlock();
    return CUDA_SUCCESS;
}

static CUresult get_current(CUmemoryPool *pool, const CUmemLocation *location, CUmemAllocationType type) {
    struct pool_place place;
    CUresult result = pool == NULL ? CUDA_ERROR_INVALID_VALUE : find_place(location, type, &place);
    if (result != CUDA_SUCCESS)
        return result;
    pool_lock();
    *pool = *pool_current(place);
    pool_unlock();
    return CUDA_SUCCESS;
}

static CUresult set_current(const CUmemLocation *location, CUmemAllocationType type, CUmemoryPool pool) {
    struct pool_place place;
    CUresult result = check(pool);
    if (result == CUDA_SUCCESS)
        result = find_place(location, type, &place);
    if (result != CUDA_SUCCESS)
        return result;
    if (pool->place.managed != place.managed || pool->place.at != place.at)
        return CUDA_ERROR_INVALID_VALUE;
    pool_lock();
    *pool_current(place) = pool;
    pool_unlock();
    return CUDA_SUCCESS;
}

static CUmemLocation on(CUdevice device) {
    return (CUmemLocation){CU_MEM_LOCATION_TYPE_DEVICE, device};
}

CUresult cuDeviceGetDefaultMemPool(CUmemoryPool *pool, CUdevice device) {
    CUmemLocation location = on(device);
    return get_default(pool, &location, CU_MEM_ALLOCATION_TYPE_PINNED);
}

CUresult cuDeviceGetMemPool(CUmemoryPool *pool, CUdevice device) {
    CUmemLocation location = on(device);
    return get_current(pool, &location, CU_MEM_ALLOCATION_TYPE_PINNED);
}

CUresult cuDeviceSetMemPool(CUdevice device, CUmemoryPool pool) {
    CUmemLocation location = on(device);
    return set_current(&location, CU_MEM_ALLOCATION_TYPE_PINNED, pool);
}

CUresult cuMemGetDefaultMemPool(CUmemoryPool *pool, CUmemLocation *location, CUmemAllocationType type) {
    return get_default(pool, location, type);
}

CUresult cuMemGetMemPool(CUmemoryPool *pool, CUmemLocation *location, CUmemAllocationType type) {
    return get_current(pool, location, type);
}

CUresult cuMemSetMemPool(CUmemLocation *location, CUmemAllocationType type, CUmemoryPool pool) {
    return set_current(location, type, pool);
}
