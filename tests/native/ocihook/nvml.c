/* An NVML that keeps one limit, and misbehaves in the one way for which it is compiled. */
#include "abi/nvml.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

nvmlReturn_t nvmlInit_v2(void);
nvmlReturn_t nvmlInitWithFlags(unsigned int flags);
nvmlReturn_t nvmlShutdown(void);
nvmlReturn_t nvmlDeviceGetHandleByUUID(const char *uuid, nvmlDevice_t *device);
nvmlReturn_t nvmlDeviceSetMemoryLimits_v1(nvmlDevice_t device, nvmlSetMemoryLimits_v1_t *limits);
nvmlReturn_t nvmlDeviceGetMemoryLimits_v1(nvmlDevice_t device, nvmlGetMemoryLimits_v1_t *limits);
const char *nvmlErrorString(nvmlReturn_t result);

nvmlReturn_t nvmlInit_v2(void) {
#if defined hanging
    for (;;)
        pause();
#elif defined crashing
    abort();
#elif defined leaving
    exit(0);
#elif defined chatting
    puts("chat");
    fflush(stdout);
    fputs("chat\n", stderr);
#endif
    return NVML_SUCCESS;
}

/* As NVIDIA's Python binding calls it. */
nvmlReturn_t nvmlInitWithFlags(unsigned int flags) {
    (void)flags;
    return nvmlInit_v2();
}

nvmlReturn_t nvmlShutdown(void) {
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetHandleByUUID(const char *uuid, nvmlDevice_t *device) {
    (void)uuid;
    *device = NULL;
    return NVML_SUCCESS;
}

#ifndef older
static unsigned long long limit;

nvmlReturn_t nvmlDeviceSetMemoryLimits_v1(nvmlDevice_t device, nvmlSetMemoryLimits_v1_t *limits) {
    (void)device;
    limit = limits->hardLimit;
#ifdef lying
    limit++;
#elif defined restless
    rename(getenv("LIMITS_TO_BE"), getenv("LIMITS"));
#endif
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetMemoryLimits_v1(nvmlDevice_t device, nvmlGetMemoryLimits_v1_t *limits) {
    (void)device;
    limits->softLimit = 0;
    limits->hardLimit = limit;
    limits->currentUsed = 0;
#ifdef restless
    FILE *told = fopen(getenv("TOLD"), "we");
    if (told == NULL || fprintf(told, "%llu", limit) < 0 || fclose(told) != 0)
        return NVML_ERROR_UNKNOWN;
#endif
    return NVML_SUCCESS;
}
#endif

const char *nvmlErrorString(nvmlReturn_t result) {
    (void)result;
    return "";
}
