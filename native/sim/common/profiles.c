/* The sizes in which a GPU can be divided by MIG. */
#include "sim/common/profiles.h"

#include <stdio.h>

#define MIB (1ull << 20)
#define GIB (1ull << 30)

const struct mig_profile mig_profiles[MIG_PROFILES] = {
    {.slices = 1, .eighths = 1, .number = 0, .compute_number = 0, .id = 19, .compute_id = 0, 7, 13},
    {.slices = 1, .eighths = 2, .number = 9, .compute_number = 0, .id = 15, .compute_id = 0, 3, 6},
    {.slices = 2, .eighths = 2, .number = 1, .compute_number = 1, .id = 14, .compute_id = 1, 3, 6},
    {.slices = 3, .eighths = 4, .number = 2, .compute_number = 2, .id = 9, .compute_id = 2, 1, 2},
    {.slices = 4, .eighths = 4, .number = 3, .compute_number = 3, .id = 5, .compute_id = 3, 1, 2},
    {.slices = 7, .eighths = 8, .number = 4, .compute_number = 4, .id = 0, .compute_id = 4, 0, 0},
};

/* Rounded as NVIDIA's tools do: eighths of the whole GB that the GPU has. */
void mig_profile_name(const struct mig_profile *profile, const struct sim_gpu *gpu, char *name, size_t size) {
    uint64_t gigabytes = (gpu->memory + GIB - 1) / GIB;
    unsigned long long part = (profile->eighths * gigabytes + MIG_EIGHTHS / 2) / MIG_EIGHTHS;
    snprintf(name, size, "%ug.%llugb", profile->slices, part);
}

uint64_t mig_profile_memory(const struct mig_profile *profile, const struct sim_gpu *gpu) {
    return gpu->memory / MIG_EIGHTHS * profile->eighths / MIB * MIB;
}

unsigned mig_profile_multiprocessors(const struct mig_profile *profile, const struct sim_gpu *gpu) {
    return gpu->multiprocessors * profile->slices / MIG_SLICES;
}
