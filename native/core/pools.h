/* Memory pools on limited GPUs. */
#ifndef HAMI_CORE_POOLS_H
#define HAMI_CORE_POOLS_H

#include "core/backing.h"
#include "core/hooks.h"

/* Remembers a pool that the program has made. False without memory. */
bool pool_remember(CUmemoryPool pool, struct gpu *gpu);

/* What the pool allocates from, NULL if that is not limited. False without memory. */
bool pool_backing(CUmemoryPool pool, struct backing **backing);

/* Ends a pool that pool_remember knows. False if it knows none. */
bool pool_retire(CUmemoryPool pool);

#endif
