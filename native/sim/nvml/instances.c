/* GPU instances and compute instances: what MIG devices are made of. Each GPU instance has one compute instance, which
 * has all of it. */
#include "sim/common/mig.h"
#include "sim/nvml/library.h"
#include "sim/nvml/table.h"

/* Handles of both, by the index in the state of the MIG device that they make up. */
struct nvmlGpuInstance_st {
    nvmlDevice_t gpu;
    unsigned entry;
};

struct nvmlComputeInstance_st {
    nvmlGpuInstance_t in;
};

static struct nvmlGpuInstance_st gpu_instances[SIM_MAX_GPUS];
static struct nvmlComputeInstance_st compute_instances[SIM_MAX_GPUS];

static const struct mig_profile *profile_of(nvmlGpuInstance_t instance) {
    return &mig_profiles[library_machine()->state->mig[instance->entry].profile];
}

nvmlReturn_t nvmlDeviceGetGpuInstanceProfileInfo(nvmlDevice_t device, unsigned int number,
                                                 nvmlGpuInstanceProfileInfo_t *info) {
    const struct sim_gpu *gpu;
    nvmlReturn_t result = library_whole_gpu_for(device, info, &gpu);
    if (result != NVML_SUCCESS)
        return result;
    if (number >= NVML_GPU_INSTANCE_PROFILE_COUNT)
        return NVML_ERROR_INVALID_ARGUMENT;
    for (unsigned i = 0; mig_is_capable(gpu) && i < MIG_PROFILES; i++) {
        const struct mig_profile *profile = &mig_profiles[i];
        if (profile->number != number)
            continue;
        unsigned by_slices = MIG_SLICES / profile->slices;
        unsigned by_memory = MIG_EIGHTHS / profile->eighths;
        *info = (nvmlGpuInstanceProfileInfo_t){.id = profile->id,
                                               .sliceCount = profile->slices,
                                               .instanceCount = by_slices < by_memory ? by_slices : by_memory,
                                               .multiprocessorCount = mig_profile_multiprocessors(profile, gpu),
                                               .memorySizeMB = mig_profile_memory(profile, gpu) >> 20};
        return NVML_SUCCESS;
    }
    return NVML_ERROR_NOT_SUPPORTED;
}

nvmlReturn_t nvmlDeviceGetGpuInstanceById(nvmlDevice_t device, unsigned int id, nvmlGpuInstance_t *instance) {
    const struct sim_gpu *gpu;
    nvmlReturn_t result = library_whole_gpu_for(device, instance, &gpu);
    if (result != NVML_SUCCESS)
        return result;
    if (!mig_is_enabled(library_machine()->state, device->gpu))
        return NVML_ERROR_NOT_SUPPORTED;
    unsigned devices[MIG_MAX_DEVICES];
    unsigned count = mig_usable_devices(library_machine(), device->gpu, devices);
    for (unsigned i = 0; i < count; i++)
        if (library_machine()->state->mig[devices[i]].instance == id) {
            *instance = &gpu_instances[devices[i]];
            **instance = (struct nvmlGpuInstance_st){device, devices[i]};
            return NVML_SUCCESS;
        }
    return NVML_ERROR_NOT_FOUND;
}

/* Whether a handle is one that nvmlDeviceGetGpuInstanceById gave, and its GPU is there. */
static nvmlReturn_t check(nvmlGpuInstance_t instance, const void *answer) {
    const struct sim_gpu *gpu;
    size_t offset = (size_t)((const char *)instance - (const char *)gpu_instances);
    if (library_machine() == NULL)
        return NVML_ERROR_UNINITIALIZED;
    if (offset >= sizeof(gpu_instances) || offset % sizeof(*instance) != 0)
        return NVML_ERROR_INVALID_ARGUMENT;
    return library_gpu_for(instance->gpu, answer, &gpu);
}

/* Where in the GPU an instance lies is not simulated: its start is always 0. */
nvmlReturn_t nvmlGpuInstanceGetInfo(nvmlGpuInstance_t instance, nvmlGpuInstanceInfo_t *info) {
    nvmlReturn_t result = check(instance, info);
    if (result != NVML_SUCCESS)
        return result;
    const struct mig_profile *profile = profile_of(instance);
    *info = (nvmlGpuInstanceInfo_t){.device = instance->gpu,
                                    .id = library_machine()->state->mig[instance->entry].instance,
                                    .profileId = profile->id,
                                    .placement = {.start = 0, .size = profile->eighths}};
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlGpuInstanceGetComputeInstanceProfileInfo(nvmlGpuInstance_t instance, unsigned int number,
                                                          unsigned int engine, nvmlComputeInstanceProfileInfo_t *info) {
    nvmlReturn_t result = check(instance, info);
    if (result != NVML_SUCCESS)
        return result;
    if (number >= NVML_COMPUTE_INSTANCE_PROFILE_COUNT || engine >= NVML_COMPUTE_INSTANCE_ENGINE_PROFILE_COUNT)
        return NVML_ERROR_INVALID_ARGUMENT;
    const struct mig_profile *profile = profile_of(instance);
    if (profile->compute_number != number)
        return NVML_ERROR_NOT_SUPPORTED;
    *info = (nvmlComputeInstanceProfileInfo_t){.id = profile->compute_id,
                                               .sliceCount = profile->slices,
                                               .instanceCount = 1,
                                               .multiprocessorCount =
                                                   library_machine()->state->gpus[instance->entry].multiprocessors};
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlGpuInstanceGetComputeInstanceById(nvmlGpuInstance_t instance, unsigned int id,
                                                   nvmlComputeInstance_t *compute) {
    nvmlReturn_t result = check(instance, compute);
    if (result != NVML_SUCCESS)
        return result;
    if (id != 0)
        return NVML_ERROR_NOT_FOUND;
    *compute = &compute_instances[instance->entry];
    (*compute)->in = instance;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlComputeInstanceGetInfo_v2(nvmlComputeInstance_t compute, nvmlComputeInstanceInfo_t *info) {
    size_t offset = (size_t)((const char *)compute - (const char *)compute_instances);
    if (offset >= sizeof(compute_instances) || offset % sizeof(*compute) != 0)
        return NVML_ERROR_INVALID_ARGUMENT;
    nvmlReturn_t result = check(compute->in, info);
    if (result != NVML_SUCCESS)
        return result;
    const struct mig_profile *profile = profile_of(compute->in);
    *info = (nvmlComputeInstanceInfo_t){.device = compute->in->gpu,
                                        .gpuInstance = compute->in,
                                        .id = 0,
                                        .profileId = profile->compute_id,
                                        .placement = {.start = 0, .size = profile->slices}};
    return NVML_SUCCESS;
}
