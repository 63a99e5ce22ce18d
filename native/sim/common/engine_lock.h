/* The lock of a GPU's engine: a word in the state, taken and left without asking the kernel. */
#ifndef HAMI_SIM_ENGINE_LOCK_H
#define HAMI_SIM_ENGINE_LOCK_H

#include "sim/common/machine.h"

/* Takes the lock in the name of a queue that this process owns; for one of its threads at a time. */
void engine_lock(const struct machine *machine, unsigned gpu, uint32_t own);
void engine_unlock(const struct machine *machine, unsigned gpu);

#endif
