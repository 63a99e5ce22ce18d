/* A GPU of which this container has shares: they add up. */
#include "core/gpu.h"

#include "core/cancellation.h"
#include "core/cold.h"
#include "core/log.h"

#include <inttypes.h>
#include <time.h>

#define WAIT_PAUSE_NS 50000
#define WAIT_TRIES    300 /* about 30 ms, as the kernel rounds the pauses up */

static bool take_whole(struct gpu *gpu, uint64_t bytes) {
    for (struct share *share = gpu->shares; share != NULL; share = share->next)
        if (share_take(share, bytes, bytes) != 0)
            return true;
    return false;
}

/* Takes from the first share that has room, the rest from the next. Only the last one has to have all that is left. */
static bool take_from_all(struct gpu *gpu, uint64_t bytes) {
    uint64_t missing = bytes;
    for (struct share *share = gpu->shares; share != NULL && missing > 0; share = share->next)
        missing -= share_take(share, share->next == NULL ? missing : 1, missing);
    if (missing > 0)
        gpu_give_back(gpu, bytes - missing);
    return missing == 0;
}

/* Whoever is at it may be stopped, which the kernel does not tell. Then nobody waits any longer: something may be
 * refused that would have fitted, but nothing is given that does not. */
static void wait_for(bool (*done)(struct share *share), struct share *share) {
    int cancellation = cancellation_put_off();
    for (int tries = 0; !done(share) && tries < WAIT_TRIES; tries++)
        nanosleep(&(struct timespec){.tv_nsec = WAIT_PAUSE_NS}, NULL);
    cancellation_restore(cancellation);
}

static bool take_or_sweep(struct gpu *gpu, uint64_t bytes) {
    if (take_from_all(gpu, bytes))
        return true;
    for (struct share *share = gpu->shares; share != NULL; share = share->next)
        wait_for(share_sweep, share);
    return take_from_all(gpu, bytes);
}

/* What is taken in parts may be given back because the last part is missing. As long as it is held, others could be
 * refused what would fit a moment later: so parts are taken, and requests refused, by one process and thread at a time.
 * Shares are in the same order everywhere, so that nobody waits for one who waits for him. */
static bool take_in_turn(struct gpu *gpu, uint64_t bytes) {
    lock_take(&gpu->turn);
    for (struct share *share = gpu->shares; share != NULL; share = share->next)
        wait_for(share_turn_begin, share);
    bool taken = take_or_sweep(gpu, bytes);
    for (struct share *share = gpu->shares; share != NULL; share = share->next)
        share_turn_end(share);
    lock_release(&gpu->turn);
    return taken;
}

static _Atomic(bool (*)(struct gpu *)) reclaim, count;

void gpu_set_count(bool (*function)(struct gpu *gpu)) {
    atomic_store_explicit(&count, function, memory_order_release);
}

void gpu_set_reclaim(bool (*function)(struct gpu *gpu)) {
    atomic_store_explicit(&reclaim, function, memory_order_release);
}

static bool reclaim_some(struct gpu *gpu) {
    bool (*function)(struct gpu *) = atomic_load_explicit(&reclaim, memory_order_acquire);
    return function != NULL && function(gpu);
}

/* For what fits into no share as it is. */
static COLD bool reserve_elsewhere(struct gpu *gpu, uint64_t bytes) {
    if (take_in_turn(gpu, bytes) || (reclaim_some(gpu) && take_in_turn(gpu, bytes)))
        return true;
    struct share_memory memory = gpu_look(gpu);
    log_line(LOG_INFO, "refused %" PRIu64 " bytes: %" PRIu64 " of %" PRIu64 " in use", bytes, memory.used,
             memory.limit);
    return false;
}

static COLD bool contexts_fit(struct gpu *gpu) {
    bool (*function)(struct gpu *) = atomic_load_explicit(&count, memory_order_acquire);
    return function == NULL || function(gpu);
}

bool gpu_count_contexts(struct gpu *gpu) {
    return atomic_load_explicit(&gpu->counted, memory_order_relaxed) || contexts_fit(gpu);
}

bool gpu_reserve(struct gpu *gpu, uint64_t bytes) {
    return gpu == NULL || bytes == 0 ||
           (gpu_count_contexts(gpu) && (take_whole(gpu, bytes) || reserve_elsewhere(gpu, bytes)));
}

uint64_t gpu_held(const struct gpu *gpu) {
    uint64_t held = 0;
    for (struct share *share = gpu->shares; share != NULL; share = share->next)
        held += share_held(share);
    return held;
}

void gpu_give_back(struct gpu *gpu, uint64_t bytes) {
    if (gpu == NULL)
        return;
    for (struct share *share = gpu->shares; share != NULL && bytes > 0; share = share->next)
        bytes -= share_give(share, bytes);
}

struct share_memory gpu_look(const struct gpu *gpu) {
    struct share_memory sum = {0};
    for (struct share *share = gpu->shares; share != NULL; share = share->next) {
        struct share_memory memory = share_look(share);
        sum.limit += memory.limit;
        sum.used += memory.used < memory.limit ? memory.used : memory.limit;
    }
    return sum;
}

void gpu_forget(struct gpu *gpu) {
    lock_release(&gpu->turn);
    gpu->counted = false;
    gpu->stale = false;
    gpu->inherits = false;
    for (struct share *share = gpu->shares; share != NULL; share = share->next)
        share_forget(share);
}
