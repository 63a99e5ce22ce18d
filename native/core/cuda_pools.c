/*
 * Memory pools: cuMemPoolCreate, cuMemPoolDestroy, cuMemPoolTrimTo, and those that the driver has by itself. What is
 * allocated from them: cuda_stream_memory.c.
 */
#include "core/driver.h"
#include "core/pools.h"

CUresult cuMemPoolCreate(CUmemoryPool *pool, const CUmemPoolProps *props) {
    CUresult result = DRIVER(cuMemPoolCreate)(pool, props);
    if (result != CUDA_SUCCESS || pool_remember(*pool, &props->location, props->allocType))
        return result;
    DRIVER(cuMemPoolDestroy)(*pool);
    return CUDA_ERROR_OUT_OF_MEMORY;
}

/* One that is destroyed is no pool any more, though the driver has it until its last allocation is freed. */
CUresult cuMemPoolDestroy(CUmemoryPool pool) {
    if (pool_is_retired(pool))
        return CUDA_ERROR_INVALID_VALUE;
    return pool_retire(pool) ? CUDA_SUCCESS : DRIVER(cuMemPoolDestroy)(pool);
}

CUresult cuMemPoolTrimTo(CUmemoryPool pool, size_t kept) {
    if (pool_is_retired(pool))
        return CUDA_ERROR_INVALID_VALUE;
    CUresult result = DRIVER(cuMemPoolTrimTo)(pool, kept);
    backings_settle();
    return result;
}

/* A device's own pool is known by the device; of what other places have, only these calls tell what it is. */
static CUresult remember(CUresult result, CUmemoryPool *pool, const CUmemLocation *location, CUmemAllocationType type) {
    if (result != CUDA_SUCCESS || pool_remember_built_in(*pool, location, type))
        return result;
    return CUDA_ERROR_OUT_OF_MEMORY;
}

CUresult cuMemGetDefaultMemPool(CUmemoryPool *pool, CUmemLocation *location, CUmemAllocationType type) {
    return remember(DRIVER(cuMemGetDefaultMemPool)(pool, location, type), pool, location, type);
}

CUresult cuMemGetMemPool(CUmemoryPool *pool, CUmemLocation *location, CUmemAllocationType type) {
    return remember(DRIVER(cuMemGetMemPool)(pool, location, type), pool, location, type);
}
