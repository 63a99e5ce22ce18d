/* What the shares of a container grant it of one GPU. */
#ifndef HAMI_OCIHOOK_SHARES_H
#define HAMI_OCIHOOK_SHARES_H

#include "core/limits.h"
#include "ocihook/problem.h"
#include "ocihook/state.h"

#include <stdbool.h>
#include <stdint.h>

/* Reads the share's own limits. */
bool shares_own(const char *share, struct limits *limits, struct problem *problem);

/* What a container may have of a GPU, and whether the driver is to hold it to a share of that. */
struct grant {
    uint64_t bytes;
    bool by_driver;
};

/* Adds up what is granted of the GPU by those shares beside `share`, itself among them, that note the container. */
bool shares_sum(const char *share, const struct state *state, const struct uuid *gpu, struct grant *grant,
                struct problem *problem);

#endif
