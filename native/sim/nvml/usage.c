/* What of a device is used: memory, its window, time. */
#include "sim/common/ledger.h"
#include "sim/nvml/library.h"
#include "sim/nvml/table.h"

nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t device, nvmlMemory_t *memory) {
    const struct sim_gpu *gpu;
    nvmlReturn_t result = library_gpu_for(device, memory, &gpu);
    if (result != NVML_SUCCESS)
        return result;
    uint64_t used = ledger_used(library_machine(), device->gpu);
    *memory = (nvmlMemory_t){.total = gpu->memory, .free = gpu->memory - used, .used = used};
    return NVML_SUCCESS;
}

/* A simulated driver keeps nothing for itself: reserved is 0. */
nvmlReturn_t nvmlDeviceGetMemoryInfo_v2(nvmlDevice_t device, nvmlMemory_v2_t *memory) {
    const struct sim_gpu *gpu;
    nvmlReturn_t result = library_gpu_for(device, memory, &gpu);
    if (result != NVML_SUCCESS)
        return result;
    if (memory->version != NVML_STRUCT_VERSION(nvmlMemory_v2_t, 2))
        return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    uint64_t used = ledger_used(library_machine(), device->gpu);
    *memory = (nvmlMemory_v2_t){
        .version = memory->version, .total = gpu->memory, .reserved = 0, .free = gpu->memory - used, .used = used};
    return NVML_SUCCESS;
}

/* The window through which the CPU reaches device memory: as large as that memory, and nobody uses it. */
nvmlReturn_t nvmlDeviceGetBAR1MemoryInfo(nvmlDevice_t device, nvmlBAR1Memory_t *memory) {
    const struct sim_gpu *gpu;
    nvmlReturn_t result = library_gpu_for(device, memory, &gpu);
    if (result != NVML_SUCCESS)
        return result;
    *memory = (nvmlBAR1Memory_t){.bar1Total = gpu->memory, .bar1Free = gpu->memory, .bar1Used = 0};
    return NVML_SUCCESS;
}

/* No kernel ever runs here. */
nvmlReturn_t nvmlDeviceGetUtilizationRates(nvmlDevice_t device, nvmlUtilization_t *rates) {
    const struct sim_gpu *gpu;
    nvmlReturn_t result = library_gpu_for(device, rates, &gpu);
    if (result != NVML_SUCCESS)
        return result;
    *rates = (nvmlUtilization_t){.gpu = 0, .memory = 0};
    return NVML_SUCCESS;
}

/* As the real library answers where no process did anything: there is no sample. */
nvmlReturn_t nvmlDeviceGetProcessUtilization(nvmlDevice_t device, nvmlProcessUtilizationSample_t *samples,
                                             unsigned int *count, unsigned long long since) {
    (void)samples;
    (void)since;
    const struct sim_gpu *gpu;
    nvmlReturn_t result = library_gpu_for(device, count, &gpu);
    if (result != NVML_SUCCESS)
        return result;
    *count = 0;
    return NVML_ERROR_NOT_FOUND;
}

nvmlReturn_t nvmlDeviceGetProcessesUtilizationInfo(nvmlDevice_t device, nvmlProcessesUtilizationInfo_v1_t *info) {
    const struct sim_gpu *gpu;
    nvmlReturn_t result = library_gpu_for(device, info, &gpu);
    if (result != NVML_SUCCESS)
        return result;
    if (info->version != NVML_STRUCT_VERSION(nvmlProcessesUtilizationInfo_v1_t, 1))
        return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    info->processSamplesCount = 0;
    return NVML_ERROR_NOT_FOUND;
}
