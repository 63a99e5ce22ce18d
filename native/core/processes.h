/* The processes of this container that use a GPU's shares, as the shares' regions name them. */
#ifndef HAMI_CORE_PROCESSES_H
#define HAMI_CORE_PROCESSES_H

#include "core/gpu.h"

struct process_use {
    uint32_t pid;
    uint64_t bytes; /* of all shares on the GPU */
};

struct processes {
    struct process_use *uses;
    unsigned int count;
};

/* Those that live, each once, by their PIDs in this process's namespace. One that has none here is left out. False
 * without memory; whatever comes is freed with processes_free. */
bool processes_find(const struct gpu *gpu, struct processes *found);

void processes_free(struct processes *found);

/* Whether one of them has that PID. */
bool processes_contain(const struct processes *found, uint32_t pid);

#endif
