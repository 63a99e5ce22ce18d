/* Has the driver limit a container's memory of a GPU, through NVML. */
#ifndef HAMI_OCIHOOK_DRIVER_H
#define HAMI_OCIHOOK_DRIVER_H

#include "ocihook/problem.h"
#include "ocihook/state.h"

#include <stdbool.h>

/* What is to be limited, for whom, and by which library. */
struct driver_order {
    const char *nvml;
    const char *share;
    const char *cgroup;
    const struct state *state;
};

/* Sets the limit on the GPU of the order's share, and reads it back. */
bool driver_limit(const struct driver_order *order, struct problem *problem);

#endif
