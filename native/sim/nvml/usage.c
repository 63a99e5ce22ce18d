/* What of a device is used: memory, and its window. */
#include "sim/common/cgroup.h"
#include "sim/common/memory_limits.h"
#include "sim/common/mig.h"
#include "sim/nvml/library.h"
#include "sim/nvml/table.h"

/* What the caller is shown: a limit that its own cgroup has is the total. */
static nvmlMemory_t memory_of(nvmlDevice_t device, const struct sim_gpu *gpu) {
    const struct machine *machine = library_machine();
    uint64_t total = gpu->memory;
    uint64_t available = total - mig_memory_used(machine, device->gpu);
    if (limits_exist(machine, device->gpu))
        limits_cap(machine, device->gpu, cgroup_of_self(), &total, &available);
    return (nvmlMemory_t){.total = total, .free = available, .used = total - available};
}

nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t device, nvmlMemory_t *memory) {
    const struct sim_gpu *gpu;
    nvmlReturn_t result = library_use_for(device, memory, &gpu);
    if (result != NVML_SUCCESS)
        return result;
    *memory = memory_of(device, gpu);
    return NVML_SUCCESS;
}

/* A simulated driver keeps nothing for itself: reserved is 0. */
nvmlReturn_t nvmlDeviceGetMemoryInfo_v2(nvmlDevice_t device, nvmlMemory_v2_t *memory) {
    const struct sim_gpu *gpu;
    nvmlReturn_t result = library_use_for(device, memory, &gpu);
    if (result != NVML_SUCCESS)
        return result;
    if (memory->version != NVML_STRUCT_VERSION(nvmlMemory_v2_t, 2))
        return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    nvmlMemory_t seen = memory_of(device, gpu);
    *memory = (nvmlMemory_v2_t){
        .version = memory->version, .total = seen.total, .reserved = 0, .free = seen.free, .used = seen.used};
    return NVML_SUCCESS;
}

/* The window through which the CPU reaches device memory: as large as that memory, and nobody uses it. */
nvmlReturn_t nvmlDeviceGetBAR1MemoryInfo(nvmlDevice_t device, nvmlBAR1Memory_t *memory) {
    const struct sim_gpu *gpu;
    nvmlReturn_t result = library_use_for(device, memory, &gpu);
    if (result != NVML_SUCCESS)
        return result;
    *memory = (nvmlBAR1Memory_t){.bar1Total = gpu->memory, .bar1Free = gpu->memory, .bar1Used = 0};
    return NVML_SUCCESS;
}
