/* Which GPUs can be wrong in which way. */
#ifndef HAMI_SIM_NVML_HEALTH_H
#define HAMI_SIM_NVML_HEALTH_H

#include "sim/common/state.h"

#include <stdbool.h>

/* GPUs for servers and workstations have ECC, and here it is on. */
bool health_has_ecc(const struct sim_gpu *gpu);

#endif
