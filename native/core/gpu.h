/* A GPU of which this container has shares: they add up. */
#ifndef HAMI_CORE_GPU_H
#define HAMI_CORE_GPU_H

#include "core/share.h"

struct gpu {
    struct uuid uuid;
    struct share *shares; /* by path; none: the GPU is closed, nothing can be had of it */
    struct lock turn;     /* between threads, as share_turn_begin is between processes */
    struct gpu *next;
};

/* Reserves bytes for this process before the driver is asked for them: all or nothing. A GPU that is not limited is
 * NULL here and in the next function. */
bool gpu_reserve(struct gpu *gpu, uint64_t bytes);

/* What gpu_reserve asks, before it refuses, whether it could give back something of the GPU. */
void gpu_set_reclaim(bool (*reclaim)(struct gpu *gpu));

/* Gives reserved bytes back. */
void gpu_give_back(struct gpu *gpu, uint64_t bytes);

/* What a program is shown; `used` is at most `limit`. */
struct share_memory gpu_look(const struct gpu *gpu);

/* In a forked child: the limits stay, what this process held of them was the parent's. */
void gpu_forget(struct gpu *gpu);

#endif
