/* Which GPUs of this container are limited, found out when CUDA or NVML is first used. */
#ifndef HAMI_CORE_INVENTORY_H
#define HAMI_CORE_INVENTORY_H

#include "core/gpu.h"

struct inventory {
    struct gpu *gpus;
    bool closed; /* something that may concern any GPU cannot be understood: those without a share are closed */
};

/* True if at least one GPU is limited or closed. */
bool inventory_limits(void);

/* The GPU with that UUID, or NULL if it is not limited. */
struct gpu *inventory_gpu(const struct uuid *uuid);

/* Calls it with each GPU that is limited. */
void inventory_for_each(void (*call)(struct gpu *gpu));

/* A GPU of which nothing can be had. */
struct gpu *inventory_closed_gpu(void);

/* In a forked child: the limits stay, what this process held of them was the parent's. */
void inventory_forget(void);

/* For whoever fills an inventory. Return false without memory. */
bool inventory_add_gpu(struct inventory *inventory, const struct uuid *uuid);
bool inventory_add_share(struct inventory *inventory, struct share *share);

#endif
