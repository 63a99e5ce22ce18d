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
static struct CUmemPoolHandle_st defaults[2][POOL_PLACES]; /* of device memory, and of managed memory */
static CUmemoryPool current[2][POOL_PLACES];
static CUmemoryPool pools; /* every one that was ever used and is not ended */

void pool_lock(void) {
    pthread_mutex_lock(&lock);
}

void pool_unlock(void) {
    pthread_mutex_unlock(&lock);
}

static void start(CUmemoryPool pool, struct pool_place place, uint64_t maximum) {
    *pool = (struct CUmemPoolHandle_st){
        .mark = MARK, .place = place, .reuses = {1, 1, 1}, .maximum = maximum, .next = pools};
    pools = pool;
}

CUmemoryPool pool_default(struct pool_place place) {
    CUmemoryPool pool = &defaults[place.managed][place.at];
    if (pool->mark != MARK)
        start(pool, place, 0);
    return pool;
}

CUmemoryPool *pool_current(struct pool_place place) {
    CUmemoryPool *pool = &current[place.managed][place.at];
    if (*pool == NULL)
        *pool = pool_default(place);
    return pool;
}

CUdevice pool_device(CUmemoryPool pool) {
    return pool->place.at < SIM_MAX_GPUS ? (CUdevice)pool->place.at : 0;
}

static CUresult take(CUmemoryPool pool, uint64_t bytes) {
    return pool->place.managed ? CUDA_SUCCESS : process_take_memory(pool_device(pool), bytes);
}

static void give(CUmemoryPool pool, uint64_t bytes) {
    if (!pool->place.managed)
        process_give_memory(pool_device(pool), bytes);
}

bool pool_is_alive(CUmemoryPool pool) {
    return pool != NULL && pool->mark == MARK && !pool->destroyed;
}

CUmemoryPool pool_new(struct pool_place place, uint64_t maximum) {
    CUmemoryPool pool = malloc(sizeof(*pool));
    if (pool != NULL)
        start(pool, place, maximum);
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
    give(pool, pool->reserved.current - needed);
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
    if (*pool_current(pool->place) == pool)
        *pool_current(pool->place) = pool_default(pool->place);
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
        result = take(pool, reserved - pool->reserved.current);
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
