/* The library's state between nvmlInit and nvmlShutdown: the machine, and the GPUs that the process can see. */
#ifndef HAMI_SIM_NVML_LIBRARY_H
#define HAMI_SIM_NVML_LIBRARY_H

#include "abi/nvml.h"
#include "sim/common/machine.h"

#include <stdbool.h>

struct nvmlDevice_st {
    unsigned gpu; /* index in the machine's state; of a MIG device too */
};

/* The machine, or NULL when NVML is not initialized. */
const struct machine *library_machine(void);

/* GPUs by NVML's index, and MIG devices by their index in the state. */
unsigned library_device_count(void);
nvmlDevice_t library_device(unsigned index);
nvmlDevice_t library_mig_device(unsigned entry);

/* The GPU or MIG device that a handle names, or the reason why it names none; of a GPU that is lost nothing else is
 * answered. */
nvmlReturn_t library_gpu(nvmlDevice_t device, const struct sim_gpu **gpu);

/* The same for a caller that wants to be told something of it, at `answer`. */
nvmlReturn_t library_gpu_for(nvmlDevice_t device, const void *answer, const struct sim_gpu **gpu);

/* The same where a MIG device has no such thing. */
nvmlReturn_t library_whole_gpu_for(nvmlDevice_t device, const void *answer, const struct sim_gpu **gpu);

/* The same where all of a GPU in MIG mode is looked at, which not everybody may. */
nvmlReturn_t library_use_for(nvmlDevice_t device, const void *answer, const struct sim_gpu **gpu);

/* Whether a GPU, by its index in the machine's state, has fallen off the bus. */
bool library_is_lost(unsigned gpu);

/* What is wrong with the GPU of a handle that library_gpu took. */
const struct sim_health *library_health(nvmlDevice_t device);

/* Copies a text into a caller's buffer, whole or not at all. */
nvmlReturn_t library_copy(char *buffer, unsigned size, const char *text);

#endif
