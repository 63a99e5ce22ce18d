/* GPUs in MIG mode, and the devices in which they are divided. */
#ifndef HAMI_SIM_MIG_H
#define HAMI_SIM_MIG_H

#include "sim/common/machine.h"
#include "sim/common/profiles.h"

/* Most that a GPU can be divided in. */
#define MIG_MAX_DEVICES MIG_SLICES

/* The capability to look at all of a GPU in MIG mode, by the minor number of its device node. */
#define MIG_MONITOR_MINOR 2u

/* How many entries of `gpus` are in use: GPUs, then MIG devices that are or were. */
unsigned mig_entries(const struct sim_state *state);

/* Whether what an entry says of MIG is in bounds. */
bool mig_is_sound(const struct sim_state *state, unsigned entry);

/* Whether a GPU can be divided at all: by compute capability, for NVIDIA does not say it otherwise. */
bool mig_is_capable(const struct sim_gpu *gpu);

/* What an entry is. The GPU of a GPU is itself. */
bool mig_is_enabled(const struct sim_state *state, unsigned entry);
bool mig_is_device(const struct sim_state *state, unsigned entry);
unsigned mig_gpu_of(const struct sim_state *state, unsigned entry);

/* Fills in the entries of the MIG devices of a GPU, by their instances' ids; returns how many. */
unsigned mig_devices(const struct sim_state *state, unsigned gpu, unsigned devices[MIG_MAX_DEVICES]);

/* The same with those only whose capabilities this process can open, as the real driver tells who may use them. */
unsigned mig_usable_devices(const struct machine *machine, unsigned gpu, unsigned devices[MIG_MAX_DEVICES]);

/* Whether this process may use one MIG device; and look at all of a GPU that is divided. */
bool mig_is_usable(const struct machine *machine, unsigned device);
bool mig_may_monitor(void);

/* Bytes that living processes use of a GPU or MIG device; of a GPU in MIG mode, on all its devices. */
uint64_t mig_memory_used(const struct machine *machine, unsigned entry);

#endif
