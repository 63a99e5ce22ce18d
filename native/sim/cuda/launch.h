/* Launches: how long one takes. */
#ifndef HAMI_SIM_LAUNCH_H
#define HAMI_SIM_LAUNCH_H

#include "abi/cuda.h"

/* The shape of a launch. */
struct launch {
    CUfunction function;
    unsigned grid[3];
    unsigned block[3];
    void **parameters;
    void **extra;
};

/* Writes how many ns the launch takes, or tells what is wrong with it. */
CUresult launch_cost(const struct launch *launch, uint64_t *ns);

#endif
