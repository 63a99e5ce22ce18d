/* A GPU of which this container has shares: they add up. */
#ifndef HAMI_CORE_GPU_H
#define HAMI_CORE_GPU_H

#include "core/share.h"

#include <stdatomic.h>

struct compute;

struct gpu {
    struct uuid uuid;
    char *turns;      /* what the paths of the files begin with by which turns on it are given; NULL: none */
    bool makes_turns; /* the environment contract has no plugin that made them */
    _Atomic(struct compute *) compute; /* core/compute.h; NULL before the first launch */
    struct share *shares;              /* by path; none: the GPU is closed, nothing can be had of it */
    struct lock turn;                  /* between threads, as share_turn_begin is between processes */
    atomic_bool counted;               /* the contexts that this process has on it */
    atomic_bool stale;                 /* and they may have grown since, by what can wait: core/overhead.h */
    atomic_bool inherits;              /* what others have made, as soon as they let go of it: likewise */
    _Atomic uint64_t counted_at;       /* on clock_ns, when they were counted last */
    struct gpu *next;
};

/* Reserves bytes for this process before the driver is asked for them: all or nothing. A GPU that is not limited is
 * NULL here and in the next function. */
bool gpu_reserve(struct gpu *gpu, uint64_t bytes);

/* What gpu_reserve asks, before it refuses, whether it could give back something of the GPU. */
void gpu_set_reclaim(bool (*reclaim)(struct gpu *gpu));

/* Makes sure that the memory of the process's own contexts is counted. False if it does not fit: then nothing can be
 * reserved. gpu_reserve does so first of all. The other says what counts it, where that is to be done. */
bool gpu_count_contexts(struct gpu *gpu);
void gpu_set_count(bool (*count)(struct gpu *gpu));

/* Bytes that this process holds. */
uint64_t gpu_held(const struct gpu *gpu);

/* Gives reserved bytes back. */
void gpu_give_back(struct gpu *gpu, uint64_t bytes);

/* What a program is shown; `used` is at most `limit`. */
struct share_memory gpu_look(const struct gpu *gpu);

/* In a forked child: the limits stay, what this process held of them was the parent's. */
void gpu_forget(struct gpu *gpu);

#endif
