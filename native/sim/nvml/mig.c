/* GPUs in MIG mode, and the handles and properties of their MIG devices. */
#include "sim/nvml/mig.h"

#include "sim/common/mig.h"
#include "sim/nvml/library.h"
#include "sim/nvml/table.h"

static nvmlDevice_t handle_of_gpu(unsigned gpu) {
    for (unsigned i = 0; i < library_device_count(); i++)
        if (library_device(i)->gpu == gpu)
            return library_device(i);
    return NULL;
}

bool mig_is_visible(unsigned entry) {
    const struct machine *machine = library_machine();
    return handle_of_gpu(mig_gpu_of(machine->state, entry)) != NULL && mig_is_usable(machine, entry);
}

unsigned mig_index(unsigned entry) {
    const struct machine *machine = library_machine();
    unsigned devices[MIG_MAX_DEVICES];
    unsigned count = mig_usable_devices(machine, mig_gpu_of(machine->state, entry), devices);
    unsigned index = 0;
    while (index < count && devices[index] != entry)
        index++;
    return index;
}

/* A change of the mode takes effect at once here: what is pending is what is. */
nvmlReturn_t nvmlDeviceGetMigMode(nvmlDevice_t device, unsigned int *current, unsigned int *pending) {
    const struct sim_gpu *gpu;
    nvmlReturn_t result = library_whole_gpu_for(device, current, &gpu);
    if (result != NVML_SUCCESS)
        return result;
    if (pending == NULL)
        return NVML_ERROR_INVALID_ARGUMENT;
    if (!mig_is_capable(gpu))
        return NVML_ERROR_NOT_SUPPORTED;
    *current = mig_is_enabled(library_machine()->state, device->gpu) ? NVML_DEVICE_MIG_ENABLE : NVML_DEVICE_MIG_DISABLE;
    *pending = *current;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetMaxMigDeviceCount(nvmlDevice_t device, unsigned int *count) {
    const struct sim_gpu *gpu;
    nvmlReturn_t result = library_whole_gpu_for(device, count, &gpu);
    if (result != NVML_SUCCESS)
        return result;
    *count = mig_is_enabled(library_machine()->state, device->gpu) ? MIG_MAX_DEVICES : 0;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceIsMigDeviceHandle(nvmlDevice_t device, unsigned int *is_mig) {
    const struct sim_gpu *gpu;
    nvmlReturn_t result = library_gpu_for(device, is_mig, &gpu);
    if (result != NVML_SUCCESS)
        return result;
    *is_mig = mig_is_device(library_machine()->state, device->gpu);
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetMigDeviceHandleByIndex(nvmlDevice_t device, unsigned int index, nvmlDevice_t *mig) {
    const struct sim_gpu *gpu;
    nvmlReturn_t result = library_whole_gpu_for(device, mig, &gpu);
    if (result != NVML_SUCCESS)
        return result;
    if (!mig_is_enabled(library_machine()->state, device->gpu) || index >= MIG_MAX_DEVICES)
        return NVML_ERROR_INVALID_ARGUMENT;
    unsigned devices[MIG_MAX_DEVICES];
    if (index >= mig_usable_devices(library_machine(), device->gpu, devices))
        return NVML_ERROR_NOT_FOUND;
    *mig = library_mig_device(devices[index]);
    return NVML_SUCCESS;
}

/* The MIG device of a handle, for a caller that wants to be told something of it, at `answer`. */
static nvmlReturn_t mig_device(nvmlDevice_t device, const void *answer, const struct sim_mig **mig) {
    const struct sim_gpu *gpu;
    nvmlReturn_t result = library_gpu_for(device, answer, &gpu);
    if (result != NVML_SUCCESS)
        return result;
    *mig = &library_machine()->state->mig[device->gpu];
    return mig_is_device(library_machine()->state, device->gpu) ? NVML_SUCCESS : NVML_ERROR_NOT_SUPPORTED;
}

nvmlReturn_t nvmlDeviceGetDeviceHandleFromMigDeviceHandle(nvmlDevice_t device, nvmlDevice_t *parent) {
    const struct sim_mig *mig;
    nvmlReturn_t result = mig_device(device, parent, &mig);
    if (result != NVML_SUCCESS)
        return result;
    *parent = handle_of_gpu(mig->parent);
    return *parent != NULL ? NVML_SUCCESS : NVML_ERROR_NOT_FOUND;
}

nvmlReturn_t nvmlDeviceGetGpuInstanceId(nvmlDevice_t device, unsigned int *id) {
    const struct sim_mig *mig;
    nvmlReturn_t result = mig_device(device, id, &mig);
    if (result != NVML_SUCCESS)
        return result;
    *id = mig->instance;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetComputeInstanceId(nvmlDevice_t device, unsigned int *id) {
    const struct sim_mig *mig;
    nvmlReturn_t result = mig_device(device, id, &mig);
    if (result != NVML_SUCCESS)
        return result;
    *id = 0;
    return NVML_SUCCESS;
}

/* Engines for copies, video and images are not simulated: there are none. */
nvmlReturn_t nvmlDeviceGetAttributes_v2(nvmlDevice_t device, nvmlDeviceAttributes_t *attributes) {
    const struct sim_mig *mig;
    nvmlReturn_t result = mig_device(device, attributes, &mig);
    if (result != NVML_SUCCESS)
        return result;
    const struct sim_gpu *part = &library_machine()->state->gpus[device->gpu];
    const struct mig_profile *profile = &mig_profiles[mig->profile];
    *attributes = (nvmlDeviceAttributes_t){.multiprocessorCount = part->multiprocessors,
                                           .gpuInstanceSliceCount = profile->slices,
                                           .computeInstanceSliceCount = profile->slices,
                                           .memorySizeMB = part->memory >> 20};
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetAttributes(nvmlDevice_t device, nvmlDeviceAttributes_t *attributes) {
    return nvmlDeviceGetAttributes_v2(device, attributes);
}
