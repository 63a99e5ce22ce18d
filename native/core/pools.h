/* Memory pools on limited GPUs. */
#ifndef HAMI_CORE_POOLS_H
#define HAMI_CORE_POOLS_H

#include "core/backing.h"
#include "core/hooks.h"

/* Remember a pool of that location and type: one that the program has made, or one that the driver has given it. False
 * without memory. */
bool pool_remember(CUmemoryPool pool, const CUmemLocation *location, CUmemAllocationType type);
bool pool_remember_built_in(CUmemoryPool pool, const CUmemLocation *location, CUmemAllocationType type);

/* What the pool allocates from, NULL if that is not limited. CUDA_ERROR_OUT_OF_MEMORY without memory, and
 * CUDA_ERROR_INVALID_VALUE of a pool that is retired. */
CUresult pool_backing(CUmemoryPool pool, struct backing **backing);

/* Ends a pool that pool_remember knows. False if it knows none. */
bool pool_retire(CUmemoryPool pool);

/* Whether the program has destroyed it. */
bool pool_is_retired(CUmemoryPool pool);

#endif
