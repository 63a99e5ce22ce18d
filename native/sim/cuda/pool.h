/* Memory pools: device memory that stays with the process when it is freed, for the next allocation in stream order. */
#ifndef HAMI_SIM_POOL_H
#define HAMI_SIM_POOL_H

#include "abi/cuda.h"
#include "sim/common/state.h"

#include <stdbool.h>

#define POOL_REUSES 3 /* the attributes that say when freed memory may be used again */

/* Where pools allocate: on a device, or, of managed memory only, on the host or nowhere rather than elsewhere. */
enum { POOL_HOST = SIM_MAX_GPUS, POOL_NOWHERE, POOL_PLACES };

struct pool_place {
    bool managed; /* memory that host and device share: it takes none of the device's */
    unsigned at;  /* a device's ordinal, or one of the above */
};

/* A figure with the highest value that it had since that was last reset, in bytes. */
struct pool_level {
    uint64_t current;
    uint64_t high;
};

struct CUmemPoolHandle_st {
    uint32_t mark; /* what a live pool's first word holds; see pool.c */
    struct pool_place place;
    bool destroyed; /* it ends with its last allocation */
    int reuses[POOL_REUSES];
    uint64_t maximum;           /* bytes; 0: as much as there is */
    uint64_t threshold;         /* bytes that a synchronization leaves reserved */
    struct pool_level reserved; /* of the device's memory, or of managed memory */
    struct pool_level used;     /* by live allocations */
    CUmemoryPool next;
};

/* Held around every look at a pool. */
void pool_lock(void);
void pool_unlock(void);

/* The device whose memory a pool has. */
static inline struct pool_place pool_on(CUdevice device) {
    return (struct pool_place){.at = (unsigned)device};
}

/* The place's own pool, and the one that is now allocated from there. With the lock held. */
CUmemoryPool pool_default(struct pool_place place);
CUmemoryPool *pool_current(struct pool_place place);

bool pool_is_alive(CUmemoryPool pool);

/* The device of a pool; the first one if it is of none. */
CUdevice pool_device(CUmemoryPool pool);

/* A pool of that place. NULL without memory. With the lock held. */
CUmemoryPool pool_new(struct pool_place place, uint64_t maximum);

/* Ends a pool, once nothing of it is in use. With the lock held. */
void pool_destroy(CUmemoryPool pool);

/* Gives up what the pool has reserved and does not use, but for `kept` bytes. With the lock held. */
void pool_trim(CUmemoryPool pool, uint64_t kept);

/* Takes bytes of the pool, which reserves more if it has too few, and gives them back. */
CUresult pool_take(CUmemoryPool pool, uint64_t size);
void pool_give(CUmemoryPool pool, uint64_t size);

/* What happens when a program waits for a stream, an event or a context: pools keep no more than their thresholds. */
void pools_synchronize(void);

#endif
