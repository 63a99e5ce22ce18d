/* The sizes in which a GPU can be divided by MIG, as NVIDIA's MIG User Guide lists them for its GPUs of seven slices.
 */
#ifndef HAMI_SIM_PROFILES_H
#define HAMI_SIM_PROFILES_H

#include "sim/common/state.h"

#include <stddef.h>

#define MIG_SLICES  7 /* of compute */
#define MIG_EIGHTHS 8 /* of memory */

struct mig_profile {
    unsigned slices;
    unsigned eighths;
    unsigned number;         /* NVML's NVML_GPU_INSTANCE_PROFILE_… */
    unsigned compute_number; /* NVML's NVML_COMPUTE_INSTANCE_PROFILE_… of a compute instance that has all of it */
    unsigned id;             /* as `nvidia-smi mig -lgip` shows it */
    unsigned compute_id;     /* as `nvidia-smi mig -lcip` shows it */
    unsigned first_instance; /* the ids that such GPU instances have */
    unsigned last_instance;
};

#define MIG_PROFILES 6

extern const struct mig_profile mig_profiles[MIG_PROFILES];

/* The name that the profile has on a GPU, such as 1g.5gb: its slices, and its part of the memory in GB. */
void mig_profile_name(const struct mig_profile *profile, const struct sim_gpu *gpu, char *name, size_t size);

/* What an instance has of the GPU: bytes of memory, and multiprocessors. A real one has a little less, by what NVIDIA
 * keeps for itself. */
uint64_t mig_profile_memory(const struct mig_profile *profile, const struct sim_gpu *gpu);
unsigned mig_profile_multiprocessors(const struct mig_profile *profile, const struct sim_gpu *gpu);

#endif
