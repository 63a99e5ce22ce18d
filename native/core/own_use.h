/* How much of a GPU's memory this process has, by NVML. */
#ifndef HAMI_CORE_OWN_USE_H
#define HAMI_CORE_OWN_USE_H

#include "core/gpu.h"

/* False if NVML cannot be asked. 0 also where it does not name this process, or does so without its memory: that is
 * logged if the process has `allocated` some. */
bool own_use(const struct gpu *gpu, uint64_t allocated, uint64_t *bytes);

/* In a forked child: another of the parent's threads may have been asking for the first time. */
void own_use_forget(void);

#endif
