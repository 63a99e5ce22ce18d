/* A pool is two numbers, what it has reserved and what is in use: all of its free memory fits any allocation. A real
 * one can be in pieces that do not. */
#include "sim/cuda/pool.h"

#include "sim/common/state.h"
#include "sim/cuda/process.h"

#include <pthread.h>
#include <stdlib.h>

#define MARK  0x504f4f4cu         /* what a live pool's first word holds */
#define CHUNK (UINT64_C(2) << 20) /* bytes that are reserved at a time */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct CUmemPoolHandle_st defaults[SIM_MAX_GPUS];
static CUmemoryPool current[SIM_MAX_GPUS];
static CUmemoryPool pools; /* every one that was ever used and is not ended */

void pool_lock(void) {
    pthread_mutex_lock(&lock);
}

void pool_unlock(void) {
    pthread_mutex_unlock(&lock);
}

static void start(CUmemoryPool pool, CUdevice device, uint64_t maximum) {
    *pool = (struct CUmemPoolHandle_st){
        .mark = MARK, .device = device, .reuses = {1, 1, 1}, .maximum = maximum, .next = pools};
    pools = pool;
}

CUmemoryPool pool_default(CUdevice device) {
    if (defaults[device].mark != MARK)
        start(&defaults[device], device, 0);
    return &defaults[device];
}

CUmemoryPool *pool_current(CUdevice device) {
    if (current[device] == NULL)
        current[device] = pool_default(device);
    return &current[device];
}

bool pool_is_alive(CUmemoryPool pool) {
    return pool != NULL && pool->mark == MARK && !pool->destroyed;
}

CUmemoryPool pool_new(CUdevice device, uint64_t maximum) {
    CUmemoryPool pool = malloc(sizeof(*pool));
    if (pool != NULL)
        start(pool, device, maximum);
    return pool;
}

static uint64_t chunks(uint64_t size) {
    return (size + CHUNK - 1) / CHUNK * CHUNK;
}

static void set(struct pool_level *level, uint64_t value) {
    level->current = value;
    if (value > level->high)
        level->high = value;
}

void pool_trim(CUmemoryPool pool, uint64_t kept) {
    uint64_t wanted = pool->used.current > kept ? pool->used.current : kept;
    if (wanted >= pool->reserved.current)
        return;
    uint64_t needed = chunks(wanted);
    process_give_memory(pool->device, pool->reserved.current - needed);
    set(&pool->reserved, needed);
}

static void end_if_unused(CUmemoryPool pool) {
    if (!pool->destroyed || pool->used.current != 0)
        return;
    pool_trim(pool, 0);
    CUmemoryPool *link = &pools;
    while (*link != pool)
        link = &(*link)->next;
    *link = pool->next;
    pool->mark = 0;
    free(pool);
}

void pool_destroy(CUmemoryPool pool) {
    if (*pool_current(pool->device) == pool)
        current[pool->device] = NULL;
    pool->destroyed = true;
    end_if_unused(pool);
}

CUresult pool_take(CUmemoryPool pool, uint64_t size) {
    CUresult result = CUDA_SUCCESS;
    pool_lock();
    uint64_t used = pool->used.current + size;
    uint64_t reserved = chunks(used);
    if (pool->maximum != 0 && used > pool->maximum)
        result = CUDA_ERROR_OUT_OF_MEMORY;
    else if (reserved > pool->reserved.current)
        result = process_take_memory(pool->device, reserved - pool->reserved.current);
    if (result == CUDA_SUCCESS) {
        set(&pool->used, used);
        if (reserved > pool->reserved.current)
            set(&pool->reserved, reserved);
    }
    pool_unlock();
    return result;
}

void pool_give(CUmemoryPool pool, uint64_t size) {
    pool_lock();
    set(&pool->used, pool->used.current - size);
    end_if_unused(pool);
    pool_unlock();
}

void pools_synchronize(void) {
    pool_lock();
    for (CUmemoryPool pool = pools; pool != NULL; pool = pool->next)
        pool_trim(pool, pool->destroyed ? 0 : pool->threshold);
    pool_unlock();
}
