/* Which GPUs a process sees, and in what order: CUDA_VISIBLE_DEVICES and CUDA_DEVICE_ORDER. */
#ifndef HAMI_SIM_VISIBLE_H
#define HAMI_SIM_VISIBLE_H

#include "sim/common/machine.h"

/* Fills `gpus` with the visible GPUs' indices in the machine's state, by CUDA ordinal; returns how many. */
unsigned visible_gpus(const struct machine *machine, unsigned gpus[SIM_MAX_GPUS]);

#endif
