/* The functions of NVML that set limits, found in a library that is named by its path. */
#ifndef HAMI_OCIHOOK_NVML_H
#define HAMI_OCIHOOK_NVML_H

#include "abi/nvml.h"
#include "ocihook/problem.h"

#include <stdbool.h>

struct nvml {
    nvmlReturn_t (*init)(void);
    nvmlReturn_t (*handle)(const char *uuid, nvmlDevice_t *device);
    nvmlReturn_t (*set)(nvmlDevice_t device, nvmlSetMemoryLimits_v1_t *limits);
    nvmlReturn_t (*get)(nvmlDevice_t device, nvmlGetMemoryLimits_v1_t *limits);
    const char *(*error)(nvmlReturn_t result);
};

/* Loads the library and initializes it. */
bool nvml_open(const char *path, struct nvml *nvml, struct problem *problem);

#endif
